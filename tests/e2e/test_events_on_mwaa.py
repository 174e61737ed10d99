"""Runs and events through InvokeRestApi: boto3, the gateway, and the stand-in or a real Airflow behind it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Backend, Request
from reconciler.sandbox.faults import Faulty, parse_fault
from tests.contract.servers import Seeded
from tests.e2e.tool import Tool
from tests.e2e.worlds import World, behind_gateway
from tests.rig.airflow_server import Server
from tests.rig.direct import Direct

URI = "s3://acme/in/a.csv"
LISTS = {
    "2": ("/datasets/events", {"dataset_id": "1"}, "dataset_events"),
    "3": ("/assets/events", {"asset_id": "1"}, "asset_events"),
}
LOST = ("POST#1=drop_after", "POST#2=status_after:504")
"""The answer to every write gets lost."""

NEWEST = ("2.11.2", "3.3.1")
EMULATED = [pytest.param(None, version, id=f"sandbox {version}") for version in NEWEST]
REAL = [
    pytest.param(version, version, id=f"real {version}", marks=pytest.mark.xdist_group(version))
    for version in NEWEST
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize(("airflow", "version"), [*EMULATED, *REAL], indirect=["airflow"]),
]


@pytest.fixture
def backend(airflow: Server | None, version: str) -> Backend:
    if airflow is None:
        return Seeded(version)
    airflow.reset()
    return Direct(airflow)


@pytest.fixture
def lossy(backend: Backend, version: str) -> Iterator[World]:
    with behind_gateway(Faulty(backend, map(parse_fault, LOST)), version) as made:
        yield made


@pytest.fixture
def tool(lossy: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    made = Tool(tmp_path / "env", capsys)
    made.configure(lossy.target, **lossy.settings)
    return made


def listed(backend: Backend, path: str, query: dict[str, str], name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = backend.send(Request("GET", path, query)).body[name]
    return rows


def test_a_run_and_an_event_are_made_once(tool: Tool, backend: Backend, version: str) -> None:
    run = tool.json("trigger", "etl", "--conf", '{"a": [1, null]}')
    assert run.code == 0, run.err
    assert [call["method"] for call in run.calls] == ["GET", "GET", "POST", "GET"]
    (row,) = listed(backend, "/dags/etl/dagRuns", {}, "dag_runs")
    assert (row["dag_run_id"], row["conf"]) == (run.environment["run"]["run_id"], {"a": [1, None]})

    event = tool.json("event", URI, "--extra", '{"rows": 5}')
    assert event.code == 0, event.err
    assert [call["method"] for call in event.calls] == ["GET", "GET", "POST", "GET"]
    (stored,) = listed(backend, *LISTS[version[0]])
    assert stored["extra"]["rows"] == 5
    assert stored["extra"]["reconciler_event"] == event.environment["event"]["mark"]


def test_a_dag_whose_path_the_service_does_not_take_is_refused(tool: Tool) -> None:
    ran = tool("trigger", "d" * 51)
    assert ran.code == 1
    assert "the id of a DAG that is triggered through it may have 50" in ran.err
    assert tool("trigger", "d" * 50).err.startswith("error: env: Airflow knows no DAG")
