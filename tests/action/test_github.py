"""A workflow of GitHub from the pull request to the drift that comes after it."""

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Method, Request
from reconciler.sandbox.emulator import Emulator
from tests.action.conftest import HEAD, MERGED, Job
from tests.action.forges import BOT, STRANGER, zipped

COMMENTS = "/repos/acme/airflow/issues/5/comments"
ISSUES = "/repos/acme/airflow/issues"
ARTIFACTS = "/repos/acme/airflow/actions/artifacts"
PULLS = f"/repos/acme/airflow/commits/{MERGED}/pulls"
MARKER = "<!-- reconciler "


def edit(method: Method, path: str, **body: Any) -> None:
    """Somebody changes Airflow behind git's back."""
    Emulator(Path("airflow.json"), "3.3.1").send(Request(method, path, body=body or None))


def planned(github: Job, **run: Any) -> None:
    """A plan that was shown on the pull request, which then was merged."""
    assert github("plan").code == 0
    github.forge.calls.clear()
    workflow = {"head_sha": HEAD, "repository_id": 1, "head_repository_id": 1, **run}
    artifact = {"id": 31, "expired": False, "workflow_run": workflow}
    github.forge.answers[ARTIFACTS] = {"artifacts": [artifact]}
    github.forge.answers[f"{ARTIFACTS}/31/zip"] = zipped("plan.json", github.result("plan.json").encode())
    github.forge.answers[PULLS] = [merged()]
    only_for(github, f"reconciler-plan-{HEAD}")
    github.ran.clear()


def merged(**fields: Any) -> dict[str, Any]:
    pull = {"number": 5, "merged_at": "2026-01-01", "merge_commit_sha": MERGED, "base": {"ref": "main"}}
    return {**pull, "head": {"sha": HEAD}, **fields}


def only_for(github: Job, name: str) -> None:
    """Lets the list of artifacts have none of another name."""
    answer = github.forge.answer

    def by_name(call: Any) -> tuple[int, Any]:
        status, found = answer(call)
        wrong = call.path == ARTIFACTS and call.query["name"] != name
        return (200, {"artifacts": []}) if wrong else (status, found)

    github.forge.answer = by_name  # type: ignore[method-assign]


def push(github: Job, command: str = "apply", **variables: str) -> Any:
    return github(command, GITHUB_EVENT_NAME="push", **variables)


def test_a_plan_is_annotated_summarised_commented_and_saved(github: Job) -> None:
    ran = github("plan")

    assert ran.code == 0
    assert ran.out.startswith("::notice file=dev/manifest.yaml,line=2,")
    assert github.forge.writes == [f"POST {COMMENTS}"]
    body = github.forge.written[0]["body"]
    assert body.startswith("<!-- reconciler plan ")
    assert f"Commit {HEAD[:12]}, [this run](https://github.example/acme/airflow/actions/runs/12)" in body
    assert github.text("summary.md").startswith(MARKER)
    assert github.outputs == {
        "exit-code": "0",
        "changed": "true",
        "violations": "0",
        "results": "results",
        "artifact": f"reconciler-plan-{HEAD}",
    }
    assert json.loads(github.result("plan.json"))["format"] == "reconciler.plan/1"
    assert json.loads(github.result("plan.sarif"))["version"] == "2.1.0"


def test_the_comment_that_is_there_gets_the_new_plan(github: Job) -> None:
    github("plan")
    body = github.forge.written[0]["body"]
    github.forge.answers[COMMENTS] = [
        *({"id": number, "body": "hello", **STRANGER} for number in range(100)),
        {"id": 500, "body": body.replace("\n", "\r\n"), **BOT},
    ]
    github.forge.calls.clear()

    assert github("plan").code == 0
    assert github.forge.writes == []

    github.declare(variables={"region": "eu", "zone": "b"})
    assert github("plan").code == 0
    assert github.forge.writes == ["PATCH /repos/acme/airflow/issues/comments/500"]


def test_a_comment_that_a_stranger_can_edit_later_is_not_taken_for_ours(github: Job) -> None:
    github("plan")
    github.forge.answers[COMMENTS] = [{"id": 1, "body": github.forge.written[0]["body"], **STRANGER}]
    github.forge.calls.clear()

    github("plan")

    assert github.forge.writes == [f"POST {COMMENTS}"]


def test_a_comment_about_other_environments_stays(github: Job) -> None:
    github.forge.answers[COMMENTS] = [{"id": 1, "body": "<!-- reconciler plan 000000000000 -->\n", **BOT}]

    github("plan")

    assert github.forge.writes == [f"POST {COMMENTS}"]


def test_without_the_right_to_comment_the_plan_is_in_the_summary(github: Job) -> None:
    github.forge.denied = {"POST"}

    ran = github("plan")

    assert ran.code == 0
    assert "::warning::no comment was written: POST " in ran.out
    assert "403 Resource not accessible by integration; the plan is in the summary of this run" in ran.out
    assert github.text("summary.md").startswith(MARKER)
    assert github.outputs["artifact"]


@pytest.mark.parametrize("variables", [{"RECONCILER_COMMENT": "false"}, {"GITHUB_EVENT_NAME": "push"}])
def test_no_comment_is_written_where_none_is_wanted_or_none_can_be(
    github: Job, variables: dict[str, str]
) -> None:
    assert github("plan", **variables).code == 0
    assert github.forge.calls == []


def test_a_plan_that_nobody_is_shown_permits_nothing(github: Job) -> None:
    for event in ("push", "schedule", "merge_group"):
        github("plan", GITHUB_EVENT_NAME=event)
        assert github.outputs["artifact"] == ""
    github("plan", GITHUB_EVENT_NAME="workflow_dispatch")
    assert github.outputs["artifact"] == f"reconciler-plan-{MERGED}"


