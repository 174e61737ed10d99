"""``reconciler apply``."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reconciler.aftermath import followed
from reconciler.applying import Application, apply_plan, check_applicable
from reconciler.cli import options
from reconciler.cli.changed import commit_of
from reconciler.cli.delivery import REPORT, Delivery, Formats, check_places, codes
from reconciler.cli.holder import holder
from reconciler.cli.interrupts import INTERRUPTED, Interrupt, deferred
from reconciler.cli.output import neutral, now
from reconciler.cli.planning import Wish, airflow_of_plan, plan_all
from reconciler.cli.terminal import Terminal, talking
from reconciler.engine import Planned
from reconciler.errors import ReconcilerError, Unexpected, UsageError
from reconciler.fleet import Result, each, gravest
from reconciler.guards import Allowed
from reconciler.ledger import LEASE_GRACE, RUN_SECONDS, Lease
from reconciler.permit import Permit, permits
from reconciler.plan import Plan
from reconciler.render.text import followed_line, header, outcome_lines, plan_text, question
from reconciler.report import Report
from reconciler.selection import Selection


@click.command
@options.reading
@options.resend
@options.allowing
@click.option("--plan", "saved", metavar="FILE", help="Do what this saved plan shows, and nothing else.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--lock-timeout",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Wait so long for another run's lease.",
)
@click.option(
    "--deadline",
    type=click.FloatRange(min=0, min_open=True),
    default=RUN_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Stop an environment that takes longer.",
)
@talking
def apply(  # noqa: PLR0913 - one parameter for each option
    *,
    terminal: Terminal,
    environments: tuple[str, ...],
    formats: Formats,
    kinds: tuple[str, ...],
    only: tuple[str, ...],
    full: bool,
    parallel: int | None,
    changed_since: str | None,
    resend_secrets: bool,
    allowed: Allowed,
    saved: str | None,
    yes: bool,
    lock_timeout: float,
    deadline: float,
) -> int:
    """Make environments what the manifests say, and verify it."""
    check_places(formats)
    selection, interrupt = Selection(frozenset(kinds), only), Interrupt()
    saved_plans = None if saved is None else _saved_plans(saved, selection, allowed, resend=resend_secrets)
    wish = Wish(
        selection,
        changed_since,
        parallel or options.AT_ONCE,
        resend_secrets,
        allowed,
        saved_plans,
        lock_timeout,
        deadline,
        interrupt,
    )
    planned = plan_all(environments, terminal, wish)
    _show(planned, terminal, full=full)
    cleared = each(planned, check_applicable, wish.at_once, airflow_of_plan)
    _tell_new_errors(planned, cleared, terminal)
    changing = [result.value for result in cleared if result.value and result.value.changes]
    if changing and not (yes or saved):
        _confirm([one.planned.plan for one in changing], terminal)
    lease = Lease(terminal.run_id, holder(), now(), deadline + LEASE_GRACE)
    work = _Work(terminal, lease, interrupt, parallel or 1)
    return _carried_out(cleared, formats, work)


def _saved_plans(file: str, selection: Selection, allowed: Allowed, *, resend: bool) -> dict[str, Permit]:
    """Raises UsageError where the file is no plan, or options contradict it."""
    if selection != Selection() or allowed != Allowed() or resend:
        raise UsageError("the saved plan says what is selected and allowed; give such options to plan --out")
    try:
        return permits(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"{file} cannot be read: {reason}; plan --out FILE saves a plan") from None


def _tell_new_errors(before: Sequence[Result[Any]], after: Sequence[Result[Any]], terminal: Terminal) -> None:
    terminal.errors([new for old, new in zip(before, after, strict=True) if old.error is None])


def _show(planned: list[Result[Planned]], terminal: Terminal, *, full: bool) -> None:
    """What is going to be applied, for whoever confirms it or reads the log."""
    page = terminal.output.page(sys.stderr, full=full)
    for result in planned:
        if result.value is not None:
            terminal.output.note(plan_text(terminal.output.plan(result.value.plan), page))


def _confirm(plans: Sequence[Plan], terminal: Terminal) -> None:
    """Asks, with the names and the numbers once more; raises UsageError where nobody can answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("there is no terminal to confirm at, so nothing was written; --yes applies unasked")
    terminal.output.wipe()
    try:
        confirmed = click.confirm(neutral(question(plans)), err=True)
    except click.Abort as abort:
        click.echo(err=True)
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise
        confirmed = False  # at the end of what was typed
    if not confirmed:
        raise ReconcilerError("not confirmed; nothing was written")


@dataclass(frozen=True)
class _Work:
    """How plans are carried out, the same for every environment."""

    terminal: Terminal
    lease: Lease
    interrupt: Interrupt
    at_once: int

    def done(self, application: Application) -> Report:
        """Carries one plan out; who watches sees each change as it lands."""
        planned, note = application.planned, self.terminal.output.note
        environment = planned.comparison.environment
        is_watched = self.terminal.progress is not None and bool(application.changes)
        place = f"{planned.plan.name}:" if self.at_once > 1 else ""
        if is_watched:
            note(header(planned.plan))

        def tell(*lines: str) -> None:
            if is_watched:
                note("\n".join(f"{place}{line}" for line in lines))

        report = apply_plan(
            application, self.lease, self.interrupt.stopped, lambda outcome: tell(*outcome_lines(outcome))
        )
        commit = commit_of(environment.folder) if environment.after_apply else ""
        return followed(report, environment, planned.airflow, commit, lambda one: tell(followed_line(one)))


def _carried_out(cleared: list[Result[Application]], formats: Formats, work: _Work) -> int:
    """From here on something may be written, and no error may claim otherwise."""
    terminal, interrupt = work.terminal, work.interrupt
    try:
        with deferred(interrupt):
            reports = each(cleared, work.done, work.at_once, lambda one: airflow_of_plan(one.planned))
    except KeyboardInterrupt:
        told = "interrupted in the middle of a call: changes may have been written; run again"
        terminal.output.note(f"error: {told}", "error")
        return INTERRUPTED
    _tell_new_errors(cleared, reports, terminal)
    try:
        Delivery(terminal.output, reports, REPORT, is_news=terminal.progress is not None).to(formats)
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
