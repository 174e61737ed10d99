"""What a ledger changes for the commands: taken over, forgotten, recorded, and whose an id is."""

import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.retry import Patience
from tests.cli.conftest import Airflow, Run, Write
from tests.e2e.tool import Ran

LEDGER = Path("dev/ledger.json")


def applied(cli: Run, *options: str) -> Ran:
    return cli("apply", "dev", "--yes", "--format", "json", "--log-format", "json", *options)


def planned(cli: Run, *options: str) -> Ran:
    return cli("plan", "dev", "--format", "json", "--log-format", "json", "--detailed-exitcode", *options)


def changes(ran: Ran) -> list[tuple[str, str, str]]:
    return [(one["action"], one["id"], one["reason"]) for one in ran.environment["changes"]]


def records_only(cli: Run, expected: tuple[str, str, str]) -> None:
    """One change that Airflow does not notice, and after it none."""
    plan = planned(cli)
    assert (plan.code, changes(plan)) == (2, [expected])
    assert plan.environment["changes"][0]["fields"] == []
    assert plan.environment["calls"]["apply"] == {"read": plan.environment["calls"]["read"], "write": 0}
    before = json.loads(LEDGER.read_text())["serial"] if LEDGER.exists() else 0
    ran = applied(cli)
    assert (ran.code, ran.writes) == (0, [])
    assert ran.environment["calls"] == plan.environment["calls"]["apply"]
    assert json.loads(LEDGER.read_text())["serial"] == before + 1
    assert planned(cli).code == 0


def test_what_is_there_as_declared_is_taken_over(cli: Run, owned: Write, airflow: Airflow) -> None:
    airflow("POST", "/variables", key="a", value="1")
    owned(variables={"a": "1"})
    assert "  » variable a  dev/manifest.yaml:2  manifest\n" in cli("plan", "dev").out
    records_only(cli, ("adopt", "a", "manifest"))


def test_what_is_gone_and_no_longer_declared_is_forgotten(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned(variables={"a": "1", "b": "1"})
    applied(cli)
    airflow("DELETE", "/variables/a")
    owned(variables={"b": "1"})
    assert "  « variable a" in cli("plan", "dev").out
    records_only(cli, ("forget", "a", "undeclared"))


def test_somebodys_edit_that_git_has_taken_up_is_recorded(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned(variables={"a": "1"})
    applied(cli)
    airflow("PATCH", "/variables/a", key="a", value="2")
    assert cli("drift", "dev").code == 2
    owned(variables={"a": "2"})
    assert cli("drift", "dev").code == 0
    records_only(cli, ("adopt", "a", "recorded"))


def test_what_only_the_ledger_remembers_is_recorded(cli: Run, owned: Write) -> None:
    owned(variables={"a": "1"})
    applied(cli)
    owned(variables={"a": {"value": "1", "protect": True}})
    records_only(cli, ("adopt", "a", "recorded"))


def test_a_hidden_secret_that_was_ignored_is_sent_once_git_rules_it_again(
    cli: Run, owned: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cr3t-word")
    body: dict[str, Any] = {"value": {"$secret": "env:TOKEN"}}
    owned(variables={"api_token": {**body, "ignore": ["value"]}})
    assert applied(cli).code == 0
    assert planned(cli).code == 0
    owned(variables={"api_token": body})
    assert changes(planned(cli)) == [("update", "api_token", "manifest")]
    assert len(applied(cli).writes) == 1
    assert planned(cli).code == 0


def test_the_first_apply_of_nothing_makes_no_ledger(cli: Run, owned: Write) -> None:
    owned()
    assert applied(cli).code == 0
    assert not LEDGER.exists()


@pytest.mark.parametrize("options", [["--yes"], []])
def test_an_apply_with_nothing_to_do_writes_nothing_at_all(
    cli: Run, owned: Write, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "canary-value")
    owned(variables={"a": "1", "k": {"value": {"$secret": "env:API_KEY"}}})
    applied(cli)
    os.utime(LEDGER, (1, 1))
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in Path("dev").iterdir()}
    ran = cli("apply", "dev", *options)
    assert ran.code == 0
    assert "Nothing to apply." in ran.out
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in Path("dev").iterdir()} == before


@pytest.mark.parametrize("command", [("plan",), ("plan", "--out", "plan.json"), ("drift",), ("validate",)])
def test_what_only_looks_writes_no_ledger_and_no_key(
    cli: Run, owned: Write, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "canary-value")
    owned(variables={"k": {"value": {"$secret": "env:API_KEY"}}})
    assert cli(command[0], "dev", *command[1:]).code in {0, 2}
    assert {file.name for file in Path("dev").iterdir()} <= {
        "environment.yaml",
        "manifest.yaml",
        "sandbox.json",
    }


def test_an_apply_writes_the_ledger_twice_and_a_key_beside_it(
    cli: Run, owned: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "canary-value")
    owned(variables={"k": {"value": {"$secret": "env:API_KEY"}}})
    applied(cli)
    key = Path("dev/ledger.json.key")
    assert json.loads(LEDGER.read_text())["serial"] == 2
    assert (len(key.read_bytes()), key.stat().st_mode & 0o777) == (32, 0o600)
    assert (LEDGER.stat().st_mode & 0o777) == 0o600


def shared(name: str, **manifest: Any) -> None:
    """A team's folder: its own ledger beside the other's, and the same Airflow."""
    folder = Path(name)
    folder.mkdir(exist_ok=True)
    configured = {
        "name": name,
        "target": "sandbox:../dev/sandbox.json",
        "ledger": f"file:../ledgers/{name}.json",
    }
    (folder / "environment.yaml").write_text(yaml.safe_dump(configured | manifest.pop("settings", {})))
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))


