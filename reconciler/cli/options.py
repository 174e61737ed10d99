"""Options that several commands share."""

import functools
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import click

from reconciler.guards import Allowed
from reconciler.kinds import BY_NAME, KINDS, kind_named
from reconciler.model import Key

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Command = TypeVar("Command", bound=Callable[..., Any])

AT_ONCE = 8
"""Environments that are read at one time: each has a quota of its own, and reading does no harm."""

FORMATS = ("text", "json", "markdown", "html", "github", "junit", "sarif", "openmetrics", "emf")
"""Those after the first two are modules of their names in ``reconciler.render``."""


def _completions(names: Iterable[str], start: str, type_: str = "plain") -> "list[CompletionItem]":
    """What a shell may complete a word to."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only shells ask for it

    return [CompletionItem(name, type=type_) for name in names if name.startswith(start)]


class KindName(click.ParamType[str]):
    """A kind, in the singular or the plural."""

    name = "kind"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        """The kinds that begin so."""
        del ctx, param
        return _completions(BY_NAME, incomplete)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The singular; fails with the list of kinds."""
        try:
            return kind_named(str(value)).name
        except StopIteration:
            self.fail(f"'{value}' is no kind, use {', '.join(BY_NAME)}", param, ctx)


class Format(click.ParamType[tuple[str, str | None]]):
    """A format, with a file to write to after ``=``."""

    name = "format[=file]"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        """The formats that begin so."""
        del ctx, param
        return _completions(FORMATS, incomplete)

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


class Number(click.ParamType[tuple[str, int]]):
    """A kind and the exact number that is allowed."""

    name = "kind=n"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """The kind in the singular, and the number."""
        if isinstance(value, tuple):
            return value
        kind, _, number = str(value).partition("=")
        if not (number.isascii() and number.isdigit()):
            self.fail(f"'{value}' is not KIND=N, such as variable=6", param, ctx)
        return KindName().convert(kind, param, ctx), int(number)


class ResourceName(click.ParamType[Key]):
    """One resource."""

    name = "kind/id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Key:
        """Its key."""
        if isinstance(value, Key):
            return value
        kind, slash, id_ = str(value).partition("/")
        if not (slash and id_):
            self.fail(f"'{value}' is not KIND/ID, such as variable/etl_config", param, ctx)
        return Key(KindName().convert(kind, param, ctx), id_)


class JsonObject(click.ParamType[dict[str, Any]]):
    """An object as JSON."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """The object; fails without quoting it."""
        if isinstance(value, dict):
            return value
        try:
            found = json.loads(value, parse_constant=_no_constant)
            json.dumps(found, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            self.fail("this is not JSON in Unicode text", param, ctx)
        if not isinstance(found, dict):
            self.fail('this is JSON, but no object such as \'{"day": "2026-11-25"}\'', param, ctx)
        return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


class Moment(click.ParamType[str]):
    """A time with its zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The time in ISO 8601."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is no time such as 2026-11-25T06:00:00Z", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"'{value}' has no zone; write it like 2026-11-25T06:00:00Z", param, ctx)
        return moment.isoformat()


environments = click.argument(
    "environments",
    metavar="ENV...",
    nargs=-1,
    required=True,
    shell_complete=lambda _ctx, _param, start: _completions([start], start, "dir"),
)

environment = click.argument("environment", metavar="ENV")

formats = click.option(
    "--format",
    "formats",
    type=Format(),
    multiple=True,
    metavar="F[=FILE]",
    help=f"Print or write the result as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}; may be repeated.",
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


parallel = click.option(
    "--parallel",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Environments at one time; by default {AT_ONCE}, of which an apply writes to one after the other.",
)

changed_since = click.option(
    "--changed-since",
    metavar="REV",
    help="Only environments of which git has changed something since it left REV: their folders or layers.",
)

full = click.option("--full", is_flag=True, help="Fold nothing: show a long plan whole at a terminal too.")


def reading(command: Command) -> Command:
    """The options of every command that reads environments."""
    for option in (full, parallel, changed_since, only, kinds, formats, environments):
        command = option(command)
    return command


def allowing(command: Command) -> Command:
    """The options that lift guards; the command gets them as ``allowed``."""

    @functools.wraps(command)
    def wrapped(
        *,
        allow_deletes: tuple[tuple[str, int], ...],
        allow_missing: tuple[tuple[str, int], ...],
        adopt: tuple[Key, ...],
        allow_delete: tuple[Key, ...],
        **rest: Any,
    ) -> Any:
        numbers = dict(allow_deletes), dict(allow_missing)
        return command(allowed=Allowed(*numbers, frozenset(adopt), frozenset(allow_delete)), **rest)

    for option in reversed(ALLOWING):
        wrapped = option(wrapped)
    return cast("Command", wrapped)


ALLOWING = (
    click.option(
        "--allow-deletes",
        type=Number(),
        multiple=True,
        metavar="KIND=N",
        help="Allow exactly N deletes of a kind; may be repeated.",
    ),
    click.option(
        "--allow-missing",
        type=Number(),
        multiple=True,
        metavar="KIND=N",
        help="Exactly N owned ones of a kind are gone, and that is right; may be repeated.",
    ),
    click.option(
        "--adopt",
        type=ResourceName(),
        multiple=True,
        metavar="KIND/ID",
        help="Take over what is there already and differs; may be repeated.",
    ),
    click.option(
        "--allow-delete",
        type=ResourceName(),
        multiple=True,
        metavar="KIND/ID",
        help="Delete it although somebody changed it; may be repeated.",
    ),
)
