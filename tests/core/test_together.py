"""Shared calls against the sandbox, with a fault where one is due."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from reconciler import batches, forecast
from reconciler.airflow import Airflow
from reconciler.backends import Request, Response
from reconciler.errors import Unreachable
from reconciler.forecast import Listings
from reconciler.kinds import KINDS
from reconciler.model import Key, Resource
from reconciler.plan import Undeclared
from reconciler.report import Outcome
from reconciler.retry import Patience
from reconciler.sandbox.emulator import Emulator
from reconciler.session import Session, identify
from reconciler.writer import Writer
from tests.core.samples import FINGERPRINT, connection, difference, pool, state, variable

VERSIONS = ["3.0.6", "3.3.1"]
FEW = 3


@pytest.fixture(autouse=True)
def sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SHARED_FROM", FEW)


Meddle = Callable[[Request, Emulator], Response | None]


@dataclass
class World:
    """A sandbox with something before it that may answer in its place, and what has been asked."""

    version: str
    meddle: Meddle = lambda _request, _emulator: None
    stopped: Callable[[], bool] = lambda: False
    asked: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.emulator = Emulator(None, self.version)
        self.roots, self.path_limit, self.at_once = ("",), 64, 1
        session = Session(self, patience=Patience(sleep=lambda _seconds: None))
        self.airflow = Airflow(session, identify(session))

    def send(self, request: Request) -> Response:
        self.asked.append(request)
        return self.meddle(request, self.emulator) or self.emulator.send(request)

    def live(self, *resources: Resource) -> None:
        for one in resources:
            self.emulator.send(self.airflow.dialect.create_request(one))

    def apply(self, *desired: Resource, meddle: Meddle | None = None) -> list[Outcome]:
        """Carries out what is to be done; all that is not declared is deleted."""
        reading = self.airflow.read(KINDS, ())
        current = {key: one for key, one in reading.state.items() if key != Key("pool", "default_pool")}
        plan = difference(desired, current.values(), Undeclared({}, lambda _key: True))
        known = Listings(self.airflow.dialect, reading)
        self.planned = forecast.calls(0, known, plan.changes, state(*desired), current)
        self.meddle = meddle or self.meddle
        self.asked.clear()
        writer = Writer(self.airflow, state(*desired), current, FINGERPRINT, known, self.stopped)
        return list(writer.carry_out(plan.changes))

    def ids(self) -> list[str]:
        fresh = Airflow(Session(self.emulator), self.airflow.dialect)
        return [key.id for key in fresh.read(KINDS, ()).state if key.id != "default_pool"]

    @property
    def writes(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.asked if one.method != "GET"]

    @property
    def reads(self) -> list[str]:
        return [one.path for one in self.asked if one.method == "GET"]


def told(outcomes: Iterable[Outcome]) -> list[tuple[str, str]]:
    return [(one.change.key.id, one.result) for one in outcomes]


def done(*ids: str) -> list[tuple[str, str]]:
    return [(id_, "done") for id_ in ids]


def variables(value: str, ids: str = "abcd", **fields: Any) -> list[Resource]:
    return [variable(id_, value, **fields) for id_ in ids]


def is_shared(request: Request) -> bool:
    return isinstance(request.body, dict) and "actions" in request.body


@pytest.mark.parametrize("version", VERSIONS)
def test_creates_updates_and_deletes_are_a_call_each(version: str) -> None:
    world = World(version)
    assert told(world.apply(*variables("1"))) == done(*"abcd")
    assert world.writes == ["PATCH /variables"]
    assert told(world.apply(*variables("2"))) == done(*"abcd")
    assert world.writes == ["PATCH /variables"]
    assert {
        row.fields["value"] for row in world.airflow.read(KINDS, ()).state.values() if "value" in row.fields
    } == {"2"}
    assert told(world.apply()) == done(*"abcd")
    assert (world.writes, world.reads) == (["PATCH /variables"], ["/variables"])
    assert world.ids() == []


@pytest.mark.parametrize("version", VERSIONS)
def test_each_kind_comes_out_as_git_says_and_in_as_many_calls_as_foretold(version: str) -> None:
    world = World(version)
    world.live(*(connection(id_, host="old", login="l", extra='{"a": 1}') for id_ in "abc"))
    world.live(*(pool(id_, 1, description="d", include_deferred=True) for id_ in "abc"))
    world.live(*variables("old", "xyz"))
    desired = [
        *(connection(id_, host="new", login="l", extra={"a": 1}) for id_ in "abc"),
        *(connection(id_, host="h", port=1) for id_ in "def"),
        *(pool(id_, 2, description="d", include_deferred=True) for id_ in "abcdef"),
        *variables("new", "abc", description="d"),
    ]
    outcomes = world.apply(*desired)
    assert {one.result for one in outcomes} == {"done"}
    assert len(world.writes) == world.planned.apply_write == 6
    reading = world.airflow.read(KINDS, ())
    left = {key: one for key, one in reading.state.items() if key.id != "default_pool"}
    assert difference(desired, left.values(), Undeclared({}, lambda _key: True)).changes == ()


def test_one_conflict_sends_everything_by_itself_and_tells_whose_it_is() -> None:
    def interfere(request: Request, emulator: Emulator) -> None:
        if is_shared(request):
            emulator.send(Request("POST", "/variables", body={"key": "c", "value": "theirs"}))

    world = World("3.3.1")
    outcomes = world.apply(*variables("1"), meddle=interfere)
    assert told(outcomes) == [("a", "done"), ("b", "done"), ("c", "refused"), ("d", "done")]
    assert world.writes == ["PATCH /variables"] + ["POST /variables"] * 4


def lost(*, executed: bool) -> Meddle:
    """The first shared call gets no answer."""
    calls: list[Request] = []

    def meddle(request: Request, emulator: Emulator) -> None:
        if is_shared(request) and not calls:
            calls.append(request)
            if executed:
                emulator.send(request)
            raise Unreachable("nobody answers")

    return meddle


@pytest.mark.parametrize("executed", [True, False])
def test_creates_of_unknown_fate_are_looked_for_and_not_sent_twice(executed: bool) -> None:
    world = World("3.3.1")
    assert told(world.apply(*variables("1"), meddle=lost(executed=executed))) == done(*"abcd")
    assert world.reads == ["/variables"]
    assert world.writes == ["PATCH /variables"] + ([] if executed else ["POST /variables"] * 4)
    assert world.ids() == list("abcd")


@pytest.mark.parametrize("executed", [True, False])
def test_updates_of_unknown_fate_are_sent_again(executed: bool) -> None:
    world = World("3.3.1")
    world.live(*variables("1"))
    assert told(world.apply(*variables("2"), meddle=lost(executed=executed))) == done(*"abcd")
    assert world.writes == ["PATCH /variables"] * 2


@pytest.mark.parametrize("executed", [True, False])
def test_deletes_of_unknown_fate_are_looked_for(executed: bool) -> None:
    world = World("3.3.1")
    world.live(*variables("1"))
    assert told(world.apply(meddle=lost(executed=executed))) == done(*"abcd")
    assert world.ids() == []
    singles = [f"DELETE /variables/{id_}" for id_ in "abcd"]
    assert world.writes == ["PATCH /variables"] + ([] if executed else singles)


def test_where_even_a_look_is_to_no_avail_it_is_unknown() -> None:
    broken: list[Request] = []

    def meddle(request: Request, emulator: Emulator) -> None:
        if is_shared(request):
            broken.append(request)
            emulator.send(request)
        if broken:
            raise Unreachable("nobody answers")

    world = World("3.3.1")
    outcomes = world.apply(*variables("1"), meddle=meddle)
    assert told(outcomes) == [(id_, "unknown") for id_ in "abcd"]
    assert {one.error for one in outcomes} == {"nobody answers"}
    assert world.ids() == list("abcd")


def test_a_create_in_doubt_that_turns_up_after_the_look_is_ours() -> None:
    late: list[Request] = []

    def meddle(request: Request, emulator: Emulator) -> Response | None:
        if is_shared(request):
            late.append(request)
            raise Unreachable("nobody answers")
        if request.method == "POST" and late:
            emulator.send(late.pop())
        return None

    world = World("3.3.1")
    assert told(world.apply(*variables("1"), meddle=meddle)) == done(*"abcd")


def test_what_changed_since_the_plan_is_not_deleted_with_the_rest() -> None:
    world = World("3.3.1")
    world.live(*variables("1"))

    def interfere(request: Request, emulator: Emulator) -> None:
        if request.path == "/variables" and request.method == "GET":
            emulator.send(Request("PATCH", "/variables/b", {}, {"key": "b", "value": "theirs"}))
            emulator.send(Request("DELETE", "/variables/c"))

    outcomes = world.apply(meddle=interfere)
    assert told(outcomes) == [("a", "done"), ("b", "refused"), ("c", "skipped"), ("d", "done")]
    assert world.ids() == ["b"]


def test_what_is_gone_altogether_takes_no_call() -> None:
    world = World("3.3.1")
    world.live(*variables("1"))

    def interfere(request: Request, emulator: Emulator) -> None:
        for id_ in "abcd" if request.method == "GET" else "":
            emulator.send(Request("DELETE", f"/variables/{id_}"))

    assert told(world.apply(meddle=interfere)) == done(*"abcd")
    assert world.writes == []


def test_deletes_are_looked_at_one_by_one_where_that_is_fewer_calls() -> None:
    world = World("3.3.1")
    world.live(*(variable(f"kept{number:03}", "1") for number in range(350)), *variables("1", "abc"))
    kept = [variable(f"kept{number:03}", "1") for number in range(350)]
    assert told(world.apply(*kept)) == done(*"abc")
    assert world.reads == ["/variables/a", "/variables/b", "/variables/c"]
    assert world.planned.apply_read == 3 + 3


def test_a_look_that_fails_leaves_each_delete_to_itself() -> None:
    world = World("3.3.1")
    world.live(*variables("1"))

    def meddle(request: Request, _emulator: Emulator) -> Response | None:
        return Response(403, {"detail": "Forbidden"}) if request.path == "/variables" else None

    assert told(world.apply(meddle=meddle)) == done(*"abcd")
    assert world.writes == [f"DELETE /variables/{id_}" for id_ in "abcd"]


def test_nothing_is_deleted_after_a_failure_and_nothing_is_sent_after_a_stop() -> None:
    world = World("3.3.1")
    world.live(*variables("1", "xyz"))

    def refuse(request: Request, _emulator: Emulator) -> Response | None:
        return (
            Response(422, {"detail": []}) if request.path == "/pools" and request.method == "POST" else None
        )

    outcomes = world.apply(pool("p", 1), meddle=refuse)
    assert told(outcomes) == [("p", "refused"), *((id_, "skipped") for id_ in "xyz")]
    stopping = World("3.3.1", stopped=lambda: True)
    assert told(stopping.apply(*variables("1"))) == [(id_, "skipped") for id_ in "abcd"]
    assert stopping.writes == []


def test_a_stop_after_a_shared_call_reports_what_it_has_done() -> None:
    world = World("3.3.1")
    world.stopped = lambda: any(map(is_shared, world.asked))
    outcomes = world.apply(*variables("1"), *(connection(id_) for id_ in "abc"))
    assert told(outcomes) == [*done(*"abcd"), *((id_, "skipped") for id_ in "abc")]


def test_credentials_that_are_turned_away_end_the_run_after_one_more_call() -> None:
    world = World("3.3.1")

    def refuse(request: Request, _emulator: Emulator) -> Response | None:
        return Response(403, {"detail": "Forbidden"}) if request.method != "GET" else None

    outcomes = world.apply(*variables("1"), meddle=refuse)
    assert told(outcomes) == [("a", "refused"), ("b", "skipped"), ("c", "skipped"), ("d", "skipped")]
    assert len(world.writes) == 2


def test_verification_asks_for_few_ids_one_by_one_and_for_many_in_a_listing() -> None:
    world = World("3.3.1")
    rows: Collection[Resource] = [variable(f"v{number:03}", "1") for number in range(250)]
    world.live(*rows)
    reading = world.airflow.read(KINDS, ())
    known = Listings(world.airflow.dialect, reading)

    def foretold(changed: int) -> tuple[int, int]:
        desired = [variable(one.key.id, "2" if at < changed else "1") for at, one in enumerate(rows)]
        current = {one.key: one for one in rows}
        changes = difference(desired, rows).changes
        each, kinds = forecast.verification(known, changes, state(*desired))
        planned = forecast.calls(0, known, changes, state(*desired), current)
        assert planned.apply_read == len(each) + 3 * len(kinds)
        return len(each), len(kinds)

    assert [foretold(changed) for changed in (1, 2, 3, 200)] == [(1, 0), (2, 0), (0, 1), (0, 1)]
