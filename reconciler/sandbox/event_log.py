"""The stand-in's event log: who made which call that changed something, and when.

It keeps no value, only ids; the real ones also keep bodies, masked more or less, and calls that failed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from reconciler.backends import Request, Response
from reconciler.kinds import Kind, kind_named
from reconciler.sandbox.answers import detail, routing_problem
from reconciler.sandbox.calls import query_of
from reconciler.sandbox.listing import page_of
from reconciler.sandbox.personality import Personality
from reconciler.sandbox.store import EVENTS, State, next_id

PATH = "/eventLogs"

MOST_KEPT = 1000
"""Events, so that a state file that lives long stays small."""

SORTED_BY = frozenset({"event_log_id", "when", "event", "owner"})
PARAMETERS = frozenset(
    {"limit", "offset", "order_by", "event", "owner", "included_events", "excluded_events"}
)
FILTERED_SINCE = (2, 9)
"""The first release whose v1 API filters events by name, and that tells API and forms apart."""

_TARGET = re.compile(r"/(?P<collection>variables|connections|pools)(?:/(?P<id>.*))?\Z", re.DOTALL)
_VERBS = {"POST": "create", "PATCH": "edit", "DELETE": "delete"}
_PATH_NAMES = {"variable": "variable_key", "connection": "connection_id", "pool": "pool_name"}


@dataclass(frozen=True)
class Log:
    """Writes and shows the events of one Airflow; ``user`` is who calls it."""

    personality: Personality
    user: str

    @property
    def _is_v2(self) -> bool:
        return self.personality.api == "v2"

    def note(self, state: State, request: Request, body: Any) -> None:
        """Adds the event of a call that has succeeded."""
        target = _TARGET.match(unquote(request.path))
        if target is None:
            return
        kind, id_ = kind_named(target["collection"]), target["id"]
        event = self._event(kind, request.method, is_one=id_ is not None or request.method == "POST")
        extra = self._extra(kind, request.method, id_, body)
        if event is None:
            return
        table = state[EVENTS]
        number = next_id(table)
        when = datetime.now(UTC).isoformat()
        row = {"id": number, "when": when, "event": event, "owner": self.user, "extra": extra}
        kept = list(table.items())[-(MOST_KEPT - 1) :]
        state[EVENTS] = {**dict(kept), str(number): row}

    def _event(self, kind: Kind, method: str, *, is_one: bool) -> str | None:
        """``None`` for what a release does not log: before 2.9 the pools."""
        if self._is_v2:
            return f"{method.lower()}_{kind.name}" if is_one else f"bulk_{kind.collection}"
        name = f"{method.lower()}_{kind.name}" if kind.name == "pool" else f"{kind.name}.{_VERBS[method]}"
        if self._filters:
            return f"api.{name}"
        return None if kind.name == "pool" else name

    @property
    def _filters(self) -> bool:
        release = tuple(int(number) for number in self.personality.version.split(".")[:2])
        return release >= FILTERED_SINCE

    def _extra(self, kind: Kind, method: str, id_: str | None, body: Any) -> str:
        named = {_PATH_NAMES[kind.name]: id_} if id_ is not None else {}
        if not self._is_v2 and not self._filters:
            return str(list(named.items()))
        content = named if method == "DELETE" else {**named, **_ids(kind, body)}
        return json.dumps({**content, "method": method} if self._is_v2 else content)

    def answer(self, request: Request, state: State) -> Response:
        """A page of events; raises Refusal."""
        if request.method != "GET":
            return detail(405, "Method Not Allowed") if self._is_v2 else routing_problem(405)
        query = {name: values[-1] for name, values in query_of(request).items() if values}
        names = self._names(query_of(request).get("included_events", ()))
        rows = [
            {**row, "event_log_id": row["id"]}
            for row in state[EVENTS].values()
            if not names or row["event"] in names
        ]
        known = PARAMETERS if self._filters else PARAMETERS - {"included_events"}
        shown = page_of(self.personality, query, known, "event_log_id", SORTED_BY, rows)
        return Response(200, {"event_logs": [*map(_view, shown)], "total_entries": len(rows)})

    def _names(self, given: tuple[str, ...]) -> frozenset[str]:
        """v1 takes one text with commas, v2 a parameter that is repeated."""
        return frozenset(given if self._is_v2 else ",".join(given[-1:]).split(",") if given else ())


def _ids(kind: Kind, body: Any) -> dict[str, Any]:
    """What a body names, without its values."""
    if not isinstance(body, dict):
        return {}
    if isinstance(actions := body.get("actions"), list):
        return {"actions": [*_actions(kind, actions)]}
    return {kind.id_field: body[kind.id_field]} if kind.id_field in body else {}


def _actions(kind: Kind, actions: list[Any]) -> Iterator[dict[str, Any]]:
    for action in actions:
        entities = [one if isinstance(one, str) else _ids(kind, one) for one in action.get("entities", ())]
        yield {"action": action.get("action"), "entities": entities}


def _view(row: Mapping[str, Any]) -> dict[str, Any]:
    place = dict.fromkeys(("dag_id", "task_id", "run_id", "map_index", "try_number"))
    return {**place, **{name: value for name, value in row.items() if name != "id"}}
