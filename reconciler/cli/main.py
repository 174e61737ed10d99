"""The commands, and the one place where errors become messages and exit codes."""

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from reconciler import __version__
from reconciler.cli.interrupts import INTERRUPTED
from reconciler.errors import ReconcilerError, Unexpected

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "validate": "Read, merge and check manifests, offline.",
    "plan": "Show what apply would do.",
    "apply": "Make environments what the manifests say.",
    "drift": "Show what changed behind git's back.",
    "export": "Write a live environment, or files of other tools, as manifests.",
    "compare": "Show two environments side by side.",
    "init": "Write a new environment folder.",
    "doctor": "Check access, versions, limits and assumptions on the real service.",
    "trigger": "Start a DAG run.",
    "event": "Create a dataset (Airflow 2) or asset (Airflow 3) event.",
    "ledger": "Show what is owned; rebind or unlock a ledger.",
    "schema": "Print a JSON Schema.",
    "gateway": "Serve a local InvokeRestApi endpoint.",
}
"""Each command, in a module of its name in this package, and its help in a line."""


class LazyGroup(click.Group):
    """Imports a command when it is run, so that ``--help`` loads none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which people meet them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            _check_spelling(cmd_name, ctx)
            return None
        command: click.Command = getattr(import_module(f"reconciler.cli.{cmd_name}"), cmd_name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """What may follow on the line: out of the table above, without importing anything."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only shells ask for it

        commands = [
            CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)
        ]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table above, without importing anything."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _check_spelling(name: str, ctx: click.Context) -> None:
    """Raises UsageError with the command that was likely meant; a name like none of them is left to click."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a typo needs it

    likely = get_close_matches(name, COMMANDS, n=1)
    if likely and not ctx.resilient_parsing:
        ctx.fail(f"there is no command '{name}'; did you mean '{likely[0]}'?")


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reconciler")
def reconciler() -> None:
    """Declarative GitOps configuration for Apache Airflow on Amazon MWAA."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits: 1 for usage errors too, never with a traceback unless asked for."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    streams = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, io.TextIOWrapper)]
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    for stream in streams:
        _let_go(stream)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """The exit code of one command."""
    try:
        code = reconciler.main(arguments, prog_name="reconciler", standalone_mode=False)
    except click.ClickException as error:
        error.show(sys.stderr)
        return 1
    except (click.Abort, KeyboardInterrupt):
        return _told("interrupted; nothing was written", INTERRUPTED)
    except ReconcilerError as error:
        return _told(f"error: {error}", error.exit_code)
    except BrokenPipeError:
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _told(f"error: {place}{error.strerror or type(error).__name__}", 1)
    except Exception as error:  # noqa: BLE001 - the last door: people get a sentence, not a traceback
        return _unexpected(error, shown="--traceback" in arguments)
    return code if isinstance(code, int) else 0


def _nowhere() -> TextIO:
    """What stands for a stream that was closed before the program began."""
    return Path(os.devnull).open("w", encoding="utf-8")


def _let_go(stream: io.TextIOWrapper) -> None:
    """Drops what a full disk or a closed pipe has refused: Python would try again at its end and exit 120."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _unexpected(error: Exception, *, shown: bool) -> int:
    """A traceback may quote values, so it is only shown on request."""
    if shown:
        traceback.print_exception(error)
    failure = Unexpected(error)
    return _told(f"error: {failure.what if shown else failure}", 1)


def _told(message: str, code: int) -> int:
    from reconciler.cli.output import neutral  # noqa: PLC0415 - not needed where nothing fails

    with contextlib.suppress(OSError):  # the code tells all the same
        click.echo(neutral(message), err=True)
    return code
