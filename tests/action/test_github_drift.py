"""What drifts after an apply, as an issue of GitHub; and jobs that cannot be meant so."""

from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Method, Request
from reconciler.sandbox.emulator import Emulator
from tests.action.conftest import MERGED, Job, push
from tests.action.forges import BOT

ISSUES = "/repos/acme/airflow/issues"
ARTIFACTS = "/repos/acme/airflow/actions/artifacts"
PULLS = f"/repos/acme/airflow/commits/{MERGED}/pulls"


def edit(method: Method, path: str, **body: Any) -> None:
    """Somebody changes Airflow behind git's back."""
    Emulator(Path("airflow.json"), "3.3.1").send(Request(method, path, body=body or None))


def test_drift_is_one_issue_from_its_beginning_to_its_end(github: Job) -> None:
    github.forge.answers |= {ARTIFACTS: {"artifacts": []}, PULLS: []}
    push(github, RECONCILER_WITHOUT_PLAN="apply")
    github.forge.calls.clear()

    assert push(github, "drift").code == 0
    assert (github.forge.writes, github.outputs["drifted"]) == ([], "false")

    edit("PATCH", "/variables/region", key="region", value="us")
    assert push(github, "drift").code == 0
    assert (github.forge.writes, github.outputs["drifted"]) == ([f"POST {ISSUES}"], "true")
    issue = github.forge.written[0]
    assert issue["title"] == "Airflow drift: dev"
    assert "region" in issue["body"]

    there = {"number": 8, "id": 999, "body": issue["body"], **BOT}
    github.forge.answers[ISSUES] = [{**there, "number": 7, "pull_request": {}}, there]
    github.forge.calls.clear()
    assert push(github, "drift").code == 0
    assert github.forge.writes == []

    edit("PATCH", "/variables/region", key="region", value="ap")
    assert push(github, "drift").code == 0
    assert github.forge.writes == [f"PATCH {ISSUES}/8"]

    edit("PATCH", "/variables/region", key="region", value="eu")
    github.forge.calls.clear()
    assert push(github, "drift").code == 0
    assert github.forge.writes == [f"POST {ISSUES}/8/comments", f"PATCH {ISSUES}/8"]
    assert github.forge.written[1] == {"state": "closed", "state_reason": "completed"}


def test_a_title_has_room_for_any_number_of_environments(github: Job) -> None:
    for number in range(40):
        place = Path(f"team-{number:02}")
        place.mkdir()
        (place / "environment.yaml").write_text(f"name: team-{number:02}\ntarget: sandbox:s\n")
        (place / "variables.yaml").write_text("variables: {region: eu}\n")

    assert push(github, "drift", RECONCILER_ENVIRONMENTS="team-*").code == 0
    assert github.forge.written[0]["title"] == "Airflow drift: 40 environments"


def test_an_environment_that_cannot_be_asked_closes_no_issue(github: Job) -> None:
    push(github, "drift")
    marker = github.result("drift.md").partition("\n")[0]
    github.forge.answers[ISSUES] = [{"number": 8, "body": f"{marker}\n", **BOT}]
    github.forge.calls.clear()
    Path("ledger.json").write_text("{")

    assert push(github, "drift").code != 0
    assert github.forge.writes == []


def test_an_issue_that_cannot_be_written_fails_the_job(github: Job) -> None:
    edit("POST", "/variables", key="old", value="x")
    github.declare(absent={"variables": ["old"]})
    github.forge.denied = {"POST"}

    ran = push(github, "drift")

    assert ran.code == 1
    assert "the job needs 'permissions: {issues: write}'" in ran.err


def test_the_event_that_lends_forks_our_rights_is_refused(github: Job) -> None:
    ran = github("plan", GITHUB_EVENT_NAME="pull_request_target")

    assert ran.code == 1
    assert "use pull_request" in ran.err
    assert github.ran == []


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"RECONCILER_COMMAND": "destroy"}, "command is one of validate, plan, apply, drift, not 'destroy'"),
        ({"RECONCILER_ENVIRONMENTS": " "}, "no environments are given"),
        ({"RECONCILER_ARGS": "'"}, "args cannot be read: No closing quotation"),
        ({"RECONCILER_COMMENT": "yes"}, "comment is one of true, false, not 'yes'"),
        ({"RECONCILER_WITHOUT_PLAN": "aply"}, "without-plan is one of refuse, apply, not 'aply'"),
        ({"GITHUB_ACTIONS": ""}, ""),
    ],
)
def test_a_job_that_cannot_be_meant_so_runs_nothing(
    github: Job, variables: dict[str, str], sentence: str
) -> None:
    if "GITHUB_ACTIONS" in variables:
        github.fixed = {}
        variables, sentence = {}, "this is neither a job of GitHub Actions nor one of GitLab CI"
    ran = github("plan", **variables)

    assert (ran.code, ran.out) == (1, "")
    assert sentence in ran.err
    assert github.ran == []


def test_words_are_never_read_by_a_shell(github: Job) -> None:
    ran = github("validate", RECONCILER_ENVIRONMENTS="dev '$(touch pwned)'", RECONCILER_ARGS="-v")

    assert ran.code == 1
    assert github.ran[0][:4] == ["validate", "dev", "$(touch pwned)", "-v"]
    assert not Path("pwned").exists()
