"""``reconciler validate``."""

from typing import Any

import click

from reconciler.capacity import check_offline
from reconciler.cli import options
from reconciler.cli.delivery import VALIDATION, Delivery, Formats, check_places, codes
from reconciler.cli.loading import load_all
from reconciler.cli.terminal import Terminal, talking
from reconciler.fleet import gravest, then


@click.command
@options.environments
@options.changed_since
@options.formats
@talking
def validate(
    *, terminal: Terminal, environments: tuple[str, ...], formats: Formats, changed_since: str | None
) -> int:
    """Read, merge and check manifests; asks no environment and looks no secret up."""
    check_places(formats)
    loaded = load_all(environments, terminal, changed_since=changed_since)
    results = [then(result, check_offline) for result in loaded]
    terminal.errors(results)
    Delivery[Any](terminal.output, results, VALIDATION).to(formats)
    return gravest(codes(results), wrote=False)
