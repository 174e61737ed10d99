import io
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.backends.http import HOST_OR_SERVER
from reconciler.cli.options import FORMATS
from reconciler.cli.schema import schema_file
from tests.cli.conftest import Airflow, Run, Write

PLAN_SCHEMA = Draft202012Validator(json.loads(schema_file("plan").read_text()))


def test_help_names_every_command(cli: Run) -> None:
    ran = cli("--help")
    assert ran.code == 0
    for command in (
        "validate",
        "plan",
        "apply",
        "drift",
        "export",
        "compare",
        "init",
        "trigger",
        "event",
        "ledger",
        "schema",
        "gateway",
    ):
        assert f"\n  {command} " in ran.out


@pytest.mark.parametrize(
    "command",
    [
        "validate",
        "plan",
        "apply",
        "drift",
        "export",
        "compare",
        "init",
        "trigger",
        "event",
        "ledger",
        "schema",
        "gateway",
    ],
)
def test_every_command_has_help(cli: Run, command: str) -> None:
    ran = cli(command, "--help")
    assert ran.code == 0
    assert ran.out.startswith("Usage: reconciler " + command)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["plna"], "there is no command 'plna'; did you mean 'plan'?"),
        (["frobnicate"], "No such command 'frobnicate'"),
        (
            ["plan", "mwaa://eu-west-1/prod"],
            "'reconciler init DIR --target mwaa://eu-west-1/prod' writes one",
        ),
        (["plan"], "Missing argument 'ENV...'"),
        (["plan", "dev", "--nope"], "No such option '--nope'"),
        (
            ["plan", "dev", "--format", "xml"],
            "'xml' is no format, use text, json, markdown, html, github, junit, sarif",
        ),
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
        "dev  sandbox:sandbox.json · Airflow 3.3.1 · no ledger\n"
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


def test_a_result_that_cannot_be_written_is_known_before_anything_is(
    cli: Run, environment: Write, tmp_path: Path
) -> None:
    environment(variables={"a": "1"})
    ran = cli("apply", "dev", "--yes", "--format", "json=no/such/report.json")
    assert ran.code == 1
    assert not (tmp_path / "dev" / "sandbox.json").exists()


def test_a_report_that_cannot_be_delivered_tells_that_changes_were_written(environment: Write) -> None:
    environment(variables={"a": "1"})
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*COMMAND, "apply", "dev", "--yes"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 1
    assert "changes were written, and the report could not be delivered" in ended.stderr


