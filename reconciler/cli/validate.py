"""``reconciler validate``."""

import click

from reconciler.cli import options
from reconciler.cli.planning import load_all
from reconciler.cli.terminal import Terminal, talking
from reconciler.fleet import gravest


@click.command
@options.environments
@talking
def validate(*, terminal: Terminal, environments: tuple[str, ...]) -> int:
    """Read, merge and check manifests; asks no environment and looks no secret up."""
    results = load_all(environments, terminal)
    for result in results:
        if result.value is not None:
            count = len(result.value.desired)
            terminal.output.result(f"{result.name}: ok, {count} resource{'' if count == 1 else 's'}\n")
        elif result.error is not None:
            terminal.output.note(f"{result.name}: not valid\n{result.error}")
    return gravest([result.error.exit_code for result in results if result.error is not None], wrote=False)
