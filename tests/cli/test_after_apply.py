"""``after_apply``: what an environment has done once an apply has changed something."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler import events
from reconciler.backends import Request, Response
from reconciler.cli.schema import schema_file
from reconciler.sandbox.emulator import Emulator
from tests.cli.conftest import Run, Write
from tests.e2e.tool import Ran

URI = "reconciler://dev"
STATE = {
    "format": "reconciler.sandbox/1",
    "dags": {
        "smoke": {}, "broken": {"state": "failed"}, "slow": {"state": "running"}, "held": {"is_paused": True},
    },
    "assets": {URI: {}},
}  # fmt: skip
REPORT = Draft202012Validator(json.loads(schema_file("plan").read_text()))


@pytest.fixture
def dev(environment: Write, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes the environment with what is to follow, and what is declared."""
    monkeypatch.setattr(events, "FIRST_PAUSE", 0.001)

    def write(*follows: dict[str, Any], settings: dict[str, Any] | None = None, **manifest: Any) -> Path:
        made = environment(settings={"after_apply": [*follows], **(settings or {})}, **manifest)
        if not (made / "sandbox.json").exists():
            (made / "sandbox.json").write_text(json.dumps(STATE))
        return made

    return write


def stored(table: str) -> list[dict[str, Any]]:
    return list(json.loads(Path("dev/sandbox.json").read_text()).get(table, {}).values())


def applied(cli: Run, *options: str) -> Ran:
    ran = cli("apply", "dev", "--yes", "--format", "json", *options)
    REPORT.validate(ran.document)
    return ran


def followed(ran: Ran) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ran.environment.get("after_apply", [])
    return found


def test_an_apply_that_has_changed_something_creates_the_event_and_starts_the_run(cli: Run, dev: Any) -> None:
    dev(
        {"event": URI, "extra": {"what": "${changed}", "by": "${team}"}},
        {"trigger": "smoke", "conf": {"text": "of ${team}"}, "wait": True},
        settings={"parameters": {"team": "data"}},
        variables={"a": "1"},
        pools={"p": {"slots": 1}},
    )
    ran = applied(cli)
    assert ran.code == 0
    assert [(one.get("event") or one.get("trigger"), one["outcome"]) for one in followed(ran)] == [
        (URI, "done"),
        ("smoke", "done"),
    ]
    (event,) = stored("asset_events")
    assert (event["extra"]["what"], event["extra"]["by"]) == (["pool/p", "variable/a"], "data")
    assert [row["conf"] for row in stored("dag_runs")] == [{"text": "of data"}]
    assert ran.environment["calls"]["write"] == 4


def test_where_nothing_has_changed_nothing_follows(cli: Run, dev: Any) -> None:
    dev({"event": URI}, variables={"a": "1"})
    assert len(followed(applied(cli))) == 1
    assert followed(applied(cli)) == []
    assert len(stored("asset_events")) == 1


def test_what_only_the_ledger_learns_is_no_change(cli: Run, dev: Any) -> None:
    dev({"event": URI}, settings={"ledger": "file:ledger.json"}, variables={"a": "1"})
    assert cli("apply", "dev", "--yes").code == 0
    Path("dev/ledger.json").unlink()
    ran = applied(cli)
    assert [change["action"] for change in ran.environment["changes"]] == ["adopt"]
    assert followed(ran) == []


@pytest.mark.parametrize(
    ("when", "follows"), [([], 1), (["variable/*"], 1), (["pool/*", "variable/a"], 1), (["pool/*"], 0)]
)
def test_changes_may_be_told_by_patterns(cli: Run, dev: Any, when: list[str], follows: int) -> None:
    dev({"event": URI, "when": when}, variables={"a": "1"})
    assert len(followed(applied(cli))) == follows


