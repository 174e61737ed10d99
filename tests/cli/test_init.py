"""``init`` as people type it, and what comes of it."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.cli.schema import schema_file
from tests.cli.conftest import Run

NAMES = {"environment", "variables", "connections", "pools"}


def files() -> dict[str, str]:
    return {str(path): path.read_text() for path in sorted(Path().rglob("*")) if path.is_file()}


def workflow() -> str:
    return Path(".github/workflows/airflow.yml").read_text()


def jobs() -> dict[str, dict[str, str]]:
    """What each job asks of the action."""
    return {name: job["steps"][-1]["with"] for name, job in yaml.safe_load(workflow())["jobs"].items()}


@pytest.mark.parametrize(
    "target",
    [
        "sandbox:box.json",
        "sandbox:a b/é.json?airflow=2",
        "mwaa://eu-west-1/prod?account=123456789012",
        "https://h/prefix?airflow=3",
    ],
)
@pytest.mark.parametrize(
    "ledger", [(), ("--ledger", "file:ledger.json"), ("--ledger", "s3://bucket/a/b.json")]
)
def test_a_new_folder_is_sound(cli: Run, target: str, ledger: tuple[str, ...]) -> None:
    ran = cli("init", "envs/dev", "--target", target, *ledger)
    assert ran.code == 0
    assert sorted(ran.out.splitlines()) == sorted(f"created {path}" for path in files())
    assert {Path(path).stem for path in files() if path.startswith("envs/dev/")} == NAMES
    assert cli("validate", "envs/dev").out == "dev: ok, 0 resources\n"
    settings = yaml.safe_load(Path("envs/dev/environment.yaml").read_text())
    assert settings == {"name": "dev", "target": target, **({"ledger": ledger[1]} if ledger else {})}


@pytest.mark.parametrize("major", [2, 3])
def test_it_plans_on_the_sandbox(cli: Run, major: int) -> None:
    cli("init", "dev", "--target", f"sandbox:box.json?airflow={major}", "--ledger", "file:ledger.json")
    assert cli("plan", "dev", "--detailed-exitcode").code == 0


def test_editors_find_the_schema_that_each_file_names(cli: Run) -> None:
    cli("init", "envs/dev", "--target", "sandbox:s")
    for path in Path("envs/dev").iterdir():
        first, *_ = path.read_text().splitlines()
        named = path.parent / first.removeprefix("# yaml-language-server: $schema=")
        expected = "environment" if path.stem == "environment" else "manifest"
        assert named.read_text() == schema_file(expected).read_text()


def test_every_comment_can_be_taken_at_its_word(cli: Run) -> None:
    """Without its marks, each file is what its schema takes, and the folder is sound."""
    cli("init", "base", "--target", "sandbox:s")
    Path("base/environment.yaml").unlink()
    cli("init", "dev", "--target", "sandbox:s", "--name", "x")
    for path in Path("dev").iterdir():
        first, *lines = path.read_text().splitlines()
        bare = "\n".join(re.sub("^# ?", "", line) for line in lines)
        path.write_text(f"{first}\n{bare}\n".replace("aws-sm:prod/*", "env:*"))
        schema = json.loads(
            schema_file("environment" if path.stem == "environment" else "manifest").read_text()
        )
        Draft202012Validator(schema).validate(yaml.safe_load(path.read_text()))
    ran = cli("validate", "dev")
    assert (ran.code, ran.out) == (0, "x: ok, 6 resources\n")


def test_nothing_is_overwritten(cli: Run) -> None:
    Path("dev").mkdir()
    Path("dev/pools.yaml").write_text("pools: {}\n")
    ran = cli("init", "dev", "--target", "sandbox:s")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: there already: dev/pools.yaml; nothing was written\n"
    assert files() == {"dev/pools.yaml": "pools: {}\n"}


def test_a_dangling_link_is_there_already(cli: Run) -> None:
    Path("dev").mkdir()
    Path("dev/pools.yaml").symlink_to("../elsewhere")
    assert cli("init", "dev", "--target", "sandbox:s").code == 1
    assert not Path("elsewhere").exists()


def test_neighbours_share_the_schemas(cli: Run) -> None:
    cli("init", "dev", "--target", "sandbox:s")
    Path(".reconciler/manifest.schema.json").write_text("mine")
    ran = cli("init", "prod", "--target", "sandbox:s")
    assert ran.code == 0
    assert ".reconciler" not in ran.out
    assert Path(".reconciler/manifest.schema.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("dev",), "give --target"),
        (("dev", "--target", "mwaa://nowhere"), "target: "),
        (("dev", "--target", "https://u:hunter2@h"), "credentials do not belong here"),
        (("dev", "--target", "sandbox:s", "--ledger", "ftp://x"), "ledger: "),
        (("dev", "--target", "sandbox:s", "--ledger", "file:s"), "the very file that the sandbox is"),
        (("dev", "--target", "sandbox:s", "--name", "a b"), "up to 100 letters"),
        (("d v", "--target", "sandbox:s"), "up to 100 letters"),
        (("dev", "--target", "sandbox:s", "--ci", "jenkins"), "'jenkins'"),
    ],
)
def test_what_makes_no_sense_is_an_error_and_writes_nothing(
    cli: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    ran = cli("init", *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert sentence in ran.err
    assert "hunter2" not in ran.err
    assert files() == {}


def test_the_workflow_is_at_the_root_of_the_repository(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".git").mkdir()
    Path("deep/er").mkdir(parents=True)
    monkeypatch.chdir("deep/er")
    ran = cli("init", "prod", "--target", "mwaa://eu-west-1/prod", "--ci", "github")
    assert ran.code == 0
    monkeypatch.chdir("../..")
    assert {inputs["environments"] for inputs in jobs().values()} == {"deep/er/prod"}


def test_without_a_repository_the_workflow_is_in_the_working_directory(cli: Run, tmp_path: Path) -> None:
    assert cli("init", "dev", "--target", "sandbox:s", "--ci", "github").code == 0
    assert {inputs["environments"] for inputs in jobs().values()} == {"dev"}
    ran = cli("init", str(tmp_path.parent / "out"), "--target", "sandbox:s", "--ci", "github")
    assert ran.code == 1
    assert "is outside of" in ran.err


@pytest.mark.parametrize(("target", "role"), [("mwaa://eu-west-1/prod", True), ("sandbox:s", False)])
def test_the_workflow_pins_its_actions_and_asks_for_no_more_than_it_needs(
    cli: Run, target: str, role: bool
) -> None:
    assert cli("init", "dev", "--target", target, "--ci", "github").code == 0
    document = yaml.safe_load(workflow())
    assert document["permissions"] == {}
    for job in document["jobs"].values():
        *used, own = [step["uses"] for step in job["steps"]]
        assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one) for one in used)
        assert len(used) == 2 + role
        assert own == "./.reconciler-source/action"
        assert job["permissions"].get("id-token") == ("write" if role else None)


def test_the_workflow_plans_applies_and_looks_for_drift(cli: Run) -> None:
    cli("init", "dev", "--target", "sandbox:s", "--ci", "github")
    assert jobs() == {name: {"command": name, "environments": "dev"} for name in ("plan", "apply", "drift")}


@pytest.mark.parametrize(
    ("place", "told"), [("d v", "'d v'"), ("it's", "'it'\"'\"'s'"), ("${{ x }}", "'${{ '${{' }} x }}'")]
)
def test_no_name_of_a_folder_means_anything_else_in_the_workflow(cli: Run, place: str, told: str) -> None:
    assert cli("init", place, "--name", "dev", "--target", "sandbox:s", "--ci", "github").code == 0
    assert jobs()["plan"]["environments"] == told


def test_a_ledger_that_a_runner_forgets_is_a_warning(cli: Run) -> None:
    ran = cli("init", "dev", "--target", "sandbox:s", "--ledger", "file:l", "--ci", "github")
    assert ran.code == 0
    assert "warning: a ledger in a file is gone with the runner" in ran.err


def test_what_is_missing_is_asked_for_on_a_terminal() -> None:

    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).parent / "reconciler"), "init", "dev"]
    process = subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    os.write(ours, b"\nsandbox:box.json\n\n")
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert b"created dev/environment.yaml\n" in out
    settings = yaml.safe_load(Path("dev/environment.yaml").read_text())
    assert settings == {"name": "dev", "target": "sandbox:box.json", "ledger": "file:ledger.json"}
    os.close(ours)
