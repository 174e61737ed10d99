"""Runs and events through InvokeRestApi: boto3, the gateway, and the stand-in behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox.faults import Faulty, parse_fault
from tests.contract.servers import Seeded
from tests.e2e.tool import Tool
from tests.e2e.worlds import World, behind_gateway

URI = "s3://acme/in/a.csv"

pytestmark = pytest.mark.slow


@pytest.fixture(params=["2.11.2", "3.3.1"])
def seeded(request: pytest.FixtureRequest) -> Seeded:
    return Seeded(request.param)


@pytest.fixture
def lossy(seeded: Seeded) -> Iterator[World]:
    """An environment in which the answer to every write gets lost."""
    faults = map(parse_fault, ("POST#1=drop_after", "POST#2=drop_after"))
    with behind_gateway(Faulty(seeded, faults), seeded._personality.version) as made:
        yield made


@pytest.fixture
def tool(lossy: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    made = Tool(tmp_path / "env", capsys)
    made.configure(lossy.target, **lossy.settings)
    return made


def test_a_run_and_an_event_are_made_once(tool: Tool, seeded: Seeded) -> None:
    run = tool.json("trigger", "etl", "--conf", '{"a": [1, null]}')
    assert run.code == 0, run.err
    assert [call["method"] for call in run.calls] == ["GET", "GET", "POST", "GET"]
    (row,) = seeded._store.read()["dag_runs"].values()
    assert (row["run_id"], row["conf"]) == (run.environment["run"]["run_id"], {"a": [1, None]})

    event = tool.json("event", URI, "--extra", '{"rows": 5}')
    assert event.code == 0, event.err
    assert [call["method"] for call in event.calls] == ["GET", "GET", "POST", "GET"]
    (stored,) = seeded._store.read()["asset_events"].values()
    assert stored["extra"]["rows"] == 5


def test_a_dag_whose_path_the_service_does_not_take_is_refused(tool: Tool) -> None:
    ran = tool("trigger", "d" * 51)
    assert ran.code == 1
    assert "the id of a DAG that is triggered through it may have 50" in ran.err
    assert tool("trigger", "d" * 50).err.startswith("error: env: Airflow knows no DAG")
