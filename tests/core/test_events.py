"""What starting a run and creating an event ask of Airflow, and how each answer is read."""

from typing import Any

import pytest

from reconciler import events
from reconciler.airflow import Airflow
from reconciler.backends import Response
from reconciler.errors import (
    AccessDenied,
    AirflowError,
    BadAnswer,
    Exhausted,
    NotThere,
    Rejected,
    Throttled,
    Undecided,
    Unreachable,
    UsageError,
)
from reconciler.events import Asset, DagRun
from reconciler.retry import Patience
from tests.core.scripted import Answer, Scripted, gone, ok, page, scripted

RUN = "reconciler__abc"
URI = "s3://acme/in/a.csv"
ASSET = Asset(1, URI)
COLLECTION = {"2.11.2": "datasets", "3.3.1": "assets"}
EVENTS = {"2.11.2": ("dataset_events", "dataset_id"), "3.3.1": ("asset_events", "asset_id")}
versions = pytest.mark.parametrize("version", COLLECTION)


class Clock:
    """A time that only pauses move; ``stop_after`` of them somebody asks the run to stop."""

    def __init__(self, stop_after: float = float("inf")) -> None:
        self.now, self.pauses, self.stop_after = 0.0, list[float](), stop_after

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)

    @property
    def patience(self) -> Patience:
        return Patience(
            clock=lambda: self.now, sleep=self.sleep, stopped=lambda: len(self.pauses) >= self.stop_after
        )


def airflow(version: str, *answers: Answer, clock: Clock | None = None) -> tuple[Airflow, Scripted]:
    return scripted(version, *answers, patience=(clock or Clock()).patience)


def run(state: str = "queued", run_id: str = RUN, **more: Any) -> dict[str, Any]:
    return {"dag_id": "etl", "dag_run_id": run_id, "state": state, **more}


def event(version: str, mark: str | None, asset_id: int = 1) -> dict[str, Any]:
    extra = {} if mark is None else {events.MARK: mark}
    return {EVENTS[version][1]: asset_id, "extra": extra, "timestamp": "2026-11-25T09:41:07Z"}


def happened(version: str, *marks: str | None) -> Response:
    return page(EVENTS[version][0], [event(version, mark) for mark in marks])


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("reconciler.events.secrets.token_hex", lambda _bytes: "m1")
    return "m1"


@pytest.mark.parametrize(
    ("version", "date", "sent"),
    [
        ("2.11.2", None, {}),
        ("2.11.2", "2026-01-01T00:00:00+00:00", {"logical_date": "2026-01-01T00:00:00+00:00"}),
        ("3.3.1", None, {"logical_date": None}),
        ("3.3.1", "2026-01-01T00:00:00+00:00", {"logical_date": "2026-01-01T00:00:00+00:00"}),
    ],
)
def test_a_run_is_started_by_one_post_under_an_id_of_the_callers(
    version: str, date: str | None, sent: dict[str, Any]
) -> None:
    reached, backend = airflow(version, ok(**run(logical_date="2026-01-01T00:00:00Z")))
    started = events.trigger(reached, "etl", conf={"a": 1}, logical_date=date, run_id=RUN)
    assert started == DagRun("etl", RUN, "queued", "2026-01-01T00:00:00Z")
    assert backend.asked == [("POST", "/dags/etl/dagRuns")]
    assert backend.requests[0].body == {"dag_run_id": RUN, "conf": {"a": 1}, **sent}


def test_every_run_gets_another_id_that_airflow_takes() -> None:
    made = {events.new_run_id() for _ in range(100)}
    assert len(made) == 100
    assert all(events.RUN_ID.fullmatch(one) and one.startswith("reconciler__") for one in made)


@versions
def test_a_run_whose_answer_was_lost_is_looked_for_and_not_started_again(version: str) -> None:
    reached, backend = airflow(version, Unreachable("lost"), ok(**run("running")))
    assert events.trigger(reached, "etl", run_id=RUN).state == "running"
    assert backend.asked == [("POST", "/dags/etl/dagRuns"), ("GET", f"/dags/etl/dagRuns/{RUN}")]


def test_a_run_that_is_not_there_after_a_lost_call_is_started_then() -> None:
    reached, backend = airflow("3.3.1", Response(502), gone(), ok(**run()))
    assert events.trigger(reached, "etl", run_id=RUN).state == "queued"
    assert [method for method, _ in backend.asked] == ["POST", "GET", "POST"]


def test_a_conflict_after_a_lost_call_is_our_own_run() -> None:
    answers = (Unreachable("lost"), gone(), Response(409, {"detail": {"reason": "Unique"}}), ok(**run()))
    reached, backend = airflow("3.3.1", *answers)
    assert events.trigger(reached, "etl", run_id=RUN).run_id == RUN
    assert [method for method, _ in backend.asked] == ["POST", "GET", "POST", "GET"]


