from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest

from reconciler import forecast
from reconciler.airflow import Airflow, Reading
from reconciler.backends import Response
from reconciler.errors import EnvironmentNotFound, Throttled, Unreachable
from reconciler.forecast import Listings
from reconciler.kinds import KINDS
from reconciler.model import MASK, Hidden, Key, Resource, Secret
from reconciler.plan import Action, Change, Undeclared
from reconciler.report import Outcome
from reconciler.sandbox.emulator import Emulator
from reconciler.session import Session, identify
from reconciler.together import is_as_seen
from reconciler.writer import Writer
from tests.core.samples import CANARY, FINGERPRINT, connection, difference, pool, state, variable
from tests.core.scripted import Answer, Scripted, gone, ok, scripted

LONG = "x" * 60
SECRET = Secret("env:S", CANARY)
Live = Mapping[str, Any]


def run(
    version: str,
    desired: Collection[Resource],
    current: Collection[Resource],
    *answers: Answer,
    stopped: Callable[[], bool] = lambda: False,
    resend: bool = False,
) -> tuple[list[Outcome], Scripted]:
    """Plans from the two states, everything undeclared to be deleted, and carries the plan out."""
    airflow, backend = scripted(version, *answers)
    plan = difference(
        desired, current, Undeclared({}, lambda _key: True), [one.key for one in desired] if resend else ()
    )
    writer = Writer(
        airflow, state(*desired), state(*current), FINGERPRINT, listings(airflow, current), stopped
    )
    outcomes = list(writer.carry_out(plan.changes))
    assert backend.answers == [], "every prepared answer is asked for"
    return outcomes, backend


def listings(airflow: Airflow, current: Collection[Resource]) -> Listings:
    """What a reading has told of the listings in which ``current`` stood."""
    totals = {kind.name: sum(one.key.kind == kind.name for one in current) for kind in KINDS}
    return Listings(airflow.dialect, Reading({}, totals, totals))


def told(outcomes: list[Outcome]) -> list[tuple[str, int]]:
    return [(outcome.result, outcome.attempts) for outcome in outcomes]


def p(name: str = "p", slots: int = 4, **fields: Any) -> dict[str, Any]:
    return {"name": name, "slots": slots, "description": None, "include_deferred": False, **fields}


def v(key: str, value: str, description: str | None = None) -> dict[str, Any]:
    return {"key": key, "value": value, "description": description}


def c(id_: str = "c", **fields: Any) -> dict[str, Any]:
    return {"connection_id": id_, "conn_type": "postgres", "password": None, "extra": None, **fields}


def test_a_create_is_one_post() -> None:
    outcomes, backend = run("3.3.1", [pool("p")], [], Response(201, p()))
    assert told(outcomes) == [("done", 1)]
    assert backend.asked == [("POST", "/pools")]
    assert (outcomes[0].error, outcomes[0].warning) == (None, None)


def test_a_create_that_is_told_that_nothing_is_there_is_looked_for() -> None:
    outcomes, backend = run("3.3.1", [pool("p")], [], gone(), ok(**p()))
    assert told(outcomes) == [("done", 1)]
    assert backend.asked == [("POST", "/pools"), ("GET", "/pools/p")]


def test_a_create_that_is_told_so_and_has_made_nothing_is_refused() -> None:
    outcomes, backend = run("3.3.1", [pool("p")], [], gone(), gone())
    assert told(outcomes) == [("refused", 1)]
    assert backend.asked == [("POST", "/pools"), ("GET", "/pools/p")]


def test_airflow_2_is_asked_first_whether_a_variable_to_be_created_has_appeared() -> None:
    outcomes, backend = run("2.11.2", [variable("a", 1)], [], gone(), ok(**v("a", "1")))
    assert told(outcomes) == [("done", 1)]
    assert backend.asked == [("GET", "/variables/a"), ("POST", "/variables")]


