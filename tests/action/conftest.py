"""Jobs of both forges, on an environment whose Airflow is a sandbox."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from action.__main__ import main
from reconciler.cli.main import run
from tests.action.forges import Fake, listening

HEAD = "a1" * 20
"""The newest commit of the pull request."""
MERGED = "b2" * 20
"""What it was merged as."""


@dataclass(frozen=True)
class Ran:
    """One job that has ended."""

    code: int
    out: str
    err: str


@dataclass
class Job:
    """Runs jobs in this process, the program too."""

    folder: Path
    forge: Fake
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    fixed: Mapping[str, str]
    """What the forge tells each of its jobs."""
    ran: list[list[str]] = field(default_factory=list)
    """The commands of the program, with their arguments."""

    def __call__(self, command: str, **variables: str) -> Ran:
        self.capsys.readouterr()
        chosen = {
            "RECONCILER_COMMAND": command,
            "RECONCILER_ENVIRONMENTS": "dev",
            "RECONCILER_TOKEN": "token-of-the-job",
            **self.fixed,
            **variables,
        }
        with self.monkeypatch.context() as patched:
            for name, value in chosen.items():
                patched.setenv(name, value)
            code = main()
        out, err = self.capsys.readouterr()
        assert "Traceback" not in err
        assert "token-of-the-job" not in out + err
        return Ran(code, out, err)

    def declare(self, **manifest: Any) -> None:
        (self.folder / "dev" / "manifest.yaml").write_text(yaml.safe_dump(manifest))

    def result(self, name: str) -> str:
        return (self.folder / "results" / name).read_text()

    def event(self, **payload: Any) -> None:
        (self.folder / "event.json").write_text(json.dumps(payload))

    def text(self, name: str) -> str:
        file = self.folder / name
        return file.read_text() if file.exists() else ""

    @property
    def outputs(self) -> dict[str, str]:
        """The last value of each output."""
        return dict(line.split("=", 1) for line in self.text("output").splitlines())


def push(github: Job, command: str = "apply", **variables: str) -> Ran:
    """A job of the push that a merge is."""
    return github(command, GITHUB_EVENT_NAME="push", **variables)


@pytest.fixture
def forge() -> Iterator[Fake]:
    with listening(Fake()) as fake:
        yield fake


@pytest.fixture
def job(
    tmp_path: Path, forge: Fake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Job:
    monkeypatch.chdir(tmp_path)
    for name in ("GITLAB_CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("RECONCILER_RESULTS", "results")
    (tmp_path / "dev").mkdir()
    settings = {"name": "dev", "target": "sandbox:../airflow.json", "ledger": "file:../ledger.json"}
    (tmp_path / "dev" / "environment.yaml").write_text(yaml.safe_dump(settings))
    made = Job(tmp_path, forge, capsys, monkeypatch, {})

    def ran(command: Sequence[str]) -> int:
        made.ran.append(list(command[1:]))
        return run(list(command[1:]))

    monkeypatch.setattr("action.program.ran", ran)
    made.declare(variables={"region": "eu"})
    return made


@pytest.fixture
def github(job: Job) -> Job:
    """Jobs of a workflow, by default of a pull request from the repository itself."""
    job.fixed = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": job.forge.url,
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": "acme/airflow",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": "event.json",
        "GITHUB_SHA": MERGED,
        "GITHUB_REF_NAME": "main",
        "GITHUB_RUN_ID": "12",
        "GITHUB_STEP_SUMMARY": "summary.md",
        "GITHUB_OUTPUT": "output",
    }
    job.event(pull_request={"number": 5, "head": {"sha": HEAD}})
    job.forge.answers["/repos/acme/airflow/issues/5/comments"] = []
    job.forge.answers["/repos/acme/airflow/issues"] = []
    return job


@pytest.fixture
def gitlab(job: Job) -> Job:
    """Jobs of a pipeline, by default of the default branch."""
    job.fixed = {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": job.forge.url,
        "CI_PROJECT_ID": "42",
        "CI_COMMIT_SHA": MERGED,
        "CI_COMMIT_REF_NAME": "main",
        "CI_JOB_URL": "https://gitlab.example/acme/airflow/-/jobs/9",
    }
    job.forge.answers["/user"] = {"id": 7}
    job.forge.answers["/projects/42/issues"] = []
    job.forge.answers["/projects/42/merge_requests/5/notes"] = []
    return job
