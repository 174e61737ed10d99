"""``reconciler apply``."""

import sys

import click

from reconciler.cli import options
from reconciler.cli.delivery import REPORT, Delivery, Formats, check_places, codes
from reconciler.cli.interrupts import INTERRUPTED, Interrupt, deferred
from reconciler.cli.planning import plan_all
from reconciler.cli.terminal import Terminal, talking
from reconciler.engine import Planned, Selection, apply_plan, check_applicable
from reconciler.errors import ReconcilerError, Unexpected, UsageError
from reconciler.fleet import Result, gravest, then
from reconciler.render.text import plan_text
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
    formats: Formats,
    kinds: tuple[str, ...],
    only: tuple[str, ...],
    resend_secrets: bool,
    yes: bool,
) -> int:
    """Make environments what the manifests say, and verify it."""
    check_places(formats)
    selection = Selection(frozenset(kinds), only)
    planned = plan_all(environments, terminal, selection, resend=resend_secrets, writable=True)
    _show(planned, terminal)
    cleared = [then(result, _checked) for result in planned]
    terminal.errors([after for before, after in zip(planned, cleared, strict=True) if before.error is None])
    if any(result.value and result.value.plan.changes for result in cleared) and not yes:
        _confirm()
    return _carried_out(cleared, formats, terminal)


def _show(planned: list[Result[Planned]], terminal: Terminal) -> None:
    """What is going to be applied, for whoever confirms it or reads the log."""
    for result in planned:
        if result.value is not None:
            terminal.output.note(plan_text(terminal.output.plan(result.value.plan)))


def _checked(planned: Planned) -> Planned:
    check_applicable(planned)
    return planned


def _confirm() -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("there is no terminal to confirm at, so nothing was written; --yes applies unasked")
    try:
        confirmed = click.confirm("Apply this?", err=True)
    except click.Abort:
        confirmed = False
    if not confirmed:
        raise ReconcilerError("not confirmed; nothing was written")


def _carried_out(cleared: list[Result[Planned]], formats: Formats, terminal: Terminal) -> int:
    """From here on something may be written, and no error may claim otherwise."""
    try:
        with deferred() as interrupt:
            reports = [then(result, lambda one: apply_plan(one, interrupt.stopped)) for result in cleared]
    except KeyboardInterrupt:
        told = "interrupted in the middle of a call: changes may have been written; run again"
        terminal.output.note(f"error: {told}", "error")
        return INTERRUPTED
    terminal.errors([after for before, after in zip(cleared, reports, strict=True) if before.error is None])
    try:
        Delivery(terminal.output, reports, REPORT).to(formats)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever it is, what was written is written
        reason = error if isinstance(error, ReconcilerError | OSError) else Unexpected(error)
        touched = any(result.value and result.value.touched for result in reports)
        done = "changes were written" if touched else "nothing was written"
        told = f"{done}, and the report could not be delivered: {reason}"
        terminal.output.note(f"error: {told}", "error")
        return gravest([_exit_code(reports, interrupt), 1], wrote=False)
    return _exit_code(reports, interrupt)


def _exit_code(results: list[Result[Report]], interrupt: Interrupt) -> int:
    if interrupt.exit_code is not None:
        return interrupt.exit_code
    reports = [result.value for result in results if result.value is not None]
    found = [*codes(results), *(report.exit_code for report in reports)]
    return gravest(found, wrote=any(report.touched for report in reports))
