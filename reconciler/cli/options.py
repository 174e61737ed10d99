"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from reconciler.kinds import BY_NAME, KINDS, kind_named

Command = TypeVar("Command", bound=Callable[..., Any])

FORMATS = ("text", "json")


class KindName(click.ParamType[str]):
    """A kind, in the singular or the plural."""

    name = "kind"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The singular; fails with the list of kinds."""
        try:
            return kind_named(str(value)).name
        except StopIteration:
            self.fail(f"'{value}' is no kind, use {', '.join(BY_NAME)}", param, ctx)


class Format(click.ParamType[tuple[str, str | None]]):
    """A format, with a file to write to after ``=``."""

    name = "format[=file]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str | None]:
        """Its name and its file, ``None`` for stdout."""
        if isinstance(value, tuple):
            return value
        name, _, file = str(value).partition("=")
        if name not in FORMATS:
            self.fail(f"'{name}' is no format, use {', '.join(FORMATS)}", param, ctx)
        return name, file or None


environments = click.argument("environments", metavar="ENV...", nargs=-1, required=True)

formats = click.option(
    "--format",
    "formats",
    type=Format(),
    multiple=True,
    metavar="F[=FILE]",
    help=f"Print or write the result as {' or '.join(FORMATS)}; may be repeated.",
)

kinds = click.option(
    "--kind",
    "kinds",
    type=KindName(),
    multiple=True,
    metavar="KIND",
    help=f"Only this kind ({', '.join(kind.name for kind in KINDS)}); may be repeated.",
)

only = click.option(
    "--only", multiple=True, metavar="GLOB", help="Only what matches KIND/ID, such as 'variable/etl_*'."
)

resend = click.option(
    "--resend-secrets",
    is_flag=True,
    help="Send again what cannot be compared; an empty password then replaces its connection.",
)


def reading(command: Command) -> Command:
    """The options of every command that reads environments."""
    for option in (only, kinds, formats, environments):
        command = option(command)
    return command
