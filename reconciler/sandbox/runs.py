"""The stand-in's DAGs and their runs, as far as starting one and looking at it goes.

A DAG is a row that somebody has written into the state file. Nothing is ever run: a run is ``queued`` in the
answer to the call that starts it and has the state of its DAG's row from then on, ``success`` unless the row
says something else; the runs of a paused DAG stay queued.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from reconciler.backends import Request, Response
from reconciler.sandbox.answers import (
    Refusal,
    detail,
    not_unique,
    page_of_html,
    problem,
    routing_problem,
    unprocessable,
)
from reconciler.sandbox.calls import query_of
from reconciler.sandbox.listing import like, page_of
from reconciler.sandbox.masking import Masker
from reconciler.sandbox.personality import Personality
from reconciler.sandbox.store import DAGS, RUNS, Row, State, next_id
from reconciler.sandbox.validation import Column, validated

ROUTE = re.compile(r"/dags/(?P<dag>[^/]+)(?P<runs>/dagRuns(/(?P<run>[^/]+))?)?\Z")
RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]+")
PARAMETERS = frozenset({"limit", "offset", "order_by", "state"})
SORTED_BY = frozenset({"id", "state", "dag_id"})
TEXTS = ("dag_run_id", "logical_date", "note", "data_interval_start", "data_interval_end", "execution_date")


def answer(personality: Personality, _masker: Masker, request: Request, body: Any, state: State) -> Response:
    """Handle one request below ``/dags/``; raises Refusal for the errors, which leave the state as it was."""
    is_v2 = personality.api == "v2"
    found = ROUTE.match(request.path)
    if found is None:
        return Response(404, {"error": "API route not found"}) if is_v2 else routing_problem(404)
    dag_id, run_id = unquote(found["dag"]), found["run"] and unquote(found["run"])
    if request.method == "POST" and found["runs"] and not run_id:
        return Response(200, _shown(personality, _started(personality, dag_id, body, state), state="queued"))
    if request.method != "GET":
        return detail(405, "Method Not Allowed") if is_v2 else routing_problem(405)
    if not found["runs"]:
        return Response(200, _dag(personality, dag_id, state))
    return _run(personality, dag_id, run_id, state) if run_id else _list(personality, dag_id, request, state)


def _missing(personality: Personality, text: str, title: str) -> Refusal:
    is_v2 = personality.api == "v2"
    return Refusal(detail(404, text) if is_v2 else problem(personality, 404, text, title))


def _dag(personality: Personality, dag_id: str, state: State) -> dict[str, Any]:
    if dag_id not in state[DAGS]:
        raise _missing(personality, f"The DAG with dag_id: {dag_id} was not found", "DAG not found")
    known = {"is_stale": False} if personality.api == "v2" else {"is_active": True}
    return {"dag_id": dag_id, "is_paused": state[DAGS][dag_id]["is_paused"], **known}


def _run(personality: Personality, dag_id: str, run_id: str, state: State) -> Response:
    row = state[RUNS].get(f"{dag_id}/{run_id}")
    if row is None:
        text = f"The DagRun with dag_id: `{dag_id}` and run_id: `{run_id}` was not found"
        raise _missing(personality, text, "DAGRun not found")
    return Response(200, _shown(personality, row))


def _list(personality: Personality, dag_id: str, request: Request, state: State) -> Response:
    """Of an unknown DAG Airflow 2 lists no runs, and Airflow 3 says that it is unknown."""
    if personality.api == "v2":
        _dag(personality, dag_id, state)
    query = {name: values[-1] for name, values in query_of(request).items() if values}
    like_id = like(query.get("run_id_pattern", "") if personality.narrows_runs else "")
    runs = (row for row in state[RUNS].values() if row["dag_id"] == dag_id)
    rows = [row for row in runs if like_id.search(row["run_id"])]
    shown = page_of(personality, query, PARAMETERS, "id", SORTED_BY, rows)
    views = [_shown(personality, row) for row in shown]
    return Response(200, {"dag_runs": views, "total_entries": len(rows)})


def _started(personality: Personality, dag_id: str, body: Any, state: State) -> Row:
    """Adds a run; raises Refusal for an unknown DAG, a wrong body, and an id or date of another run's."""
    fields = (_v2_body if personality.api == "v2" else _v1_body)(personality, dag_id, body, state)
    now = datetime.now(UTC)
    moment = _moment(fields["logical_date"]) if "logical_date" in fields else now
    row = {
        "id": next_id(state[RUNS]),
        "dag_id": dag_id,
        "run_id": fields.get("dag_run_id") or f"manual__{(moment or now).isoformat()}",
        "logical_date": moment and moment.isoformat(),
        "started": now.isoformat(),
        "conf": fields.get("conf") or {},
        "state": "queued" if state[DAGS][dag_id]["is_paused"] else state[DAGS][dag_id]["state"],
    }
    _check_unique(personality, row, state)
    state[RUNS][f"{dag_id}/{row['run_id']}"] = row
    return row


