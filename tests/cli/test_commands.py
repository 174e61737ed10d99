import io
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler.cli.schema import schema_file
from tests.cli.conftest import Run, Write

PLAN_SCHEMA = Draft202012Validator(json.loads(schema_file("plan").read_text()))


def test_help_names_every_command(cli: Run) -> None:
    ran = cli("--help")
    assert ran.code == 0
    for command in ("validate", "plan", "apply", "drift", "schema", "gateway"):
        assert f"\n  {command} " in ran.out


@pytest.mark.parametrize("command", ["validate", "plan", "apply", "drift", "schema", "gateway"])
def test_every_command_has_help(cli: Run, command: str) -> None:
    ran = cli(command, "--help")
    assert ran.code == 0
    assert ran.out.startswith("Usage: reconciler " + command)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["plna"], "No such command 'plna'"),
        (["plan"], "Missing argument 'ENV...'"),
        (["plan", "dev", "--nope"], "No such option '--nope'"),
        (["plan", "dev", "--format", "xml"], "'xml' is no format, use text, json"),
        (["plan", "dev", "--kind", "dag"], "'dag' is no kind, use pool, variable, connection"),
    ],
)
def test_wrong_usage_exits_with_1_not_2(cli: Run, arguments: list[str], sentence: str) -> None:
    ran = cli(*arguments)
    assert ran.code == 1
    assert sentence in ran.err
    assert ran.out == ""


def test_the_version_is_told(cli: Run) -> None:
    ran = cli("--version")
    assert (ran.code, ran.out) == (0, "reconciler, version 0.1.0\n")


def test_validate_needs_no_secret_and_no_environment(cli: Run, environment: Write) -> None:
    settings = {"target": "mwaa://eu-west-1/nowhere"}
    environment("dev", settings=settings, variables={"a": {"value": {"$secret": "env:NOT_SET"}}})
    ran = cli("validate", "dev")
    assert (ran.code, ran.out, ran.err) == (0, "dev: ok, 1 resource\n", "")


def test_a_missing_folder_is_one_sentence(cli: Run) -> None:
    ran = cli("plan", "nowhere")
    assert (ran.code, ran.out) == (1, "")
    assert "nowhere" in ran.err
    assert "Traceback" not in ran.err


def test_a_plan_exits_with_0_unless_details_are_asked_for(cli: Run, environment: Write) -> None:
    environment(variables={"a": "1"})
    assert cli("plan", "dev").code == 0
    assert cli("plan", "dev", "--detailed-exitcode").code == 2
    assert cli("apply", "dev", "--yes").code == 0
    assert cli("plan", "dev", "--detailed-exitcode").code == 0


def test_the_text_of_a_plan_is_what_people_review(cli: Run, environment: Write) -> None:
    environment(
        variables={"etl_config": {"value": {"retries": 2}, "description": "d"}},
        pools={"etl": {"slots": 4}},
    )
    assert cli("plan", "dev").out == (
        "dev  sandbox:dev/sandbox.json · Airflow 3.3.1 · no ledger\n"
        "\n"
        "  + pool etl             dev/manifest.yaml:7  manifest\n"
        "  + variable etl_config  dev/manifest.yaml:2  manifest\n"
        "\n"
        "Plan: 2 to create; 0 unchanged, 1 unmanaged, 0 unverified. "
        "4 reads; apply needs 6 reads and 2 writes.\n"
    )


def test_json_documents_follow_their_schema(cli: Run, environment: Write) -> None:
    environment(variables={"a": "1", "b": {"value": {"c": 1}}}, pools={"p": {"slots": 1}})
    for command in (["plan"], ["drift"], ["apply", "--yes"], ["plan"]):
        ran = cli(command[0], "dev", "--format", "json", *command[1:])
        PLAN_SCHEMA.validate(json.loads(ran.out))


def test_the_digest_covers_the_document(cli: Run, environment: Write) -> None:
    environment(variables={"a": "1"})
    first, second = (json.loads(cli("plan", "dev", "--format", "json").out) for _ in range(2))
    assert first == second
    (Path("dev") / "manifest.yaml").write_text("variables: {a: '2'}\n")
    assert json.loads(cli("plan", "dev", "--format", "json").out)["digest"] != first["digest"]


def test_a_saved_plan_is_the_json_document(cli: Run, environment: Write) -> None:
    environment(variables={"a": "1"})
    ran = cli("plan", "dev", "--out", "plan.json")
    assert ran.out.startswith("dev  sandbox:")
    saved = json.loads(Path("plan.json").read_text())
    assert saved == json.loads(cli("plan", "dev", "--format", "json").out)


