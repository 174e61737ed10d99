"""What CIs read, held against the linters and schemas of those CIs."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from reconciler.new_environment import NewEnvironment

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
EXAMPLES = sorted((ROOT / "examples" / "github").glob("*.yml"))
TEMPLATE = ROOT / "examples" / "gitlab" / "reconciler.gitlab-ci.yml"
ACTION = ROOT / "action" / "action.yml"
WRITTEN = {
    "init-mwaa": NewEnvironment("prod", "mwaa://eu-west-1/prod").workflow("envs/prod"),
    "init-sandbox": NewEnvironment("dev", "sandbox:s").workflow("it's ${{ x }}"),
}
"""What ``init`` writes."""
Linted = Callable[..., str]
Done = subprocess.CompletedProcess[str]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def linted(tmp_path_factory: pytest.TempPathFactory) -> Linted:
    """What a linter says; a missing one is an error, and its neighbours are all that it finds."""
    home = tmp_path_factory.mktemp("home")

    def run(tool: str, *arguments: object, cwd: Path = ROOT) -> str:
        environment = {"PATH": f"{BIN}{os.pathsep}/usr/bin:/bin", "HOME": str(home), "NO_COLOR": "1"}
        command = [str(BIN / tool), *map(str, arguments)]
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else f"{tool}: {done.stdout}{done.stderr}"

    return run


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with all workflows, this one checked out where they expect it."""
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    for file in [*EXAMPLES, *(ROOT / ".github" / "workflows").glob("*.yml")]:
        shutil.copy(file, workflows)
    for name, text in WRITTEN.items():
        (workflows / f"{name}.yml").write_text(text)
    for number, text in enumerate(recipes()):
        (workflows / f"recipe-{number}.yml").write_text(text)
    shutil.copytree(ROOT / "action", tmp_path / ".reconciler-source" / "action")
    (tmp_path / ".git").mkdir()
    return tmp_path


def recipes() -> list[str]:
    """The workflows in the docs."""
    text = (ROOT / "docs" / "ci.md").read_text()
    return [code for language, code in FENCED.findall(text) if language == "yaml" and "\njobs:" in code]


def test_actionlint_finds_nothing_inputs_of_the_action_included(linted: Linted, repository: Path) -> None:
    assert linted("actionlint", "-no-color", cwd=repository) == ""


@pytest.mark.parametrize(
    ("right", "wrong"), [("command: plan", "comand: plan"), ("== github.repository", "== github.repo")]
)
def test_actionlint_would_find_a_mistake(linted: Linted, repository: Path, right: str, wrong: str) -> None:
    for file in repository.glob(".github/workflows/*.yml"):
        file.write_text(file.read_text().replace(right, wrong))

    assert linted("actionlint", "-no-color", cwd=repository)


def test_zizmor_finds_nothing_even_when_it_is_pedantic(linted: Linted, repository: Path) -> None:
    places = [repository / ".github", repository / ".reconciler-source"]
    assert linted("zizmor", "--offline", "--quiet", "--persona", "pedantic", *places, cwd=repository) == ""


def test_files_are_what_the_published_schemas_say(linted: Linted, repository: Path) -> None:
    schemas = {
        "vendor.github-workflows": repository.glob(".github/workflows/*.yml"),
        "vendor.github-actions": [ACTION],
        "vendor.gitlab-ci": [TEMPLATE],
    }
    for schema, files in schemas.items():
        assert linted("check-jsonschema", "--builtin-schema", schema, *files) == ""


def test_shellcheck_finds_nothing(linted: Linted, tmp_path: Path) -> None:
    template = yaml.safe_load(TEMPLATE.read_text())[".reconciler"]
    steps = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    scripts = ["\n".join([*template["before_script"], *template["script"]])]
    scripts += [step["run"] for step in steps if "run" in step]
    for number, text in enumerate(scripts):
        (tmp_path / f"{number}.sh").write_text(f"#!/bin/sh\n{text}\n")
    files = [ROOT / "action" / "install.sh", *sorted(tmp_path.glob("*.sh"))]
    assert linted("shellcheck", "--exclude", "SC2155", *files) == ""


def test_every_action_is_pinned_to_a_commit_and_to_the_same_one_everywhere(repository: Path) -> None:
    files = [*repository.glob(".github/workflows/*.yml"), ACTION]
    uses = [line for file in files for line in file.read_text().splitlines() if "uses:" in line]
    foreign = [line.partition("uses:")[2].strip() for line in uses if "./" not in line]
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in foreign)
    assert len(set(foreign)) == len({one.partition("@")[0] for one in foreign})