def test_a_conflict_at_once_is_somebody_elses_run() -> None:
    reached, _ = airflow("2.11.2", Response(409, {"detail": "already exists"}))
    with pytest.raises(Rejected, match=r"DAG etl has a run .*, or one of that logical date, already") as told:
        events.trigger(reached, "etl", run_id=RUN)
    assert told.value.status == 409


def test_what_was_throttled_is_sent_again_without_a_look() -> None:
    reached, backend = airflow("3.3.1", Throttled("slow down"), ok(**run()))
    events.trigger(reached, "etl", run_id=RUN)
    assert [method for method, _ in backend.asked] == ["POST", "POST"]


def test_an_answer_that_shows_another_run_is_no_answer() -> None:
    reached, backend = airflow("3.3.1", ok(**run(run_id="other")), ok(**run()))
    assert events.trigger(reached, "etl", run_id=RUN).run_id == RUN
    assert [method for method, _ in backend.asked] == ["POST", "GET"]


def test_a_run_that_nobody_can_look_for_is_told_as_undecided() -> None:
    reached, _ = airflow("3.3.1", *[Unreachable("lost")] * 20)
    with pytest.raises(Undecided, match=rf"run {RUN} of DAG etl cannot be looked for, and may yet appear"):
        events.trigger(reached, "etl", run_id=RUN)


def test_a_run_that_is_not_there_after_all_tries_may_yet_appear() -> None:
    answers = [Response(503), gone()] * 5
    reached, backend = airflow("3.3.1", *answers)
    with pytest.raises(Undecided, match=r"answered 503; run .* is not there so far, and may yet appear"):
        events.trigger(reached, "etl", run_id=RUN)
    assert [method for method, _ in backend.asked] == ["POST", "GET"] * 5


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_start_runs_is_told_the_role_that_may(status: int) -> None:
    reached, backend = airflow("3.3.1", Response(status, {"detail": "Forbidden"}))
    with pytest.raises(AccessDenied) as told:
        events.trigger(reached, "etl", run_id=RUN)
    assert len(backend.requests) == 1
    assert status == 401 or "takes the Airflow role User or Op" in str(told.value)


def test_a_run_that_was_asked_to_stop_before_sends_nothing() -> None:
    reached, backend = airflow("3.3.1", clock=Clock(stop_after=0))
    with pytest.raises(Exhausted, match=f"asked to stop; run {RUN} of DAG etl is not sent$"):
        events.trigger(reached, "etl", run_id=RUN)
    assert backend.requests == []


def test_a_run_that_was_asked_to_stop_after_a_lost_call_looks_and_sends_nothing_more() -> None:
    reached, backend = airflow("3.3.1", Response(502), gone(), gone(), clock=Clock(stop_after=1))
    with pytest.raises(Undecided, match=r"is not sent again; .* is not there so far, and may yet appear"):
        events.trigger(reached, "etl", run_id=RUN)
    assert [method for method, _ in backend.asked] == ["POST", "GET", "GET"]


@versions
def test_an_unknown_dag_is_told_with_what_to_look_at(version: str) -> None:
    for ask in (events.find_dag, events.trigger):
        reached, backend = airflow(version, gone())
        with pytest.raises(NotThere, match="Airflow knows no DAG 'etl': see that its file"):
            ask(reached, "etl")
        assert len(backend.requests) == 1


@pytest.mark.parametrize("dag_id", ["", ".", "..", "a/b", "a b", "a?b", "a\nb", "%2e%2e", "a" * 251])
def test_an_id_that_no_dag_has_is_not_asked_for(dag_id: str) -> None:
    reached, backend = airflow("3.3.1")
    for ask in (events.find_dag, events.trigger):
        with pytest.raises(UsageError, match="no id of a DAG"):
            ask(reached, dag_id)
    assert backend.requests == []


@pytest.mark.parametrize("run_id", ["..", "a/b", "a b", "é", "a" * 251])
def test_an_id_that_no_run_may_have_is_not_sent(run_id: str) -> None:
    reached, backend = airflow("2.11.2")
    with pytest.raises(UsageError, match="no id of a run"):
        events.trigger(reached, "etl", run_id=run_id)
    assert backend.requests == []


def test_a_dag_whose_path_the_service_does_not_take_is_refused_with_the_longest_id() -> None:
    reached, backend = airflow("3.3.1", ok(dag_id="d" * 50, dag_run_id=RUN, state="queued"))
    events.trigger(reached, "d" * 50, run_id=RUN)
    with pytest.raises(UsageError, match=r"has 65 characters and InvokeRestApi takes 64: .* may have 50"):
        events.trigger(reached, "d" * 51, run_id=RUN)
    assert len(backend.requests) == 1


