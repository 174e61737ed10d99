"""What a run has sent, told as what it does to whom."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from reconciler.backends import Request
from reconciler.model import Key
from tests.properties.world import ID_FIELDS, KINDS

ALIASES = {("variable", "val"): "value"}
"""How Airflow 2 calls a field in masks."""


class Write(NamedTuple):
    """One write: the fields are those of an update's mask."""

    what: str
    key: Key
    fields: frozenset[str] = frozenset()


def writes(requests: Iterable[Request]) -> list[Write]:
    """Each request that is no read."""
    return [write for request in requests if request.method != "GET" for write in _writes(request)]


def _writes(request: Request) -> Iterator[Write]:
    _, collection, *rest = request.path.split("/")
    kind = KINDS[collection]
    if rest:
        key = Key(kind, unquote(rest[0]))
        what = {"PATCH": "update", "DELETE": "delete"}[request.method]
        yield Write(what, key, _masked(kind, request.query.get("update_mask", ())))
    elif "actions" in request.body:
        yield from _bulk(kind, request.body["actions"])
    else:
        yield Write("create", Key(kind, request.body[ID_FIELDS[kind]]))


def _bulk(kind: str, actions: list[dict[str, Any]]) -> Iterator[Write]:
    for action in actions:
        for entity in action["entities"]:
            id_ = entity if isinstance(entity, str) else entity[ID_FIELDS[kind]]
            yield Write(action["action"], Key(kind, id_), _masked(kind, tuple(action.get("update_mask", ()))))


def _masked(kind: str, mask: str | tuple[str, ...]) -> frozenset[str]:
    names = mask.split(",") if isinstance(mask, str) else mask
    return frozenset(ALIASES.get((kind, name), name) for name in names)
