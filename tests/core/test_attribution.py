import json
from typing import Any

import pytest

from reconciler.attribution import attributed
from reconciler.backends import Response
from reconciler.errors import AirflowError, Unreachable
from reconciler.model import Key
from reconciler.plan import Action, Edit, Plan
from tests.core.scripted import ok, scripted
from tests.render.samples import CALM, change, plan

WHEN = "2026-11-25T20:18:43Z"
DRIFT = plan("prod", change(Action.UPDATE, Key("variable", "a"), "drift"), change(
    Action.DELETE, Key("pool", "p"), "absent"))  # fmt: skip


def told(drift: Plan, version: str, *answers: Response | AirflowError) -> tuple[Plan, list[str], list[Any]]:
    airflow, backend = scripted(version, *answers)
    why: list[str] = []
    found = attributed(drift, airflow, why.append)
    assert backend.answers == []
    return found, why, [(request.path, dict(request.query)) for request in backend.requests]


def events(*ids: str, event: str = "patch_variable", name: str = "key") -> Response:
    rows = [{"event": event, "when": WHEN, "owner": "ops", "extra": json.dumps({name: id_})} for id_ in ids]
    return ok(event_logs=rows, total_entries=len(rows))


def test_where_nothing_has_drifted_nothing_is_asked() -> None:
    assert told(CALM, "3.3.1") == (CALM, [], [])


def test_who_edited_it_is_found_in_one_call() -> None:
    both = ok(event_logs=[*events("a").body["event_logs"], *events(
        "p", event="delete_pool", name="pool_name").body["event_logs"]])  # fmt: skip
    found, why, asked = told(DRIFT, "3.3.1", both)
    assert [one.edit for one in found.changes] == [
        Edit("ops", WHEN, "patch_variable"),
        Edit("ops", WHEN, "delete_pool"),
    ]
    assert why == []
    ((path, query),) = asked
    assert path == "/eventLogs"
    assert (query["order_by"], query["limit"], query["offset"]) == ("-event_log_id", "100", "0")
    assert {"patch_variable", "delete_pool"} <= {*query["included_events"]}
    assert "patch_connection" not in query["included_events"]


def test_airflow_2_is_asked_with_commas_and_before_2_9_for_all_events() -> None:
    _, _, asked = told(DRIFT, "2.11.2", events())
    assert "api.variable.edit" in asked[0][1]["included_events"].split(",")
    _, _, asked = told(DRIFT, "2.8.1", events())
    assert "included_events" not in asked[0][1]


def test_a_second_page_is_asked_for_and_no_third() -> None:
    found, why, asked = told(DRIFT, "3.3.1", events(*["x"] * 100), events("a"))
    assert [query["offset"] for _, query in asked] == ["0", "100"]
    assert [one.edit is None for one in found.changes] == [False, True]
    assert why == []


def test_the_calls_are_counted() -> None:
    found, _, _ = told(DRIFT, "3.3.1", events())
    assert found.calls.read == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Response(403, {"detail": "Forbidden"}), "reading Airflow's event log takes the role Admin"),
        (Response(500, {}), "GET /eventLogs answered 500"),
        (Unreachable("nobody answers"), "nobody answers"),
    ],
)
def test_an_event_log_that_cannot_be_read_is_told_and_fails_nothing(
    answer: Response | AirflowError, sentence: str
) -> None:
    found, why, _ = told(DRIFT, "3.3.1", answer)
    assert [one.edit for one in found.changes] == [None, None]
    assert len(why) == 1
    assert why[0].startswith("who changed it is not known: ")
    assert sentence in why[0]


def test_an_answer_that_is_no_event_log_names_nobody() -> None:
    found, why, _ = told(DRIFT, "3.3.1", Response(404, {"detail": "no"}))
    assert ([one.edit for one in found.changes], why) == ([None, None], [])
