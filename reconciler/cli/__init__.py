"""The command line: the only place that prints, reads the process environment and exits."""

from reconciler.cli.main import main

__all__ = ["main"]
