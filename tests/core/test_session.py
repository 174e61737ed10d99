from typing import Any

import pytest

from reconciler.backends import NotJson, Request, Response
from reconciler.errors import (
    AccessDenied,
    AirflowError,
    BadAnswer,
    Rejected,
    ServerFailed,
    Throttled,
    Unreachable,
)
from reconciler.model import JsonText, Key, Secret
from reconciler.rate import RateLimit
from reconciler.session import Call, Session, Watcher, explain, identify, judged
from tests.core.samples import CANARY
from tests.core.scripted import IMPATIENT, Scripted, gone, ok

GET = Request("GET", "/variables/a")
PATCH = Request("PATCH", "/variables/a", {}, {"value": JsonText({"a": [Secret("env:S", CANARY)]})})


@pytest.mark.parametrize("status", [200, 201, 204, 404])
def test_success_and_absence_are_answers(status: int) -> None:
    response = Response(status, {"key": "a"})
    assert judged(GET, response) is response


@pytest.mark.parametrize(
    ("status", "error", "executed"),
    [
        (401, AccessDenied, False),
        (403, AccessDenied, False),
        (429, Throttled, False),
        (308, Rejected, False),
        (400, Rejected, False),
        (405, Rejected, False),
        (409, Rejected, False),
        (422, Rejected, False),
        (500, ServerFailed, None),
        (502, ServerFailed, None),
        (504, ServerFailed, None),
    ],
)
@pytest.mark.parametrize(
    "body", [None, [], NotJson("<html>"), {"detail": None}, {"detail": [None, {"loc": 5}]}]
)
def test_any_other_status_is_an_error_that_says_whether_it_took_effect(
    status: int, error: type[AirflowError], executed: bool | None, body: Any
) -> None:
    with pytest.raises(error, match=f"PATCH /variables/a answered {status}") as caught:
        judged(PATCH, Response(status, body))
    assert caught.value.executed is executed
    if isinstance(caught.value, Rejected):
        assert caught.value.status == status


def test_a_success_that_is_no_json_is_no_answer() -> None:
    with pytest.raises(BadAnswer, match="answered 200, but not with JSON"):
        judged(GET, Response(200, NotJson("<html>")))
    assert judged(GET, Response(404, NotJson("<html>"))).status == 404


@pytest.mark.parametrize(
    ("path", "hint"),
    [("/pools", "-1 slots"), ("/connections", "Fernet"), ("/variables/a", "Fernet"), ("/version", None)],
)
def test_a_failure_to_read_names_its_likely_cause(path: str, hint: str | None) -> None:
    with pytest.raises(ServerFailed) as caught:
        judged(Request("GET", path), Response(500))
    assert (hint in str(caught.value)) if hint else str(caught.value).endswith("500")


ECHOES: list[Any] = [
    {
        "detail": [
            {"type": "missing", "loc": ["body", "conn_type"], "msg": CANARY, "input": {"password": CANARY}}
        ]
    },
    {
        "detail": [
            {"type": "string_type", "loc": ["body", "value"], "input": CANARY, "ctx": {"error": CANARY}}
        ]
    },
    {"detail": {"reason": "Unique constraint violation", "statement": CANARY, "orig_error": CANARY}},
    {"detail": {"reason": {"deep": CANARY}}},
    {"detail": f"{{'extra': ['{CANARY}']}}", "title": "Bad Request", "status": 400},
    {"message": CANARY, "error": CANARY},
    {"title": [CANARY]},
    {"detail": [{"type": {"x": CANARY}, "loc": [{"y": CANARY}, "body"]}, CANARY]},
    NotJson(CANARY),
    [CANARY],
    CANARY,
]


@pytest.mark.parametrize("body", ECHOES)
@pytest.mark.parametrize("status", [400, 401, 403, 409, 422, 429, 500])
def test_no_error_repeats_what_a_request_with_secrets_carried(status: int, body: Any) -> None:
    with pytest.raises(AirflowError) as caught:
        judged(PATCH, Response(status, body))
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)


@pytest.mark.parametrize("body", ECHOES)
def test_a_failing_server_is_not_quoted_for_it_may_show_what_it_stores(body: Any) -> None:
    with pytest.raises(ServerFailed) as caught:
        judged(GET, Response(500, body))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "quiet", "said"),
    [
        ({"detail": "Pool: p already exists", "title": "Conflict"}, False, ": Pool: p already exists"),
        ({"detail": "Pool: p already exists", "title": "Conflict"}, True, ": Conflict"),
        ({"detail": None, "title": "Forbidden"}, False, ": Forbidden"),
        ({"detail": [{"type": "missing", "loc": ["body", 0, "slots"]}]}, True, ": body.0.slots: missing"),
        ({"detail": [{"type": "json_invalid"}, {"loc": ["x"]}]}, True, ": json_invalid, x: wrong"),
        ({"detail": {"reason": "Database error"}}, True, ": Database error"),
        ({"detail": "x" * 400}, False, ": " + "x" * 300),
        ({"detail": ""}, False, ""),
        ({}, False, ""),
        (None, False, ""),
    ],
)
def test_a_refusal_is_explained_by_titles_places_and_reasons(body: Any, quiet: bool, said: str) -> None:
    assert explain(body, quiet=quiet) == said


def test_every_call_is_paced_counted_and_observed_without_values() -> None:
    paced: list[float] = []
    calls: list[Call] = []
    backend = Scripted([ok(), gone(), Response(500), Unreachable("no")])
    limit = RateLimit(0.5, lambda: 0.0, paced.append)
    session = Session(backend, limit, Watcher(calls.append), root="/api/v2")
    session.send(PATCH, Key("variable", "a"), ("value",))
    session.send(GET, Key("variable", "a"))
    for error in (ServerFailed, Unreachable):
        with pytest.raises(error):
            session.send(Request("DELETE", "/pools/p"))
    assert (session.reads, session.writes, len(paced)) == (1, 3, 3)
    assert [call.status for call in calls] == [200, 404, 500, None]
    assert (calls[0].method, calls[0].path, calls[0].kind, calls[0].id, calls[0].fields) == (
        "PATCH",
        "/variables/a",
        "variable",
        "a",
        ("value",),
    )
    assert calls[2].kind is None
    assert all(call.milliseconds >= 0 for call in calls)
    assert CANARY not in repr(calls)
    assert backend.asked[0] == ("PATCH", "/api/v2/variables/a")
    assert backend.requests[0].body is PATCH.body


def test_the_first_root_that_answers_with_a_version_is_the_one() -> None:
    backend = Scripted(
        [Response(404, NotJson("<html>")), ok(version="2.11.2")],
        roots=("/api/v2", "/api/v1"),
        path_limit=None,
    )
    session = Session(backend)
    speak = identify(session)
    assert (speak.version, speak.path_limit, session.root) == ("2.11.2", None, "/api/v1")
    assert session.reads == 2


@pytest.mark.parametrize(
    ("answers", "error", "text"),
    [
        ([gone(), gone()], AirflowError, "no Airflow REST API"),
        ([ok(version="4.0.0")], AirflowError, "Airflow 4.0.0 is not known"),
        ([ok(version=3)], BadAnswer, "holds no version"),
        ([Response(200, [])], BadAnswer, "holds no version"),
        ([Response(200)], BadAnswer, "holds no version"),
        ([Response(200, NotJson("<html>"))], BadAnswer, "not with JSON"),
        ([Response(403)], AccessDenied, "403"),
    ],
)
def test_what_is_no_known_airflow_is_said_to_be_none(
    answers: list[Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        identify(Session(Scripted(answers, roots=("/api/v2", "/api/v1")), patience=IMPATIENT))