def test_a_variable_that_has_appeared_is_not_overwritten() -> None:
    outcomes, backend = run("2.11.2", [variable("a", 1)], [], ok(**v("a", "theirs")))
    assert told(outcomes) == [("refused", 0)]
    assert outcomes[0].error == "variable/a has appeared since the plan was made"
    assert backend.asked == [("GET", "/variables/a")]


def test_a_look_that_fails_leaves_a_create_refused_since_nothing_was_written() -> None:
    outcomes, _ = run("2.11.2", [variable("a", 1)], [], Response(500))
    assert told(outcomes) == [("refused", 0)]


def test_airflow_before_2_9_gets_a_new_variables_description_in_a_second_write() -> None:
    outcomes, backend = run(
        "2.8.1",
        [variable("a", 1, description="d")],
        [],
        gone(),
        ok(**v("a", "1", "d")),
        ok(**v("a", "1", "d")),
    )
    assert told(outcomes) == [("done", 2)]
    assert outcomes[0].warning is None
    assert backend.requests[2].query == {"update_mask": "description"}


def test_an_update_is_one_patch_of_what_changed() -> None:
    desired = connection("c", host="new", login="l", port=1)
    current = connection("c", host="old", login="l", port=2)
    outcomes, backend = run("3.3.1", [desired], [current], ok(**c(host="new", login="l", port=1)))
    assert told(outcomes) == [("done", 1)]
    assert backend.requests[0].query == {"update_mask": ("host", "port")}
    assert backend.requests[0].body == {
        "connection_id": "c",
        "conn_type": "postgres",
        "host": "new",
        "port": 1,
    }


def test_a_field_that_the_answer_shows_unchanged_is_sent_again_alone() -> None:
    desired = connection("c", host="new", port=1)
    outcomes, backend = run(
        "3.3.1",
        [desired],
        [connection("c", host="old", port=2)],
        ok(**c(host="old", port=1)),
        ok(**c(host="new", port=1)),
    )
    assert told(outcomes) == [("done", 2)]
    assert outcomes[0].warning == "host of connection/c had to be sent again, alone"
    assert backend.requests[1].query == {"update_mask": ("host",)}


def test_every_lost_field_is_sent_again_once_and_is_an_error_after_that() -> None:
    desired = connection("c", host="new", port=1, login="l")
    unchanged = ok(**c(host="old", port=2, login="x"))
    outcomes, backend = run(
        "2.11.2",
        [desired],
        [connection("c", host="old", port=2, login="x")],
        unchanged,
        unchanged,
        unchanged,
        ok(**c(host="old", port=2, login="l")),
    )
    assert told(outcomes) == [("unknown", 4)]
    assert outcomes[0].error == "Airflow answers 2xx and does not change host, port of connection/c"
    masks = [request.query["update_mask"] for request in backend.requests]
    assert masks == ["host,port,login", "host", "port", "login"]


def test_a_created_field_that_is_lost_is_sent_again_too() -> None:
    outcomes, backend = run(
        "3.3.1", [pool("p", description="d")], [], Response(201, p()), ok(**p(description="d"))
    )
    assert told(outcomes) == [("done", 2)]
    assert backend.asked == [("POST", "/pools"), ("PATCH", "/pools/p")]


def test_a_lost_field_that_is_then_refused_leaves_an_unknown_state() -> None:
    outcomes, _ = run("3.3.1", [pool("p", description="d")], [], Response(201, p()), Response(403))
    assert told(outcomes) == [("unknown", 2)]


@pytest.mark.parametrize("shown", [MASK, "c4n4ry-***", CANARY])
def test_an_answer_that_hides_a_secret_is_no_loss(shown: str) -> None:
    outcomes, _ = run("3.3.1", [variable("a", SECRET)], [], Response(201, v("a", shown)))
    assert told(outcomes) == [("done", 1)]