@pytest.mark.parametrize(("answer", "is_paused"), [(True, True), (False, False), (None, False)])
def test_a_dag_tells_whether_it_is_paused(answer: bool | None, is_paused: bool) -> None:
    reached, _ = airflow("2.11.2", ok(dag_id="etl", is_paused=answer))
    assert events.find_dag(reached, "etl").is_paused is is_paused


@pytest.mark.parametrize(
    "body", [[], {"dag_id": "other", "is_paused": False}, {"dag_id": "etl", "is_paused": 1}]
)
def test_what_is_no_dag_is_no_answer(body: Any) -> None:
    reached, _ = airflow("3.3.1", Response(200, body))
    with pytest.raises(BadAnswer):
        events.find_dag(reached, "etl")


@pytest.mark.parametrize(
    ("version", "narrowed"),
    [("2.11.2", {}), ("3.0.6", {}), ("3.2.1", {"run_id_pattern": RUN}), ("3.3.1", {"run_id_pattern": RUN})],
)
def test_a_run_whose_own_path_is_too_long_is_found_among_the_newest(
    version: str, narrowed: dict[str, str]
) -> None:
    dag = "d" * 50
    first, second = ([{"dag_id": dag, "dag_run_id": name, "state": "running"}] for name in ("other", RUN))
    reached, backend = airflow(version, page("dag_runs", first, 900), page("dag_runs", second, 900))
    assert events.find_run(reached, dag, RUN) == DagRun(dag, RUN, "running")
    assert backend.asked == [("GET", f"/dags/{dag}/dagRuns")] * 2
    queries = [{"limit": "100", "offset": offset, "order_by": "-id", **narrowed} for offset in ("0", "1")]
    assert [request.query for request in backend.requests] == queries


