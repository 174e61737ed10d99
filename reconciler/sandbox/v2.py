"""Airflow 3's REST API (``api_fastapi``): its routes, lists and views."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from reconciler.backends import Request, Response
from reconciler.kinds import kind_named
from reconciler.sandbox import v2_bulk, v2_writes
from reconciler.sandbox.answers import Error, Refusal, detail, plain_failure, unprocessable
from reconciler.sandbox.calls import INFINITE, Call, health, pool_counters, query_of
from reconciler.sandbox.listing import Item, like, ordered, prefix
from reconciler.sandbox.masking import DEPTH, Masker
from reconciler.sandbox.personality import Personality
from reconciler.sandbox.store import Row, State
from reconciler.sandbox.validation import error, parsed_integer

_ROUTES = (
    re.compile(r"^/(?P<collection>variables|connections|pools)$"),
    re.compile(r"^/(?P<collection>variables|pools)/(?P<key>.*)$"),
    re.compile(r"^/(?P<collection>connections)/(?P<key>[^/]+)$"),
)
_SORTED_BY = {
    "variable": {
        "key": "key",
        "id": "id",
        "_val": "value",
        "description": "description",
        "is_encrypted": "",
        "team_name": "",
    },
    "connection": {
        "connection_id": "connection_id",
        "conn_id": "connection_id",
        "id": "id",
        "conn_type": "conn_type",
        "description": "description",
        "host": "host",
        "port": "port",
        "team_name": "",
    },
    "pool": {"name": "name", "pool": "name", "id": "id"},
}
"""What a list may be sorted by, and the column that stands for it; all rows share one team and encryption."""

_PATTERN = {"variable": "variable_key", "connection": "connection_id", "pool": "pool_name"}

Handler = Callable[[Call], Response]


def answer(personality: Personality, masker: Masker, request: Request, body: Any, state: State) -> Response:
    """Handle one request; raises Refusal for the errors, all of which leave the state as it was."""
    path = unquote(request.path)
    match = next(filter(None, (route.match(path) for route in _ROUTES)), None)
    if not match:
        return _fixed(personality, path, request.method)
    kind = kind_named(match["collection"])
    call = Call(personality, masker, kind, state[kind.collection], query_of(request), body)
    if "key" not in match.groupdict():
        return _dispatch(call, request, {"GET": _list, "POST": _create, "PATCH": v2_bulk.answer})
    methods = {"GET": _get, "PATCH": _patch, "DELETE": v2_writes.delete}
    return _dispatch(replace(call, key=match["key"]), request, methods)


def _fixed(personality: Personality, path: str, method: str) -> Response:
    answers = {
        "/version": {"version": personality.version, "git_version": None},
        "/monitor/health": health(),
    }
    if path not in answers:
        return Response(404, {"error": "API route not found"})
    return Response(200, answers[path]) if method == "GET" else detail(405, "Method Not Allowed")


def _dispatch(call: Call, request: Request, methods: Mapping[str, Handler]) -> Response:
    if request.method not in methods:
        return detail(405, "Method Not Allowed")
    return methods[request.method](call)


def _list(call: Call) -> Response:
    limit, offset = _page(call)
    found = _filtered(call)
    nulls_last = call.personality.nulls_last
    shown = ordered(found, call.kind, _columns(call), nulls_last=nulls_last, reverse_ties=True)
    items = call.load(key for key, _ in shown[offset : offset + limit])
    views = [view(call, item) for item in items]
    return Response(200, {call.kind.collection: views, "total_entries": len(found)})


def _page(call: Call) -> tuple[int, int]:
    (limit, wrong_limit), (offset, wrong_offset) = (
        _natural(call, "limit", call.personality.page_default),
        _natural(call, "offset", 0),
    )
    errors = [wrong for wrong in (wrong_limit, wrong_offset) if wrong]
    if errors:
        raise Refusal(unprocessable(errors))
    return limit if call.personality.page_max is None else min(limit, call.personality.page_max), offset


def _natural(call: Call, name: str, default: int) -> tuple[int, Error | None]:
    text = call.last(name)
    if text is None:
        return default, None
    number, wrong = parsed_integer(text, ("query", name))
    if wrong is None and number < 0:
        reason = "Input should be greater than or equal to 0"
        wrong = error("greater_than_equal", ("query", name), reason, text, ge=0)
    return number, wrong


def _columns(call: Call) -> list[str]:
    """The columns to sort by; older versions take one, of a repeated parameter the last."""
    given = list(call.query.get("order_by", ()))
    if not call.personality.order_by_many:
        given = [name for name in given[-1:] if name]
    known = _sortable(call)
    for name in given:
        if name.lstrip("-") not in known:
            reason = "is disallowed or the attribute does not exist on the model"
            raise Refusal(detail(400, f"Ordering with '{name.lstrip('-')}' {reason}"))
    columns = ("-" * name.startswith("-") + known[name.lstrip("-")] for name in given)
    return [column for column in columns if column.lstrip("-")]


def _sortable(call: Call) -> dict[str, str]:
    names = _SORTED_BY[call.kind.name]
    return {
        name: column for name, column in names.items() if call.personality.team_name or name != "team_name"
    }


def _filtered(call: Call) -> list[Item]:
    items = call.items()
    name = _PATTERN[call.kind.name]
    text = call.last(f"{name}_pattern")
    if text is not None:
        patterns = [like(term) for term in _terms(call, "%" if text == "~" else text)]
        items = [item for item in items if any(pattern.search(item[0]) for pattern in patterns)]
    start = call.last(f"{name}_prefix_pattern") if call.personality.prefix_patterns else None
    if start is not None:
        beginnings = tuple(prefix(term) for term in _terms(call, "" if start == "~" else start))
        items = [item for item in items if item[0].startswith(beginnings)]
    return items


def _terms(call: Call, text: str) -> list[str]:
    """The alternatives of a pattern, between which ``|`` stands."""
    terms = [term.strip() for term in text.split("|") if term.strip()]
    return terms if call.personality.pipe_means_or and "|" in text and terms else [text]


def _get(call: Call) -> Response:
    if call.key not in call.table:
        raise Refusal(v2_writes.not_found(call))
    return Response(200, view(call, call.load([call.key])[0]))


def _create(call: Call) -> Response:
    key = v2_writes.create(call)
    return Response(201, view(call, (key, call.table[key])))


def _patch(call: Call) -> Response:
    v2_writes.patch(call)
    return Response(200, view(call, (call.key, call.table[call.key])))


def view(call: Call, item: Item) -> dict[str, Any]:
    """A resource as v2 shows it; raises Refusal where Airflow fails to show it."""
    key, row = item
    shown = {call.kind.id_field: key, **_VIEWS[call.kind.name](call, key, row)}
    return shown | ({"team_name": None} if call.personality.team_name else {})


def _variable(call: Call, key: str, row: Row) -> dict[str, Any]:
    value = _shown_value(call, key, row["value"])
    return {"value": value, "description": row["description"], "is_encrypted": True}


def _shown_value(call: Call, key: str, value: str) -> str:
    """JSON is parsed and dumped again, its sensitive keys hidden; plain text hides under a sensitive name."""
    try:
        document = json.loads(value)
    except ValueError:
        return str(call.masker.redact(value, key))
    depth = call.personality.variable_json_depth
    name = key if call.personality.variable_name_masks_json else None
    return json.dumps(call.masker.redact(document, name, DEPTH if depth is None else depth))


def _connection(call: Call, _key: str, row: Row) -> dict[str, Any]:
    names = ("conn_type", "description", "host", "login", "schema", "port")
    password = None if row["password"] is None else call.masker.redact(row["password"], "password")
    extra = _shown_extra(call.masker, row["extra"])
    return {**{name: row[name] for name in names}, "password": password, "extra": extra}


def _shown_extra(masker: Masker, extra: str | None) -> str | None:
    """Parsed, redacted and dumped again; what Airflow 2 let pass and is no JSON object fails here."""
    if not extra:
        return extra
    try:
        document = json.loads(extra)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Refusal(plain_failure())
    return json.dumps(masker.redact(document))


def _pool(call: Call, _key: str, row: Row) -> dict[str, Any]:
    if row["slots"] is None or (row["slots"] == INFINITE and not call.personality.infinite_pools):
        raise Refusal(plain_failure())
    return {name: row[name] for name in call.kind.field_names} | pool_counters(row["slots"])


_VIEWS: Mapping[str, Callable[[Call, str, Row], dict[str, Any]]] = {
    "variable": _variable,
    "connection": _connection,
    "pool": _pool,
}
