"""``trigger`` and ``event`` as their users type them, on the sandbox."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler import events
from reconciler.airflow import Airflow
from reconciler.cli.interrupts import Interrupt
from reconciler.cli.schema import schema_file
from tests.cli.conftest import Run, Write
from tests.e2e.tool import Ran

URI = "s3://acme/in/orders"
STATE = {
    "format": "reconciler.sandbox/1",
    "dags": {
        "etl": {},
        "broken": {"state": "failed"},
        "slow": {"state": "running"},
        "held": {"is_paused": True},
    },
    "assets": {URI: {}},
}


@pytest.fixture(autouse=True)
def dev(environment: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(events, "FIRST_PAUSE", 0.001)
    made = environment()
    (made / "sandbox.json").write_text(json.dumps(STATE))
    return made


def stored(table: str) -> list[dict[str, Any]]:
    state = json.loads(Path("dev/sandbox.json").read_text())
    return list(state.get(table, {}).values())


def checked(ran: Ran, name: str) -> dict[str, Any]:
    schema = json.loads(schema_file(name).read_text())
    Draft202012Validator(schema).validate(ran.document)
    return ran.environment


@pytest.mark.parametrize(("dag", "code", "state"), [("etl", 0, "success"), ("broken", 4, "failed")])
def test_the_exit_code_follows_the_state_of_the_run(cli: Run, dag: str, code: int, state: str) -> None:
    ran = cli("trigger", "dev", dag, "--wait", "--run-id", "r1", "--conf", '{"day": "monday"}')
    assert ran.code == code
    assert ran.out == (
        f"dev  sandbox:sandbox.json · Airflow 3.3.1\n\n  run r1 of DAG {dag}: {state}\n\n"
        f"Trigger: {state}. 3 reads and 1 write.\n"
    )
    assert ran.err == f"dev: run r1 of DAG {dag}: queued\ndev: run r1 of DAG {dag}: {state}\n"
    assert [row["conf"] for row in stored("dag_runs")] == [{"day": "monday"}]


def test_without_a_wait_the_run_is_left_to_itself(cli: Run) -> None:
    ran = cli("trigger", "dev", "broken")
    assert (ran.code, ran.err) == (0, "")
    assert "Trigger: queued. 2 reads and 1 write." in ran.out


def test_a_run_that_takes_too_long_goes_on(cli: Run) -> None:
    ran = cli("trigger", "dev", "slow", "--wait", "--timeout", "0.05", "--run-id", "r1")
    assert ran.code == 1
    assert ran.err.endswith(
        "error: dev: run r1 of DAG slow is still running after 0.05 seconds, and goes on\n"
    )


def test_a_paused_dag_is_told(cli: Run) -> None:
    ran = cli("trigger", "dev", "held", "--format", "json")
    assert ran.code == 0
    assert ran.err == "warning: dev: DAG held is paused: its run stays queued until it goes on\n"
    shown = checked(ran, "trigger")
    assert (shown["paused"], shown["waited"], shown["run"]["state"]) == (True, False, "queued")


def test_an_interrupted_wait_leaves_the_run_alone(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Interrupt, "sleep", lambda _self, _seconds: signal.raise_signal(signal.SIGTERM))
    ran = cli("trigger", "dev", "slow", "--wait", "--run-id", "r1")
    assert ran.code == 143
    assert "interrupted; run r1 of DAG slow goes on" in ran.err
    assert "run r1 of DAG slow: queued" in ran.out
    assert len(stored("dag_runs")) == 1


def test_whoever_interrupts_before_the_run_is_started_starts_none(
    cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = events.find_dag

    def interrupted(airflow: Airflow, dag_id: str) -> events.Dag:
        signal.raise_signal(signal.SIGINT)
        return find(airflow, dag_id)

    monkeypatch.setattr(events, "find_dag", interrupted)
    ran = cli("trigger", "dev", "etl", "--run-id", "r1")
    assert ran.code == 130
    assert "asked to stop; run r1 of DAG etl is not sent" in ran.err
    assert stored("dag_runs") == []


def test_a_run_as_a_document(cli: Run) -> None:
    ran = cli(
        "trigger", "dev", "etl", "--wait", "--logical-date", "2026-01-01T01:00:00+01:00", "--format", "json"
    )
    shown = checked(ran, "trigger")
    assert shown["run"]["logical_date"] == "2026-01-01T00:00:00Z"
    assert shown["run"]["dag_id"] == "etl"
    assert shown["calls"] == {"read": 3, "write": 1}


@pytest.mark.parametrize("name", ["trigger", "event"])
def test_what_stopped_it_keeps_its_place_in_the_document(cli: Run, name: str) -> None:
    ran = cli(name, "dev", "nope", "--format", "json")
    assert ran.code == 1
    assert checked(ran, name)["error"]["type"] == "NotThere"
    assert "knows no" in ran.err


def test_a_run_that_is_there_already_is_an_error(cli: Run) -> None:
    assert cli("trigger", "dev", "etl", "--run-id", "r1").code == 0
    ran = cli("trigger", "dev", "etl", "--run-id", "r1")
    assert ran.code == 1
    assert "DAG etl has a run r1, or one of that logical date, already" in ran.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--conf", "[1]"], "this is JSON, but no object"),
        (["--conf", "{"], "this is not JSON"),
        (["--conf", '{"a": NaN}'], "this is not JSON"),
        (["--conf", '{"a": "\\ud800"}'], "not JSON in Unicode"),
        (["--conf", "[" * 100_000], "this is not JSON"),
        (["--logical-date", "soon"], "is no time such as"),
        (["--logical-date", "2026-01-01T00:00:00"], "has no zone"),
        (["--timeout", "5"], "--timeout needs --wait"),
        (["--wait", "--timeout", "0"], "not in the range"),
        (["--run-id", "a/b"], "no id of a run"),
    ],
)
def test_wrong_options_start_nothing(cli: Run, arguments: list[str], sentence: str) -> None:
    ran = cli("trigger", "dev", "etl", *arguments)
    assert ran.code == 1
    assert sentence in ran.err
    assert stored("dag_runs") == []


@pytest.mark.parametrize(("major", "one"), [(2, "dataset"), (3, "asset")])
def test_an_event_is_created(cli: Run, environment: Write, major: int, one: str) -> None:
    environment(settings={"target": f"sandbox:sandbox.json?airflow={major}"})
    ran = cli("event", "dev", URI, "--extra", '{"rows": 5}')
    assert (ran.code, ran.err) == (0, "")
    assert f"\n  event of {one} {URI} at 20" in ran.out
    assert ran.out.endswith("Event: created. 2 reads and 1 write.\n")
    (event,) = stored("asset_events")
    assert event["extra"] == {"rows": 5, "from_rest_api": True, events.MARK: event["extra"][events.MARK]}


def test_an_event_as_a_document(cli: Run) -> None:
    shown = checked(cli("event", "dev", URI, "--format", "json"), "event")
    assert (shown["event"]["uri"], shown["event"]["asset_id"]) == (URI, 1)
    assert shown["event"]["mark"] == stored("asset_events")[0]["extra"][events.MARK]


def test_an_unknown_uri_is_told_as_it_was_typed_and_nothing_in_it_commands_a_terminal(cli: Run) -> None:
    ran = cli("event", "dev", "s3://acme/\x1b[31m")
    assert ran.code == 1
    assert "knows no asset 's3://acme/\\x1b[31m'" in ran.err


def test_several_environments_are_too_many(cli: Run, environment: Write) -> None:
    environment("other")
    ran = cli("event", "*", URI)
    assert (ran.code, "name one environment" in ran.err) == (1, True)


def test_an_environment_is_opened_by_its_folder() -> None:
    airflow = events.open_environment("dev")
    run = events.wait(airflow, events.trigger(airflow, "etl"))
    assert run.state == "success"
    assert events.emit(airflow, URI).asset.uri == URI
