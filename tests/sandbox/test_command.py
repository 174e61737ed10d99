import json
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.sandbox.__main__ import main


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "state.json")


def test_a_change_prints_the_answer_and_stays(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file, "POST", "/variables", '{"key": "a", "value": "ü"}']) == 0
    created = json.loads(capsys.readouterr().out)
    assert main([file, "GET", "/variables/a"]) == 0

    assert created["value"] == "ü"
    assert json.loads(capsys.readouterr().out) == created


def test_a_refusal_is_printed_and_exits_with_1(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file, "DELETE", "/variables/absent"]) == 1

    assert json.loads(capsys.readouterr().out) == {"detail": "The Variable with key: `absent` was not found"}


def test_an_empty_answer_prints_nothing(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([file, "POST", "/pools", '{"name": "p", "slots": 1}'])
    capsys.readouterr()

    assert main([file, "DELETE", "/pools/p"]) == 0
    assert capsys.readouterr().out == ""


def test_an_answer_that_is_no_json_is_printed_as_text(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file, "POST", "/variables", "[]"]) == 1

    assert json.loads(capsys.readouterr().out) == "Internal Server Error"


def test_airflow_2_can_be_asked_for(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([file, "GET", "/version", "--airflow", "2"])

    assert json.loads(capsys.readouterr().out)["version"].startswith("2.")


def test_a_query_in_the_path_is_sent_with_its_repetitions(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    body = '{"key": "a", "value": "1", "description": "one"}'
    main([file, "POST", "/variables", body])
    changed = body.replace("1", "2").replace("one", "two")
    main([file, "PATCH", "/variables/a?update_mask=value&update_mask=description", changed])
    capsys.readouterr()
    main([file, "get", "/variables/a"])

    found = json.loads(capsys.readouterr().out)
    assert (found["value"], found["description"]) == ("2", "two")


def test_a_body_that_is_no_json_is_refused(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([file, "POST", "/variables", "{key: a}"])

    assert caught.value.code == 2
    assert "not JSON" in capsys.readouterr().err


def test_a_corrupt_state_is_told_without_a_traceback(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(file).write_text("{")

    assert main([file, "GET", "/variables"]) == 1
    assert "is not a sandbox state file" in capsys.readouterr().err


def test_it_runs_as_a_module(file: str) -> None:
    command = [sys.executable, "-m", "reconciler.sandbox", file, "GET", "/pools"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["total_entries"] == 1
