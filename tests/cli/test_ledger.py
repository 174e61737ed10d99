"""``reconciler ledger``, and what other commands do with a ledger that is locked, wrong or another's."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler import keeper
from reconciler.cli.schema import schema_file
from tests.cli.conftest import Airflow, Break, Run, Write

LEDGER = Path("dev/ledger.json")
SCHEMA = json.loads(schema_file("ledger").read_text())
DOCUMENT = Draft202012Validator(SCHEMA)
LEASE = {"id": "0123456789ab", "holder": "ci-job-41", "since": "2026-11-24T09:00:00+00:00", "seconds": 600.0}
COMMANDS = [("plan",), ("apply", "--yes"), ("drift",)]

Rewrite = Callable[..., None]


@pytest.fixture
def rewrite() -> Rewrite:
    """Changes what the ledger says, as another run, a person, or an accident does."""

    def change(*, age: float = 0.0, **members: Any) -> None:
        LEDGER.write_text(json.dumps({**json.loads(LEDGER.read_text()), **members}, sort_keys=True) + "\n")
        then = time.time() - age
        os.utime(LEDGER, (then, then))

    return change


@pytest.fixture
def locked(cli: Run, owned: Write, rewrite: Rewrite) -> None:
    """An environment that another run is writing to, and that has something to do."""
    owned(variables={"a": "1"})
    cli("apply", "dev", "--yes")
    owned(variables={"a": "2"})
    rewrite(lease=LEASE)


def test_show_tells_what_is_owned(cli: Run, owned: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "canary-value")
    owned(
        variables={
            "a": {"value": {"n": "visible"}, "description": "d"},
            "k": {"value": {"$secret": "env:API_KEY"}},
        },
        pools={"p": {"slots": 1, "protect": True}},
    )
    cli("apply", "dev", "--yes")
    ran = cli("ledger", "show", "dev")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "dev  sandbox:sandbox.json · ledger dev/ledger.json · serial 2\n"
        "\n"
        "  pool p: protected; slots\n"
        "  variable a: description, value\n"
        "  variable k: value\n"
        "Owned: 1 pool, 2 variables.\n"
    )


def test_show_of_a_ledger_that_is_not_there_yet_owns_nothing(cli: Run, owned: Write) -> None:
    owned(variables={"a": "1"})
    ran = cli("ledger", "show", "dev")
    assert ran.code == 0
    assert ran.out == "dev  sandbox:sandbox.json · ledger dev/ledger.json · serial 0\n\nOwned: nothing.\n"
    assert not LEDGER.exists()


def test_show_gives_json_without_the_salt(
    cli: Run, owned: Write, rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "canary-value")
    owned(variables={"a": "visible", "k": {"value": {"$secret": "env:API_KEY"}, "secret_version": 3}})
    cli("apply", "dev", "--yes")
    rewrite(lease=LEASE)
    shown, kept = cli("ledger", "show", "dev", "--format", "json").document, json.loads(LEDGER.read_text())
    DOCUMENT.validate(shown)
    DOCUMENT.validate(kept)
    assert shown == {name: value for name, value in kept.items() if name != "salt"}
    assert shown["lease"] == LEASE
    assert shown["owned"]["variable"]["k"]["secret_version"] == 3
    assert not any(value in json.dumps(shown) for value in ("visible", "canary-value"))


def test_the_schema_knows_no_other_document() -> None:
    assert not DOCUMENT.is_valid({"format": "reconciler.ledger/2"})
    assert SCHEMA["required"] == ["format", "environment", "serial", "lease", "owned"]


@pytest.mark.usefixtures("locked")
def test_show_tells_who_holds_the_lease(cli: Run, rewrite: Rewrite) -> None:
    held = "by ci-job-41 since 2026-11-24T09:00:00+00:00; lease 0123456789ab\n"
    assert f"\nlocked {held}" in cli("ledger", "show", "dev").out
    rewrite(age=601.0)
    assert f"\nleft locked, and the lease has run out, {held}" in cli("ledger", "show", "dev").out


def test_show_tells_what_a_broken_apply_has_left(cli: Run, owned: Write, breaking: Break) -> None:
    owned(variables={"a": "1", "b": "1"})
    breaking("POST /variables#2=drop_after", "GET /variables/b=expire")
    assert cli("apply", "dev", "--yes").code == 4
    assert "  variable b: create pending; value\n" in cli("ledger", "show", "dev").out


@pytest.mark.parametrize("command", ["show", "rebind", "unlock"])
def test_an_environment_without_a_ledger_has_none_to_work_on(
    cli: Run, environment: Write, command: str
) -> None:
    environment(variables={"a": "1"})
    ran = cli("ledger", command, "dev", *(["--id", "x"] if command == "unlock" else []))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: dev has no ledger; name one in environment.yaml\n"


@pytest.mark.parametrize("command", ["rebind", "unlock"])
def test_a_ledger_that_is_not_there_yet_is_not_changed(cli: Run, owned: Write, command: str) -> None:
    owned(variables={"a": "1"})
    ran = cli("ledger", command, "dev", *(["--id", "x"] if command == "unlock" else []))
    assert ran.code == 1
    assert ran.err == "error: there is no ledger at dev/ledger.json yet; the first apply makes it\n"


def test_a_command_about_a_ledger_takes_one_environment(cli: Run, owned: Write) -> None:
    owned("dev")
    owned("dev2")
    ran = cli("ledger", "show", "dev*")
    assert (ran.code, ran.err) == (1, "error: name one environment\n")
    assert cli("ledger", "show").code == 1
    assert cli("ledger", "unlock", "dev").code == 1
    assert "Missing option '--id'" in cli("ledger", "unlock", "dev").err


@pytest.mark.usefixtures("locked")
def test_a_locked_environment_is_refused_at_once_with_the_way_out(cli: Run, airflow: Airflow) -> None:
    kept = LEDGER.read_bytes()
    started = time.monotonic()
    ran = cli("apply", "dev", "--yes", "-v")
    assert time.monotonic() - started < 2
    assert ran.code == 3
    assert ran.err == (
        "error: dev: locked by ci-job-41 since 2026-11-24T09:00:00+00:00; if that run is dead: "
        "reconciler ledger unlock dev --id 0123456789ab; nothing was written\n"
    ), "and nothing was asked of Airflow"
    assert LEDGER.read_bytes() == kept
    assert airflow("GET", "/variables/a")["value"] == "1"


@pytest.mark.usefixtures("locked")
def test_who_waits_for_a_lease_is_told_whose_it_is(cli: Run) -> None:
    ran = cli("apply", "dev", "--yes", "--lock-timeout", "0.01")
    assert ran.code == 3
    assert ran.err.startswith(
        "dev: waiting for the run of ci-job-41, which holds the lease\nerror: dev: locked"
    )


@pytest.mark.usefixtures("locked")
def test_a_locked_environment_can_still_be_looked_at(cli: Run) -> None:
    assert cli("plan", "dev", "--detailed-exitcode").code == 2
    assert cli("drift", "dev").code == 0


@pytest.mark.usefixtures("locked")
def test_the_command_that_the_refusal_names_ends_the_lease(cli: Run) -> None:
    told = cli("apply", "dev", "--yes").err
    command = told.partition("reconciler ")[2].partition(";")[0].split()
    ran = cli(*command)
    assert (ran.code, ran.out) == (0, "dev/ledger.json is unlocked; the next apply mends what was left\n")
    assert json.loads(LEDGER.read_text())["lease"] is None
    assert cli("apply", "dev", "--yes").code == 0


def test_the_command_names_a_folder_as_a_shell_takes_it(cli: Run, environment: Write) -> None:
    environment(folder="a folder", settings={"ledger": "file:../dev/ledger.json"}, variables={"a": "1"})
    cli("apply", "a folder", "--yes")
    ledger = json.loads(LEDGER.read_text())
    LEDGER.write_text(json.dumps({**ledger, "lease": LEASE}))
    assert "reconciler ledger unlock 'a folder' --id 0123456789ab;" in cli("apply", "a folder", "--yes").err


@pytest.mark.usefixtures("locked")
def test_another_lease_than_the_named_one_is_not_ended(cli: Run) -> None:
    kept = LEDGER.read_bytes()
    ran = cli("ledger", "unlock", "dev", "--id", "ba9876543210")
    assert ran.code == 3
    assert ran.err == (
        "error: the lease is 0123456789ab, of ci-job-41 since 2026-11-24T09:00:00+00:00; "
        "nothing was written\n"
    )
    assert LEDGER.read_bytes() == kept


def test_what_is_not_locked_needs_no_unlocking(cli: Run, owned: Write) -> None:
    owned(variables={"a": "1"})
    cli("apply", "dev", "--yes")
    ran = cli("ledger", "unlock", "dev", "--id", "x")
    assert (ran.code, ran.err) == (1, "error: dev/ledger.json is not locked\n")


@pytest.mark.usefixtures("locked")
def test_a_lease_that_has_run_out_stops_nobody(cli: Run, rewrite: Rewrite) -> None:
    rewrite(age=601.0)
    assert cli("apply", "dev", "--yes").code == 0
    assert json.loads(LEDGER.read_text())["lease"] is None


@pytest.mark.usefixtures("locked")
def test_an_apply_waits_for_a_lease_as_long_as_it_is_told_to(
    cli: Run, rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOK_EVERY", 0.05)
    started = time.monotonic()
    assert cli("apply", "dev", "--yes", "--lock-timeout", "0.3").code == 3
    assert time.monotonic() - started >= 0.3
    rewrite(age=599.5)
    assert cli("apply", "dev", "--yes", "--lock-timeout", "30").code == 0


def test_the_lease_says_who_holds_it_and_for_how_long(
    cli: Run, owned: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.sandbox.emulator import Emulator

    for name, value in (("SERVER_URL", "https://github.com"), ("REPOSITORY", "acme/x"), ("RUN_ID", "41")):
        monkeypatch.setenv(f"GITHUB_{name}", value)
    owned(variables={"a": "1"})
    seen: list[Any] = []
    send = Emulator.send

    def looking(self: Emulator, request: Any) -> Any:
        if request.method == "POST":
            seen.append(json.loads(LEDGER.read_text()))
        return send(self, request)

    monkeypatch.setattr(Emulator, "send", looking)
    assert cli("apply", "dev", "--yes", "--deadline", "60").code == 0
    lease = seen[0]["lease"]
    assert lease["holder"] == "https://github.com/acme/x/actions/runs/41"
    assert lease["seconds"] == 180, "two minutes more than the run may take"
    DOCUMENT.validate(seen[0])


WRONG: dict[str, dict[str, Any]] = {
    "another name": {"environment": {"name": "prod", "target": "sandbox:x", "account": None}},
    "another target": {
        "environment": {"name": "dev", "target": "mwaa://eu-west-1/dev", "account": "123456789012"}
    },
    "another format": {"format": "reconciler.ledger/2"},
    "another shape": {"owned": []},
    "an unknown kind": {"owned": {"dag": {"a": {}}}},
    "no salt": {"salt": None},
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_ledger_is_refused_before_airflow_is_asked(
    cli: Run, owned: Write, rewrite: Rewrite, name: str, command: tuple[str, ...]
) -> None:
    owned(variables={"a": "1"})
    cli("apply", "dev", "--yes")
    rewrite(**WRONG[name])
    kept = LEDGER.read_bytes()
    ran = cli(command[0], "dev", *command[1:], "-v")
    assert (ran.code, ran.out) == (3, "")
    (line,) = ran.err.splitlines()
    assert line.startswith(
        ("error: dev: the ledger dev/ledger.json is about ", "error: dev: dev/ledger.json ")
    )
    assert LEDGER.read_bytes() == kept


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b"[" * 9999])
def test_a_ledger_that_cannot_be_read_is_refused_before_airflow_is_asked(
    cli: Run, owned: Write, content: bytes, command: tuple[str, ...]
) -> None:
    owned(variables={"a": "1"})
    LEDGER.write_bytes(content)
    ran = cli(command[0], "dev", *command[1:], "-v")
    assert (ran.code, ran.out) == (3, "")
    (line,) = ran.err.splitlines()
    assert line.startswith("error: dev: dev/ledger.json ")
    assert "restore it" in line
    assert LEDGER.read_bytes() == content


@pytest.mark.parametrize("command", [*COMMANDS, ("ledger", "show")])
def test_a_ledger_that_cannot_be_reached_is_an_error(
    cli: Run, environment: Write, command: tuple[str, ...]
) -> None:
    environment(settings={"ledger": "file:manifest.yaml/ledger.json"}, variables={"a": "1"})
    first = ["ledger", "show", "dev"] if command[0] == "ledger" else [command[0], "dev", *command[1:], "-v"]
    ran = cli(*first)
    assert (ran.code, ran.out) == (1, "")
    assert "cannot read the ledger dev/manifest.yaml/ledger.json: Not a directory" in ran.err
    assert "GET" not in ran.err


def test_an_environment_that_moved_is_bound_anew(cli: Run, owned: Write, environment: Write) -> None:
    owned(variables={"a": "1"})
    cli("apply", "dev", "--yes")
    environment("stage", folder="dev", settings={"ledger": "file:ledger.json"}, variables={"a": "1"})
    refused = cli("plan", "dev")
    assert refused.code == 3
    assert refused.err == (
        "error: stage: the ledger dev/ledger.json is about the environment 'dev', not 'stage'; "
        "after a move or a renaming: reconciler ledger rebind dev; nothing was written\n"
    )
    ran = cli("ledger", "rebind", "dev")
    assert ran.code == 0
    assert ran.out.startswith("dev/ledger.json is now bound to 'stage' at sandbox:")
    assert cli("plan", "dev", "--detailed-exitcode").code == 0


def test_a_ledger_of_another_environment_can_be_shown(cli: Run, owned: Write, rewrite: Rewrite) -> None:
    owned(variables={"a": "1"})
    cli("apply", "dev", "--yes")
    rewrite(**WRONG["another target"])
    ran = cli("ledger", "show", "dev")
    assert ran.code == 0
    assert ran.out.startswith("dev  mwaa://eu-west-1/dev · ledger dev/ledger.json · serial 2\n")


@pytest.mark.usefixtures("locked")
def test_a_locked_ledger_is_not_bound_anew(cli: Run) -> None:
    kept = LEDGER.read_bytes()
    ran = cli("ledger", "rebind", "dev")
    assert ran.code == 3
    assert "reconciler ledger unlock dev --id 0123456789ab; nothing was written" in ran.err
    assert LEDGER.read_bytes() == kept
