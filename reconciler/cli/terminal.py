"""What every command needs to talk: options for colour, logs and progress, and the output they make."""

import functools
import json
import os
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from reconciler.cli.output import Output, as_json
from reconciler.errors import ManifestError, Problem, UsageError
from reconciler.fleet import Result
from reconciler.secrets import Secrets
from reconciler.session import Call


@dataclass
class Terminal:
    """One run's output, logs and secrets."""

    output: Output
    secrets: Secrets
    verbose: bool
    json_logs: bool
    progress: bool
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    calls: int = field(default=0, init=False)

    def observer(self, environment: str) -> Callable[[Call], None]:
        """Is told of every call to Airflow: logs it, and counts it where somebody watches."""
        return functools.partial(self._observe, environment)

    def _observe(self, environment: str, call: Call) -> None:
        self.calls += 1
        if self.json_logs:
            self.output.log(_event(self.run_id, environment, call))
        elif self.verbose:
            status = call.status or "no answer"
            told = f"{environment}: {call.method} {call.path} {status} {call.milliseconds:.0f} ms"
            self.output.note(told)
        elif self.progress:
            self.output.tick(f"{environment}: {self.calls} calls")

    def warn(self, problems: tuple[Problem, ...] | list[str]) -> None:
        """Warnings, one a line."""
        for problem in problems:
            self.output.note(f"warning: {problem}")

    def errors(self, results: list[Result[Any]]) -> None:
        """What stopped environments."""
        for result in results:
            if result.error is not None:
                space = "\n" if isinstance(result.error, ManifestError) else " "
                self.output.note(f"error: {result.name}:{space}{result.error}")

    def deliver(
        self, formats: tuple[tuple[str, str | None], ...], text: Callable[[], str], document: dict[str, Any]
    ) -> None:
        """The result in every format that was asked for, files first."""
        for name, file in sorted(formats or (("text", None),), key=lambda one: one[1] is None):
            if file is not None:
                body = self.output.clean(text()) if name == "text" else self.json(document)
                write_file(file, body)
            elif name == "text":
                self.output.result(text())
            else:
                self.output.document(document)

    def json(self, document: dict[str, Any]) -> str:
        """A document's text, scrubbed."""
        return as_json(self.output.clean_tree(document))


def _event(run_id: str, environment: str, call: Call) -> str:
    event = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "run": run_id,
        "environment": environment,
        "method": call.method,
        "path": call.path,
        "kind": call.kind,
        "id": call.id,
        "fields": list(call.fields),
        "status": call.status,
        "attempts": 1,
        "milliseconds": round(call.milliseconds, 1),
    }
    return json.dumps(event)


def write_file(file: str, text: str) -> None:
    """The whole text or nothing; raises UsageError where the file cannot be written."""
    path = Path(file)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None


def check_formats(formats: tuple[tuple[str, str | None], ...]) -> None:
    """Raises UsageError for two formats on stdout, or one file for two."""
    places = [file for _, file in formats]
    if len(places) != len(set(places)):
        raise UsageError("two formats go to the same place; write one of them as --format F=FILE")


def talking(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options for talking and, in their place, a ``terminal``."""

    @functools.wraps(command)
    def wrapped(
        *, no_color: bool, verbose: bool, log_format: str, progress: bool | None, traceback: bool, **rest: Any
    ) -> Any:
        del traceback  # the last door in main() reads it
        secrets = Secrets()
        colour = not no_color and not os.environ.get("NO_COLOR")
        json_logs = log_format == "json"
        watched = sys.stderr.isatty() if progress is None else progress
        terminal = Terminal(Output(secrets, colour=colour), secrets, verbose, json_logs, watched)
        try:
            return command(terminal=terminal, **rest)
        finally:
            terminal.output.end_ticks()

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
    click.option("--progress/--no-progress", default=None, help="Count calls on stderr while they are made."),
    click.option("--traceback", is_flag=True, help="Show where an unexpected error happened."),
)