def refused(cli: Run, name: str, key: str, place: str) -> None:
    """Another team's id is an error that names both places."""
    Path("dev").mkdir(exist_ok=True)
    for command in ("plan", "apply", "drift"):
        ran = cli(command, name, "-v", *(["--yes"] if command == "apply" else []))
        assert (ran.code, ran.out) == (1, "")
        owner = f"ledgers/one.json ('one' at sandbox:{Path('dev/sandbox.json').resolve()})"
        assert f"{place}: {key} is owned by another ledger, " in ran.err
        assert owner in ran.err
        assert "; leave it to one of the two\n" in ran.err
        assert not any(method in ran.err for method in ("POST", "PATCH", "DELETE"))


def test_two_teams_share_one_airflow_each_with_a_ledger(cli: Run, airflow: Airflow) -> None:
    Path("dev").mkdir()
    shared("one", variables={"a": "1"})
    shared("two", variables={"b": "1"})
    assert cli("apply", "one", "two", "--yes").code == 0
    assert cli("plan", "one", "two", "--detailed-exitcode").code == 0
    shared("one", variables={"c": "1"})
    assert cli("apply", "one", "--yes").code == 0
    assert airflow("GET", "/variables/b")["value"] == "1"


def test_an_id_that_another_team_owns_is_an_error(cli: Run) -> None:
    Path("dev").mkdir()
    shared("one", variables={"a": "1"})
    shared("two", variables={"b": "1"})
    cli("apply", "one", "two", "--yes")
    shared("two", variables={"b": "1", "a": "1"})
    refused(cli, "two", "variable/a", "two/manifest.yaml:3:3")
    assert "GET" not in cli("plan", "two", "-v").err
    assert cli("plan", "two", "--only", "variable/b").code == 0


def test_a_tombstone_for_what_another_team_owns_is_an_error(cli: Run) -> None:
    Path("dev").mkdir()
    shared("one", variables={"a": "1"})
    cli("apply", "one", "--yes")
    shared("two", absent={"variables": ["z", "a"]})
    refused(cli, "two", "variable/a", "two/manifest.yaml:4:5")


def test_rule_over_what_another_team_owns_is_an_error(cli: Run) -> None:
    Path("dev").mkdir()
    shared("one", variables={"a": "1"})
    cli("apply", "one", "--yes")
    shared("two", settings={"authoritative": {"variables": ["*"]}}, variables={"b": "1"})
    refused(cli, "two", "variable/a", "two/environment.yaml:1:1")


def test_a_ledger_of_another_airflow_in_the_same_place_is_no_matter(cli: Run) -> None:
    Path("dev").mkdir()
    shared("one", variables={"a": "1"})
    shared("two", settings={"target": "sandbox:own.json"}, variables={"a": "1"})
    assert cli("apply", "one", "two", "--yes").code == 0


def test_what_lies_beside_a_ledger_and_is_none_is_no_matter(cli: Run) -> None:
    Path("dev").mkdir()
    Path("ledgers").mkdir()
    for name, content in (("a", b"[]"), ("b", b"\xff"), ("c", b"{"), ("d", b"")):
        Path(f"ledgers/{name}.json").write_bytes(content)
    shared("one", variables={"a": "1"})
    assert cli("apply", "one", "--yes").code == 0


def test_an_apply_that_takes_too_long_stops_between_two_calls(
    cli: Run, owned: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.sandbox.emulator import Emulator

    clock = [0.0]
    send = Emulator.send

    def slow(self: Emulator, request: Any) -> Any:
        clock[0] += 40.0 if request.method == "POST" else 0.0
        return send(self, request)

    owned(variables=dict.fromkeys("abcd", "1"))
    with monkeypatch.context() as slowly:
        slowly.setattr(Emulator, "send", slow)
        patience = functools.partial(Patience, clock=lambda: clock[0])
        slowly.setattr("reconciler.cli.planning.Patience", patience)
        ran = applied(cli, "--deadline", "60")
    assert ran.code == 4
    outcomes = [(one["id"], one["outcome"], one["error"]) for one in ran.environment["changes"]]
    assert outcomes == [
        ("a", "done", None),
        ("b", "done", None),
        ("c", "refused", "the run's time is over; run again, or raise --deadline"),
        ("d", "skipped", "the run had to end"),
    ]
    assert "the result could not be verified: the run's time is over" in ran.environment["error"]
    assert json.loads(LEDGER.read_text())["lease"] is None
    assert applied(cli).code == 0
    assert planned(cli).code == 0
