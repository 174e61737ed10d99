"""``reconciler plan``."""

import click

from reconciler.cli import options
from reconciler.cli.delivery import PLAN, Delivery, Formats, check_places, codes, write_file
from reconciler.cli.planning import Wish, plan_all
from reconciler.cli.terminal import Terminal, talking
from reconciler.fleet import gravest, then
from reconciler.guards import Allowed
from reconciler.selection import Selection

PENDING = 2


@click.command
@options.reading
@options.resend
@options.allowing
@click.option("--out", metavar="FILE", help="Save the plan, for apply --plan.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
@talking
def plan(  # noqa: PLR0913 - one parameter for each option
    *,
    terminal: Terminal,
    environments: tuple[str, ...],
    formats: Formats,
    kinds: tuple[str, ...],
    only: tuple[str, ...],
    full: bool,
    resend_secrets: bool,
    allowed: Allowed,
    out: str | None,
    detailed_exitcode: bool,
) -> int:
    """Show what apply would do; nothing is written."""
    check_places(formats, out)
    wish = Wish(Selection(frozenset(kinds), only), resend_secrets, allowed)
    planned = plan_all(environments, terminal, wish)
    results = [then(result, lambda one: one.plan) for result in planned]
    delivery = Delivery(terminal.output, results, PLAN, full)
    if out:
        write_file(out, delivery.json())
    delivery.to(formats)
    changed = any(result.value and result.value.changes for result in results)
    pending = [PENDING] if detailed_exitcode and changed else []
    return gravest([*codes(results), *pending], wrote=False)
