"""A pipeline of GitLab from the merge request to the drift that comes after it."""

from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Request
from reconciler.sandbox.emulator import Emulator
from tests.action.conftest import HEAD, MERGED, Job

PROJECT = "/projects/42"
NOTES = f"{PROJECT}/merge_requests/5/notes"
ISSUES = f"{PROJECT}/issues"
REQUESTS = f"{PROJECT}/repository/commits/{MERGED}/merge_requests"
PIPELINES = f"{PROJECT}/merge_requests/5/pipelines"
SAVED = f"{PROJECT}/jobs/71/artifacts/reconciler-results/plan.json"
REQUEST = {"CI_MERGE_REQUEST_IID": "5", "CI_COMMIT_SHA": HEAD}


def merged(**fields: Any) -> dict[str, Any]:
    request = {"iid": 5, "state": "merged", "target_branch": "main", "sha": HEAD}
    return {**request, "merge_commit_sha": MERGED, "squash_commit_sha": None, **fields}


def pipeline(**fields: Any) -> dict[str, Any]:
    ran = {"id": 61, "project_id": 42, "source": "merge_request_event", "sha": HEAD}
    return {**ran, "ref": "refs/merge-requests/5/head", **fields}


def planned(gitlab: Job) -> None:
    """A plan that was shown on the merge request, which then was merged."""
    assert gitlab("plan", **REQUEST).code == 0
    gitlab.forge.calls.clear()
    gitlab.ran.clear()
    gitlab.forge.answers |= {
        f"{PROJECT}/pipelines": [],
        REQUESTS: [merged()],
        PIPELINES: [pipeline(), pipeline(id=60, sha="c3" * 20), pipeline(id=99, source="push")],
        f"{PROJECT}/pipelines/61/jobs": [{"id": 70, "name": "test"}, {"id": 71, "name": "reconciler-plan"}],
        SAVED: gitlab.result("plan.json").encode(),
    }


def note(gitlab: Job, author: int = 7) -> dict[str, Any]:
    return {"id": 3, "body": gitlab.forge.written[0]["body"], "author": {"id": author}}


def test_a_plan_is_told_in_the_log_as_a_test_report_and_as_a_note(gitlab: Job) -> None:
    ran = gitlab("plan", **REQUEST)

    assert ran.code == 0
    assert "Plan: 1 to create" in ran.out
    assert gitlab.result("plan.xml").startswith("<?xml")
    assert gitlab.forge.writes == [f"POST {NOTES}"]
    assert "https://gitlab.example/acme/airflow/-/jobs/9" in gitlab.forge.written[0]["body"]
    assert gitlab.forge.calls[0].headers["private-token"] == "token-of-the-job"


def test_the_note_that_is_there_gets_the_new_plan(gitlab: Job) -> None:
    gitlab("plan", **REQUEST)
    gitlab.forge.answers[NOTES] = [note(gitlab, author=8), note(gitlab)]
    gitlab.forge.calls.clear()
    gitlab("plan", **REQUEST)
    assert gitlab.forge.writes == []

    gitlab.declare(pools={"etl": {"slots": 1}})
    gitlab("plan", **REQUEST)
    assert gitlab.forge.writes == [f"PUT {NOTES}/3"]


def test_a_note_of_somebody_else_is_not_taken_for_ours(gitlab: Job) -> None:
    gitlab("plan", **REQUEST)
    gitlab.forge.answers[NOTES] = [note(gitlab, author=8)]
    gitlab.forge.calls.clear()

    gitlab("plan", **REQUEST)

    assert gitlab.forge.writes == [f"POST {NOTES}"]


def test_without_a_token_the_plan_is_in_the_log_alone(gitlab: Job) -> None:
    gitlab.forge.denied = {"GET", "POST"}

    ran = gitlab("plan", RECONCILER_TOKEN="", **REQUEST)

    assert ran.code == 0
    assert "warning: no comment was written: GET /projects/42/merge_requests/5/notes" in ran.err
    assert "RECONCILER_TOKEN has to be a project access token" in ran.err
    assert "private-token" not in gitlab.forge.calls[0].headers


BECOMES = {
    "a merge": merged(),
    "a squash": merged(merge_commit_sha=None, squash_commit_sha=MERGED),
    "a fast-forward": merged(merge_commit_sha=None, sha=MERGED),
}