def _check_unique(personality: Personality, row: Row, state: State) -> None:
    dag_id, date = row["dag_id"], row["logical_date"]
    others = [other for other in state[RUNS].values() if other["dag_id"] == dag_id]
    same_date = [other for other in others if date is not None and other["logical_date"] == date]
    if not same_date and all(other["run_id"] != row["run_id"] for other in others):
        return
    if personality.api == "v2":
        statement = "INSERT INTO dag_run (dag_id, ...) VALUES (?, ...)"
        raise Refusal(not_unique(statement if personality.shows_sql else None, None))
    of = f"logical date: '{date}'".replace("T", " ") if same_date else f"ID: '{row['run_id']}'"
    text = f"DAGRun with DAG ID: '{dag_id}' and DAGRun {of} already exists"
    raise Refusal(problem(personality, 409, text, "Conflict"))


def _v1_body(personality: Personality, dag_id: str, body: Any, state: State) -> Mapping[str, Any]:
    """The specification looks at types first, then the DAG is looked for, and then comes the rest."""
    if not isinstance(body, dict):
        raise Refusal(problem(personality, 400, f"{body!r} is not of type 'object'"))
    conf, date = body.get("conf", {}), body.get("logical_date")
    if not isinstance(conf, dict):
        raise Refusal(problem(personality, 400, f"{conf!r} is not of type 'object' - 'conf'"))
    if date is not None and _moment(date) is None:
        raise Refusal(problem(personality, 400, f"{date!r} is not a 'date-time' - 'logical_date'"))
    if dag_id not in state[DAGS]:
        text = f"DAG with dag_id: '{dag_id}' not found"
        raise Refusal(problem(personality, 404, text, "DAG not found"))
    wrong = {name: ["Unknown field."] for name in body if name not in {*TEXTS, "conf"}}
    if "logical_date" in body and date is None:
        wrong["logical_date"] = ["Field may not be null."]
    if wrong:
        raise Refusal(problem(personality, 400, str(wrong)))
    if not RUN_ID.fullmatch(body.get("dag_run_id") or "_"):
        raise Refusal(page_of_html(500))
    return body


def _v2_body(personality: Personality, dag_id: str, body: Any, state: State) -> Mapping[str, Any]:
    columns = (
        Column("dag_run_id", "string"),
        Column("data_interval_start", "moment"),
        Column("data_interval_end", "moment"),
        Column("logical_date", "moment", required=True),
        Column("run_after", "moment"),
        Column("conf", "object", nullable=personality.conf_may_be_null),
        Column("note", "string"),
    )
    fields, errors = validated(columns, body)
    if errors:
        raise Refusal(unprocessable(errors))
    if dag_id not in state[DAGS]:
        raise Refusal(detail(404, f"DAG with dag_id: '{dag_id}' not found"))
    run_id = fields.get("dag_run_id")
    if run_id and not RUN_ID.fullmatch(run_id):
        raise Refusal(detail(400, f"The run_id provided '{run_id}' does not match regex pattern"))
    return fields


def _moment(text: Any) -> datetime | None:
    """A time with its zone, in UTC; ``None`` for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return None if moment.tzinfo is None else moment.astimezone(UTC)


def _shown(personality: Personality, row: Row, state: str | None = None) -> dict[str, Any]:
    """A run; ``state`` stands for its own before anybody could have run it."""
    state = state or row["state"]
    started = None if state == "queued" else row["started"]
    shown = {
        "dag_run_id": row["run_id"],
        "dag_id": row["dag_id"],
        "logical_date": row["logical_date"],
        "start_date": started,
        "end_date": started if state in {"success", "failed"} else None,
        "run_type": "manual",
        "state": state,
        "conf": row["conf"],
        "note": None,
    }
    if personality.api == "v2":
        return {name: _with_z(value) if name.endswith("_date") else value for name, value in shown.items()}
    return {**shown, "execution_date": row["logical_date"], "external_trigger": True}


def _with_z(time: str | None) -> str | None:
    return time and time.replace("+00:00", "Z")
