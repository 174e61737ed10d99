"""A workflow of GitHub from the pull request to what is applied of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Request
from reconciler.sandbox.emulator import Emulator
from tests.action.conftest import HEAD, MERGED, Job, push
from tests.action.forges import BOT, STRANGER, zipped

COMMENTS = "/repos/acme/airflow/issues/5/comments"
ARTIFACTS = "/repos/acme/airflow/actions/artifacts"
PULLS = f"/repos/acme/airflow/commits/{MERGED}/pulls"
MARKER = "<!-- reconciler "


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