def test_a_terminal_that_knows_ascii_only_is_no_reason_to_fail(environment: Write) -> None:
    environment(variables={"a": "é"})
    ended = subprocess.run(
        [*COMMAND, "apply", "dev", "--yes"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0
    assert b"\\xb7 Airflow" in ended.stdout


def test_files_that_are_links_or_pipes_stay_what_they_are(cli: Run, environment: Write) -> None:
    environment(variables={"a": "1"})
    Path("real.json").write_text("old")
    Path("link.json").symlink_to("real.json")
    assert cli("plan", "dev", "--out", "link.json", "--format", "text=/dev/null").code == 0
    assert Path("link.json").is_symlink()
    assert json.loads(Path("real.json").read_text())["format"] == "reconciler.plan/1"
    assert not Path("/dev/null").is_file()


def test_a_password_as_common_as_an_id_spoils_no_document(
    cli: Run, environment: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", "airflow")
    body = {"conn_type": "postgres", "login": "airflow", "password": {"$secret": "env:PW"}}
    environment("dev-airflow", connections={"airflow": body})
    entry = json.loads(cli("plan", "dev-airflow", "--format", "json").out)["environments"][0]
    assert entry["name"] == "dev-airflow"
    assert entry["changes"][0]["id"] == "airflow"
    assert {"path": ["login"], "after": "***", "secret": False} in entry["changes"][0]["fields"]
    assert "+ connection airflow " in cli("plan", "dev-airflow").out


def test_an_environment_that_fails_keeps_its_place_in_text_too(cli: Run, environment: Write) -> None:
    environment("one", variables={"a": "1"})
    environment("two", settings={"target": "http://127.0.0.1:1"})
    ran = cli("plan", "one", "two", "--format", "text", "--format", "text=plan.txt")
    block = f"two  error\n\n  http://127.0.0.1:1 cannot be reached: Connection refused; {HOST_OR_SERVER}\n"
    assert ran.out.endswith(f"{block}\n2 environments: 1 with changes, 1 failed (two).\n")
    assert Path("plan.txt").read_text() == ran.out


def test_a_mistake_in_this_program_leaves_other_environments_alone(
    cli: Run, environment: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.sandbox.emulator import Emulator

    environment("one", variables={"a": "1", "b": "1"})
    send = Emulator.send

    def failing(self: Emulator, request: Any) -> Any:
        if request.method == "POST" and request.body["key"] == "a":
            raise ZeroDivisionError
        return send(self, request)

    monkeypatch.setattr(Emulator, "send", failing)
    ran = cli("apply", "one", "--yes", "--format", "json")
    assert ran.code == 4
    assert [change["outcome"] for change in ran.environment["changes"]] == ["unknown", "done"]


def test_validate_gives_json_too(cli: Run, environment: Write) -> None:
    environment("one", variables={"a": "1"})
    environment("two", variables={"a": {"vlaue": 1}})
    ran = cli("validate", "one", "two", "--format", "json")
    assert ran.code == 1
    one, two = ran.document["environments"]
    assert one == {"name": "one", "resources": 1, "warnings": []}
    assert two["error"]["type"] == "ManifestError"


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        ({"pools": {"a/b": {"slots": 1}}}, "Airflow 2 cannot address a pool with '/' in its name"),
        ({"pools": {"a": {"slots": -1}}}, "Airflow 2 cannot list pools while one has -1 slots"),
        ({"variables": {"x" * 80: "1"}}, "InvokeRestApi takes 64"),
    ],
)
def test_validate_knows_what_a_named_major_version_refuses(
    cli: Run, environment: Write, manifest: dict[str, Any], sentence: str
) -> None:
    environment(settings={"target": "sandbox:sandbox.json?airflow=2"}, **manifest)
    ran = cli("validate", "dev")
    assert ran.code == 1
    assert sentence in ran.err


@pytest.mark.parametrize(
    "options",
    [
        ["--kind", "connection"],
        ["--kind", "pool", "--only", "variable/a"],
        ["--only", "variable/b"],
    ],
)
def test_a_selection_that_matches_nothing_is_an_error(
    cli: Run, environment: Write, options: list[str]
) -> None:
    environment(variables={"a": "1"})
    ran = cli("plan", "dev", *options)
    assert ran.code == 1
    assert "matches nothing in dev" in ran.err


def test_an_id_that_cannot_be_addressed_is_never_deleted(cli: Run, environment: Write) -> None:
    environment(settings={"authoritative": {"variables": ["*"]}})
    add = [sys.executable, "-m", "reconciler.sandbox", "dev/sandbox.json", "POST", "/variables"]
    for key in ("..", "/a", "stray"):
        subprocess.run([*add, json.dumps({"key": key, "value": "1"})], check=True, capture_output=True)
    changes = json.loads(cli("plan", "dev", "--format", "json").out)["environments"][0]["changes"]
    assert [change["id"] for change in changes] == ["stray"]


def test_json_too_deep_to_compare_is_text(cli: Run, environment: Write) -> None:
    environment(variables={"deep": {"value": {"a": 1}}})
    add = [sys.executable, "-m", "reconciler.sandbox", "dev/sandbox.json", "POST", "/variables"]
    body = {"key": "deep", "value": "[" * 450 + "]" * 450}
    subprocess.run([*add, json.dumps(body), "--airflow", "2"], check=True, capture_output=True)
    settings = {"name": "dev", "target": "sandbox:sandbox.json?airflow=2"}
    (Path("dev") / "environment.yaml").write_text(json.dumps(settings))
    assert cli("plan", "dev", "--detailed-exitcode").code == 2


def test_a_plan_that_cannot_be_saved_is_an_error(cli: Run, environment: Write) -> None:
    environment(variables={"a": "1"})
    ran = cli("plan", "dev", "--out", "no/such/folder/plan.json")
    assert ran.code == 1
    assert "no/such/folder/plan.json cannot be written: there is no folder no/such/folder" in ran.err


def test_several_formats_go_to_files_and_one_to_stdout(cli: Run, environment: Write) -> None:
    environment(variables={"a": "1"})
    ran = cli("plan", "dev", "--format", "text", "--format", "json=plan.json")
    assert ran.out.startswith("dev  sandbox:")
    assert json.loads(Path("plan.json").read_text())["format"] == "reconciler.plan/1"


def test_formats_for_a_ci_go_with_json_and_keep_every_place(cli: Run, environment: Write) -> None:
    environment("one", variables={"a": "1"})
    environment("two", variables={"a": {"value": 1, "slots": 2}})
    for command in (["validate"], ["plan"], ["drift"], ["apply", "--yes"]):
        files = [word for name in FORMATS[2:] for word in ("--format", f"{name}={name}.out")]
        ran = cli(command[0], "one", "two", *files, "--format", "json", *command[1:])
        assert [entry["name"] for entry in json.loads(ran.out)["environments"]] == ["one", "two"]
        for name in FORMATS[2:]:
            text = Path(f"{name}.out").read_text()
            told = "two" if name in {"openmetrics", "emf"} else "variables.a.slots is not known"
            assert told in text


def test_commands_to_a_ci_are_our_own_and_no_others(cli: Run, environment: Write) -> None:
    environment("one", variables={"a": {"value": "x", "description": "\n::set-output name=a::b"}})
    cli("apply", "one", "--yes")
    environment("one", variables={"a": {"value": "\n::error::y", "description": "\n::stop-commands::x"}})
    environment("two", settings={"target": "http://127.0.0.1:1"})
    lines = cli("plan", "one", "two", "--format", "github").out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "::error file=two/environment.yaml",
        "::notice file=one/manifest.yaml",
    ]


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
        "message": f"http://127.0.0.1:1 cannot be reached: Connection refused; {HOST_OR_SERVER}",
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
    assert "Apply 1 create to dev? [y/N]" in seen
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
    assert all(line.startswith("{") for line in ran.err.splitlines()), "nothing but events"
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
        "error: dev: unexpected ZeroDivisionError; --traceback shows where (it may show values too)\n"
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
    body = {"key": "a", "value": "x\x1b[31m\n::add-mask::y\u202e"}
    subprocess.run([*add, json.dumps(body)], check=True, capture_output=True)
    (Path("dev") / "manifest.yaml").write_text("variables: {a: plain}")
    out = cli("plan", "dev").out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\n::" not in out
    assert "\\u202e" in out


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


SETTINGS_OF_A_LEDGER = {
    "fingerprint_key": ({"fingerprint_key": "kms:alias/reconciler"}, {}),
    "adopt": ({"adopt": "always"}, {}),
    "secret_version": ({}, {"secret_version": 1}),
}


@pytest.mark.parametrize("name", SETTINGS_OF_A_LEDGER)
def test_what_takes_a_ledger_is_told_to_mean_nothing_without_one(
    cli: Run, environment: Write, name: str
) -> None:
    settings, body = SETTINGS_OF_A_LEDGER[name]
    environment(settings=settings, variables={"a": {"value": "1", **body}})
    ran = cli("plan", "dev")
    assert ran.code == 0
    (line,) = ran.err.splitlines()
    assert line.startswith("warning: dev/")
    assert f": {name} means nothing without a ledger" in line
    environment(settings={**settings, "ledger": "file:ledger.json"}, variables={"a": {"value": "1", **body}})
    assert cli("plan", "dev").err == ""


def test_limits_hold_without_a_ledger_for_what_git_rules_alone(
    cli: Run, environment: Write, airflow: Airflow
) -> None:
    for key in ("etl_a", "etl_b", "etl_c", "etl_d"):
        airflow("POST", "/variables", key=key, value="1")
    ruled = {"authoritative": {"variables": ["etl_*"]}}
    environment(settings={**ruled, "limits": {"deletes": "50%"}}, variables={"etl_a": "1"})
    ran = cli("apply", "dev", "--yes")
    assert ran.code == 3
    assert "3 of 4 variables would be deleted, the limit is 2 (--allow-deletes variable=3)" in ran.err
    environment(settings={**ruled, "limits": {"deletes": 3}}, variables={"etl_a": "1"})
    assert cli("apply", "dev", "--yes").code == 0
    assert airflow("GET", "/variables")["total_entries"] == 1


@pytest.mark.parametrize("name", ["manifest", "environment", "plan", "ledger"])
def test_schema_prints_a_schema(cli: Run, name: str) -> None:
    ran = cli("schema", name)
    assert ran.code == 0
    Draft202012Validator.check_schema(json.loads(ran.out))


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("fist", "there is no such folder; name a folder that has one, or write one with reconciler init"),
        ("first/variables.yaml", "it is a file; name the folder of an environment.yaml"),
        ("sandbox:airflow.json", "'reconciler init DIR --target sandbox:airflow.json' writes one"),
        ("mwaa://eu-west-1/prod", "'reconciler init DIR --target mwaa://eu-west-1/prod' writes one"),
        ("nothing/*", "no folder of that name has an environment.yaml; correct the pattern"),
    ],
)
def test_whoever_names_no_environment_is_told_what_to_name(
    cli: Run, environment: Write, named: str, told: str
) -> None:
    environment("first", variables={"a": "1"})
    Path("first/variables.yaml").write_text("")
    ran = cli("plan", named)
    assert (ran.code, ran.out) == (1, "")
    assert told in ran.err
