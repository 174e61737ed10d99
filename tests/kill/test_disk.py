"""Full disks and folders that cannot be written: no half files, and no silence about what was done."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.broken import Raw
from tests.e2e.tool import Ran
from tests.kill.conftest import one_airflow
from tests.kill.scenario import mended, settled
from tests.kill.wires import Crossing, Deal, passed
from tests.kill.world import PROGRAM, World

pytestmark = [pytest.mark.slow, one_airflow]

FULL = "/dev/full"
"""A device on which there never is any room."""

MANY = {f"name_{number:03}": f"value {number}" for number in range(40)}
"""So many changes that a plan of them takes more than a full disk has left."""


def crowded(world: World, *arguments: str, blocks: int = 1, deal: Deal = passed) -> Ran:
    """A command that may write no file longer than some blocks of 512 bytes."""
    world.variables["PYTHONDONTWRITEBYTECODE"] = "1"  # Python itself leaves half files behind
    return shell(world, f'ulimit -f {blocks}; exec "$@"', *arguments, deal=deal)


def shell(world: World, script: str, command: str, *arguments: str, deal: Deal = passed) -> Ran:
    """The program as a script of the shell starts it."""
    return world.ran(
        ["/bin/sh", "-c", script, "sh", str(PROGRAM), command, str(world.folder), *arguments], deal
    )


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder in which even root cannot write."""
    chattr = shutil.which("chattr")
    if not chattr or subprocess.run([chattr, "+i", folder], check=False).returncode:
        pytest.skip("no file system here has folders that even root cannot write to")
    try:
        yield
    finally:
        subprocess.run([chattr, "-i", folder], check=True)


@pytest.mark.parametrize("older", [None, "an older plan"])
def test_a_plan_that_finds_no_room_leaves_no_half_file(
    world: World, tmp_path: Path, older: str | None
) -> None:
    world.declare({"variables": MANY})
    file = tmp_path / "plans" / "prod.plan"
    file.parent.mkdir()
    if older:
        file.write_text(older)

    ran = crowded(world, "plan", "--out", str(file))

    assert ran.code == 1, ran
    assert "prod.plan cannot be written: File too large" in ran.err
    left = [path.name for path in file.parent.iterdir()]
    assert (left, file.read_text() if older else None) == (["prod.plan"] if older else [], older)


def test_a_plan_for_a_full_device_is_an_error(world: World) -> None:
    world.declare({"variables": MANY})

    ran = world("plan", "--out", FULL)

    assert (ran.code, ran.err) == (1, "error: /dev/full cannot be written: No space left on device\n")


def test_a_result_that_finds_no_room_on_stdout_is_an_error(world: World) -> None:
    world.declare({"variables": MANY})

    ran = shell(world, 'exec "$@" >/dev/full', "plan")

    assert (ran.code, ran.err) == (1, "error: stdout: No space left on device\n")


@pytest.mark.parametrize("where", ["device", "file", "folder", "stdout"])
def test_a_report_that_cannot_be_written_says_that_changes_were(
    world: World, tmp_path: Path, where: str
) -> None:
    start = settled(world)
    folder = tmp_path / "reports"
    folder.mkdir()

    def folder_goes(crossing: Crossing) -> Raw | None:
        if crossing.writes and where == "folder":
            shutil.rmtree(folder, ignore_errors=True)
        return crossing()

    if where == "stdout":
        ran = shell(world, 'exec "$@" >/dev/full', "apply", "--yes")
    else:
        file = FULL if where == "device" else str(folder / "report.json")
        ran = crowded(world, "apply", "--yes", "--format", f"json={file}", deal=folder_goes)

    assert ran.code == 1, ran
    assert "error: changes were written, and the report could not be delivered: " in ran.err
    assert list(folder.iterdir() if folder.exists() else ()) == []
    start.check_converged()


@pytest.mark.parametrize("talk", ["--verbose", "--log-format=json", "--progress"])
def test_an_apply_whose_log_nobody_reads_any_more_goes_on(world: World, talk: str) -> None:
    start = settled(world)
    reader, writer = os.pipe()

    def reader_goes(crossing: Crossing) -> Raw | None:
        if crossing.writes and len(world.wires.writes) == 1:
            os.close(reader)
        return crossing()

    world.wires.begin(reader_goes)
    process = world.started([str(PROGRAM), "apply", "--yes", str(world.folder), talk], stderr=writer)
    os.close(writer)
    ran = world.ended(process)

    assert ran.code == 0, ran
    assert "Applied and verified: 8 changes." in ran.out
    start.check_converged()


PLACES = {
    "file:../prod env/manifest.yaml/prod.json": "one of its folders is a file",
    "file:/proc/nowhere/prod.json": "cannot write the ledger /proc/nowhere/prod.json",
    "file:../immutable/prod.json": "cannot write the ledger",
}


@pytest.mark.parametrize("ledger", PLACES)
def test_an_apply_whose_ledger_cannot_be_written_does_not_start(
    world: World, tmp_path: Path, ledger: str
) -> None:
    world.configure(ledger=ledger)
    world.declare({"variables": {"region": "eu"}})
    immutable = tmp_path / "immutable"
    immutable.mkdir()

    with read_only(immutable) if "immutable" in ledger else contextlib.nullcontext():
        ran = world.apply()

    assert ran.code == 1, ran
    assert PLACES[ledger] in ran.err
    assert world.wires.writes == []
    assert list(immutable.iterdir()) == []


def test_nor_does_one_whose_disk_is_full(world: World) -> None:
    world.keep_in_a_file()
    start = settled(world)

    ran = crowded(world, "apply", "--yes", blocks=0)

    assert ran.code == 1, ran
    assert "cannot write the ledger" in ran.err
    assert (world.wires.writes, world.rows(), world.kept()) == ([], start.rows, start.ledger)
    assert world.file
    assert sorted(path.name for path in world.file.parent.iterdir()) == ["prod.json", "prod.json.key"]


def test_a_ledger_that_cannot_be_written_at_the_end_is_told_and_mended(world: World) -> None:
    world.keep_in_a_file()
    start = settled(world)
    assert world.file
    with contextlib.ExitStack() as until_told:

        def folder_freezes(crossing: Crossing) -> Raw | None:
            if world.wires.writes and crossing.what == "GET /pools":
                until_told.enter_context(read_only(world.folder.with_name("ledgers")))
            return crossing()

        ran = world.apply(deal=folder_freezes)

    assert ran.code == 4, ran
    assert "the ledger could not be written at the end" in ran.out
    assert mended(world).code == 0
    start.check_converged()