def test_a_run_is_not_searched_among_old_ones() -> None:
    dag = "d" * 50
    rows = [{"dag_id": dag, "dag_run_id": "other", "state": "running"}] * 100
    pages = [page("dag_runs", rows, 5000)] * (events.MOST_SEARCHED // 100)
    reached, backend = airflow("2.11.2", *pages)
    assert events.find_run(reached, dag, RUN) is None
    assert len(backend.requests) == 10


def test_a_wait_looks_less_and_less_often_until_the_run_has_ended() -> None:
    clock = Clock()
    states = ["queued", "running", *["running"] * 8, "failed"]
    reached, _ = airflow("3.3.1", *(ok(**run(state)) for state in states), clock=clock)
    told: list[str] = []
    ended = events.wait(reached, DagRun("etl", RUN, "queued"), tell=lambda now: told.append(now.state))
    assert ended.state == "failed"
    assert told == ["running", "failed"]
    assert clock.pauses[:3] == [1, 1.5, 2.25]
    assert max(clock.pauses) == events.LONGEST_PAUSE
    assert clock.pauses == sorted(clock.pauses)


def test_a_run_that_has_ended_is_not_asked_for() -> None:
    reached, backend = airflow("3.3.1")
    assert events.wait(reached, DagRun("etl", RUN, "success")).state == "success"
    assert backend.requests == []


def test_a_wait_ends_with_its_time() -> None:
    clock = Clock()
    reached, backend = airflow("3.3.1", *[ok(**run("running"))] * 3, clock=clock)
    assert events.wait(reached, DagRun("etl", RUN, "queued"), seconds=3).state == "running"
    assert clock.pauses == [1, 1.5, 0.5]
    assert len(backend.requests) == 3


def test_a_wait_ends_when_somebody_asks_it_to() -> None:
    reached, backend = airflow("3.3.1", ok(**run("running")), clock=Clock(stop_after=2))
    assert events.wait(reached, DagRun("etl", RUN, "queued")).state == "running"
    assert len(backend.requests) == 1


def test_a_run_that_somebody_deletes_is_not_waited_for_for_ever() -> None:
    reached, _ = airflow("3.3.1", gone())
    with pytest.raises(NotThere, match="has been deleted"):
        events.wait(reached, DagRun("etl", RUN, "queued"))


def test_a_wait_that_loses_sight_of_the_run_says_that_it_goes_on() -> None:
    reached, _ = airflow("3.3.1", ok(**run("running")), Response(403, {"detail": "Forbidden"}))
    with pytest.raises(Undecided, match=r"was running when it was last seen, and goes on"):
        events.wait(reached, DagRun("etl", RUN, "queued"))


@versions
def test_an_asset_is_the_one_of_exactly_that_uri(version: str) -> None:
    first = [{"id": 7, "uri": f"{URI}.gz"}, {"id": 8, "uri": URI.upper()}]
    pages = [page(COLLECTION[version], rows, 3) for rows in (first, [{"id": 1, "uri": URI}])]
    reached, backend = airflow(version, *pages)
    assert events.find_asset(reached, URI) == ASSET
    assert [request.query["offset"] for request in backend.requests] == ["0", "2"]
    assert {request.query["uri_pattern"] for request in backend.requests} == {URI}


def test_a_backslash_is_no_escape_in_a_pattern() -> None:
    reached, backend = airflow("3.3.1", page("assets", [{"id": 1, "uri": r"x://a\b"}]))
    assert events.find_asset(reached, r"x://a\b").id == 1
    assert backend.requests[0].query["uri_pattern"] == "x://a_b"


@versions
def test_an_unknown_uri_is_told_with_where_airflow_learns_of_one(version: str) -> None:
    one = COLLECTION[version].removesuffix("s")
    reached, backend = airflow(version, page(COLLECTION[version], []))
    with pytest.raises(NotThere, match=rf"knows no {one} '{URI}': it learns of one from a DAG"):
        events.emit(reached, URI)
    assert [method for method, _ in backend.asked] == ["GET"]


@versions
def test_an_event_carries_its_mark(version: str, mark: str) -> None:
    reached, backend = airflow(version, ok(**event(version, mark)))
    made = events.emit(reached, ASSET, extra={"rows": 5})
    assert (made.asset, made.mark) == (ASSET, mark)
    named = {"dataset_uri": URI} if version == "2.11.2" else {"asset_id": 1}
    assert backend.requests[0].body == {**named, "extra": {"rows": 5, events.MARK: mark}}


def test_the_mark_of_an_event_is_nobody_elses() -> None:
    reached, backend = airflow("3.3.1")
    with pytest.raises(UsageError, match=events.MARK):
        events.emit(reached, ASSET, extra={events.MARK: "mine"})
    assert backend.requests == []


@pytest.mark.parametrize("version", ["2.7.2", "2.8.1"])
def test_before_airflow_2_9_no_event_is_tried(version: str) -> None:
    reached, backend = airflow(version)
    with pytest.raises(UsageError, match=r"its API can since 2\.9"):
        events.emit(reached, URI)
    assert backend.requests == []


@versions
def test_an_event_whose_answer_was_lost_is_recognised_by_its_mark(version: str, mark: str) -> None:
    reached, backend = airflow(version, Unreachable("lost"), happened(version, None, "m0", mark))
    assert events.emit(reached, ASSET).mark == mark
    assert [method for method, _ in backend.asked] == ["POST", "GET"]
    assert backend.requests[1].query[EVENTS[version][1]] == "1"
    assert backend.requests[1].query["order_by"] == "-timestamp"


@versions
def test_an_event_that_is_not_there_after_a_lost_call_is_created_then(version: str, mark: str) -> None:
    answers = (Response(502), happened(version, "m0"), ok(**event(version, mark)))
    reached, backend = airflow(version, *answers)
    assert events.emit(reached, ASSET).mark == mark
    assert [method for method, _ in backend.asked] == ["POST", "GET", "POST"]


def test_no_more_than_the_newest_events_are_searched(mark: str) -> None:
    rows = [event("3.3.1", "other")] * 100
    pages = [page("asset_events", rows, 5000)] * (events.MOST_SEARCHED // 100)
    reached, backend = airflow("3.3.1", Response(502), *pages, ok(**event("3.3.1", mark)))
    events.emit(reached, ASSET)
    offsets = [request.query["offset"] for request in backend.requests if request.method == "GET"]
    assert offsets == [str(100 * number) for number in range(10)]


def test_an_event_of_another_asset_is_no_answer(mark: str) -> None:
    answers = (ok(**event("3.3.1", mark, asset_id=2)), happened("3.3.1", mark))
    reached, _ = airflow("3.3.1", *answers)
    assert events.emit(reached, ASSET).asset == ASSET


def test_an_asset_that_has_gone_is_told() -> None:
    reached, _ = airflow("3.3.1", gone())
    with pytest.raises(NotThere, match="knows no asset"):
        events.emit(reached, ASSET)


@pytest.mark.parametrize(
    "body", [[], {}, {"assets": {}, "total_entries": 0}, {"assets": [1], "total_entries": 1}]
)
def test_what_is_no_list_of_assets_is_no_answer(body: Any) -> None:
    reached, _ = airflow("3.3.1", Response(200, body))
    with pytest.raises(AirflowError, match=r"the list of assets|no object"):
        events.find_asset(reached, URI)
