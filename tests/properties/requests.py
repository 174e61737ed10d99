"""What a run has sent, told as what it does to whom."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from reconciler.backends import Request
from reconciler.model import Key
from tests.properties.world import ID_FIELDS, KINDS

LONGEST_IN_A_PATH = 51
"""Characters of a connection's id: ``/connections/`` and it must have no more than 64."""

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
            mask = tuple(action.get("update_mask", ()))
            if kind == "connection" and action["action"] == "update":
                mask = tuple(entity.keys() - {"connection_id"})
            yield Write(action["action"], Key(kind, id_), _masked(kind, mask))


def but_for_the_demanded(write: Write) -> Write:
    """Bulk updates of connections have no mask that is obeyed, and their bodies must name the type."""
    aside = {"conn_type"} if write.key.kind == "connection" and len(write.key.id) > LONGEST_IN_A_PATH else ()
    return write._replace(fields=write.fields.difference(aside))


def _masked(kind: str, mask: str | tuple[str, ...]) -> frozenset[str]:
    names = mask.split(",") if isinstance(mask, str) else mask
    return frozenset(ALIASES.get((kind, name), name) for name in names)
