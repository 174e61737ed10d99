"""What every command needs to talk: options for colour, logs and progress, and the output they make."""

import functools
import json
import os
import sys
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import click

from reconciler.cli.output import Output, now
from reconciler.cli.progress import Bars, Lines, Progress, watching
from reconciler.errors import ManifestError, Problem, Unexpected
from reconciler.fleet import Result
from reconciler.secrets import Secrets
from reconciler.session import Call, Watcher


@dataclass
class Terminal:
    """One run's output, logs and secrets."""

    output: Output
    secrets: Secrets
    verbose: bool
    json_logs: bool
    progress: Progress | None
    """Where somebody watches."""
    traceback: bool
    run_id: str

    def watcher(self, environment: str) -> Watcher:
        """Is told of every call to Airflow: logs it, or shows how far the environment has come."""
        return replace(self._calls_of(environment), waiting=partial(self._wait, environment))

    def _calls_of(self, environment: str) -> Watcher:
        if self.json_logs:
            return Watcher(lambda call: self.output.log(_event(self.run_id, environment, call)))
        if self.verbose:
            return Watcher(lambda call: self.output.note(f"{environment}: {_line(call)}"))
        return Watcher() if self.progress is None else watching(environment, self.progress)

    def _wait(self, environment: str, holder: str) -> None:
        self.output.note(f"{environment}: waiting for the run of {holder}, which holds the lease")

    def warn(self, problems: tuple[Problem, ...] | list[str]) -> None:
        """Warnings, one a line."""
        for problem in problems:
            self.output.note(f"warning: {problem}", "warning")

    def errors(self, results: list[Result[Any]]) -> None:
        """What stopped environments."""
        for result in results:
            if result.error is not None:
                space = "\n" if isinstance(result.error, ManifestError) else " "
                self.output.note(f"error: {result.name}:{space}{result.error}", "error")
                if self.traceback and isinstance(result.error, Unexpected):
                    traceback.print_exception(result.error.__cause__)


def _line(call: Call) -> str:
    return f"{call.method} {call.path} {call.status or 'no answer'} {call.milliseconds:.0f} ms"


def _event(run_id: str, environment: str, call: Call) -> str:
    event = {
        "time": now(),
        "run": run_id,
        "environment": environment,
        "method": call.method,
        "path": call.path,
        "kind": call.kind,
        "id": call.id,
        "fields": list(call.fields),
        "status": call.status,
        "attempts": call.attempt,
        "milliseconds": round(call.milliseconds, 1),
    }
    return json.dumps(event)


def talking(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options for talking and, in their place, a ``terminal``."""

    @functools.wraps(command)
    def wrapped(
        *, no_color: bool, verbose: bool, log_format: str, progress: bool | None, traceback: bool, **rest: Any
    ) -> Any:
        secrets, run_id = Secrets(), uuid.uuid4().hex[:12]
        colour = not no_color and not os.environ.get("NO_COLOR")
        json_logs = log_format == "json"
        at_terminal = sys.stderr.isatty()
        watched = at_terminal if progress is None else progress
        bars = Bars(colour) if watched and at_terminal else None
        output = Output(secrets, colour=colour, run_id=run_id if json_logs else None, bars=bars)
        shown = bars or (Lines(output.note) if watched else None)
        terminal = Terminal(output, secrets, verbose, json_logs, shown, traceback, run_id)
        try:
            return command(terminal=terminal, **rest)
        finally:
            terminal.output.wipe()

    for option in reversed(TALK_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


TALK_OPTIONS = (
    click.option("--no-color", is_flag=True, help="No colours (also with NO_COLOR set)."),
    click.option("-v", "--verbose", is_flag=True, help="Tell every call to Airflow."),
    click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        help="json: one event a line on stderr for every call to Airflow.",
    ),
    click.option(
        "--progress/--no-progress",
        default=None,
        help="Show on stderr how far the calls are; at a terminal by default.",
    ),
    click.option("--traceback", is_flag=True, help="Show where an unexpected error happened."),
)