def test_a_plan_that_fails_says_so_everywhere(github: Job) -> None:
    github.declare(variables={"region": {"valu": "eu"}})

    ran = github("plan")

    assert ran.code == 1
    assert ran.out.startswith("::error file=dev/manifest.yaml")
    assert "with trouble" in github.forge.written[0]["body"]
    assert github.outputs["exit-code"] == "1"


def test_a_command_that_gets_nowhere_leaves_nothing_of_the_run_before(github: Job) -> None:
    github("plan")
    github.forge.calls.clear()

    ran = github("plan", RECONCILER_ARGS="--no-such-option")

    assert ran.code == 1
    assert github.outputs["artifact"] == ""
    assert github.forge.calls == []
    assert not Path("results/plan.json").exists()


def test_what_was_merged_is_applied_as_it_was_shown(github: Job) -> None:
    planned(github)

    ran = push(github)

    assert ran.code == 0, ran
    (command,) = github.ran
    assert command[:4] == ["apply", "dev", "--plan", "results/saved-plan.json"]
    assert "### reconciler apply: 1 create in 1 environment" in github.text("summary.md")
    assert Emulator(Path("airflow.json"), "3.3.1").send(Request("GET", "/variables/region")).status == 200


def test_the_token_does_not_follow_a_redirect(github: Job) -> None:
    planned(github)
    github.forge.answers["/store"] = github.forge.answers[f"{ARTIFACTS}/31/zip"]
    github.forge.redirects[f"{ARTIFACTS}/31/zip"] = f"{github.forge.url}/store"

    assert push(github).code == 0

    tokens = {call.path: "authorization" in call.headers for call in github.forge.calls}
    assert tokens[f"{ARTIFACTS}/31/zip"]
    assert not tokens["/store"]


UNSHOWN: dict[str, dict[str, Any]] = {
    "it was pushed": {"pulls": []},
    "it was not merged": {"pulls": [merged(merged_at=None)]},
    "other commits came after the merge": {"pulls": [merged(merge_commit_sha="c3" * 20)]},
    "it was merged into another branch": {"pulls": [merged(base={"ref": "release"})]},
    "the artifact has expired": {"expired": True},
    "a fork's run has made it": {"run": {"head_repository_id": 2}},
    "it is of another commit": {"run": {"head_sha": "c3" * 20}},
    "its run is gone": {"run": None},
    "it is something else": {"zip": zipped("other.txt", b"")},
    "it is no archive": {"zip": b"<html>"},
}


@pytest.mark.parametrize("case", UNSHOWN)
def test_what_nobody_was_shown_is_not_applied(github: Job, case: str) -> None:
    planned(github)
    what, forge = UNSHOWN[case], github.forge
    forge.answers[PULLS] = what.get("pulls", forge.answers[PULLS])
    forge.answers[f"{ARTIFACTS}/31/zip"] = what.get("zip", forge.answers[f"{ARTIFACTS}/31/zip"])
    (artifact,) = forge.answers[ARTIFACTS]["artifacts"]
    artifact["expired"] = what.get("expired", False)
    if "run" in what:
        run: Any = what["run"]
        artifact["workflow_run"] = None if run is None else {**artifact["workflow_run"], **run}

    ran = push(github)

    assert ran.code == 3, ran
    assert [command[0] for command in github.ran] == ["plan"]
    assert "::warning::nothing was applied, since nobody was shown this plan: " in ran.out
    assert "> **Nothing was applied**: " in github.text("summary.md")
    assert "start the workflow that plans by hand on this branch" in github.text("summary.md")


def test_a_push_that_changes_nothing_needs_no_plan(github: Job) -> None:
    planned(github)
    assert push(github).code == 0
    github.forge.answers[PULLS] = []

    assert push(github).code == 0
    assert github.ran[-1][0] == "plan"


def test_who_wants_it_so_applies_what_nobody_was_shown(github: Job) -> None:
    github.forge.answers = {ARTIFACTS: {"artifacts": []}, PULLS: []}

    ran = push(github, RECONCILER_WITHOUT_PLAN="apply")

    assert ran.code == 0
    assert "::warning::applied without a saved plan: " in ran.out
    assert github.ran[0][:3] == ["apply", "dev", "--yes"]


def test_a_plan_made_by_hand_of_the_merged_commit_comes_first(github: Job) -> None:
    assert github("plan", GITHUB_EVENT_NAME="workflow_dispatch").code == 0
    run = {"head_sha": MERGED, "repository_id": 1, "head_repository_id": 1}
    artifact = {"id": 32, "expired": False, "workflow_run": run}
    github.forge.answers = {
        ARTIFACTS: {"artifacts": [{**artifact, "id": 31}, artifact]},
        f"{ARTIFACTS}/32/zip": zipped("plan.json", github.result("plan.json").encode()),
    }
    only_for(github, f"reconciler-plan-{MERGED}")

    assert push(github).code == 0


def test_what_has_changed_since_the_plan_is_refused_with_the_way_out(github: Job) -> None:
    planned(github)
    github.declare(variables={"region": "us"})

    ran = push(github)

    assert ran.code == 3
    assert "the saved plan does not permit this" in ran.err
    assert "> **Refused.** If what has changed since is right, start the workflow" in github.text(
        "summary.md"
    )


def test_rights_that_an_apply_lacks_are_named_and_nothing_is_run(github: Job) -> None:
    github.forge.denied = {"GET"}

    ran = push(github)

    assert ran.code == 1
    assert "the job needs 'permissions: {actions: read, contents: read, pull-requests: read}'" in ran.err
    assert github.ran == []


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
