"""The validation of request bodies in the v1 API: first connexion by the specification, then marshmallow."""

from collections.abc import Mapping
from typing import Any

from reconciler.kinds import Kind
from reconciler.sandbox.answers import Refusal, problem
from reconciler.sandbox.calls import COUNTERS
from reconciler.sandbox.personality import Personality

_NULLABLE = {
    "variable": frozenset({"description"}),
    "connection": frozenset({"description", "host", "login", "schema", "port", "extra"}),
    "pool": frozenset({"description"}),
}
_REFUSES_NULL = {"variable": frozenset({"description"})}
"""Fields that the specification lets be null and marshmallow does not."""

_REQUIRED = {"variable": ("key", "value"), "connection": ("connection_id", "conn_type"), "pool": ()}
_LENGTHS = {
    "variable": {},
    "connection": {"connection_id": 250, "conn_type": 500, "host": 500, "schema": 500},
    "pool": {"name": 256},
}
_READ_ONLY = {"pool": frozenset({*COUNTERS, "open_slots", "deferred_slots"})}


def typed(personality: Personality, kind: Kind, body: Any) -> Mapping[str, Any]:
    """The body if the specification allows it; raises Refusal with connexion's 400."""
    wrong = _wrong_type(kind, body)
    if wrong:
        raise Refusal(problem(personality, 400, wrong))
    return dict(body)


def _wrong_type(kind: Kind, body: Any) -> str | None:
    if body is None:
        return "Request body must not be empty"
    if not isinstance(body, Mapping):
        return f"{body!r} is not of type 'object'"
    for name in body:
        if name in _READ_ONLY.get(kind.name, ()):
            return f"Property is read-only - '{name}'"
    fields = sorted(kind.fields, key=lambda field: field.secret != "never")
    types = {kind.id_field: "string"} | {field.name: _type(field.schema) for field in fields}
    for name, wanted in types.items():
        if name in body and not _fits(body[name], wanted, nullable=name in _NULLABLE[kind.name]):
            return f"{body[name]!r} is not of type '{wanted}' - '{name}'"
    return None


def _type(schema: Mapping[str, Any]) -> str:
    """The API's type of a field: values that are JSON in a manifest travel as text."""
    wanted = str(schema.get("type", "string"))
    return "string" if wanted == "object" else wanted


def _fits(value: Any, wanted: str, *, nullable: bool) -> bool:
    if value is None:
        return nullable
    if isinstance(value, bool):
        return wanted == "boolean"
    return isinstance(value, {"string": str, "integer": int, "boolean": bool}[wanted])


def field_errors(kind: Kind, body: Mapping[str, Any], *, partial: bool = False) -> dict[str, list[str]]:
    """What marshmallow finds wrong, by field; unknown fields come last."""
    known = (kind.id_field, *kind.field_names)
    missing = () if partial else (name for name in _REQUIRED[kind.name] if name not in body)
    errors = {name: ["Missing data for required field."] for name in missing}
    for name in known:
        length = _LENGTHS[kind.name].get(name)
        if name in body and body[name] is None and name in _REFUSES_NULL.get(kind.name, ()):
            errors[name] = ["Field may not be null."]
        elif length and len(body.get(name) or "") > length:
            errors[name] = [f"Longer than maximum length {length}."]
    return errors | {name: ["Unknown field."] for name in body if name not in known}
