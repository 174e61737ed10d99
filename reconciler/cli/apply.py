"""``reconciler apply``."""

import sys
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.interrupts import Interrupt, deferred
from reconciler.cli.planning import plan_all
from reconciler.cli.terminal import Terminal, check_formats, talking
from reconciler.engine import Planned, Selection, apply_plan, check_applicable
from reconciler.errors import ReconcilerError, UsageError
from reconciler.fleet import Result, gravest, then
from reconciler.render import json as as_json
from reconciler.render.text import plan_text, report_text
from reconciler.report import Report


@click.command
@options.reading
@options.resend
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@talking
def apply(  # noqa: PLR0913 - one parameter for each option
    *,
    terminal: Terminal,
    environments: tuple[str, ...],
    formats: tuple[tuple[str, str | None], ...],
    kinds: tuple[str, ...],
    only: tuple[str, ...],
    resend_secrets: bool,
    yes: bool,
) -> int:
    """Make environments what the manifests say, and verify it."""
    check_formats(formats)
    selection = Selection(frozenset(kinds), only)
    planned = plan_all(environments, terminal, selection, resend=resend_secrets, wrap=lambda backend: backend)
    for result in planned:
        if result.value is not None:
            terminal.output.note(plan_text(result.value.plan))
    cleared = [then(result, _checked) for result in planned]
    terminal.errors([after for before, after in zip(planned, cleared, strict=True) if before.error is None])
    if any(result.value and result.value.plan.changes for result in cleared) and not yes:
        _confirm()
    with deferred() as interrupt:
        reports = [then(result, lambda one: apply_plan(one, interrupt.stopped)) for result in cleared]
    document = as_json.document(as_json.REPORT_FORMAT, [_entry(result) for result in reports])
    terminal.deliver(formats, lambda: _text(reports), document)
    return _exit_code(reports, interrupt)


def _checked(planned: Planned) -> Planned:
    check_applicable(planned)
    return planned


def _confirm() -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("there is no terminal to confirm at, so nothing was written; --yes applies unasked")
    if not click.confirm("Apply this?", err=True):
        raise ReconcilerError("not confirmed; nothing was written")


def _entry(result: Result[Report]) -> dict[str, Any]:
    return (
        as_json.error_entry(result.name, result.error)
        if result.value is None
        else as_json.report_entry(result.value)
    )


def _text(results: list[Result[Report]]) -> str:
    return "\n".join(report_text(result.value) for result in results if result.value is not None)


def _exit_code(results: list[Result[Report]], interrupt: Interrupt) -> int:
    if interrupt.exit_code is not None:
        return interrupt.exit_code
    codes = [result.error.exit_code for result in results if result.error is not None]
    reports = [result.value for result in results if result.value is not None]
    return gravest([*codes, *(report.exit_code for report in reports)], wrote=any(r.touched for r in reports))
