"""One door for all text: known secrets are scrubbed, and nothing in it can command a terminal or a CI."""

import base64
import contextlib
import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

import click

from reconciler.cli.progress import Bars
from reconciler.compare import FieldChange
from reconciler.errors import ManifestError, Problem
from reconciler.plan import Plan
from reconciler.render import json as as_json
from reconciler.render.page import WHOLE, Page
from reconciler.render.plain import visible
from reconciler.render.told import Failed
from reconciler.report import Report
from reconciler.secrets import Secrets

SHORTEST_SCRUBBED = 6
"""Characters; shorter secrets would eat harmless text, and no output is built from secrets anyway."""

COLOURS = {"+": "green", "~": "yellow", "-": "red", "-/+": "red", "?": "cyan", "!": "red"}
STATES = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "cyan"}
MARKS = {**COLOURS, **STATES}
"""What a line may start with, and how it is then shown."""
WORKFLOW_COMMAND = re.compile(r"^(\s*)(::|##\[)", re.MULTILINE)

ANNOTATION = re.compile(r"::(error|warning|notice) ")


def forms(secret: str) -> Iterator[str]:
    """The spellings in which a secret may turn up in a text."""
    import html  # noqa: PLC0415 - brings a long table, and is needed only where there are secrets

    for text in {secret, *secret.splitlines()}:
        if len(text) >= SHORTEST_SCRUBBED:
            yield from (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
            yield from (
                quote(text),
                quote(text, safe=""),
                quote_plus(text),
                html.escape(text),
                repr(text)[1:-1],
            )
            yield from (base64.b64encode(text.encode()).decode(), text.encode().hex())


def neutral(text: str) -> str:
    """``text`` with invisible and controlling characters spelled out, and CI commands broken."""
    return WORKFLOW_COMMAND.sub(lambda match: match[1] + " ".join(match[2]), visible(text))


def now() -> str:
    """The time as logs write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Output:
    """Where results (stdout) and everything else (stderr) go."""

    def __init__(
        self, secrets: Secrets, *, colour: bool, run_id: str | None = None, bars: Bars | None = None
    ) -> None:
        self._secrets = secrets
        self._run_id = run_id
        self._colour = colour
        self._bars = bars

    def scrubbed(self, value: Any) -> Any:
        """``value`` with every known secret gone from its texts, keys of mappings included."""
        if isinstance(value, str):
            for secret in self._secrets.known():
                value = secret.erased_from(value, forms)
            return value
        if isinstance(value, dict):
            return {self.scrubbed(name): self.scrubbed(item) for name, item in value.items()}
        return [self.scrubbed(item) for item in value] if isinstance(value, list) else value

    def plan(self, plan: Plan) -> Plan:
        """A plan whose values are scrubbed.

        Ids, paths and references stay: they stand in git in clear, and a password as common as
        ``airflow`` must not make a plan unreadable.
        """
        changes = tuple(
            replace(change, fields=tuple(self._field(field) for field in change.fields))
            for change in plan.changes
        )
        return replace(plan, difference=replace(plan.difference, changes=changes))

    def _field(self, field: FieldChange) -> FieldChange:
        return replace(field, before=self.scrubbed(field.before), after=self.scrubbed(field.after))

    def report(self, report: Report) -> Report:
        """A report whose values and explanations are scrubbed."""
        outcomes = tuple(
            replace(
                outcome,
                change=replace(outcome.change, fields=tuple(map(self._field, outcome.change.fields))),
                error=self.scrubbed(outcome.error),
                warning=self.scrubbed(outcome.warning),
            )
            for outcome in report.outcomes
        )
        plan, error = self.plan(report.plan), self.scrubbed(report.error)
        followed = tuple(replace(one, error=self.scrubbed(one.error)) for one in report.followed)
        return replace(report, plan=plan, outcomes=outcomes, error=error, followed=followed)

    def error(self, name: str, error: BaseException | None) -> dict[str, Any]:
        """The place of an environment that failed, in a document."""
        return as_json.error_entry(name, type(error).__name__, self.scrubbed(str(error)))

    def failed(self, name: str, error: BaseException | None) -> Failed:
        """The same for the formats that show a whole run."""
        problems = error.problems if isinstance(error, ManifestError) else ()
        return Failed(
            name, type(error).__name__, self.scrubbed(str(error)), tuple(map(self._problem, problems))
        )

    def _problem(self, problem: Problem) -> Problem:
        return replace(problem, what=self.scrubbed(problem.what), fix=self.scrubbed(problem.fix))

    def result(self, text: str) -> None:
        """Results go to stdout; their values have been scrubbed."""
        self.wipe()
        _written(self._shown(neutral(text), sys.stdout))

    def commands(self, text: str) -> None:
        """The same where lines are commands to a CI that a renderer has made; no other line is one."""
        self.wipe()
        lines = text.splitlines(keepends=True)
        _written("".join(visible(line) if ANNOTATION.match(line) else neutral(line) for line in lines))

    def note(self, text: str, level: str = "info") -> None:
        """Everything else goes to stderr; among JSON logs it is an event like the others."""
        text = self.scrubbed(text)
        if self._run_id is None:
            self._tell(neutral(text) + "\n")
        else:
            self.log(json.dumps({"time": now(), "run": self._run_id, "level": level, "message": text}))

    def log(self, event: str) -> None:
        """A JSON event a line, on stderr."""
        self._tell(event + "\n")

    def page(self, stream: TextIO, *, full: bool, is_news: bool = False) -> Page:
        """What a text for a stream is written on: a terminal has an edge, and nobody reads on for long."""
        if not stream.isatty():
            return WHOLE
        return Page(shutil.get_terminal_size().columns, full, is_news)

    def wipe(self) -> None:
        """Takes bars of progress away, for something else to be written or asked."""
        if self._bars is not None:
            self._bars.stop()

    def _tell(self, text: str) -> None:
        shown = self._shown(text, sys.stderr)
        if self._bars is None or not self._bars.above(shown):
            _aside(shown)

    def _shown(self, text: str, stream: TextIO) -> str:
        return coloured(text) if self._colour and stream.isatty() else text


def _written(text: str) -> None:
    """Writes to stdout, whose errors do not say that it is they that failed."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        error.filename = "stdout"
        raise


def _aside(text: str) -> None:
    """Writes to stderr; where nobody can read that any more, what it tells of goes on all the same."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def coloured(text: str) -> str:
    """Each line in the colour of the mark it starts with."""
    return "".join(_coloured_line(line) for line in text.splitlines(keepends=True))


def _coloured_line(line: str) -> str:
    mark = line.split(" ", 3)[2] if line.startswith("  ") and not line.startswith("   ") else ""
    return click.style(line, fg=MARKS[mark]) if mark in MARKS else line