@pytest.mark.parametrize(
    ("follow", "error"),
    [
        ({"trigger": "broken", "wait": True}, "is failed"),
        ({"trigger": "slow", "wait": True, "timeout": 0.05}, "is still running, and goes on"),
        ({"trigger": "held", "wait": True}, "the DAG is paused, so that its run would not start"),
        ({"trigger": "nobody"}, "Airflow knows no DAG 'nobody'"),
        ({"event": "s3://nobody"}, "Airflow knows no asset 's3://nobody'"),
    ],
)
def test_what_fails_makes_the_apply_exit_with_4_and_keeps_nothing_else_from_following(
    cli: Run, dev: Any, follow: dict[str, Any], error: str
) -> None:
    dev(follow, {"event": URI}, variables={"a": "1"})
    ran = applied(cli, "--format", "text=report.txt", "--format", "junit=report.xml")
    assert (ran.code, ran.environment["converged"]) == (4, True)
    failed, fine = followed(ran)
    assert (failed["outcome"], fine["outcome"]) == ("failed", "done")
    assert error in failed["error"]
    text = Path("report.txt").read_text()
    assert text.splitlines()[-1].startswith("Applied and verified: 1 change; what was to follow failed. ")
    assert "<failure" in Path("report.xml").read_text()
    assert stored("variables")[0]["value"] == "1"


def test_a_run_that_nobody_waits_for_may_fail(cli: Run, dev: Any) -> None:
    dev({"trigger": "broken"}, variables={"a": "1"})
    ran = applied(cli)
    assert ran.code == 0
    assert followed(ran)[0]["run_id"] == stored("dag_runs")[0]["run_id"]


def test_nothing_follows_an_apply_that_has_not_converged(
    cli: Run, dev: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev({"event": URI}, variables={"a": "1", "b": "2"})
    answer = Emulator.send

    def send(self: Emulator, request: Request) -> Response:
        refused = request.method == "POST" and request.body["key"] == "b"
        return Response(409, {"detail": "no"}) if refused else answer(self, request)

    monkeypatch.setattr(Emulator, "send", send)
    ran = applied(cli)
    assert (ran.code, followed(ran)) == (4, [])
    assert stored("asset_events") == []


def test_the_commit_of_the_manifests_is_told(cli: Run, dev: Any) -> None:
    dev({"event": URI, "extra": {"commit": "${commit}"}}, variables={"a": "1"})
    git = ["/usr/bin/env", "git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init"], ["add", "."], ["commit", "-m", "x"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    assert applied(cli).code == 0
    assert stored("asset_events")[0]["extra"]["commit"] == head.stdout.strip()


def test_who_watches_sees_what_follows(cli: Run, dev: Any) -> None:
    dev({"event": URI}, variables={"a": "1"})
    ran = cli("apply", "dev", "--yes", "--progress")
    assert ran.err.endswith(f"  + variable a: done\n  then event {URI}: done\n")
    assert f"  then event {URI}: done\n" in ran.out


@pytest.mark.parametrize(
    ("follow", "sentence"),
    [
        ({}, "after_apply takes an event or a trigger in each item"),
        ({"event": URI, "trigger": "smoke"}, "after_apply takes an event or a trigger in each item"),
        ({"event": URI, "conf": {}}, "an event has no 'conf'"),
        ({"event": URI, "wait": True}, "an event has no 'wait'"),
        ({"trigger": "smoke", "extra": {}}, "a trigger has no 'extra'"),
        ({"trigger": "smoke", "timeout": 5}, "timeout means nothing without wait: true"),
        ({"trigger": "smoke", "conf": {"a": "${nope}"}}, "unknown parameter 'nope'"),
        ({"trigger": "smoke", "conf": {"a": "x ${changed}"}}, "'changed' is no text or number"),
        ({"trigger": "smoke", "conf": {"p": {"$secret": "env:P"}}}, "a secret has no place in after_apply"),
        ({"event": 7}, "after_apply[0].event"),
        ({"event": URI, "whom": "x"}, "after_apply[0].whom is not known"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(
    cli: Run, dev: Any, follow: dict[str, Any], sentence: str
) -> None:
    dev(follow, variables={"a": "1"})
    ran = cli("validate", "dev")
    assert ran.code == 1
    assert sentence in ran.err
    assert "dev/environment.yaml:" in ran.err
