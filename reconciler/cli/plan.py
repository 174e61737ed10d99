"""``reconciler plan``."""

import click

from reconciler.cli import options
from reconciler.cli.delivery import PLAN, Delivery, Formats, check_places, codes, write_file
from reconciler.cli.loading import load_all
from reconciler.cli.planning import Wish, plan_all
from reconciler.cli.terminal import Terminal, talking
from reconciler.errors import UsageError
from reconciler.fleet import Result, gravest, then
from reconciler.guards import Allowed
from reconciler.manifests import Environment
from reconciler.render.json import document, text_of
from reconciler.render.listing import FORMAT, Listed, entry, text
from reconciler.selection import Selection

PENDING = 2


@click.command
@options.reading
@options.resend
@options.allowing
@click.option("--out", metavar="FILE", help="Save the plan, for apply --plan.")
@click.option(
    "--list",
    "only_list",
    is_flag=True,
    help="Only tell which environments are meant, offline; --format json is for the matrix of a CI.",
)
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
    parallel: int | None,
    changed_since: str | None,
    resend_secrets: bool,
    allowed: Allowed,
    out: str | None,
    only_list: bool,
    detailed_exitcode: bool,
) -> int:
    """Show what apply would do; nothing is written."""
    check_places(formats, out)
    if only_list:
        return _list(load_all(environments, terminal, changed_since=changed_since), formats, terminal)
    selection = Selection(frozenset(kinds), only)
    wish = Wish(selection, changed_since, parallel or options.AT_ONCE, resend_secrets, allowed)
    planned = plan_all(environments, terminal, wish)
    results = [then(result, lambda one: one.plan) for result in planned]
    delivery = Delivery(terminal.output, results, PLAN, full)
    if out:
        write_file(out, delivery.json())
    delivery.to(formats)
    changed = any(result.value and result.value.changes for result in results)
    pending = [PENDING] if detailed_exitcode and changed else []
    return gravest([*codes(results), *pending], wrote=False)


def _list(results: list[Result[Environment]], formats: Formats, terminal: Terminal) -> int:
    """The environments themselves; no other has been asked anything."""
    terminal.errors(results)
    listed = [
        Listed(result.value.name, result.folder, str(result.value.target))
        if result.value is not None
        else terminal.output.failed(result.name, result.error)
        for result in results
    ]
    for name, file in formats or (("text", None),):
        if name not in {"text", "json"}:
            raise UsageError(f"--list tells text or json, not {name}")
        body = document(FORMAT, [*map(entry, listed)])
        made = text_of(body) if name == "json" else text(listed)
        write_file(file, made) if file is not None else terminal.output.result(made)
    return gravest(codes(results), wrote=False)
