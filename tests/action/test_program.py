"""How a job runs the program, and what it calls a forge with."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from action import program
from action.api import Api, ApiError
from action.settings import HIDDEN
from tests.action.forges import Fake


def python(folder: Path, code: str) -> list[str]:
    script = folder / "script.py"
    script.write_text(code)
    return [sys.executable, str(script)]


def test_manifests_cannot_refer_to_tokens_of_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*HIDDEN, "WAREHOUSE_PASSWORD"):
        monkeypatch.setenv(name, "x")
    code = "import os, sys; sys.exit(sum(one in os.environ for one in sys.argv[1:]))"

    assert program.ran([*python(tmp_path, code), *HIDDEN]) == 0
    assert program.ran([*python(tmp_path, code), "WAREHOUSE_PASSWORD"]) == 1


@pytest.mark.parametrize("number", program.SIGNALS)
def test_a_job_that_is_cancelled_lets_the_program_end_by_itself(
    tmp_path: Path, number: signal.Signals
) -> None:
    """The program says through a pipe that it can be told, and then ends as it wants to."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(130))\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        f"open({str(ready)!r}, 'w').close()\n"
        "signal.pause()\n"
    )
    before = signal.getsignal(number)

    def cancel() -> None:
        ready.open().close()
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=cancel, daemon=True)
    thread.start()

    assert program.ran(python(tmp_path, code)) == 128 + number
    thread.join(5)
    assert signal.getsignal(number) is before


def test_the_program_is_the_one_beside_the_python_that_runs_the_job() -> None:
    assert program.PROGRAM.parent == Path(sys.executable).parent
    assert program.PROGRAM.exists()


def test_a_list_is_read_to_its_end(forge: Fake) -> None:
    api = Api(forge.url, {})
    for length in (0, 1, 99, 100, 101, 200):
        forge.answers["/list"] = list(range(length))
        assert list(api.pages("/list")) == list(range(length))


def test_what_is_no_json_and_who_does_not_answer_are_errors(forge: Fake) -> None:
    forge.answers["/text"] = b"<html>"
    with pytest.raises(ApiError, match="the answer is no JSON"):
        Api(forge.url, {}).get("/text")
    with pytest.raises(ApiError, match="GET /nothing: 404 Not Found") as missing:
        Api(forge.url, {}).get("/nothing")
    assert missing.value.denied
    with pytest.raises(ApiError, match="GET /x: ") as unreachable:
        Api("http://127.0.0.1:9", {}).get("/x")
    assert not unreachable.value.denied