@pytest.mark.parametrize("how", BECOMES)
def test_what_was_merged_is_applied_as_it_was_shown(gitlab: Job, how: str) -> None:
    planned(gitlab)
    gitlab.forge.answers[REQUESTS] = [BECOMES[how]]
    gitlab.forge.answers[PIPELINES][0]["sha"] = BECOMES[how]["sha"]

    ran = gitlab("apply")

    assert ran.code == 0, ran
    assert [command[:3] for command in gitlab.ran] == [["apply", "dev", "--plan"]]
    assert Emulator(Path("airflow.json"), "3.3.1").send(Request("GET", "/variables/region")).status == 200


def test_a_merge_that_gitlab_tries_out_has_a_commit_of_its_own(gitlab: Job) -> None:
    planned(gitlab)
    gitlab.forge.answers[PIPELINES] = [pipeline(sha="d4" * 20, ref="refs/merge-requests/5/merge")]

    assert gitlab("apply").code == 0


def test_a_plan_made_by_hand_of_the_merged_commit_comes_first(gitlab: Job) -> None:
    planned(gitlab)
    gitlab.forge.answers[f"{PROJECT}/pipelines"] = [{"id": 61}]
    gitlab.forge.answers[REQUESTS] = []

    assert gitlab("apply").code == 0
    query = next(call.query for call in gitlab.forge.calls if call.path == f"{PROJECT}/pipelines")
    assert query == {"sha": MERGED, "source": "web", "order_by": "id"}


UNSHOWN: dict[str, dict[str, Any]] = {
    "it was pushed": {REQUESTS: []},
    "it is open": {REQUESTS: [merged(state="opened")]},
    "it was merged into another branch": {REQUESTS: [merged(target_branch="release")]},
    "it was merged as another commit": {REQUESTS: [merged(merge_commit_sha="c3" * 20)]},
    "no pipeline ran": {PIPELINES: []},
    "the last commit has no pipeline": {PIPELINES: [pipeline(sha="c3" * 20)]},
    "a fork's pipeline made it": {PIPELINES: [pipeline(project_id=43)]},
    "the job has another name": {f"{PROJECT}/pipelines/61/jobs": [{"id": 71, "name": "plan"}]},
}


@pytest.mark.parametrize("case", UNSHOWN)
def test_what_nobody_was_shown_is_not_applied(gitlab: Job, case: str) -> None:
    planned(gitlab)
    gitlab.forge.answers |= UNSHOWN[case]

    ran = gitlab("apply")

    assert ran.code == 3, ran
    assert [command[0] for command in gitlab.ran] == ["plan"]
    assert "warning: nothing was applied, since nobody was shown this plan: " in ran.err
    assert "start a pipeline by hand on this branch" in ran.err


def test_an_artifact_that_has_expired_is_no_plan(gitlab: Job) -> None:
    planned(gitlab)
    del gitlab.forge.answers[SAVED]

    ran = gitlab("apply")

    assert ran.code == 3
    assert "has no plan of its last commit in a job 'reconciler-plan'" in ran.err


def test_rights_that_an_apply_lacks_are_named_and_nothing_is_run(gitlab: Job) -> None:
    gitlab.forge.denied = {"GET"}

    ran = gitlab("apply")

    assert ran.code == 1
    assert "RECONCILER_TOKEN has to be a project access token with the scope api" in ran.err
    assert gitlab.ran == []


def test_drift_is_one_issue_from_its_beginning_to_its_end(gitlab: Job) -> None:
    gitlab.declare(absent={"variables": ["old"]})
    airflow = Emulator(Path("airflow.json"), "3.3.1")
    airflow.send(Request("POST", "/variables", body={"key": "old", "value": "x"}))

    assert gitlab("drift").code == 0
    assert gitlab.forge.writes == [f"POST {ISSUES}"]
    issue = gitlab.forge.written[0]
    assert issue["title"] == "Airflow drift: dev"

    gitlab.forge.answers[ISSUES] = [{"iid": 4, "id": 999, "description": issue["description"]}]
    gitlab.forge.calls.clear()
    assert gitlab("drift").code == 0
    assert gitlab.forge.writes == []
    query = next(call.query for call in gitlab.forge.calls if call.path == ISSUES)
    assert query == {"state": "opened", "scope": "all", "author_id": "7", "per_page": "100", "page": "1"}

    gitlab.forge.answers[ISSUES][0]["description"] = issue["description"].replace(
        "<!-- drift ", "<!-- drift 0"
    )
    assert gitlab("drift").code == 0
    assert gitlab.forge.writes == [f"PUT {ISSUES}/4"]

    airflow.send(Request("DELETE", "/variables/old"))
    gitlab.forge.calls.clear()
    assert gitlab("drift").code == 0
    assert gitlab.forge.writes == [f"POST {ISSUES}/4/notes", f"PUT {ISSUES}/4"]
    assert gitlab.forge.written[1] == {"state_event": "close"}
