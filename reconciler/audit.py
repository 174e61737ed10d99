"""What Airflow's event log tells of resources: who edited which, and when.

The names of events and the shapes of ``extra`` are those of ``www/decorators.py`` and ``utils/cli.py`` of
Airflow 2 and of ``api_fastapi/logging/decorators.py`` of Airflow 3. What code in a DAG writes is not logged.
"""

import ast
import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.kinds import BY_NAME, Kind
from reconciler.model import Key
from reconciler.plan import Edit

VERBS = ("create", "edit", "delete")
ENDPOINTS = ("post", "patch", "delete")
COMMANDS = ("add", "set", "import", "delete")

NAMES = {
    "variable": ("key", "variable_key"),
    "connection": ("connection_id", "conn_id"),
    "pool": ("name", "pool_name", "pool"),
}
"""What holds a resource's id in ``extra``: a body's field, a path's parameter, or a form's field."""


def event_names(kinds: Iterable[Kind], major: int) -> tuple[str, ...]:
    """The events that tell of edits of some kinds, on one major version of Airflow."""
    names = _names_on_2 if major == 2 else _names_on_3  # noqa: PLR2004 - Airflow's major version
    commands = [f"cli_{kind.collection}_{verb}" for kind in kinds for verb in COMMANDS]
    return (*(name for kind in kinds for name in names(kind)), *commands)


def _names_on_2(kind: Kind) -> Iterator[str]:
    """Forms log a bare name, the REST API one that tells where it was called from."""
    functions = [f"{verb}_{kind.name}" for verb in ENDPOINTS] if kind.name == "pool" else []
    for name in (*(f"{kind.name}.{verb}" for verb in VERBS), *functions):
        yield from (name, f"api.{name}", f"ui.{name}")


def _names_on_3(kind: Kind) -> Iterator[str]:
    yield from (f"{verb}_{kind.name}" for verb in ENDPOINTS)
    yield f"bulk_{kind.collection}"


@dataclass(frozen=True)
class Entry:
    """One event that is about resources, perhaps about many."""

    edit: Edit
    kind: str
    extra: Any

    def ids(self) -> Iterator[str]:
        """The ids in it, as far as it names any."""
        if isinstance(self.extra, Mapping) and isinstance(command := self.extra.get("full_command"), str):
            yield from map(str, _literal(command) or ())
        elif isinstance(self.extra, Mapping):
            yield from self._named(self.extra)

    def _named(self, extra: Mapping[str, Any]) -> Iterator[str]:
        yield from (extra[name] for name in NAMES[self.kind] if isinstance(extra.get(name), str))
        actions = extra.get("actions")
        for action in actions if isinstance(actions, list) else ():
            entities = action.get("entities") if isinstance(action, Mapping) else None
            for entity in entities if isinstance(entities, list) else ():
                yield from [entity] if isinstance(entity, str) else self._entity(entity)

    def _entity(self, entity: Any) -> Iterator[str]:
        if isinstance(entity, Mapping):
            yield from (entity[name] for name in NAMES[self.kind] if isinstance(entity.get(name), str))


def entries(body: Any) -> list[Entry]:
    """A page of the event log; what is not shaped like an event is left out."""
    rows = body.get("event_logs") if isinstance(body, Mapping) else None
    return [entry for row in (rows if isinstance(rows, list) else ()) if (entry := _entry(row))]


def _entry(row: Any) -> Entry | None:
    if not isinstance(row, Mapping):
        return None
    event, owner, when = (row.get(name) for name in ("event", "owner", "when"))
    if not (isinstance(event, str) and isinstance(when, str)):
        return None
    kind = next((one for one in BY_NAME.values() if one.name in event or one.collection in event), None)
    if kind is None:
        return None
    return Entry(Edit(owner if isinstance(owner, str) else "nobody", when, event), kind.name, _extra(row))


def _extra(row: Mapping[str, Any]) -> Any:
    """JSON; before Airflow 2.9 a list of pairs as Python writes it."""
    text = row.get("extra")
    if not isinstance(text, str):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pairs = _literal(text)
    try:
        return dict(pairs or ())
    except (TypeError, ValueError):
        return None


def _literal(text: str) -> list[Any] | None:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def last_edits(newest_first: Iterable[Entry], wanted: Container[Key]) -> dict[Key, Edit]:
    """The newest edit of each resource that is wanted and named."""
    found: dict[Key, Edit] = {}
    for entry in newest_first:
        for id_ in entry.ids():
            key = Key(entry.kind, id_)
            if key in wanted:
                found.setdefault(key, entry.edit)
    return found