def test_a_plan_that_cannot_be_saved_is_an_error(cli: Run, environment: Write) -> None:
    environment(variables={"a": "1"})
    ran = cli("plan", "dev", "--out", "no/such/folder/plan.json")
    assert ran.code == 1
    assert "no/such/folder/plan.json cannot be written: No such file or directory" in ran.err


def test_several_formats_go_to_files_and_one_to_stdout(cli: Run, environment: Write) -> None:
    environment(variables={"a": "1"})
    ran = cli("plan", "dev", "--format", "text", "--format", "json=plan.json")
    assert ran.out.startswith("dev  sandbox:")
    assert json.loads(Path("plan.json").read_text())["format"] == "reconciler.plan/1"


def test_two_formats_on_stdout_are_an_error(cli: Run, environment: Write) -> None:
    environment(variables={"a": "1"})
    ran = cli("plan", "dev", "--format", "text", "--format", "json")
    assert (ran.code, ran.out) == (1, "")
    assert "two formats go to the same place" in ran.err


def test_two_environments_of_one_name_are_an_error(cli: Run, environment: Write) -> None:
    environment("dev")
    environment("dev", folder="other")
    ran = cli("plan", "dev", "other")
    assert ran.code == 1
    assert "both named 'dev'" in ran.err


def test_an_environment_that_fails_keeps_its_place(cli: Run, environment: Write) -> None:
    environment("one", variables={"a": "1"})
    environment("two", settings={"target": "http://127.0.0.1:1"})
    environment("three")
    ran = cli("plan", "one", "two", "three", "--format", "json", "--detailed-exitcode")
    assert ran.code == 1
    entries = json.loads(ran.out)["environments"]
    assert [entry["name"] for entry in entries] == ["one", "two", "three"]
    assert entries[1]["error"] == {
        "type": "Unreachable",
        "message": "http://127.0.0.1:1 cannot be reached: Connection refused",
    }
    PLAN_SCHEMA.validate(json.loads(ran.out))


def test_what_was_written_and_what_failed_make_exit_4(cli: Run, environment: Write) -> None:
    environment("one", variables={"a": "1"})
    environment("two", settings={"target": "http://127.0.0.1:1"})
    assert cli("apply", "one", "two", "--yes").code == 4
    assert cli("apply", "one", "two", "--yes").code == 1


def test_a_glob_names_the_folders_that_are_environments(cli: Run, environment: Write) -> None:
    environment("one")
    environment("two")
    Path("base").mkdir()
    ran = cli("validate", "*")
    assert ran.out == "one: ok, 0 resources\ntwo: ok, 0 resources\n"
    assert cli("validate", "x*").code == 1


