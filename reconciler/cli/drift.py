"""``reconciler drift``."""

import click

from reconciler.attribution import attributed
from reconciler.cli import options
from reconciler.cli.delivery import DRIFT, Delivery, Formats, check_places, codes
from reconciler.cli.interrupts import Interrupt
from reconciler.cli.notifying import notifying
from reconciler.cli.planning import Wish, airflow_of_plan, plan_all
from reconciler.cli.terminal import Terminal, talking
from reconciler.engine import Planned
from reconciler.fleet import Result, each, gravest, then
from reconciler.plan import Plan
from reconciler.selection import Selection

DRIFTED = 2


@click.command
@click.option(
    "--write", is_flag=True, help="Accept it: write what lives into the environment's own manifests."
)
@options.reading
@click.option(
    "--notify",
    "destinations",
    multiple=True,
    metavar="WHERE",
    help="Tell of drift that is new, other, or gone: sns:TOPIC-ARN, or env:NAME that holds an Apprise URL.",
)
@click.option(
    "--notify-state",
    metavar="PLACE",
    help="Where to remember what was told: file:PATH or s3://BUCKET/KEY.",
)
@talking
def drift(  # noqa: PLR0913 - one parameter for each option
    *,
    terminal: Terminal,
    environments: tuple[str, ...],
    formats: Formats,
    kinds: tuple[str, ...],
    only: tuple[str, ...],
    full: bool,
    parallel: int | None,
    changed_since: str | None,
    destinations: tuple[str, ...],
    notify_state: str | None,
    write: bool,
) -> int:
    """Show what changed behind git's back; exit 2 when something did, written or not."""
    check_places(formats)
    telling = notifying(destinations, notify_state, terminal)
    at_once = parallel or options.AT_ONCE
    wish = Wish(Selection(frozenset(kinds), only), changed_since, at_once)
    planned = plan_all(environments, terminal, wish)
    results = each(planned, lambda one: _attributed(one, terminal), at_once, airflow_of_plan)
    Delivery(terminal.output, results, DRIFT, full).to(formats)
    if telling is not None:
        telling.tell(results)
    drifted = [DRIFTED for result in results if result.value and result.value.changes]
    written = _written(planned, terminal) if write else []
    return gravest([*codes(results), *drifted, *written], wrote=False)


def _written(planned: list[Result[Planned]], terminal: Terminal) -> list[int]:
    """Every environment's drift in its files; gives the exit codes of what went wrong."""
    from reconciler.cli.accepting import accept  # noqa: PLC0415 - what is only looked at needs none of it

    interrupt = Interrupt()
    results = [
        then(one, lambda value: accept(value, terminal, interrupt))
        for one in planned
        if one.value is not None
    ]
    terminal.errors(results)
    return [*codes(results), *([interrupt.exit_code] if interrupt.exit_code else [])]


def _attributed(planned: Planned, terminal: Terminal) -> Plan:
    """The drift of one environment, with who edited what as far as Airflow tells."""
    drift = planned.drift
    return attributed(drift, planned.airflow, lambda why: terminal.output.note(f"{drift.name}: {why}"))
