"""``reconciler drift``."""

from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.planning import exit_codes, plan_all
from reconciler.cli.terminal import Terminal, check_formats, talking
from reconciler.engine import Selection, drift_of
from reconciler.fleet import Result, gravest, then
from reconciler.plan import Plan
from reconciler.render import json as as_json
from reconciler.render.text import drift_text

DRIFTED = 2


@click.command
@options.reading
@talking
def drift(
    *,
    terminal: Terminal,
    environments: tuple[str, ...],
    formats: tuple[tuple[str, str | None], ...],
    kinds: tuple[str, ...],
    only: tuple[str, ...],
) -> int:
    """Show what changed behind git's back; exit 2 when something did."""
    check_formats(formats)
    planned = plan_all(environments, terminal, Selection(frozenset(kinds), only), resend=False)
    results = [then(result, drift_of) for result in planned]
    document = as_json.document(as_json.DRIFT_FORMAT, [_entry(result) for result in results])
    terminal.deliver(formats, lambda: _text(results), document)
    drifted = [DRIFTED for result in results if result.value and result.value.changes]
    return gravest([*exit_codes(planned), *drifted], wrote=False)


def _entry(result: Result[Plan]) -> dict[str, Any]:
    return (
        as_json.error_entry(result.name, result.error)
        if result.value is None
        else as_json.plan_entry(result.value)
    )


def _text(results: list[Result[Plan]]) -> str:
    return "\n".join(drift_text(result.value) for result in results if result.value is not None)
