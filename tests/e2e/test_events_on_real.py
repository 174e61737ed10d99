"""Runs and events on real Airflow with a scheduler, and the DAGs of ``examples/dags``."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Request
from tests.e2e.tool import Tool
from tests.e2e.worlds import reached_directly
from tests.rig.airflow_server import Server, eventually, scheduling
from tests.rig.direct import Direct
from tests.rig.install import installed
from tests.rig.versions import RELEASES

pytestmark = pytest.mark.slow

DAGS = Path(__file__).parents[2] / "examples" / "dags"
URI = "s3://acme-data/in/orders"
UPSTREAM = {2: ("upstreamDatasetEvents", "dataset_events"), 3: ("upstreamAssetEvents", "asset_events")}
PARSE = """
import json, sys
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag
bag = DagBag(sys.argv[1])
print(json.dumps([sorted(bag.dags), bag.import_errors]))
"""


AFTERWARDS = [
    {"event": URI, "extra": {"key": "${changed}"}, "when": ["variable/*"]},
    {
        "trigger": "run_command",
        "conf": {"command": "true"},
        "wait": True,
        "timeout": 120,
        "when": ["variable/*"],
    },
    {
        "trigger": "run_command",
        "conf": {"command": "exit 3"},
        "wait": True,
        "timeout": 120,
        "when": ["pool/*"],
    },
]


def versions(*names: str) -> pytest.MarkDecorator:
    marked = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in names]
    return pytest.mark.parametrize("version", marked)


@pytest.fixture
def scheduled(version: str) -> Iterator[Server]:
    with scheduling(version, DAGS) as server:
        yield server


@pytest.fixture
def tool(
    scheduled: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tool]:
    monkeypatch.setenv("AIRFLOW_PASSWORD", "admin")
    with reached_directly(scheduled) as world:
        made = Tool(tmp_path / "env", capsys)
        made.configure(world.target, **world.settings, after_apply=AFTERWARDS)
        yield made


@versions("2.11.2", "3.3.1")
def test_a_run_of_a_command_and_a_run_for_new_data(
    scheduled: Server, tool: Tool, version: str, tmp_path: Path
) -> None:
    direct = Direct(scheduled)
    for dag in ("run_command", "on_new_data"):
        eventually(lambda dag=dag: known(direct, dag), f"DAG {dag}")  # type: ignore[misc]

    event = tool.json("event", URI, "--extra", '{"key": "2026-11-25.csv"}')
    assert event.code == 0, event.err

    proof = tmp_path / "proof"
    command = f"echo \"it's {{{{ 1 + 1 }}}}\" > '{proof}'"
    done = tool.json("trigger", "run_command", "--conf", conf(command), "--wait", "--timeout", "120")
    assert (done.code, done.environment["run"]["state"]) == (0, "success"), done.err
    assert proof.read_text() == "it's {{ 1 + 1 }}\n"

    failed = tool.json("trigger", "run_command", "--conf", conf("exit 3"), "--wait", "--timeout", "120")
    assert (failed.code, failed.environment["run"]["state"]) == (4, "failed"), failed.err

    wrong = tool("trigger", "run_command", "--conf", '{"command": 1}')
    assert (wrong.code, "answered 400" in wrong.err) == (1, True)

    tool.declare(variables={"a": "1"})
    applied = tool.json("apply", "--yes")
    assert applied.code == 0, applied.err
    assert [one["outcome"] for one in applied.environment["after_apply"]] == ["done", "done"]
    tool.declare(variables={"a": "1"}, pools={"p": {"slots": 1}})
    applied = tool.json("apply", "--yes")
    assert (applied.code, applied.environment["converged"]) == (4, True)
    assert applied.environment["after_apply"][0]["error"].endswith("is failed")

    run = eventually(lambda: ended(direct, "on_new_data"), "a run for new data")
    assert run["state"] == "success"
    path, collection = UPSTREAM[int(version[0])]
    upstream = direct.send(Request("GET", f"/dags/on_new_data/dagRuns/{run['dag_run_id']}/{path}")).body
    told = [(one.get("uri") or one["dataset_uri"], one["extra"]["key"]) for one in upstream[collection]]
    assert told == [(URI, "2026-11-25.csv")]


def conf(command: str) -> str:
    return json.dumps({"command": command})


def known(direct: Direct, dag: str) -> bool | None:
    return direct.send(Request("GET", f"/dags/{dag}")).status == 200 or None


def ended(direct: Direct, dag: str) -> dict[str, Any] | None:
    runs = direct.send(Request("GET", f"/dags/{dag}/dagRuns")).body["dag_runs"]
    return next((run for run in runs if run["state"] in {"success", "failed"}), None)


@versions("2.9.2", "2.11.2", "3.0.6", "3.3.1")
def test_the_examples_are_dags_of_either_major_version(version: str, tmp_path: Path) -> None:
    made = installed(RELEASES[version])
    done = subprocess.run(
        [made.binaries / "python", "-c", PARSE, DAGS],
        env=made.environ(tmp_path, DAGS),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ['[["on_new_data", "run_command"], {}]'], done.stderr