def test_apply_without_a_terminal_and_without_yes_writes_nothing(
    cli: Run, environment: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(variables={"a": "1"})
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    ran = cli("apply", "dev")
    assert ran.code == 1
    assert "--yes applies unasked" in ran.err
    assert cli("plan", "dev", "--detailed-exitcode").code == 2


def test_apply_with_nothing_to_do_asks_nothing(cli: Run, environment: Write) -> None:
    environment()
    ran = cli("apply", "dev")
    assert ran.code == 0
    assert "Nothing to apply." in ran.out


COMMAND = [sys.executable, "-c", "from reconciler.cli import main; main()"]


def at_a_terminal(answer: bytes, *arguments: str) -> tuple[int, str]:
    """A command whose stdin, stdout and stderr are a terminal, at which ``answer`` is typed."""
    parent, child = pty.openpty()
    process = subprocess.Popen([*COMMAND, *arguments], stdin=child, stdout=child, stderr=child)
    os.close(child)
    os.write(parent, answer)
    seen = b""
    try:
        while chunk := os.read(parent, 4096):
            seen += chunk
    except OSError:
        pass
    os.close(parent)
    return process.wait(30), seen.decode()


@pytest.mark.parametrize(
    ("answer", "code", "applied"), [(b"y\n", 0, True), (b"n\n", 1, False), (b"\n", 1, False)]
)
def test_at_a_terminal_apply_asks_first(
    cli: Run, environment: Write, answer: bytes, code: int, applied: bool
) -> None:
    environment(variables={"a": "1"})
    exited, seen = at_a_terminal(answer, "apply", "dev")
    assert exited == code
    assert "Apply this? [y/N]" in seen
    assert "\x1b[32m  + variable a" in seen
    assert (cli("plan", "dev", "--detailed-exitcode").code == 0) is applied


def test_no_color_means_no_colour(environment: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    environment(variables={"a": "1"})
    assert "\x1b[32m" in at_a_terminal(b"", "plan", "dev")[1]
    assert "\x1b[32m" not in at_a_terminal(b"", "plan", "dev", "--no-color")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in at_a_terminal(b"", "plan", "dev")[1]


def test_logs_are_one_json_event_a_call_and_hold_no_values(
    cli: Run, environment: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "canary-value")
    environment(variables={"a": "visible-value", "k": {"value": {"$secret": "env:API_KEY"}}})
    ran = cli("apply", "dev", "--yes", "--log-format", "json", "--format", "json")
    events = ran.calls
    assert len(events) == ran.environment["calls"]["read"] + ran.environment["calls"]["write"]
    post = next(event for event in events if event["method"] == "POST")
    assert post.keys() >= {
        "time", "run", "environment", "method", "kind", "id", "fields", "status", "attempts", "milliseconds",
    }  # fmt: skip
    assert (post["environment"], post["kind"], post["id"], post["fields"]) == (
        "dev",
        "variable",
        "a",
        ["value"],
    )
    assert not any("value" in str(event[name]) for event in events for name in event if name != "fields")


def test_verbose_tells_every_call(cli: Run, environment: Write) -> None:
    environment()
    lines = cli("plan", "dev", "-v").err.splitlines()
    assert [line.rsplit(" ", 3)[0] for line in lines] == [
        "dev: GET /version",
        "dev: GET /pools",
        "dev: GET /variables",
        "dev: GET /connections",
    ]


def test_an_unexpected_error_is_a_sentence_and_a_traceback_only_on_request(
    cli: Run, environment: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment()
    monkeypatch.setattr("reconciler.cli.planning.connect", lambda *_: 1 / 0)
    ran = cli("plan", "dev")
    assert ran.code == 1
    assert ran.err == (
        "error: unexpected ZeroDivisionError; --traceback shows where (it may show values too)\n"
    )
    assert "Traceback" in cli("plan", "dev", "--traceback").err


def test_a_known_secret_is_scrubbed_from_whatever_is_printed(
    cli: Run, environment: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "hunter2-hunter2")
    leaky = {"value": "see hunter2-hunter2", "description": "says hunter2-hunter2"}
    environment(variables={"k": {"value": {"$secret": "env:API_KEY"}}, "note": leaky})
    for arguments in (["plan", "dev"], ["plan", "dev", "--format", "json"], ["apply", "dev", "--yes"]):
        ran = cli(*arguments)
        assert ran.code == 0
        assert "hunter2" not in ran.out + ran.err


def test_ids_and_values_cannot_command_a_terminal_or_a_ci(cli: Run, environment: Write) -> None:
    environment()
    state = Path("dev/sandbox.json")
    cli("plan", "dev")
    add = [sys.executable, "-m", "reconciler.sandbox", str(state), "POST", "/variables"]
    body = {"key": "a\x1b[31m", "value": "x\n::add-mask::y\u202e"}
    subprocess.run([*add, json.dumps(body)], check=True, capture_output=True)
    settings = {"name": "dev", "target": "sandbox:sandbox.json", "authoritative": {"variables": ["*"]}}
    (Path("dev") / "environment.yaml").write_text(json.dumps(settings))
    out = cli("plan", "dev").out
    assert "\x1b" not in out
    assert "a\\x1b[31m" in out


def test_an_interrupted_apply_finishes_its_call_and_exits_with_the_signal(
    cli: Run, environment: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.sandbox.emulator import Emulator

    environment(variables={"a": "1", "b": "1", "c": "1"})
    send = Emulator.send

    def interrupting(self: Emulator, request: object) -> object:
        answer = send(self, request)  # type: ignore[arg-type]
        if getattr(request, "method", "") == "POST":
            os.kill(os.getpid(), signal.SIGTERM)
        return answer

    monkeypatch.setattr(Emulator, "send", interrupting)
    ran = cli("apply", "dev", "--yes", "--format", "json")
    assert ran.code == 143
    outcomes = [change["outcome"] for change in ran.environment["changes"]]
    assert outcomes == ["done", "skipped", "skipped"]


def test_limits_are_refused_because_this_version_does_not_know_them(cli: Run, environment: Write) -> None:
    environment(settings={"limits": {"deletes": "20%"}})
    ran = cli("plan", "dev")
    assert ran.code == 1
    assert ran.err == "error: dev: dev sets limits, which this version does not know\n"


def test_a_ledger_is_announced_as_not_kept(cli: Run, environment: Write) -> None:
    environment(settings={"ledger": "file:ledger.json"})
    ran = cli("plan", "dev")
    assert ran.code == 0
    assert ran.err == (
        "warning: dev sets ledger: this version keeps no ledger, so only absent and authoritative ids "
        "are deleted\n"
    )


@pytest.mark.parametrize("name", ["manifest", "environment", "plan"])
def test_schema_prints_a_schema(cli: Run, name: str) -> None:
    ran = cli("schema", name)
    assert ran.code == 0
    Draft202012Validator.check_schema(json.loads(ran.out))
