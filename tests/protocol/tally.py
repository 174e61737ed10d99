"""A plugin of pytest that tells what the model has found, whichever process explored it."""

import pytest

MODEL = "protocol model"
"""The property of a test that says in a line what it has found."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each world."""
    reports = [
        one for kind in ("passed", "failed", "xfailed") for one in terminalreporter.stats.get(kind, ())
    ]
    lines = [
        value for report in reports for name, value in getattr(report, "user_properties", ()) if name == MODEL
    ]
    for line in dict.fromkeys(lines):
        terminalreporter.write_line(f"{MODEL}: {line}")
