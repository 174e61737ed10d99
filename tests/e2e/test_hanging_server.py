"""A server that takes requests and never answers: Ctrl-C waits for none of those under way."""

import contextlib
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from tests.e2e.broken import Raw, answering, said

PROGRAM = Path(sys.executable).with_name("reconciler")


@pytest.mark.parametrize("command", [["plan"], ["drift"], ["apply", "--yes"]])
def test_ctrl_c_ends_a_read_of_a_server_that_hangs_at_once(command: list[str], tmp_path: Path) -> None:
    asked, over = threading.Semaphore(0), threading.Event()

    def answers(_method: str, path: str, _body: bytes) -> Raw:
        if path.endswith("/version"):
            return said({"version": "3.3.1", "git_version": None})
        asked.release()
        over.wait(60)
        return said({}, 500)

    folder = tmp_path / "dev"
    folder.mkdir()
    (folder / "m.yaml").write_text("variables: {a: 1}")
    with answering(answers) as url:
        (folder / "environment.yaml").write_text(
            yaml.safe_dump({"name": "dev", "target": f"{url}?airflow=3"})
        )
        process = subprocess.Popen(
            [PROGRAM, command[0], "dev", *command[1:]],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3):
            assert asked.acquire(timeout=30)
        try:
            out, err = interrupted(process)
        finally:
            over.set()
            process.kill()
    assert (process.returncode, out) == (130, "")
    assert "nothing was written" in err


def interrupted(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """What a process says that gets Ctrl-C until it ends: of an apply the second one counts."""
    for _ in range(20):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=1)
    raise AssertionError("it goes on")
