"""What POST, PATCH and DELETE of one resource do in Airflow 3's REST API."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.backends import Response
from reconciler.sandbox.answers import Error, Refusal, detail, not_unique, plain_failure, unprocessable
from reconciler.sandbox.calls import DEFAULT_POOL, INFINITE, Call
from reconciler.sandbox.store import insert, update
from reconciler.sandbox.v2_bodies import checked_pool_columns, patch_columns, post_columns
from reconciler.sandbox.validation import Column, error, validated, with_defaults

_INSERTS = {
    "connection": (
        (
            "INSERT INTO connection (conn_id, conn_type, description, host, schema, login, password, port, "
            "is_encrypted, is_extra_encrypted, extra) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ),
        "connection.conn_id",
    ),
    "pool": (
        "INSERT INTO slot_pool (pool, slots, description, include_deferred) VALUES (?, ?, ?, ?)",
        "slot_pool.pool",
    ),
}
_DEFAULT_POOL_MASK = frozenset({"slots", "include_deferred"})
_MULTI_TEAM_OFF = (
    "team_name cannot be set when multi_team mode is disabled. Please contact your administrator."
)
_NAMES = {
    "variable": "Variable with key",
    "connection": "Connection with connection_id",
    "pool": "Pool with name",
}


def not_found(call: Call) -> Response:
    """The 404 of every method."""
    return detail(404, f"The {_NAMES[call.kind.name]}: `{call.key}` was not found")


def delete(call: Call) -> Response:
    """Remove a resource; only loading a connection lets the masker see it."""
    if call.kind.name == "pool" and call.key == DEFAULT_POOL:
        raise Refusal(detail(400, "Default Pool can't be deleted"))
    if call.key not in call.table:
        raise Refusal(not_found(call))
    if call.kind.name == "connection":
        call.load([call.key])
    del call.table[call.key]
    return Response(204)


def _body(call: Call, columns: tuple[Column, ...]) -> dict[str, Any]:
    """The fields that the body sets; raises Refusal with a 422 that holds every error."""
    if call.body is None:
        raise Refusal(unprocessable([error("missing", ("body",), "Field required", None)]))
    refuse_unloggable(call)
    fields, errors = validated(columns, call.body)
    errors = errors or team_error(call, call.body, ("body",))
    if errors:
        raise Refusal(unprocessable(errors))
    return fields


def refuse_unloggable(call: Call) -> None:
    """The audit log sees the body before it is validated, and fails on shapes that it does not expect."""
    if not isinstance(call.body, Mapping):
        fails = call.kind.collection in call.personality.not_objects_fail
    else:
        extra = call.body.get("extra") if call.kind.name == "connection" else None
        fails = call.personality.extra_must_be_text and bool(extra) and not isinstance(extra, str)
    if fails:
        raise Refusal(plain_failure())


def team_error(call: Call, body: Mapping[str, Any], loc: tuple[str | int, ...]) -> list[Error]:
    """What is wrong with a team's name in a body that is right otherwise."""
    if not call.personality.team_name_refused or body.get("team_name") is None:
        return []
    return [error("value_error", loc, f"Value error, {_MULTI_TEAM_OFF}", dict(body), error={})]


def create(call: Call) -> str:
    """Add a resource and return its key; raises Refusal where there is one already."""
    columns = post_columns(call.personality, call.kind)
    fields = with_defaults(columns, _body(call, columns))
    key = fields.pop(call.kind.id_field)
    row = constructed(call, fields)
    if key in call.table:
        raise Refusal(_conflict(call, key))
    insert(call.table, call.kind, key, without_team(row))
    if call.kind.name == "variable":
        call.load([key])
    return str(key)


