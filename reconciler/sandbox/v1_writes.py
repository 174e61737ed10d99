"""What POST, PATCH and DELETE do in Airflow 2's REST API."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.backends import Response
from reconciler.sandbox.answers import Refusal, page_of_html, problem
from reconciler.sandbox.calls import DEFAULT_POOL, Call
from reconciler.sandbox.store import insert, update
from reconciler.sandbox.v1_bodies import field_errors, typed

Outcome = str | dict[str, Any]
"""The key of the resource to show, or the body to answer with."""

_VALUE_IN_MASK = "val"
"""The mask is matched against the model's attributes, and a variable's value is called so there."""


def _bad(call: Call, detail: str | None, title: str = "") -> Refusal:
    return Refusal(problem(call.personality, 400, detail, title))


def not_found(call: Call) -> Response:
    """The 404 of GET and PATCH."""
    details = {
        "variable": ("Variable does not exist", "Variable not found"),
        "connection": (
            f"The Connection with connection_id: `{call.key}` was not found",
            "Connection not found",
        ),
        "pool": (f"Pool with name:'{call.key}' not found", ""),
    }
    return problem(call.personality, 404, *details[call.kind.name])


def delete(call: Call) -> Response:
    """Remove a resource; only loading a connection lets the masker see it."""
    if call.kind.name == "pool" and call.key == DEFAULT_POOL:
        raise _bad(call, "Default Pool can't be deleted")
    if call.key not in call.table:
        missing = not_found(call)
        if call.kind.name == "variable":
            missing = problem(call.personality, 404, None, "Variable not found")
        raise Refusal(missing)
    if call.kind.name == "connection":
        call.load([call.key])
    del call.table[call.key]
    return Response(204)


def _variable_body(call: Call) -> Mapping[str, Any]:
    body = typed(call.personality, call.kind, call.body)
    errors = field_errors(call.kind, body)
    if errors:
        raise _bad(call, str(errors), "Invalid Variable schema")
    return body


def _create_variable(call: Call) -> Outcome:
    """An upsert: whatever is there is deleted first, its description with it."""
    body = _variable_body(call)
    call.table.pop(body["key"], None)
    kept = ("value", "description") if call.personality.post_keeps_description else ("value",)
    insert(call.table, call.kind, body["key"], {name: body.get(name) for name in kept})
    return dict(body)


def _patch_variable(call: Call) -> Outcome:
    body = _variable_body(call)
    if body["key"] != call.key:
        raise _bad(call, "key from request body doesn't match uri parameter", "Invalid post body")
    if call.key not in call.table:
        raise Refusal(not_found(call))
    call.load([call.key])
    changes = _masked(call, {_VALUE_IN_MASK: body["value"], **body}, fixed=("key", "value"))
    value = {"value": changes.pop(_VALUE_IN_MASK)} if _VALUE_IN_MASK in changes else {}
    update(call.table, call.key, {**changes, **value})
    return call.key


def _mask(call: Call) -> list[str] | None:
    """The names between the commas; of a repeated parameter the last counts."""
    mask = call.last("update_mask")
    return None if mask is None else [name.strip() for name in mask.split(",")]


def _masked(call: Call, data: Mapping[str, Any], fixed: tuple[str, ...]) -> dict[str, Any]:
    """The fields to set: all but the fixed ones, or those of the mask, which must be in the body."""
    mask = _mask(call)
    if mask is None:
        return {name: value for name, value in data.items() if name not in fixed}
    for name in mask:
        if name not in data or name in fixed:
            raise _bad(call, f"'{name}' is unknown or cannot be updated.")
    return {name: data[name] for name in mask}


def _connection_body(call: Call, *, partial: bool) -> Mapping[str, Any]:
    body = typed(call.personality, call.kind, call.body)
    if call.personality.extra_must_be_object:
        _check_extra(body)
    errors = field_errors(call.kind, body, partial=partial)
    if errors:
        raise _bad(call, str(errors))
    return body


def _create_connection(call: Call) -> Outcome:
    body = _connection_body(call, partial=False)
    key = body["connection_id"]
    _check_connection_id(call, key)
    if key in call.table:
        call.load([key])
        text = f"Connection already exist. ID: {key}"
        raise Refusal(problem(call.personality, 409, text))
    if call.personality.connection_ids_are_ascii and not re.fullmatch(r"[\w.-]+", key, re.ASCII):
        raise Refusal(page_of_html(500))
    fields = {name: value for name, value in body.items() if name != "connection_id"}
    call.masker.learn_password(fields.get("password"))
    insert(call.table, call.kind, key, {**fields, "password": fields.get("password") or None})
    return str(key)


def _check_connection_id(call: Call, key: str) -> None:
    """``helpers.validate_key``, whose ``$`` lets a line feed pass."""
    if len(key) > call.kind.id_length:
        raise _bad(call, f"The key has to be less than {call.kind.id_length} characters")
    if not re.match(r"^[\w.-]+$", key):
        text = "has to be made of alphanumeric characters, dashes, dots and underscores exclusively"
        raise _bad(call, f"The key '{key}' {text}")


def _check_extra(body: Mapping[str, Any]) -> None:
    """JSON that is no object breaks the audit log, before the handler runs; text that is no JSON passes."""
    try:
        parsed = json.loads(body.get("extra") or "{}")
    except ValueError:
        return
    if not isinstance(parsed, dict):
        raise Refusal(page_of_html(500))


def _patch_connection(call: Call) -> Outcome:
    body = _connection_body(call, partial=True)
    if call.key not in call.table:
        raise Refusal(not_found(call))
    call.load([call.key])
    if body.get("connection_id") and body["connection_id"] != call.key:
        raise _bad(call, "The connection_id cannot be updated.")
    changes = _masked(call, body, fixed=("connection_id",))
    if not changes.get("password"):
        changes.pop("password", None)
    update(call.table, call.key, changes)
    return call.key


def _pool_body(call: Call) -> dict[str, Any]:
    body = typed(call.personality, call.kind, call.body)
    errors = field_errors(call.kind, body)
    if errors:
        raise _bad(call, str(errors))
    return {"include_deferred": False, **body}


def _require_name_and_slots(call: Call, body: Mapping[str, Any]) -> None:
    missing = sorted({"name", "slots"}.difference(body))
    if missing:
        raise _bad(call, f"Missing required property(ies): {missing}")


def _create_pool(call: Call) -> Outcome:
    _require_name_and_slots(call, typed(call.personality, call.kind, call.body))
    body = _pool_body(call)
    key = body.pop("name")
    if key in call.table:
        raise Refusal(problem(call.personality, 409, f"Pool: {key} already exists"))
    insert(call.table, call.kind, key, body)
    return str(key)


def _patch_pool(call: Call) -> Outcome:
    body = typed(call.personality, call.kind, call.body)
    _guard_default_pool(call, body)
    if call.key not in call.table:
        raise Refusal(not_found(call))
    changes = _pool_changes(call, body)
    name = changes.pop("name", call.key)
    if name != call.key and name in call.table:
        raise Refusal(page_of_html(500))
    update(call.table, call.key, changes)
    call.table[name] = call.table.pop(call.key)
    return str(name)


def _guard_default_pool(call: Call, body: Mapping[str, Any]) -> None:
    if call.key != DEFAULT_POOL or body.get("name") == DEFAULT_POOL:
        return
    if "name" not in body and not call.personality.guards_nameless_default_pool:
        return
    mask = _mask(call)
    if mask is None or not set(mask) <= {"slots", "include_deferred"}:
        raise _bad(call, "Default Pool's name can't be modified")


def _pool_changes(call: Call, body: Mapping[str, Any]) -> dict[str, Any]:
    mask = _mask(call)
    fields = _pool_body(call)
    if mask is None:
        _require_name_and_slots(call, body)
        return fields
    for name in mask:
        if name not in (call.kind.id_field, *call.kind.field_names):
            raise _bad(call, f"Invalid field: {name} in update mask")
    if not set(mask) <= set(fields):
        raise Refusal(page_of_html(500))
    return {name: fields[name] for name in mask}


CREATE: Mapping[str, Callable[[Call], Outcome]] = {
    "variable": _create_variable,
    "connection": _create_connection,
    "pool": _create_pool,
}
PATCH: Mapping[str, Callable[[Call], Outcome]] = {
    "variable": _patch_variable,
    "connection": _patch_connection,
    "pool": _patch_pool,
}
