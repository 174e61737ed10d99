"""``reconciler doctor`` as people type it, on the sandbox and over plain HTTP."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.backends import Backend, Request, Response
from reconciler.cli.main import run
from reconciler.cli.output import coloured
from reconciler.cli.schema import schema_file
from tests.doctor.support import CANARY, Watched, contents, emulator, look, write
from tests.e2e.tool import Ran
from tests.gateway.support import running

SCHEMA = Draft202012Validator(json.loads(schema_file("doctor").read_text()))
SANDBOX = "sandbox:sandbox.json?airflow="
Cli = Callable[..., Ran]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Ran:
        capsys.readouterr()
        code = run(["doctor", *arguments])
        out, err = capsys.readouterr()
        assert CANARY not in out + err
        assert "Traceback" not in err
        return Ran(code, out, err)

    return command


def checks(ran: Ran) -> dict[str, dict[str, Any]]:
    SCHEMA.validate(ran.document)
    return {one["check"]: one for one in ran.environment["findings"]}


@pytest.mark.parametrize("major", [2, 3])
def test_rows_are_aligned_and_counted(cli: Cli, tmp_path: Path, major: int) -> None:
    write(tmp_path / "dev", f"{SANDBOX}{major}")

    ran = cli("dev", "--scratch")

    head, blank, *rows, _, summary = ran.out.splitlines()
    assert (ran.code, ran.err, blank) == (0, "", "")
    assert head == f"dev  sandbox:sandbox.json · Airflow {emulator(major).newest(major)}"
    assert "  ok       write variables         created, changed and removed" in rows
    assert {row[:9].strip() for row in rows if "→" not in row} == {"ok", "warning", "skipped"}
    assert summary.startswith("Doctor: 18 ok, 1 warning, ")
    assert summary.endswith("19 reads and 11 writes.")


def test_what_was_skipped_for_one_reason_is_one_row(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "dev", f"{SANDBOX}3")

    ran = cli("dev")

    wanted = "nothing is written without --scratch: write pools, write variables, write connections, masks, "
    assert sum("--scratch" in row for row in ran.out.splitlines()) == 1
    assert wanted in ran.out


def test_the_document_has_every_finding_and_a_schema(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "dev", f"{SANDBOX}3")

    ran = cli("dev", "--format", "json")
    found = checks(ran)

    assert ran.document["format"] == "reconciler.doctor/1"
    assert found["write pools"] == {
        "check": "write pools",
        "state": "skipped",
        "seen": "nothing is written without --scratch",
        "advice": None,
    }
    assert sum(ran.environment["summary"].values()) == len(ran.environment["findings"])
    assert ran.environment["calls"]["write"] == 0


def test_a_failed_check_exits_1(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "dev", f"{SANDBOX}3", variables={"a": {"value": {"$secret": "env:NOPE"}}})

    ran = cli("dev", "--format", "json")

    assert (ran.code, checks(ran)["secrets"]["state"]) == (1, "failed")


def test_what_every_command_would_refuse_exits_3(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "dev", f"{SANDBOX}3", settings={"ledger": "file:ledger.json"}, variables={"a": 1})
    assert run(["apply", "dev", "--yes"]) == 0
    write(tmp_path / "dev", f"{SANDBOX}3", settings={"ledger": "file:ledger.json", "name": "other"})

    assert cli("dev").code == 3


def test_manifests_that_are_wrong_come_first_and_the_rest_is_skipped(cli: Cli, tmp_path: Path) -> None:
    folder = write(tmp_path / "dev", f"{SANDBOX}3", pools={"p": {"slots": "many"}, "q": {"slots": -5}})

    ran = cli("dev", "--format", "json")

    SCHEMA.validate(ran.document)
    first, second, *rest = ran.environment["findings"]
    assert (ran.code, ran.environment["name"], ran.environment["target"]) == (1, folder.name, None)
    assert {first["state"], second["state"]} == {"failed"}
    assert first["seen"].startswith("dev/manifest.yaml:")
    assert {one["state"] for one in rest} == {"skipped"}
    assert cli("dev").out.splitlines()[0] == "dev"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dev", "--format", "markdown"), "'markdown' is not one of 'text', 'json'"),
        (("dev", "--write"), "No such option"),
        ((), "Missing argument"),
    ],
)
def test_wrong_options_exit_1(cli: Cli, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    write(tmp_path / "dev", f"{SANDBOX}3")

    ran = cli(*arguments)

    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err


def test_a_folder_that_is_none_is_said_to_be_none(cli: Cli) -> None:
    ran = cli("nowhere")

    assert ran.code == 1
    assert "nowhere is no environment: there is no such folder" in ran.out


def test_several_environments_keep_their_places(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "one", f"{SANDBOX}3")
    write(tmp_path / "two", f"{SANDBOX}2", pools={"p": {"slots": "x"}})

    ran = cli("one", "two", "--format", "json")

    SCHEMA.validate(ran.document)
    assert [one["name"] for one in ran.document["environments"]] == ["one", "two"]
    assert ran.code == 1


def test_every_state_has_a_colour_of_its_own() -> None:
    lines = [coloured(f"  {state}  check\n") for state in ("ok", "warning", "failed", "skipped")]
    assert len({line[:5] for line in lines}) == len(lines)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_when_its_objects_are_gone(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals, code: int
) -> None:
    def instead(behind: Backend, request: Request) -> Response | None:
        if request.method == "PATCH":
            os.kill(os.getpid(), sent)
        return behind.send(request)

    backend = Watched(emulator(), instead)
    before = contents(backend.backend)
    monkeypatch.setattr("reconciler.doctor.examination.connect", lambda *_: backend)
    write(tmp_path / "dev", f"{SANDBOX}3")

    ran = cli("dev", "--scratch", "--format", "json")

    assert ran.code == code
    assert "write variables" not in checks(ran)
    assert [request.method for request in backend.writes] == ["POST", "PATCH", "DELETE"]
    assert contents(backend.backend) == before


def test_a_value_or_a_secret_is_nowhere_to_be_seen(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Watched(emulator(), lambda _, request: broken_with_canary(request))
    monkeypatch.setattr("reconciler.doctor.examination.connect", lambda *_: backend)
    monkeypatch.setenv("TOKEN", CANARY)
    write(tmp_path / "dev", f"{SANDBOX}3", variables={"a": {"value": {"$secret": "env:TOKEN"}}, "b": CANARY})

    for form in ("text", "json"):
        assert cli("dev", "--scratch", "-v", "--format", form).code == 1


def broken_with_canary(request: Request) -> Response | None:
    if request.path.startswith("/connections"):
        return Response(500, {"detail": CANARY})
    if request.method == "PATCH":
        return Response(422, {"detail": [{"type": "missing", "loc": ["body"], "input": CANARY}]})
    return Response(200, {"a": {"status": "healthy"}}) if "health" in request.path else None


@pytest.mark.parametrize("major", [2, 3])
def test_over_plain_http_the_clock_and_both_apis_are_seen(tmp_path: Path, major: int) -> None:
    backend = Watched(emulator(major))
    with running(backend) as url:
        found = look(write(tmp_path / "dev", url), scratch=True)

    assert found.failed == set()
    assert found.state("clock") == "ok"
    assert found["version"].seen.endswith(f"spoken to as API v{major - 1}")
    assert found["plan"].seen == f"{4 + (major == 2)} calls for 1 resources"
    assert contents(backend.backend) == contents(emulator(major))


def test_a_server_that_is_not_there_is_the_one_failure(tmp_path: Path) -> None:
    found = look(write(tmp_path / "dev", "http://127.0.0.1:9", variables={"a": 1}), scratch=True)

    assert found.failed == {"version"}
    assert "cannot be reached: Connection refused" in found["version"].seen
    assert "check the target's host and port" in found["version"].advice
    assert found["write pools"].seen == "Airflow has to answer first"


def test_what_the_server_cannot_hold_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "dev", f"{SANDBOX}2", variables={"x" * 60: 1})
    assert "InvokeRestApi takes 64" in look(folder)["ids"].seen

    folder = write(tmp_path / "dev", f"{SANDBOX}3", variables={"x" * 60: 1})
    assert look(folder).state("ids") == "ok"


def test_a_page_that_is_cut_tells_how_large_pages_are(tmp_path: Path) -> None:
    folder = write(tmp_path / "dev", f"{SANDBOX}3", variables={f"v{number}": 1 for number in range(101)})
    assert run(["apply", str(folder), "--yes"]) == 0

    found = look(folder)

    assert found["page size"].seen == "100 rows where 1000 are asked for"
    assert found["plan"].seen.startswith("5 calls for 102 resources")