def test_an_answer_that_shows_another_secret_is_a_loss_and_says_no_value() -> None:
    other = Response(201, v("a", "other-plaintext"))
    outcomes, _ = run("3.3.1", [variable("a", SECRET)], [], other, other)
    assert told(outcomes) == [("unknown", 2)]
    assert CANARY not in repr(outcomes)
    assert "other-plaintext" not in repr(outcomes)


@pytest.mark.parametrize(
    ("version", "resource"),
    [("2.11.2", connection("c", password=SECRET)), ("3.3.1", connection("c", password=SECRET))],
)
def test_a_new_password_is_taken_to_be_set_where_airflow_hides_it(version: str, resource: Resource) -> None:
    outcomes, _ = run(version, [resource], [], ok(**c(password=MASK)))
    assert told(outcomes) == [("done", 1)]


def test_a_new_password_that_airflow_3_shows_as_missing_is_sent_again() -> None:
    outcomes, _ = run("3.3.1", [connection("c", password=SECRET)], [], ok(**c()), ok(**c(password=MASK)))
    assert told(outcomes) == [("done", 2)]


@pytest.mark.parametrize("body", [None, [], {"key": "b", "value": "1"}, {"value": "1"}])
def test_a_write_with_an_answer_about_something_else_leaves_an_unknown_state(body: Any) -> None:
    outcomes, _ = run("3.3.1", [variable("a", 1)], [], Response(201, body))
    assert told(outcomes) == [("unknown", 1)]


def test_an_ignored_field_that_an_update_had_to_carry_must_stay_as_it_was() -> None:
    desired = variable("a", "first", ignore=["value"], description="new")
    current = variable("a", "theirs", description="old")
    outcomes, backend = run("3.3.1", [desired], [current], ok(**v("a", "theirs", "new")))
    assert told(outcomes) == [("done", 1)]
    assert backend.requests[0].query == {"update_mask": ("description",)}
    outcomes, _ = run("3.3.1", [desired], [current], ok(**v("a", "moved on", "new")))
    assert told(outcomes) == [("done", 1)], "its owner changed it meanwhile"
    outcomes, _ = run("3.3.1", [desired], [current], ok(**v("a", "first", "new")))
    assert told(outcomes) == [("unknown", 1)]
    assert outcomes[0].error == "the update of variable/a overwrote its value, which was not to be changed"


def test_an_undeclared_field_that_an_update_had_to_carry_must_stay_as_it_was() -> None:
    current = pool("p", 1, include_deferred=True)
    outcomes, _ = run("3.3.1", [pool("p")], [current], ok(**p(include_deferred=True)))
    assert told(outcomes) == [("done", 1)]
    outcomes, _ = run("3.3.1", [pool("p")], [current], ok(**p(include_deferred=False)))
    assert told(outcomes) == [("unknown", 1)]
    assert "include_deferred" in str(outcomes[0].error)


def test_a_delete_looks_first_and_removes_what_the_plan_saw() -> None:
    outcomes, backend = run("3.3.1", [], [pool("p")], ok(**p()), Response(204))
    assert told(outcomes) == [("done", 1)]
    assert backend.asked == [("GET", "/pools/p"), ("DELETE", "/pools/p")]


@pytest.mark.parametrize("answers", [[gone()], [ok(name="p", slots=4), gone()]])
def test_a_delete_of_what_is_gone_is_done(answers: list[Answer]) -> None:
    outcomes, _ = run("3.3.1", [], [pool("p")], *answers)
    assert outcomes[0].result == "done"


def test_a_delete_spares_what_has_changed_and_those_after_it() -> None:
    outcomes, backend = run("3.3.1", [], [pool("p"), variable("a", "1")], ok(**v("a", "2")))
    assert told(outcomes) == [("refused", 0), ("skipped", 0)]
    assert outcomes[0].error == "variable/a has changed since the plan was made"
    assert outcomes[1].error == "nothing is deleted after a failure"
    assert backend.asked == [("GET", "/variables/a")]