def without_team(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields but for the team's name, which violates a foreign key, as there are no teams."""
    if fields.get("team_name") is not None:
        raise Refusal(plain_failure())
    return {name: value for name, value in fields.items() if name != "team_name"}


def constructed(call: Call, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The columns as the models' constructors set them; a variable's value is Python's text of any JSON."""
    row = dict(fields)
    if call.kind.name == "variable":
        row["value"] = str(row["value"])
    if call.kind.name == "connection":
        row["password"] = row["password"] or None
        call.masker.learn_password(row["password"])
    return row


def _conflict(call: Call, key: str) -> Response:
    """A variable is looked for; of the others the database tells, after the answer has been made."""
    if call.kind.name == "variable":
        call.load([key])
        return detail(409, f"The Variable with key: `{key}` already exists")
    if call.body.get("slots") == INFINITE and not call.personality.infinite_pools:
        return plain_failure()
    return conflict_of_rows(call)


def conflict_of_rows(call: Call) -> Response:
    """The 409 of a row that the database refuses."""
    shown = _INSERTS[call.kind.name] if call.personality.shows_sql else (None, None)
    return not_unique(*shown)


def patch(call: Call) -> None:
    """Change a resource; raises Refusal where the body, the mask or the resource does not allow it."""
    fields = _body(call, patch_columns(call.personality, call.kind))
    mask = call.query.get("update_mask")
    PATCH[call.kind.name](call, fields, mask)


def _masked(fields: Mapping[str, Any], mask: tuple[str, ...] | None) -> dict[str, Any]:
    """The fields that are set and in the mask; the mask's other names mean nothing."""
    return {name: value for name, value in fields.items() if mask is None or name in mask}


def _check_addressed(call: Call, fields: Mapping[str, Any], text: str) -> None:
    """The row must be the one in the path, and be there; it is loaded then, which the masks remember."""
    if fields[call.kind.id_field] != call.key:
        raise Refusal(detail(400, text))
    if call.key not in call.table:
        raise Refusal(not_found(call))
    call.load([call.key])


def _patch_variable(call: Call, fields: Mapping[str, Any], mask: tuple[str, ...] | None) -> None:
    _check_addressed(call, fields, "Invalid body, key from request body doesn't match uri parameter")
    patch_variable_row(call, call.key, fields, mask)


def patch_variable_row(call: Call, key: str, fields: Mapping[str, Any], mask: tuple[str, ...] | None) -> None:
    """Set a variable's fields; a value that is no text breaks its encryption, ``None`` is passed over."""
    if mask and "key" in mask and call.personality.fixed_fields_in_mask_refused:
        text = "Update not allowed: the following fields are immutable and cannot be modified: {'key'}"
        raise Refusal(detail(400, text))
    changes = without_team(_masked(fields, mask))
    changes.pop("key", None)
    if changes.get("value") is None:
        changes.pop("value", None)
    elif not isinstance(changes["value"], str):
        raise Refusal(plain_failure())
    update(call.table, key, changes)


def _patch_connection(call: Call, fields: Mapping[str, Any], mask: tuple[str, ...] | None) -> None:
    text = "The connection_id in the request body does not match the URL parameter"
    _check_addressed(call, fields, text)
    patch_connection_row(call, call.key, fields, mask)


def patch_connection_row(
    call: Call, key: str, fields: Mapping[str, Any], mask: tuple[str, ...] | None
) -> None:
    """Set a connection's fields; ``***`` gets back what it hides, and no password can be taken away."""
    row = call.table[key]
    changes = without_team(_masked(fields, mask))
    if mask and "extra" in mask:
        changes.setdefault("extra", None)
    changes.pop("connection_id", None)
    password = changes.pop("password", None)
    if password is not None:
        password = call.masker.restore(password, row["password"], "password")
    if changes.get("extra") is not None:
        changes["extra"] = _merged_extra(call, changes["extra"], row["extra"])
    update(call.table, key, {**changes, **({"password": password} if password else {})})


def _merged_extra(call: Call, new: str, old: str | None) -> str:
    if old is None:
        return new
    try:
        return json.dumps(call.masker.restore(json.loads(new), json.loads(old)))
    except ValueError:
        return new


def _patch_pool(call: Call, fields: Mapping[str, Any], mask: tuple[str, ...] | None) -> None:
    if fields.get("name") and fields["name"] != call.key:
        text = "Invalid body, pool name from request body doesn't match uri parameter"
        raise Refusal(detail(400, text))
    if not call.personality.default_pool_guarded_by_service:
        _guard_default_pool(call.key, mask)
    patch_pool_row(call, call.key, fields, mask)


def patch_pool_row(call: Call, key: str, fields: Mapping[str, Any], mask: tuple[str, ...] | None) -> None:
    """Set a pool's fields; the default pool takes only slots and include_deferred, and only by a mask."""
    if key not in call.table:
        raise Refusal(not_found(call))
    _guard_default_pool(key, mask)
    if key != DEFAULT_POOL and not (mask and call.personality.mask_frees_pool_patch):
        _check_pool(call, fields)
    changes = without_team(_masked(fields, mask))
    changes.pop("name", None)
    update(call.table, key, changes)


def _guard_default_pool(key: str, mask: tuple[str, ...] | None) -> None:
    if key == DEFAULT_POOL and not (mask and {name.strip() for name in mask} <= _DEFAULT_POOL_MASK):
        text = "Only slots and included_deferred can be modified on Default Pool"
        raise Refusal(detail(400, text))


def _check_pool(call: Call, fields: Mapping[str, Any]) -> None:
    """The second validation, whose errors stand at the fields themselves."""
    given = {
        ("pool" if name == "name" else name): value for name, value in fields.items() if name != "team_name"
    }
    _, errors = validated(checked_pool_columns(call.personality, call.kind), given, ())
    if errors:
        raise Refusal(unprocessable(errors))


PATCH: Mapping[str, Callable[[Call, Mapping[str, Any], tuple[str, ...] | None], None]] = {
    "variable": _patch_variable,
    "connection": _patch_connection,
    "pool": _patch_pool,
}