def test_what_a_job_installs_is_what_the_tests_ran_with() -> None:
    """``make lock`` renews both locks, and the one of a job has all that the program needs."""
    used, tested = (locked(ROOT / "requirements" / f"{name}.txt") for name in ("run", "dev"))
    assert used.items() <= tested.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    assert {canonicalize_name(Requirement(one).name) for one in needed} <= set(used)


def locked(file: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", file.read_text(), re.MULTILINE))


def test_no_expression_is_put_into_a_script() -> None:
    for step in yaml.safe_load(ACTION.read_text())["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_the_hook_is_one_that_pre_commit_takes(linted: Linted) -> None:
    assert linted("pre-commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml") == ""


def committed(place: Path) -> str:
    """Makes a folder a git repository of one commit, and tells which."""
    git = [str(shutil.which("git")), "-C", str(place), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for step in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "one"]):
        subprocess.run([*git, *step], check=True, capture_output=True)
    found = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return found.stdout.strip()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What is to be committed, without what lies about."""
    left_out = shutil.ignore_patterns(".venv", ".git", "tests", "benchmarks", ".*_cache", "ledger.json*")
    return Path(shutil.copytree(ROOT, tmp_path / "source", ignore=left_out))


@pytest.mark.slow
def test_the_hook_runs_in_pre_commit_itself(tmp_path: Path, source: Path) -> None:
    committed(source)
    dev = tmp_path / "mine" / "dev"
    dev.mkdir(parents=True)
    (dev / "environment.yaml").write_text("name: dev\ntarget: sandbox:s\n")
    (dev / "pools.yaml").write_text("pools: {etl: {slots: 4}}\n")
    committed(dev.parent)
    command = [str(BIN / "pre-commit"), "try-repo", str(source), "reconciler-validate", "--all-files"]
    environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home")}

    def tried() -> Done:
        return subprocess.run(
            command, cwd=dev.parent, env=environment, capture_output=True, text=True, check=False
        )

    first = tried()
    assert first.returncode == 0, first.stdout + first.stderr
    (dev / "pools.yaml").write_text("pools: {etl: {slots: many}}\n")
    second = tried()
    assert second.returncode == 1
    assert "dev/pools.yaml:1:" in second.stdout


@pytest.mark.slow
def test_the_jobs_of_the_template_run_what_they_install(tmp_path: Path, source: Path) -> None:
    """The real lines of the template in a shell, from a commit of this repository to the finished plan."""
    project = tmp_path / "project"
    (project / "environments" / "dev").mkdir(parents=True)
    (project / "environments" / "dev" / "environment.yaml").write_text("name: dev\ntarget: sandbox:s\n")
    python = tmp_path / "bin" / "python3"
    python.parent.mkdir()
    python.symlink_to(Path(sys.executable).resolve())
    variables = {
        **job_variables(),
        "RECONCILER_REPOSITORY": str(source),
        "RECONCILER_COMMIT": committed(source),
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "TMPDIR": str(tmp_path),
    }

    done = subprocess.run(
        ["/bin/sh", "-c", job_script()],
        cwd=project,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    saved = json.loads((project / "reconciler-results" / "plan.json").read_text())
    assert saved["environments"][0]["name"] == "dev"
    (token,) = tmp_path.glob("*/token")
    assert (token.read_text(), token.stat().st_mode & 0o777) == ("jwt", 0o600)


def job_script() -> str:
    shared = yaml.safe_load(TEMPLATE.read_text())[".reconciler"]
    return "\n".join(["set -eu", *shared["before_script"], *shared["script"]])


def job_variables() -> dict[str, str]:
    """What GitLab gives to the job that plans by hand."""
    template = yaml.safe_load(TEMPLATE.read_text())
    return {
        **template[".reconciler"]["variables"],
        **template["reconciler-plan"]["variables"],
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/plan",
        "AWS_ID_TOKEN": "jwt",
        "CI_API_V4_URL": "http://127.0.0.1:9",
        "CI_COMMIT_REF_NAME": "main",
        "CI_COMMIT_SHA": "a" * 40,
        "CI_JOB_URL": "https://gitlab.example/1",
        "CI_PROJECT_ID": "1",
        "GITLAB_CI": "true",
    }
