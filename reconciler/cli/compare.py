"""``reconciler compare``."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import click

from reconciler import keeper
from reconciler.airflow import Airflow
from reconciler.cli import options
from reconciler.cli.loading import load_all
from reconciler.cli.output import Output
from reconciler.cli.reaching import Source, living, reached
from reconciler.cli.terminal import Terminal, talking
from reconciler.comparison import fresh_fingerprint
from reconciler.errors import Origin, UsageError
from reconciler.fleet import Result, gravest, then
from reconciler.kinds import BY_NAME
from reconciler.manifests import Environment
from reconciler.model import Hidden, Key, State
from reconciler.render import side_by_side as rendering
from reconciler.render.json import text_of
from reconciler.seal import Places
from reconciler.selection import Selection
from reconciler.side_by_side import (
    Difference,
    FieldDifference,
    Side,
    SideBySide,
    declared,
    secret_places,
    side_by_side,
)

SIDES = 2
DIFFERENT = 2
"""The exit code."""


@click.command
@click.argument("environments", metavar="ENV ENV", nargs=-1, required=True)
@click.option("--live", is_flag=True, help="Compare what lives in them, not what git declares.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@options.kinds
@options.only
@talking
def compare(  # noqa: PLR0913 - one parameter for each option
    *,
    terminal: Terminal,
    environments: tuple[str, ...],
    live: bool,
    format_: str,
    kinds: tuple[str, ...],
    only: tuple[str, ...],
) -> int:
    """Show two environments side by side, offline unless --live; exit 2 when they differ."""
    selection = Selection(frozenset(kinds), only)
    loaded = load_all(environments, terminal)
    if len(loaded) != SIDES:
        raise UsageError("name two different environments")
    look = partial(_living, terminal=terminal) if live else _declared
    results = [then(result, partial(look, selection=selection)) for result in loaded]
    terminal.errors(results)
    found = _compared(results, selection, terminal.output)
    _deliver(terminal.output, results, found, format_)
    codes = [result.error.exit_code for result in results if result.error is not None]
    return gravest([*codes, DIFFERENT if found and found.differences else 0], wrote=False)


def _declared(environment: Environment, *, selection: Selection) -> Side:
    """What git declares; nothing is asked of anybody."""
    state = {key: one for key, one in environment.desired.items() if key in selection}
    return Side(environment.name, str(environment.target), declared(state), _origins(environment), {})


def _living(environment: Environment, *, selection: Selection, terminal: Terminal) -> Side:
    """What lives, and where git declares it."""
    remembered = _remembered(environment)
    airflow = reached(Source(environment.name, environment.target, environment.rate_limit), terminal)
    return Side(
        environment.name,
        str(environment.target),
        _living_state(airflow, selection),
        _origins(environment),
        _joined(secret_places(environment.desired), remembered),
        airflow.dialect.version,
        airflow.session.reads,
    )


def _living_state(airflow: Airflow, selection: Selection) -> State:
    """What lives; what a list leaves out of a resource that cannot be asked for is not taken for nothing."""
    unread = {"extra": Hidden("value not read")}
    return {
        key: replace(one, fields={**unread, **one.fields})
        if airflow.dialect.lacks_extra(BY_NAME[key.kind])
        else one
        for key, one in living(airflow, selection).items()
    }


def _origins(environment: Environment) -> Mapping[Key, Origin | None]:
    return {key: resource.origin for key, resource in environment.desired.items()}


def _remembered(environment: Environment) -> dict[Key, Places]:
    """Where the ledger says that secrets are or were; raises WrongLedger before any call to Airflow."""
    store = keeper.store_of(environment)
    if store is None:
        return {}
    kept = keeper.read(store, keeper.binding_of(environment), str(environment.folder))
    return {
        key: {place for known in (entry.record, entry.pending) if known for place in known.secrets}
        for key, entry in kept.ledger.entries.items()
    }


def _joined(one: Mapping[Key, Places], other: Mapping[Key, Places]) -> dict[Key, Places]:
    return {key: {*one.get(key, ()), *other.get(key, ())} for key in one.keys() | other.keys()}


def _compared(results: Sequence[Result[Side]], selection: Selection, output: Output) -> SideBySide | None:
    """What the comparison finds, known secrets gone from it; nothing where an environment has failed."""
    sides = [result.value for result in results if result.value is not None]
    if len(sides) != len(results):
        return None
    first, second = sides
    selection.check(f"{first.name} and {second.name}", first.state.keys() | second.state.keys())
    found = side_by_side(first, second, fresh_fingerprint())
    return replace(found, differences=tuple(_scrubbed(one, output) for one in found.differences))


def _scrubbed(one: Difference, output: Output) -> Difference:
    def scrubbed(field: FieldDifference) -> FieldDifference:
        return replace(field, first=output.scrubbed(field.first), second=output.scrubbed(field.second))

    return replace(one, fields=tuple(map(scrubbed, one.fields)))


def _deliver(output: Output, results: Sequence[Result[Side]], found: SideBySide | None, format_: str) -> None:
    """At a terminal a failed comparison has no result: stderr tells the errors."""
    if format_ == "json":
        entries = [_entry(result, output) for result in results]
        output.result(text_of(rendering.document(entries, found)))
    elif found is not None:
        output.result(rendering.text(found))


def _entry(result: Result[Side], output: Output) -> dict[str, Any]:
    if result.value is None:
        return output.error(result.name, result.error)
    return rendering.side_entry(result.value)
