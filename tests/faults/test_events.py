"""Runs and events whose calls go wrong: there is exactly one in the end, or an error says what is unknown."""

from collections.abc import Callable
from typing import Any

import pytest

from reconciler import events
from reconciler.airflow import Airflow
from reconciler.dialects import dialect_for
from reconciler.errors import AirflowError, Undecided
from reconciler.sandbox.faults import Faulty, parse_fault
from reconciler.session import Session
from tests.contract.servers import Seeded

VERSIONS = ("2.9.2", "2.11.2", "3.0.6", "3.3.1")
URI = "s3://acme/in/a.csv"

LOST = (
    "drop_before",
    "drop_after",
    "status:502",
    "status:504",
    "status_after:500",
    "status_after:504",
    "truncate",
    "throttle",
    "error:InternalServerException",
    "error:RestApiServerException",
)
WHENS = ("POST#1", "*", "1-3", "GET#2", "GET#3", "2-4")
ACTS: dict[str, tuple[Callable[[Airflow], Any], str]] = {
    "run": (lambda airflow: events.trigger(airflow, "etl", conf={"a": 1}), "dag_runs"),
    "event": (lambda airflow: events.emit(airflow, URI, extra={"a": 1}), "asset_events"),
}


def reached(version: str, *faults: str) -> tuple[Airflow, Seeded]:
    emulator = Seeded(version)
    backend = Faulty(emulator, map(parse_fault, faults))
    dialect = dialect_for(version, emulator.path_limit)
    assert dialect is not None
    return Airflow(Session(backend), dialect), emulator


@pytest.mark.parametrize("mode", LOST)
@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_lost_calls_come_to_one_run_or_event_or_to_an_error(
    version: str, act: str, when: str, mode: str
) -> None:
    perform, table = ACTS[act]
    airflow, emulator = reached(version, f"{when}={mode}")
    error = None
    try:
        perform(airflow)
    except AirflowError as caught:
        error = caught
    rows = list(emulator._store.read()[table].values())
    if error is None:
        assert len(rows) == 1
    else:
        assert when == "*"
        assert len(rows) <= 1
        assert not rows or isinstance(error, Undecided)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_call_that_is_lost_after_it_was_carried_out_is_not_repeated(version: str, act: str) -> None:
    perform, table = ACTS[act]
    airflow, emulator = reached(version, "POST#1=drop_after")
    perform(airflow)
    assert airflow.session.writes == 1
    assert len(emulator._store.read()[table]) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_among_runs_and_events_of_others_our_own_is_found(version: str) -> None:
    airflow, emulator = reached(version, "POST#3=drop_after", "POST#6=drop_after")
    others = [events.trigger(airflow, "etl") for _ in range(2)]
    ours = events.trigger(airflow, "etl", run_id="ours")
    assert ours.run_id == "ours"
    assert "ours" not in {run.run_id for run in others}
    marks = [events.emit(airflow, URI).mark for _ in range(3)]
    stored = [row["extra"][events.MARK] for row in emulator._store.read()["asset_events"].values()]
    assert stored == marks


@pytest.mark.parametrize("version", VERSIONS)
def test_a_wait_outlives_lost_answers(version: str) -> None:
    airflow, _ = reached(version, "GET#1=drop_after", "GET#2=status:503", "GET#3=truncate")
    run = events.trigger(airflow, "etl")
    found = events.find_run(airflow, "etl", run.run_id)
    assert found is not None
    assert found.run_id == run.run_id
