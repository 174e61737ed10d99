"""Airflow 3's bulk operations: ``PATCH`` of a collection with create, update and delete actions.

The answer is 200 even where actions fail. Handlers read the database as it was before the request's
deletions, which take effect last (the session does not flush by itself).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.backends import Response
from reconciler.sandbox import v2_writes
from reconciler.sandbox.answers import Refusal, detail
from reconciler.sandbox.bulk_bodies import Action, parsed
from reconciler.sandbox.calls import Call
from reconciler.sandbox.store import insert, update
from reconciler.sandbox.v2_bodies import post_columns
from reconciler.sandbox.validation import with_defaults

_NAMES = {
    "variable": "variables with these keys",
    "connection": "connections with these connection_ids",
    "pool": "pools with these pool names",
}
_CAUGHT = frozenset({400, 404, 409})


@dataclass
class Batch:
    """One bulk request on its way: what it has achieved, and what waits for its end."""

    call: Call
    results: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    inserts: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)

    def succeed(self, action: Action, key: str) -> None:
        """Note that an entity is done."""
        self.results[action.name]["success"].append(key)

    def defaults(self, entity: Mapping[str, Any]) -> dict[str, Any]:
        """An entity with what it leaves out."""
        return with_defaults(post_columns(self.call.personality, self.call.kind), entity)

    def flush(self) -> None:
        """Let the insertions happen; raises Refusal for a key that is taken."""
        for key, fields in self.inserts:
            if key in self.call.table:
                raise Refusal(v2_writes.conflict_of_rows(self.call))
            insert(self.call.table, self.call.kind, key, fields)
        self.inserts.clear()

    def finish(self) -> None:
        """Let the insertions and then the deletions happen."""
        self.flush()
        for key in self.deletes:
            self.call.table.pop(key, None)


def answer(call: Call) -> Response:
    """Run every action; raises Refusal, with nothing done, for a body that is not valid."""
    actions = parsed(call)
    batch = Batch(call)
    for action in actions:
        batch.results.setdefault(action.name, {"success": [], "errors": []})
        try:
            _ACTIONS[action.name](batch, action)
        except Refusal as refusal:
            batch.results[action.name]["errors"].append(_caught(refusal))
    batch.finish()
    return Response(200, {name: batch.results.get(name) for name in ("create", "update", "delete")})


def _caught(refusal: Refusal) -> dict[str, Any]:
    """The entry of an error that the handlers catch; the others end the request."""
    text = refusal.response.body.get("detail") if isinstance(refusal.response.body, dict) else None
    if refusal.response.status not in _CAUGHT or not isinstance(text, str):
        raise refusal
    return {"error": text, "status_code": refusal.response.status}


def _refuse(call: Call, status: int, keys: Iterable[str], fate: str) -> Refusal:
    shown = "{" + ", ".join(map(repr, sorted(keys))) + "}"
    text = f"The {_NAMES[call.kind.name]}: {shown} {fate}."
    return Refusal(detail(status, text))


def _create(batch: Batch, action: Action) -> None:
    call, matched = batch.call, _matched(batch, action)
    if matched and action.on_conflict == "fail":
        raise _refuse(call, 409, matched, "already exist")
    for key, entity in action.entities:
        if key not in matched:
            _add(batch, key, entity)
        elif action.on_conflict == "overwrite":
            _overwrite(batch, key, entity)
        else:
            continue
        batch.succeed(action, key)
    if call.kind.name == "pool":
        batch.flush()


def _matched(batch: Batch, action: Action) -> set[str]:
    """The action's keys that are there; most versions load the rows to know."""
    call = batch.call
    keys = {key for key, _ in action.entities if key in call.table}
    if call.kind.name != "variable" or not call.personality.bulk_looks_at_keys:
        call.load(sorted(keys))
    return keys


def _add(batch: Batch, key: str, entity: Mapping[str, Any]) -> None:
    if batch.call.kind.name == "variable":
        _set_variable(batch, key, entity)
    else:
        row = v2_writes.constructed(batch.call, batch.defaults(entity))
        batch.inserts.append((key, v2_writes.without_team(row)))


def _overwrite(batch: Batch, key: str, entity: Mapping[str, Any]) -> None:
    call = batch.call
    if call.kind.name == "variable":
        _set_variable(batch, key, entity)
        return
    fields = batch.defaults(entity) if call.personality.bulk_overwrite_resets else dict(entity)
    if not fields.get("password"):
        fields.pop("password", None)
    update(call.table, key, _columns_of(call, v2_writes.without_team(fields)))


def _set_variable(batch: Batch, key: str, entity: Mapping[str, Any]) -> None:
    """``Variable.set``: at once, and only here are objects and lists stored as JSON."""
    call, value = batch.call, entity["value"]
    text = json.dumps(value, indent=2) if isinstance(value, dict | list) else str(value)
    fields = {"value": text, "description": entity.get("description")}
    if key in call.table and call.personality.bulk_upserts:
        update(call.table, key, fields)
        return
    call.table.pop(key, None)
    insert(call.table, call.kind, key, fields)
    batch.deletes = [deleted for deleted in batch.deletes if deleted != key]


def _columns_of(call: Call, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name in call.kind.field_names}


def _update(batch: Batch, action: Action) -> None:
    matched = _matched(batch, action)
    missing = {key for key, _ in action.entities} - matched
    if missing and action.on_conflict == "fail":
        raise _refuse(batch.call, 404, missing, "were not found")
    for key, entity in action.entities:
        if key in matched:
            _UPDATES[batch.call.kind.name](batch, key, entity, action.update_mask)
            batch.succeed(action, key)


def _update_variable(batch: Batch, key: str, entity: Mapping[str, Any], mask: tuple[str, ...] | None) -> None:
    batch.call.load([key])
    fields = batch.defaults(entity) if batch.call.personality.bulk_update_resets else entity
    v2_writes.patch_variable_row(batch.call, key, fields, mask)


def _update_connection(
    batch: Batch, key: str, entity: Mapping[str, Any], _mask: tuple[str, ...] | None
) -> None:
    """The mask is never read here, in no version."""
    v2_writes.patch_connection_row(batch.call, key, entity, None)


def _update_pool(batch: Batch, key: str, entity: Mapping[str, Any], mask: tuple[str, ...] | None) -> None:
    if batch.call.personality.default_pool_guarded_by_service:
        v2_writes.patch_pool_row(batch.call, key, {"name": key, **entity}, mask)
        return
    fields = {name: value for name, value in batch.defaults(entity).items() if value is not None}
    update(batch.call.table, key, _columns_of(batch.call, fields))


def _delete(batch: Batch, action: Action) -> None:
    matched = _matched(batch, action)
    missing = {key for key, _ in action.entities} - matched
    if missing and action.on_conflict == "fail":
        raise _refuse(batch.call, 404, missing, "were not found")
    for key in dict.fromkeys(key for key, _ in action.entities if key in matched):
        batch.call.load([key])
        batch.deletes.append(key)
        batch.succeed(action, key)


_ACTIONS: Mapping[str, Callable[[Batch, Action], None]] = {
    "create": _create,
    "update": _update,
    "delete": _delete,
}
_UPDATES: Mapping[str, Callable[[Batch, str, Mapping[str, Any], tuple[str, ...] | None], None]] = {
    "variable": _update_variable,
    "connection": _update_connection,
    "pool": _update_pool,
}
