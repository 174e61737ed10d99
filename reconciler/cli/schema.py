"""``reconciler schema``."""

from pathlib import Path

import click

import reconciler

NAMES = ("manifest", "environment", "plan", "compare", "doctor", "environments", "trigger", "event", "ledger")


@click.command
@click.argument("name", type=click.Choice(NAMES))
def schema(*, name: str) -> int:
    """Print a JSON Schema: of files that people write, or of documents that machines read."""
    click.echo(schema_file(name).read_text(), nl=False)
    return 0


def schema_file(name: str) -> Path:
    """Where a schema is: inside the wheel, or beside the package in a checkout."""
    package = Path(reconciler.__file__).parent
    inside = package / "schemas" / f"{name}.schema.json"
    return inside if inside.exists() else package.parent / "schemas" / inside.name
