"""Airflow 2's REST API (``api_connexion``): its routes, lists and views."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from reconciler.backends import Request, Response
from reconciler.kinds import KINDS, kind_named
from reconciler.sandbox import v1_writes
from reconciler.sandbox.answers import Refusal, check_parameters, page_of_html, problem, routing_problem
from reconciler.sandbox.calls import INFINITE, Call, health, pool_counters, query_of
from reconciler.sandbox.listing import Item, ordered
from reconciler.sandbox.masking import Masker
from reconciler.sandbox.personality import Personality
from reconciler.sandbox.store import State

_SORTED_BY = {
    "variable": ("value", "key", "id"),
    "connection": ("connection_id", "conn_type", "description", "host", "port", "id"),
    "pool": ("name", "slots", "id"),
}
_COLLECTIONS = "|".join(kind.collection for kind in KINDS)
_ROUTE = re.compile(rf"/(?P<collection>{_COLLECTIONS})(?P<rest>(/.*)?)\Z", re.DOTALL)


def answer(personality: Personality, masker: Masker, request: Request, body: Any, state: State) -> Response:
    """Handle one request; raises Refusal for the errors that leave the state as it was."""
    match = _ROUTE.match(unquote(request.path))
    if not match:
        return _fixed(personality, request)
    kind = kind_named(match["collection"])
    call = Call(personality, masker, kind, state[kind.collection], query_of(request), body)
    if not match["rest"]:
        return _dispatch(call, request, {"GET": (_list, "limit", "offset", "order_by"), "POST": (_create,)})
    key = match["rest"][1:]
    _check_route(call, key)
    methods = {"GET": (_get,), "PATCH": (_patch, "update_mask"), "DELETE": (v1_writes.delete,)}
    return _dispatch(replace(call, key=key), request, methods)


def _fixed(personality: Personality, request: Request) -> Response:
    answers = {
        "/version": {"version": personality.version, "git_version": None},
        "/health": health(),
    }
    if request.path not in answers:
        return routing_problem(404)
    return Response(200, answers[request.path]) if request.method == "GET" else routing_problem(405)


Handler = Callable[[Call], Response]


def _dispatch(call: Call, request: Request, methods: Mapping[str, tuple[Any, ...]]) -> Response:
    """Run the method's handler; each stands before the query parameters that its specification names."""
    if request.method not in methods:
        return routing_problem(405)
    handler, *parameters = methods[request.method]
    check_parameters(call.personality, call.query, parameters)
    response: Response = handler(call)
    return response


def _check_route(call: Call, key: str) -> None:
    """Only variables take a ``/`` in their id, and none a line feed; a leading ``/`` is merged away."""
    if key.startswith("/") and key.strip("/"):
        raise Refusal(page_of_html(308))
    if not key.strip("/") or "\n" in key or ("/" in key and call.kind.name != "variable"):
        raise Refusal(routing_problem(404))


def _list(call: Call) -> Response:
    limit, offset = _number(call, "limit"), _number(call, "offset") or 0
    order_by = call.last("order_by")
    columns = [] if order_by is None else [order_by]
    bare = (order_by or "").lstrip("-")
    if columns and bare not in _SORTED_BY[call.kind.name]:
        text = f"Ordering with '{bare}' is disallowed or the attribute does not exist on the model"
        raise Refusal(problem(call.personality, 400, text))
    rows = ordered(call.items(), call.kind, columns)[offset : offset + _page_size(call.personality, limit)]
    items = call.load(key for key, _ in rows)
    shown = [_view(call, item, whole=False) for item in items]
    return Response(200, {call.kind.collection: shown, "total_entries": len(call.table)})


def _page_size(personality: Personality, limit: int | None) -> int:
    if limit is not None and limit < 0:
        raise Refusal(problem(personality, 400, title="Page limit must be a positive integer"))
    return min(limit or personality.page_default, personality.page_max or personality.page_default)


def _number(call: Call, name: str) -> int | None:
    text = call.last(name)
    if text is None:
        return None
    if not re.fullmatch(r"\s*[+-]?\d+\s*", text):
        wrong = f"Wrong type, expected 'integer' for query parameter '{name}'"
        raise Refusal(problem(call.personality, 400, wrong))
    if name == "offset" and int(text) < 0:
        raise Refusal(problem(call.personality, 400, f"{int(text)} is less than the minimum of 0"))
    return int(text)


def _get(call: Call) -> Response:
    if call.key not in call.table:
        raise Refusal(v1_writes.not_found(call))
    return Response(200, _view(call, call.load([call.key])[0], whole=True))


def _create(call: Call) -> Response:
    return _written(call, v1_writes.CREATE[call.kind.name](call))


def _patch(call: Call) -> Response:
    return _written(call, v1_writes.PATCH[call.kind.name](call))


def _written(call: Call, outcome: str | dict[str, Any]) -> Response:
    """The answer to a write: the resource of that key, or an echo that the handler made itself.

    The change is committed before the answer is made, so it stays where the answer fails.
    """
    if isinstance(outcome, dict):
        return Response(200, outcome)
    try:
        return Response(200, _view(call, (outcome, call.table[outcome]), whole=True))
    except Refusal as refusal:
        return refusal.response


def _view(call: Call, item: Item, *, whole: bool) -> dict[str, Any]:
    """A resource as v1 shows it: a connection's ``extra`` only alone, its password never."""
    key, row = item
    names = call.kind.field_names
    if call.kind.name == "connection":
        names = tuple(name for name in names if name != "password" and (whole or name != "extra"))
    view = {call.kind.id_field: key, **{name: row[name] for name in names}}
    if "extra" in view:
        view["extra"] = _shown_extra(call.masker, row["extra"])
    if call.kind.name == "pool":
        _refuse_infinite(call.personality, row["slots"])
        view |= pool_counters(row["slots"])
    return view


def _shown_extra(masker: Masker, extra: str | None) -> str | None:
    """Parsed, redacted and dumped again; what is no JSON is shown as it is."""
    if extra is None:
        return None
    try:
        return json.dumps(masker.redact(json.loads(extra)))
    except ValueError:
        return extra


def _refuse_infinite(personality: Personality, slots: int) -> None:
    """An infinite pool's free slots are no integer, and connexion validates its own answers."""
    if slots == INFINITE and not personality.infinite_pools:
        title = "Response body does not conform to specification"
        raise Refusal(problem(personality, 500, "inf is not of type 'integer'", title=title))
