"""The steps of the action as a runner takes them, in a shell, with what they install."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.action.conftest import HEAD
from tests.action.forges import Fake, listening

ACTION = Path(__file__).parents[2] / "action"
EXPRESSION = re.compile(r"\$\{\{ ([\w.-]+) \}\}")
COMMENTS = "/repos/acme/airflow/issues/5/comments"

pytestmark = pytest.mark.slow


def scripts(inputs: dict[str, str], token: str) -> list[tuple[str, dict[str, str]]]:
    """Each script of the action with its variables, what the runner knows put in."""
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    known = {f"inputs.{name}": str(one.get("default", "")) for name, one in action["inputs"].items()}
    known |= {f"inputs.{name}": value for name, value in inputs.items()}
    known |= {"github.action_path": str(ACTION), "steps.python.outputs.python-path": sys.executable}
    known["inputs.token"] = token

    def put_in(text: str) -> str:
        return EXPRESSION.sub(lambda found: known[found[1]], text)

    steps: list[Any] = [step for step in action["runs"]["steps"] if "run" in step]
    return [
        (step["run"], {name: put_in(text) for name, text in step.get("env", {}).items()}) for step in steps
    ]


def test_a_pull_request_gets_its_plan(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "environment.yaml").write_text("name: dev\ntarget: sandbox:s\n")
    (tmp_path / "dev" / "variables.yaml").write_text("variables: {region: eu}\n")
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": {"number": 5, "head": {"sha": HEAD}}}))
    for module in ("json", "action", "reconciler"):  # a pull request may bring any file
        (tmp_path / f"{module}.py").write_text("raise SystemExit(99)\n")

    with listening(Fake({COMMENTS: []})) as forge:
        runner = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": forge.url,
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "acme/airflow",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": "event.json",
            "GITHUB_SHA": "b2" * 20,
            "GITHUB_REF_NAME": "5/merge",
            "GITHUB_RUN_ID": "12",
            "GITHUB_STEP_SUMMARY": "summary.md",
            "GITHUB_OUTPUT": "output",
            "RUNNER_TEMP": str(tmp_path / "temp"),
        }
        for script, variables in scripts({"command": "plan", "environments": "*"}, "token-of-the-job"):
            done = subprocess.run(
                ["/bin/sh", "-e", "-c", script],
                cwd=tmp_path,
                env={**os.environ, **runner, **variables},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr

    assert forge.writes == [f"POST {COMMENTS}"]
    assert forge.calls[0].headers["authorization"] == "Bearer token-of-the-job"
    outputs = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert outputs["artifact"] == f"reconciler-plan-{HEAD}"
    assert (Path(outputs["results"]) / "plan.json").exists()