def test_deletes_are_skipped_after_a_failure_and_independent_changes_go_on() -> None:
    outcomes, backend = run(
        "3.3.1",
        [pool("p"), variable("a", 1), connection("c", password="")],
        [connection("c", password=MASK), variable("old", "x")],
        Response(409, {"detail": "exists"}),
        Response(201, v("a", "1")),
    )
    assert [(one.change.action, one.result) for one in outcomes] == [
        (Action.CREATE, "refused"),
        (Action.CREATE, "done"),
        (Action.REPLACE, "skipped"),
        (Action.DELETE, "skipped"),
    ]
    assert outcomes[0].error == "POST /pools answered 409: exists"
    assert backend.asked == [("POST", "/pools"), ("POST", "/variables")]


@pytest.mark.parametrize("answer", [Response(401), Response(403), EnvironmentNotFound("gone")])
def test_nothing_goes_on_once_the_environment_turns_the_run_away(answer: Answer) -> None:
    outcomes, _ = run("3.3.1", [pool("p"), variable("a", 1)], [pool("old")], answer)
    assert told(outcomes) == [("refused", 1), ("skipped", 0), ("skipped", 0)]
    assert outcomes[1].error == "the environment turned this run away"


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (Response(500), "unknown"),
        (Unreachable("time-out"), "unknown"),
        (Throttled("429"), "refused"),
        (Response(422), "refused"),
        (gone(), "refused"),
    ],
)
def test_whether_a_failed_write_took_effect_is_told(answer: Answer, result: str) -> None:
    outcomes, _ = run("3.3.1", [pool("p")], [pool("p", 1)], answer)
    assert told(outcomes) == [(result, 1)]


def test_an_interrupted_run_ends_between_two_calls() -> None:
    asked = iter([False, True])
    outcomes, backend = run(
        "3.3.1", [pool("a"), pool("b"), pool("c")], [], Response(201, p("a")), stopped=lambda: next(asked)
    )
    assert told(outcomes) == [("done", 1), ("skipped", 0), ("skipped", 0)]
    assert {outcome.error for outcome in outcomes[1:]} == {"interrupted"}
    assert len(backend.requests) == 1


REPLACED = [connection("c", password="", host="h")], [connection("c", password=MASK, host="h")]


def test_a_replace_looks_deletes_and_creates_at_once() -> None:
    outcomes, backend = run(
        "3.3.1", *REPLACED, ok(**c(password=MASK, host="h")), Response(204), Response(201, c(host="h"))
    )
    assert told(outcomes) == [("done", 2)]
    assert [method for method, _ in backend.asked] == ["GET", "DELETE", "POST"]


def test_a_replace_of_what_is_gone_creates_it() -> None:
    outcomes, backend = run("3.3.1", *REPLACED, gone(), Response(201, c(host="h")))
    assert told(outcomes) == [("done", 1)]
    assert [method for method, _ in backend.asked] == ["GET", "POST"]


def test_a_replace_spares_what_has_changed() -> None:
    outcomes, _ = run("3.3.1", *REPLACED, ok(**c(password=MASK, host="theirs")))
    assert told(outcomes) == [("refused", 0)]


def test_a_replace_minds_no_change_of_an_ignored_field() -> None:
    desired = connection("c", ignore=["host"], password="", host="h")
    current = connection("c", password=MASK, host="theirs")
    outcomes, _ = run(
        "3.3.1",
        [desired],
        [current],
        ok(**c(password=MASK, host="moved")),
        Response(204),
        Response(201, c(host="h")),
    )
    assert told(outcomes) == [("done", 2)]


