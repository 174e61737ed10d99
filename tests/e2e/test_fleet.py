"""A hundred environments in one run, two of them broken, and a run that is killed half-way."""

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ENVIRONMENTS = 100
BROKEN = ("env-017", "env-054")
PROGRAM = (sys.executable, "-c", "from reconciler.cli import main; main()")
UNLOCK = re.compile(r"reconciler (ledger unlock \S+ --id \S+);")


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """The folder of them all; each has a sandbox and a ledger of its own."""
    for number in range(ENVIRONMENTS):
        name = f"env-{number:03}"
        target = "http://127.0.0.1:1" if name in BROKEN else "sandbox:sandbox.json"
        write(tmp_path / name, name, target, 5)
    return tmp_path


def write(folder: Path, name: str, target: str, variables: int) -> None:
    folder.mkdir(exist_ok=True)
    settings = {"name": name, "target": target, "ledger": "file:ledger.json"}
    (folder / "environment.yaml").write_text(json.dumps(settings))
    declared = {f"v{number}": number for number in range(variables)}
    (folder / "manifest.yaml").write_text(json.dumps({"variables": declared}))


def ran(folder: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_a_hundred_environments_are_one_report_and_the_broken_ones_are_named(fleet: Path) -> None:
    done = ran(
        fleet, ["apply", "env-*", "--yes", "--parallel", "8", "--format", "text", "--format", "json=r.json"]
    )
    assert done.returncode == 4
    last = done.stdout.splitlines()[-1]
    assert last == f"100 environments: 98 done, 2 failed ({', '.join(BROKEN)})."
    report = json.loads((fleet / "r.json").read_text())
    assert [one["name"] for one in report["environments"]] == [f"env-{n:03}" for n in range(ENVIRONMENTS)]
    assert [one["name"] for one in report["environments"] if one.get("error")] == [*BROKEN]
    again = ran(fleet, ["plan", "env-*", "--parallel", "8"])
    assert again.stdout.splitlines()[-1] == f"100 environments: 98 in sync, 2 failed ({', '.join(BROKEN)})."


@pytest.fixture
def deadly(tmp_path: Path) -> Iterator[str]:
    """The URL of an Airflow that kills whoever writes to it first."""
    state = str(tmp_path / "airflow.json")
    command = [*PROGRAM, "gateway", "--port", "0", "--state", state, "--fault", "POST#1=kill_before"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout
        yield server.stdout.readline().split()[-1]
        server.terminate()
        server.wait(20)


def test_a_run_that_is_killed_half_way_is_mended_by_the_next_ones(fleet: Path, deadly: str) -> None:
    for name in BROKEN:
        write(fleet / name, name, "sandbox:sandbox.json", 5)
    write(fleet / "env-050", "env-050", deadly, 5)
    command = ["apply", "env-*", "--yes", "--parallel", "4"]
    assert ran(fleet, command).returncode == -signal.SIGKILL
    done = [folder.name for folder in sorted(fleet.glob("env-*")) if (folder / "sandbox.json").exists()]
    assert 40 < len(done) < 60

    second = ran(fleet, command)
    unlocking = UNLOCK.findall(second.stderr)
    assert (second.returncode, 1 <= len(unlocking) <= 4) == (4, True), "only what was under way is locked"
    for unlock in unlocking:
        assert ran(fleet, shlex.split(unlock)).returncode == 0

    assert ran(fleet, command).returncode == 0
    last = ran(fleet, ["plan", "env-*", "--detailed-exitcode", "--parallel", "8"])
    assert (last.returncode, last.stdout.splitlines()[-1]) == (0, "100 environments: 100 in sync.")
