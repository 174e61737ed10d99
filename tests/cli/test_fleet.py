import json
import subprocess
import threading
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler.backends import Request, Response
from reconciler.cli.schema import schema_file
from reconciler.sandbox.emulator import Emulator
from tests.cli.conftest import Run, Write

LISTING = Draft202012Validator(json.loads(schema_file("environments").read_text()))


def git(*arguments: str) -> None:
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["/usr/bin/env", "git", *settings, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(environment: Write, folder: Path) -> Path:
    """Two environments, one of which stands on a layer, all of it committed."""
    environment("dev", settings={"layers": ["../base"]}, variables={"a": "1"})
    environment("prod", variables={"a": "1"})
    (folder / "base").mkdir()
    (folder / "base" / "pools.yaml").write_text("pools: {etl: {slots: 1}}\n")
    git("init")
    git("add", ".")
    git("commit", "-m", "start")
    return folder


def named(ran: object) -> list[str]:
    return [one["name"] for one in json.loads(ran.out)["environments"]]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("repository")
def test_environments_are_listed_for_a_matrix_without_asking_any(
    cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Emulator, "send", None)
    ran = cli("plan", "*", "--list", "--format", "json")
    assert ran.code == 0
    LISTING.validate(ran.document)
    assert ran.document["environments"] == [
        {"name": "dev", "folder": "dev", "target": "sandbox:sandbox.json"},
        {"name": "prod", "folder": "prod", "target": "sandbox:sandbox.json"},
    ]
    assert cli("plan", "*", "--list").out == "dev\nprod\n"


@pytest.mark.usefixtures("repository")
def test_an_environment_that_cannot_be_read_is_listed_as_an_error(cli: Run, environment: Write) -> None:
    environment("bad", settings={"target": "nonsense"})
    ran = cli("plan", "*", "--list", "--format", "json")
    assert ran.code == 1
    LISTING.validate(ran.document)
    assert [("error" in one) for one in ran.document["environments"]] == [True, False, False]


@pytest.mark.usefixtures("repository")
def test_a_list_has_no_other_formats(cli: Run) -> None:
    ran = cli("plan", "*", "--list", "--format", "junit")
    assert (ran.code, ran.err) == (1, "error: --list tells text or json, not junit\n")


def test_only_what_git_has_changed_is_meant(cli: Run, repository: Path) -> None:
    since = ("--changed-since", "HEAD", "--list", "--format", "json")
    ran = cli("plan", "*", *since)
    assert (ran.code, named(ran)) == (0, [])
    assert ran.err == "nothing of these environments has changed since HEAD\n"

    (repository / "prod" / "manifest.yaml").write_text("variables: {a: '2'}\n")
    assert named(cli("plan", "*", *since)) == ["prod"], "what is not committed yet"
    git("checkout", "--", ".")

    (repository / "prod" / "more.yaml").write_text("variables: {b: '2'}\n")
    assert named(cli("plan", "*", *since)) == ["prod"], "what git does not know yet"
    (repository / "prod" / "more.yaml").unlink()

    (repository / "base" / "pools.yaml").unlink()
    assert named(cli("plan", "*", *since)) == ["dev"], "what is gone from a layer"


def test_a_branch_is_held_against_where_it_left_the_other(cli: Run, repository: Path) -> None:
    git("checkout", "-b", "feature")
    (repository / "prod" / "manifest.yaml").write_text("variables: {a: '2'}\n")
    git("commit", "-am", "prod")
    git("checkout", "main")
    (repository / "dev" / "manifest.yaml").write_text("variables: {a: '3'}\n")
    git("commit", "-am", "dev")
    git("checkout", "feature")
    assert named(cli("plan", "*", "--changed-since", "main", "--list", "--format", "json")) == ["prod"]


def test_it_works_from_a_folder_below_and_for_every_command(
    cli: Run, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "prod" / "manifest.yaml").write_text("variables: {a: '2'}\n")
    monkeypatch.chdir(repository / "dev")
    assert cli("validate", "../*", "--changed-since", "HEAD").out == "prod: ok, 1 resource\n"
    for command in (["plan"], ["apply", "--yes"], ["drift"]):
        ran = cli(command[0], "../*", "--changed-since", "HEAD", "--format", "json", *command[1:])
        assert named(ran) == ["prod"]


def test_a_branch_without_common_history_is_an_error_that_tells_of_shallow_clones(
    cli: Run, repository: Path
) -> None:
    git("checkout", "--orphan", "other")
    git("commit", "-m", "unrelated")
    ran = cli("plan", str(repository / "dev"), "--changed-since", "main")
    assert (ran.code, "a shallow clone lacks the history" in ran.err) == (1, True)


def test_it_is_the_repository_of_the_environments_that_is_asked(
    cli: Run, repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    git("init")
    (repository / "prod" / "manifest.yaml").write_text("variables: {a: '2'}\n")
    since = ("--changed-since", "HEAD", "--list", "--format", "json")
    assert named(cli("plan", str(repository / "dev"), str(repository / "prod"), *since)) == ["prod"]


def test_an_environment_that_cannot_be_read_counts_as_changed(cli: Run, repository: Path) -> None:
    (repository / "dev" / "environment.yaml").write_text("name: dev\ntarget: nonsense\n")
    git("commit", "-am", "broken")
    assert cli("plan", "*", "--changed-since", "HEAD").code == 1


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("revision", ["nope", "--output=x", ""])
def test_a_revision_that_git_does_not_know_is_an_error(cli: Run, revision: str) -> None:
    ran = cli("plan", "*", f"--changed-since={revision}")
    assert ran.code == 1
    assert ran.err.startswith("error: --changed-since: git does not know: ")


def test_without_a_repository_or_git_the_message_says_so(
    cli: Run, environment: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment("dev")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path.cwd()))
    assert "not a git repository" in cli("plan", "dev", "--changed-since", "HEAD").err
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli("plan", "dev", "--changed-since", "HEAD").err == (
        "error: --changed-since asks git, and there is none on the PATH\n"
    )


@pytest.fixture
def fleet(environment: Write) -> list[str]:
    """A dozen environments, two of which nobody answers for."""
    names = [f"env-{number:02}" for number in range(12)]
    for name in names:
        broken = {"target": "http://127.0.0.1:1"} if name in {"env-03", "env-07"} else {}
        environment(name, settings={"ledger": "file:ledger.json", **broken}, variables={"a": name})
    return names


@pytest.mark.parametrize("parallel", ["1", "5", "50"])
def test_a_fleet_is_one_report_in_order_with_failures_by_name(
    cli: Run, fleet: list[str], parallel: str
) -> None:
    ran = cli("apply", "env-*", "--yes", "--parallel", parallel)
    assert ran.code == 4, "something was written and something failed"
    assert ran.out.endswith("12 environments: 10 done, 2 failed (env-03, env-07).\n")
    ran = cli("plan", "env-*", "--parallel", parallel, "--format", "json")
    assert ran.code == 1
    assert named(ran) == fleet
    assert [one["name"] for one in ran.document["environments"] if "error" in one] == ["env-03", "env-07"]
    assert all(not one.get("changes") for one in ran.document["environments"])


def most_at_one_time(monkeypatch: pytest.MonkeyPatch, meet: int = 1) -> list[int]:
    """How many calls were under way at each call; the first ones wait until so many are."""
    answer, found, under_way, all_there = Emulator.send, list[int](), list[int](), threading.Barrier(meet)

    def send(self: Emulator, request: Request) -> Response:
        under_way.append(1)
        if request.path == "/version":
            all_there.wait(30)
        found.append(len(under_way))
        try:
            return answer(self, request)
        finally:
            under_way.pop()

    monkeypatch.setattr(Emulator, "send", send)
    return found


def test_environments_of_one_airflow_go_one_after_the_other(
    cli: Run, environment: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "three"):
        environment(name, settings={"target": "sandbox:../shared.json"}, variables={name: "1"})
    most = most_at_one_time(monkeypatch)
    assert cli("apply", "one", "two", "three", "--yes", "--parallel", "3").code == 0
    assert {*most} == {1}


def test_environments_of_different_airflows_go_side_by_side(
    cli: Run, fleet: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    most = most_at_one_time(monkeypatch, meet=2)
    assert cli("plan", *fleet[:2], "--parallel", "2").code == 0
    assert max(most) == 2


def test_who_watches_several_at_one_time_is_told_whose_change_has_landed(cli: Run, fleet: list[str]) -> None:
    ran = cli("apply", *fleet[:2], "--yes", "--parallel", "2", "--progress")
    assert "env-00:  + variable a: done\n" in ran.err
    assert "env-01:  + variable a: done\n" in ran.err


def test_a_number_of_environments_is_at_least_one(cli: Run) -> None:
    assert "0 is not in the range x>=1" in cli("plan", "dev", "--parallel", "0").err
