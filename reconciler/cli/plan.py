"""``reconciler plan``."""

from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.planning import exit_codes, plan_all
from reconciler.cli.terminal import Terminal, check_formats, talking, write_file
from reconciler.engine import Planned, Selection
from reconciler.fleet import Result, gravest
from reconciler.render import json as as_json
from reconciler.render.text import plan_text

PENDING = 2


@click.command
@options.reading
@options.resend
@click.option("--out", metavar="FILE", help="Save the plan as JSON.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
@talking
def plan(  # noqa: PLR0913 - one parameter for each option
    *,
    terminal: Terminal,
    environments: tuple[str, ...],
    formats: tuple[tuple[str, str | None], ...],
    kinds: tuple[str, ...],
    only: tuple[str, ...],
    resend_secrets: bool,
    out: str | None,
    detailed_exitcode: bool,
) -> int:
    """Show what apply would do; nothing is written."""
    check_formats(formats)
    selection = Selection(frozenset(kinds), only)
    results = plan_all(environments, terminal, selection, resend=resend_secrets)
    document = as_json.document(as_json.PLAN_FORMAT, [_entry(result) for result in results])
    if out:
        write_file(out, terminal.json(document))
    terminal.deliver(formats, lambda: _text(results), document)
    changed = any(result.value and result.value.plan.changes for result in results)
    pending = [PENDING] if detailed_exitcode and changed else []
    return gravest([*exit_codes(results), *pending], wrote=False)


def _entry(result: Result[Planned]) -> dict[str, Any]:
    if result.value is not None:
        return as_json.plan_entry(result.value.plan)
    return as_json.error_entry(result.name, result.error)


def _text(results: list[Result[Planned]]) -> str:
    return "\n".join(plan_text(result.value.plan) for result in results if result.value is not None)