@pytest.mark.parametrize(
    ("answers", "result"),
    [
        ([Response(403)], ("refused", 1)),
        ([Response(500)], ("unknown", 1)),
        ([Response(204), Response(409, {"detail": "exists"})], ("unknown", 2)),
        ([Response(204), Response(500), gone()], ("unknown", 2)),
        ([Response(204), Response(403)], ("unknown", 2)),
    ],
)
def test_a_replace_that_stops_half_way_says_so(answers: list[Answer], result: tuple[str, int]) -> None:
    outcomes, _ = run("3.3.1", *REPLACED, ok(**c(password=MASK, host="h")), *answers)
    assert told(outcomes) == [result]
    half_way = len(answers) > 1
    assert ("is deleted, and creating it again failed" in str(outcomes[0].error)) is half_way


def test_a_replace_whose_create_is_turned_away_stops_the_run() -> None:
    outcomes, _ = run(
        "3.3.1",
        [*REPLACED[0], connection("d")],
        REPLACED[1],
        ok(**c(password=MASK, host="h")),
        Response(204),
        Response(403),
    )
    assert told(outcomes) == [("unknown", 2), ("skipped", 0)]


@pytest.mark.parametrize(
    ("extra", "result"), [(None, ("done", 2)), ("{}", ("done", 2)), ('{"a": 1}', ("refused", 0))]
)
def test_airflow_2_replaces_no_connection_whose_undeclared_extra_would_be_lost(
    extra: str | None, result: tuple[str, int]
) -> None:
    desired = connection("c", password="")
    current = connection("c", password=Hidden("hidden"))
    live = {"connection_id": "c", "conn_type": "postgres", "extra": extra}
    rest = (
        [Response(204), ok(connection_id="c", conn_type="postgres", extra=None)]
        if result[0] == "done"
        else []
    )
    outcomes, _ = run("2.11.2", [desired], [current], ok(**live), *rest, resend=True)
    assert told(outcomes) == [result]


def bulk(action: str, *ids: str, **error: Any) -> Response:
    return ok(**{action: {"success": list(ids), "errors": [error] if error else []}})


def listed(*keys: str) -> Response:
    rows = [v(key, "1") for key in keys]
    return ok(variables=rows, total_entries=len(rows))


@pytest.mark.parametrize(
    ("desired", "current", "answers", "result"),
    [
        ([variable(LONG, "1")], [], [bulk("create", LONG)], ("done", 1)),
        ([variable(LONG, "1")], [], [bulk("create", error="x", status_code=409)], ("refused", 1)),
        ([variable(LONG, "1")], [], [bulk("create")], ("unknown", 1)),
        ([variable(LONG, "1")], [variable(LONG, "2")], [bulk("update", LONG)], ("done", 1)),
        ([variable(LONG, "1")], [variable(LONG, "2")], [gone()], ("refused", 1)),
        ([], [variable(LONG, "1")], [listed(LONG, LONG + "y"), bulk("delete", LONG)], ("done", 1)),
        ([], [variable(LONG, "1")], [listed(LONG + "y")], ("done", 0)),
        ([], [variable(LONG, "2")], [listed(LONG)], ("refused", 0)),
        ([], [variable(LONG, "1")], [listed(LONG), bulk("delete", error="x", status_code=404)], ("done", 1)),
        (
            [],
            [variable(LONG, "1")],
            [listed(LONG), bulk("delete", error="x", status_code=400)],
            ("refused", 1),
        ),
    ],
)
def test_an_id_too_long_for_a_path_goes_through_bulk_and_its_answer_is_read(
    desired: list[Resource], current: list[Resource], answers: list[Answer], result: tuple[str, int]
) -> None:
    outcomes, _ = run("3.3.1", desired, current, *answers)
    assert told(outcomes) == [result]


@pytest.mark.parametrize("action", [Action.ADOPT, Action.FORGET])
def test_what_concerns_only_a_ledger_sends_nothing(action: Action) -> None:
    airflow, backend = scripted("3.3.1")
    change = Change(action, Key("pool", "p"), "manifest", None, (), None, None)
    writer = Writer(airflow, state(pool("p")), {}, FINGERPRINT, listings(airflow, []))
    outcomes = list(writer.carry_out([change]))
    assert told(outcomes) == [("done", 0)]
    assert backend.requests == []


