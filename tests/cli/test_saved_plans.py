"""``plan --out FILE`` saves what was shown, and ``apply --plan FILE`` does that and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import canonical_digest
from tests.cli.conftest import Airflow, Break, Run, Write
from tests.e2e.tool import Ran

PLAN = "plan.json"


def saved(change: Any = None) -> Any:
    """The saved plan, changed by ``change`` as somebody would who also corrects the digest."""
    document = json.loads(Path(PLAN).read_text())
    if change is not None:
        change(document)
        del document["digest"]
        Path(PLAN).write_text(json.dumps({**document, "digest": canonical_digest(document)}))
    return document


def applied(cli: Run, *options: str) -> Ran:
    return cli("apply", "dev", "--plan", PLAN, "--format", "json", "--log-format", "json", *options)


def refusal(cli: Run, *options: str) -> str:
    """Why the saved plan is refused; nothing has been written then."""
    ran = cli("apply", "dev", "--plan", PLAN, "-v", *options)
    assert ran.code == 3
    assert not any(method in ran.err for method in ("POST", "PATCH", "DELETE"))
    return ran.err.splitlines()[-1]


def test_a_saved_plan_is_applied_without_a_question(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned(variables={"a": "1"}, pools={"p": {"slots": 2}})
    planned = cli("plan", "dev", "--out", PLAN, "--format", "json").environment
    ran = applied(cli)
    assert ran.code == 0
    assert ran.environment["calls"] == planned["calls"]["apply"]
    assert airflow("GET", "/variables/a")["value"] == "1"
    assert cli("plan", "dev", "--detailed-exitcode").code == 0


def test_a_saved_plan_works_without_a_ledger_too(cli: Run, environment: Write, airflow: Airflow) -> None:
    environment(variables={"a": "1"})
    cli("plan", "dev", "--out", PLAN)
    assert applied(cli).code == 0
    environment(variables={"a": "2"})
    assert "git or the secret has changed since" not in refusal(cli)
    assert airflow("GET", "/variables/a")["value"] == "1"


def test_what_was_selected_is_what_is_applied(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned(variables={"a": "1", "b": "1"}, pools={"p": {"slots": 2}})
    cli("plan", "dev", "--out", PLAN, "--kind", "variable", "--only", "*/a")
    ran = applied(cli)
    assert ran.code == 0
    assert [change["id"] for change in ran.environment["changes"]] == ["a"]
    assert airflow("GET", "/variables")["total_entries"] == 1


def test_what_was_allowed_is_what_is_applied(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned(variables={"a": "1", "b": "1"})
    cli("apply", "dev", "--yes")
    airflow("PATCH", "/variables/b", key="b", value="theirs")
    airflow("POST", "/variables", key="c", value="theirs")
    owned(variables={"c": "1"})
    cli("plan", "dev", "--out", PLAN)
    told = refusal(cli)
    for way_out in ("--allow-delete variable/b", "--adopt variable/c"):
        assert way_out in told
    allowing = ["--allow-delete", "variable/b", "--adopt", "variable/c"]
    planned = cli("plan", "dev", "--out", PLAN, "--format", "json", *allowing).environment
    assert planned["violations"] == []
    assert applied(cli).code == 0
    assert cli("plan", "dev", "--detailed-exitcode").code == 0


def test_secrets_that_were_to_be_sent_again_are(
    cli: Run, owned: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "canary-value")
    owned(variables={"api_key": {"value": {"$secret": "env:API_KEY"}}})
    cli("apply", "dev", "--yes")
    cli("plan", "dev", "--out", PLAN, "--resend-secrets")
    ran = applied(cli)
    assert (ran.code, [write["fields"] for write in ran.writes]) == (0, [["value"]])


@pytest.mark.parametrize(
    "option",
    [
        ["--kind", "variable"],
        ["--only", "variable/*"],
        ["--resend-secrets"],
        ["--allow-deletes", "variable=1"],
        ["--allow-missing", "variable=1"],
        ["--adopt", "variable/a"],
        ["--allow-delete", "variable/a"],
    ],
)
def test_an_option_that_shapes_a_plan_contradicts_a_saved_one(
    cli: Run, owned: Write, option: list[str]
) -> None:
    owned(variables={"a": "1"})
    cli("plan", "dev", "--out", PLAN)
    ran = cli("apply", "dev", "--plan", PLAN, *option)
    assert ran.code == 1
    assert "the saved plan says what is selected and allowed; give such options to plan --out" in ran.err
    assert not Path("dev/ledger.json").exists()


def test_options_about_the_run_itself_go_with_a_saved_plan(cli: Run, owned: Write) -> None:
    owned(variables={"a": "1"})
    cli("plan", "dev", "--out", PLAN)
    assert applied(cli, "--yes", "--lock-timeout", "1", "--deadline", "60").code == 0


def test_what_somebody_else_changed_since_is_refused(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned(variables={"a": "1"})
    cli("apply", "dev", "--yes")
    owned(variables={"a": "2"})
    cli("plan", "dev", "--out", PLAN)
    airflow("PATCH", "/variables/a", key="a", value="3")
    assert "update variable/a is not what it shows: Airflow has changed since" in refusal(cli)
    assert airflow("GET", "/variables/a")["value"] == "3"


def test_what_git_changed_since_is_refused(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned(variables={"a": "1"})
    cli("plan", "dev", "--out", PLAN)
    owned(variables={"a": "2"})
    assert "create variable/a is not what it shows: git or the secret has changed since" in refusal(cli)
    owned(variables={"a": "1", "b": "1"})
    assert "create variable/b is not in it" in refusal(cli)
    assert airflow("GET", "/variables")["total_entries"] == 0


def test_a_secret_that_was_rotated_since_is_refused(
    cli: Run, owned: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "canary-one")
    owned(variables={"api_key": {"value": {"$secret": "env:API_KEY"}}})
    cli("apply", "dev", "--yes")
    monkeypatch.setenv("API_KEY", "canary-two")
    cli("plan", "dev", "--out", PLAN)
    monkeypatch.setenv("API_KEY", "canary-three")
    assert "update variable/api_key is not what it shows: git or the secret has changed" in refusal(cli)
    monkeypatch.setenv("API_KEY", "canary-two")
    assert applied(cli).code == 0


def test_another_action_than_the_saved_one_is_refused(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned(variables={"a": "1"})
    cli("plan", "dev", "--out", PLAN)
    airflow("POST", "/variables", key="a", value="1")
    assert "adopt variable/a is not what it shows: there it is to create" in refusal(cli)


def test_what_is_done_already_is_left_out(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned(variables={"a": "1", "b": "1"})
    cli("apply", "dev", "--yes")
    owned(variables={"a": "2", "b": "2"})
    cli("plan", "dev", "--out", PLAN)
    assert cli("apply", "dev", "--yes", "--only", "variable/a").code == 0
    ran = applied(cli)
    assert (ran.code, [write["id"] for write in ran.writes]) == (0, ["b"])
    again = applied(cli)
    assert (again.code, again.writes) == (0, [])
    assert airflow("GET", "/variables/b")["value"] == "2"


BROKEN_OFF = {
    "a call that is refused": ["POST /variables#3=status:403"],
    "a call that gets lost": ["POST /variables#3=drop_before", "6-=expire"],
    "a call whose answer gets lost": ["POST /variables#3=drop_after", "POST /connections=expire"],
    "a look at the result that fails": ["GET /variables#2=status:500", "GET /variables#3=expire"],
}


@pytest.mark.parametrize("faults", BROKEN_OFF.values(), ids=BROKEN_OFF)
def test_an_apply_that_broke_off_is_resumed_with_the_same_file(
    cli: Run, owned: Write, breaking: Break, monkeypatch: pytest.MonkeyPatch, faults: list[str]
) -> None:
    monkeypatch.setenv("API_KEY", "canary-value")
    secret = {"$secret": "env:API_KEY"}
    owned(
        variables={"a": {"value": '{"b": 1}', "description": ""}, "api_key": {"value": secret}, "z": 5},
        connections={"c": {"conn_type": "http", "password": secret, "host": "", "extra": {}}},
    )
    cli("plan", "dev", "--out", PLAN)
    breaking(*faults)
    assert applied(cli).code == 4
    breaking()
    assert applied(cli).code == 0
    assert cli("plan", "dev", "--detailed-exitcode").code == 0


def test_deletes_that_broke_off_are_resumed_with_the_same_file(
    cli: Run, owned: Write, breaking: Break
) -> None:
    owned(variables=dict.fromkeys("abcde", "1"))
    cli("apply", "dev", "--yes")
    owned(variables={"e": "1"})
    cli("plan", "dev", "--out", PLAN, "--allow-deletes", "variable=4")
    breaking("DELETE#3=drop_after", "GET /variables/c#2=expire")
    assert applied(cli).code == 4
    breaking()
    assert applied(cli).code == 0
    assert cli("plan", "dev", "--detailed-exitcode").code == 0


def test_what_stands_where_a_secret_once_did_is_part_of_what_was_shown(
    cli: Run, owned: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "canary-value")
    owned(variables={"api": {"value": {"$secret": "env:API_KEY"}}})
    cli("apply", "dev", "--yes")
    owned(variables={"api": {"value": {"plain": 1}}})
    cli("plan", "dev", "--out", PLAN)
    owned(variables={"api": {"value": {"plain": 2}}})
    assert "update variable/api is not what it shows: git or the secret has changed" in refusal(cli)
    owned(variables={"api": {"value": {"plain": 1}}})
    assert applied(cli).code == 0


def test_a_plain_value_whose_name_looks_secret_is_part_of_what_was_shown(cli: Run, owned: Write) -> None:
    def declare(value: str) -> None:
        owned(variables={"api_token": {"value": value, "sensitive": False}, "b": "1"})

    declare("one")
    assert cli("apply", "dev", "--yes").code == 0
    declare("two")
    planned = cli("plan", "dev", "--out", PLAN)
    assert "two" not in planned.out + Path(PLAN).read_text()
    declare("three")
    assert "git or the secret has changed since" in refusal(cli)
    declare("two")
    assert applied(cli).code == 0


def test_an_environment_that_the_file_lacks_is_refused(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned("dev", variables={"a": "1"})
    owned("other", variables={"a": "1"})
    cli("plan", "dev", "--out", PLAN)
    ran = cli("apply", "other", "--plan", PLAN)
    assert ran.code == 3
    assert ran.err == "error: other: the saved plan does not have other; nothing was written\n"
    both = cli("apply", "dev", "other", "--plan", PLAN)
    assert both.code == 4, "one was applied, one was refused"
    assert airflow("GET", "/variables/a")["value"] == "1"
    assert not Path("other/sandbox.json").exists()


def test_an_environment_that_could_not_be_planned_is_not_in_the_file(cli: Run, owned: Write) -> None:
    owned(settings={"target": "http://127.0.0.1:1"}, variables={"a": "1"})
    assert cli("plan", "dev", "--out", PLAN).code == 1
    owned(variables={"a": "1"})
    assert "the saved plan does not have dev" in refusal(cli)


def test_several_environments_are_applied_from_one_file(cli: Run, owned: Write) -> None:
    owned("dev", variables={"a": "1"})
    owned("other", variables={"b": "1"})
    cli("plan", "dev", "other", "--out", PLAN)
    assert cli("apply", "dev", "other", "--plan", PLAN).code == 0
    assert cli("plan", "dev", "other", "--detailed-exitcode").code == 0


def test_a_file_that_was_altered_is_refused(cli: Run, owned: Write) -> None:
    owned(variables={"a": "1"})
    cli("plan", "dev", "--out", PLAN)
    Path(PLAN).write_text(Path(PLAN).read_text().replace('"create"', '"update"'))
    assert refusal(cli) == (
        "error: the saved plan does not have the digest that it states: it was altered; plan again"
    )
    assert not Path("dev/ledger.json").exists()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("target", "sandbox:elsewhere.json", "it is for sandbox:elsewhere.json, not sandbox:sandbox.json"),
        ("airflow_version", "2.11.2", "it is for Airflow 2, and this is Airflow 3"),
        ("changes", [], "create variable/a is not in it"),
    ],
)
def test_a_file_for_something_else_is_refused(
    cli: Run, owned: Write, name: str, value: Any, sentence: str
) -> None:
    owned(variables={"a": "1"})
    cli("plan", "dev", "--out", PLAN)
    saved(lambda document: document["environments"][0].update({name: value}))
    assert refusal(cli) == (
        f"error: dev: the saved plan does not permit this: {sentence}; nothing was written"
    )


def test_another_minor_version_of_airflow_is_no_matter(cli: Run, owned: Write) -> None:
    owned(variables={"a": "1"})
    cli("plan", "dev", "--out", PLAN)
    saved(lambda document: document["environments"][0].update(airflow_version="3.0.6"))
    assert applied(cli).code == 0


def test_a_file_of_another_format_is_refused(cli: Run, owned: Write) -> None:
    owned(variables={"a": "1"})
    cli("plan", "dev", "--out", PLAN)
    saved(lambda document: document.update(format="reconciler.plan/2"))
    assert "the saved plan is of another format than reconciler.plan/1; plan again" in refusal(cli)


@pytest.mark.parametrize(
    "options", [{"adopt": ["a"]}, {"allow_deletes": []}, {"allow_deletes": {"variable": "1"}}, {"only": 5}, 5]
)
def test_a_file_that_no_version_writes_is_refused(cli: Run, owned: Write, options: Any) -> None:
    owned(variables={"a": "1"})
    cli("plan", "dev", "--out", PLAN)
    saved(lambda document: document["environments"][0].update(options=options))
    assert refusal(cli) == "error: the saved plan is not as this version writes it; plan again"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "null", '"text"', "format: reconciler.plan/1", "[" * 9999]
)
def test_a_file_that_is_no_plan_is_an_error(cli: Run, owned: Write, text: str) -> None:
    owned(variables={"a": "1"})
    Path(PLAN).write_text(text)
    ran = cli("apply", "dev", "--plan", PLAN)
    assert ran.code == 1
    assert ran.err == "error: the saved plan is no plan: make one with plan --out FILE\n"


def test_a_file_that_cannot_be_read_is_an_error(cli: Run, owned: Write) -> None:
    owned(variables={"a": "1"})
    assert cli("apply", "dev", "--plan", "nowhere.json").err == (
        "error: nowhere.json cannot be read: No such file or directory; plan --out FILE saves a plan\n"
    )
    Path(PLAN).write_bytes(b"\xff\xfe")
    ran = cli("apply", "dev", "--plan", PLAN)
    assert (ran.code, ran.err) == (
        1,
        "error: plan.json cannot be read: it is no text; plan --out FILE saves a plan\n",
    )


def test_reports_and_drift_are_no_plans(cli: Run, owned: Write) -> None:
    owned(variables={"a": "1"})
    for command in (["drift"], ["apply", "--yes"]):
        cli(command[0], "dev", *command[1:], "--format", f"json={PLAN}")
        assert "another format than reconciler.plan/1" in refusal(cli)
