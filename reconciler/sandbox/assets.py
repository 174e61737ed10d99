"""The stand-in's datasets (Airflow 2) or assets (Airflow 3), and their events; nothing is scheduled by them.

An asset is a row that somebody has written into the state file, as Airflow learns of one only from a DAG.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from reconciler.backends import Request, Response
from reconciler.sandbox.answers import (
    Refusal,
    detail,
    problem,
    routing_problem,
    unprocessable,
)
from reconciler.sandbox.calls import query_of
from reconciler.sandbox.listing import like, page_of
from reconciler.sandbox.masking import Masker
from reconciler.sandbox.personality import Personality
from reconciler.sandbox.store import ASSET_EVENTS, ASSETS, Row, State, in_order, next_id
from reconciler.sandbox.validation import Column, validated

PATHS = {
    "v1": ("/datasets", "/datasets/events"),
    "v2": ("/assets", "/assets/events"),
}
PARAMETERS = frozenset({"limit", "offset", "order_by", "uri_pattern", "dag_ids", "dataset_id"})
ASSETS_SORTED_BY = frozenset({"id", "uri", "created_at", "updated_at"})
EVENTS_SORTED_BY = frozenset(
    {"timestamp", "source_dag_id", "source_task_id", "source_run_id", "source_map_index"}
)

Query = Mapping[str, str]


def answer(personality: Personality, masker: Masker, request: Request, body: Any, state: State) -> Response:
    """Handle one request to the assets or their events; raises Refusal for the errors."""
    is_v2, (assets, events) = personality.api == "v2", PATHS[personality.api]
    query = {name: values[-1] for name, values in query_of(request).items() if values}
    if (request.method, request.path) == ("GET", assets):
        return _assets(personality, query, state)
    if (request.method, request.path) == ("GET", events):
        return _events(personality, masker, query, state)
    if (request.method, request.path) == ("POST", events) and personality.creates_asset_events:
        asset, extra = (_v2_body if is_v2 else _v1_body)(personality, body, state)
        return Response(200, _event_view(personality, masker, _created(asset, extra, state)))
    if request.path in {assets, events}:
        return detail(405, "Method Not Allowed") if is_v2 else routing_problem(405)
    return Response(404, {"error": "API route not found"}) if is_v2 else routing_problem(404)


def _assets(personality: Personality, query: Query, state: State) -> Response:
    """Airflow 2 counts all datasets, whatever is asked for."""
    is_v2, known = personality.api == "v2", in_order(state[ASSETS])
    text = query.get("uri_pattern", "")
    terms = text.split("|") if personality.pipe_means_or else [text]
    patterns = [like(term.strip()) for term in terms if term.strip()]
    found = [item for item in known if not patterns or any(one.search(item[0]) for one in patterns)]
    shown = page_of(
        personality, query, PARAMETERS, "id", ASSETS_SORTED_BY, [_asset_view(*item) for item in found]
    )
    total = len(found) if is_v2 else len(known)
    return Response(200, {PATHS[personality.api][0][1:]: shown, "total_entries": total})


def _asset_view(uri: str, row: Row) -> dict[str, Any]:
    return {"id": row["id"], "uri": uri, "extra": {}, "name": uri, "group": "asset"}


def _events(personality: Personality, masker: Masker, query: Query, state: State) -> Response:
    collection, of = (
        ("asset_events", "asset_id") if personality.api == "v2" else ("dataset_events", "dataset_id")
    )
    rows = [row for row in state[ASSET_EVENTS].values() if query.get(of) in {None, str(row["asset_id"])}]
    views = [_event_view(personality, masker, row) for row in rows]
    shown = page_of(personality, query, PARAMETERS, "timestamp", EVENTS_SORTED_BY, views)
    return Response(200, {collection: shown, "total_entries": len(rows)})


def _event_view(personality: Personality, masker: Masker, row: Row) -> dict[str, Any]:
    """Airflow 3 hides in ``extra`` what has a sensitive name."""
    shown = {name: row[name] for name in ("id", "extra", "timestamp")}
    source = {**dict.fromkeys(("source_dag_id", "source_task_id", "source_run_id")), "source_map_index": -1}
    if personality.api == "v1":
        named = {"dataset_id": row["asset_id"], "dataset_uri": row["uri"]}
        return {**shown, **named, **source, "created_dagruns": []}
    masked = {"extra": masker.redact(row["extra"]), "timestamp": row["timestamp"].replace("+00:00", "Z")}
    named = {"asset_id": row["asset_id"], "uri": row["uri"], "name": row["uri"], "group": "asset"}
    return {**shown, **masked, **named, **source, "created_dagruns": []}


def _created(asset: tuple[str, Row], extra: Mapping[str, Any], state: State) -> Row:
    table = state[ASSET_EVENTS]
    number, (uri, found) = next_id(table), asset
    timestamp = datetime.now(UTC).isoformat()
    row = {"id": number, "asset_id": found["id"], "uri": uri, "extra": dict(extra), "timestamp": timestamp}
    table[str(number)] = row
    return row


Wanted = tuple[tuple[str, Row], Mapping[str, Any]]
"""The asset of which an event is to be created, and the event's extra."""


def _v1_body(personality: Personality, body: Any, state: State) -> Wanted:
    if not isinstance(body, dict) or "dataset_uri" not in body:
        raise Refusal(problem(personality, 400, "'dataset_uri' is a required property"))
    uri, extra = body["dataset_uri"], body.get("extra", {})
    if extra is None:
        raise Refusal(problem(personality, 400, "{'extra': ['Field may not be null.']}"))
    if not isinstance(extra, dict):
        raise Refusal(problem(personality, 400, f"{extra!r} is not of type 'object' - 'extra'"))
    wrong = {name: ["Unknown field."] for name in body if name not in {"dataset_uri", "extra"}}
    if wrong:
        raise Refusal(problem(personality, 400, str(wrong)))
    if uri not in state[ASSETS]:
        text = f"Dataset with uri: '{uri}' not found"
        raise Refusal(problem(personality, 404, text, "Dataset not found"))
    return (uri, state[ASSETS][uri]), {**extra, "from_rest_api": True}


def _v2_body(_personality: Personality, body: Any, state: State) -> Wanted:
    """Only an ``extra`` that is given is marked as coming from the REST API."""
    columns = (
        Column("asset_id", "integer", required=True, nullable=False),
        Column("extra", "object", nullable=False),
    )
    fields, errors = validated(columns, body)
    if errors:
        raise Refusal(unprocessable(errors))
    found = next((item for item in state[ASSETS].items() if item[1]["id"] == fields["asset_id"]), None)
    if found is None:
        raise Refusal(detail(404, f"Asset with ID: `{fields['asset_id']}` was not found"))
    return found, {**fields["extra"], "from_rest_api": True} if "extra" in fields else {}