@pytest.mark.parametrize(
    ("seen", "now", "same"),
    [
        ({"host": "a"}, {"host": "a", "extra": "new field"}, True),
        ({"host": "a"}, {"host": "b"}, False),
        ({"host": None}, {"host": ""}, False),
        ({"port": 1}, {"port": True}, False),
        ({"value": "my zebra x"}, {"value": "my *** x"}, True),
        ({"value": "my *** x"}, {"value": "my zebra x"}, True),
        ({"value": "a***c d"}, {"value": "a b***"}, True),
        ({"value": "my *** x"}, {"value": "your zebra x"}, False),
        ({"password": None}, {"password": MASK}, False),
        ({"password": Hidden("hidden")}, {"password": Hidden("hidden")}, True),
    ],
)
def test_a_resource_is_as_seen_in_every_field_that_both_readings_show(
    seen: Live, now: Live, same: bool
) -> None:
    key = Key("connection", "c")
    assert is_as_seen(Resource(key, seen), Resource(key, now)) is same
    assert is_as_seen(Resource(key, seen), Resource(key, now), frozenset(seen))


SERVICE_ACCOUNT = Secret(
    "env:ACCOUNT", '{"private_key":"-----BEGIN\\nKEY","n":1e3,\n "list":[1, {"token":"tt"}]}'
)


def everything(major: int) -> list[Resource]:
    return [
        pool("default_pool", 100),
        pool("p", 3, include_deferred=True, description="d"),
        variable("int", 500, description="d"),
        variable("text", "500"),
        variable("none", None),
        variable("float", 1.50),
        variable("document", {"b": [1, {"token": "t"}], "é": None}),
        variable("my_secret_document", {"b": [1, {"x": "t"}]}),
        variable("account", SERVICE_ACCOUNT),
        variable("api_key", SERVICE_ACCOUNT),
        variable("of secrets/…", {"a": [SECRET]}),
        *(
            [variable(LONG, SERVICE_ACCOUNT, description="long"), connection(LONG, login="l")]
            if major == 3
            else []
        ),
        connection("c", host="h", port=0, password=SECRET, extra={"a": [1.0], "token": SECRET}),
        connection("empty", host="", password="", extra={}),
        connection("account", extra=SERVICE_ACCOUNT),
    ]


@pytest.mark.parametrize("version", Emulator.VERSIONS)
def test_what_is_written_is_read_back_as_declared_on_every_version(version: str) -> None:
    session = Session(Emulator(None, version, enforce_path_limit=True))
    airflow = Airflow(session, identify(session))
    every = everything(airflow.dialect.major)
    fewer = [one for one in every if one.key.id not in {"text", "c", LONG}]
    other = [
        Resource(one.key, {**one.fields, "description": "changed"})
        for one in fewer
        if one.key.id != "default_pool"
    ]
    for desired in (every, other, fewer, every, []):
        current = airflow.read(KINDS, state(*desired)).state
        plan = difference(desired, current.values(), Undeclared({}, lambda _key: True))
        known = listings(airflow, current.values())
        planned = forecast.calls(0, known, plan.changes, state(*desired), current)
        writer = Writer(airflow, state(*desired), current, FINGERPRINT, known)
        writes = airflow.session.writes
        outcomes = list(writer.carry_out(plan.changes))
        assert {(one.result, one.error, one.warning) for one in outcomes} <= {("done", None, None)}
        assert airflow.session.writes - writes == planned.apply_write
        left = airflow.read(KINDS, state(*desired)).state
        after = difference(desired, left.values(), Undeclared({}, lambda _key: True))
        assert after.changes == ()
    assert [key.id for key in left] == ["default_pool"]
