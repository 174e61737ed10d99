"""``compare`` as people type it, on the sandbox."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.backends import Request
from reconciler.cli.schema import schema_file
from reconciler.sandbox.emulator import Emulator
from tests.cli.conftest import Run, Write
from tests.e2e.tool import CANARY, Ran
from tests.render.golden import is_golden

SCHEMA = Draft202012Validator(json.loads(schema_file("compare").read_text()))
REFERENCE = {"$secret": "env:CANARY"}


def lives(name: str, major: int, *bodies: tuple[str, dict[str, Any]]) -> None:
    emulator = Emulator(Path(name) / "sandbox.json", Emulator.newest(major))
    for collection, body in bodies:
        assert emulator.send(Request("POST", f"/{collection}", body=body)).status in {200, 201}


def on(major: int) -> dict[str, str]:
    return {"target": f"sandbox:sandbox.json?airflow={major}"}


def variable(key: str, value: str) -> tuple[str, dict[str, Any]]:
    return "variables", {"key": key, "value": value}


def connection(**more: Any) -> tuple[str, dict[str, Any]]:
    return "connections", {"connection_id": "c", "conn_type": "http", **more}


def differences(ran: Ran) -> list[tuple[str, str, str]]:
    SCHEMA.validate(ran.document)
    return [(one["in"], one["kind"], one["id"]) for one in ran.document["comparison"]["differences"]]


@pytest.fixture
def declared(environment: Write) -> None:
    """Two environments that differ in everything in which they can."""
    environment(
        "dev",
        pools={"etl": {"slots": 4}, "same": {"slots": 1}},
        variables={
            "batch": 500,
            "etl_config": {"value": {"source": "s3://dev/in", "retries": 2}, "description": "Read by etl"},
            "debug": True,
        },
        connections={
            "warehouse": {
                "conn_type": "postgres",
                "password": {"$secret": "env:DEV_PASSWORD"},
                "extra": {"token": {"$secret": "env:TOKEN"}, "sslmode": "require"},
            }
        },
    )
    environment(
        "prod",
        settings={"target": "mwaa://eu-west-1/prod-airflow?account=123456789012"},
        pools={"etl": {"slots": 16}, "same": {"slots": 1}, "finance": {"slots": 2}},
        variables={"batch": 5000, "etl_config": {"value": {"source": "s3://prod/in", "retries": 3}}},
        connections={
            "warehouse": {
                "conn_type": "postgres",
                "password": {"$secret": "env:PROD_PASSWORD"},
                "extra": {"token": {"$secret": "env:TOKEN"}},
            }
        },
    )


@pytest.mark.usefixtures("declared")
def test_what_git_declares_is_shown_side_by_side(cli: Run) -> None:
    ran = cli("compare", "dev", "prod")
    assert (ran.code, ran.err) == (2, "")
    assert is_golden("compare.txt", ran.out)


@pytest.mark.usefixtures("declared")
def test_the_document_holds_the_same(cli: Run) -> None:
    ran = cli("compare", "dev", "prod", "--format", "json")
    assert (ran.code, ran.err) == (2, "")
    assert is_golden("compare.json", ran.out)
    SCHEMA.validate(ran.document)


@pytest.mark.usefixtures("declared")
def test_what_git_declares_is_compared_offline(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.cli.reaching.connect", None)
    monkeypatch.setenv("DEV_PASSWORD", CANARY)
    ran = cli("compare", "dev", "prod", "--format", "json", "--log-format", "json")
    assert ran.code == 2
    assert ran.calls == []
    assert CANARY not in ran.out


@pytest.mark.parametrize("live", [(), ("--live",)])
def test_equal_environments_exit_with_0(cli: Run, environment: Write, live: tuple[str, ...]) -> None:
    for name in ("dev", "prod"):
        environment(name, variables={"a": {"value": {"x": 1}}}, pools={"p": {"slots": 1}})
        assert cli("apply", name, "--yes").code == 0
    ran = cli("compare", "dev", "prod", *live)
    assert ran.code == 0
    assert "\nCompare: no difference; " in ran.out


@pytest.mark.parametrize("majors", [(2, 2), (2, 3), (3, 2), (3, 3)])
def test_what_lives_is_compared(cli: Run, environment: Write, majors: tuple[int, int]) -> None:
    for name, major, retries in (("dev", majors[0], 1), ("prod", majors[1], 2)):
        environment(name, settings=on(major))
        extra = f'{{"retries": {retries}, "region": "eu"}}'
        lives(name, major, variable("same", '{"a": 1}'), variable(name, "1"), connection(extra=extra))
    ran = cli("compare", "dev", "prod", "--live", "--format", "json", "--log-format", "json")
    assert ran.code == 2
    assert differences(ran) == [
        ("first", "variable", "dev"),
        ("second", "variable", "prod"),
        ("both", "connection", "c"),
    ]
    (fields,) = [one["fields"] for one in ran.document["comparison"]["differences"] if one["fields"]]
    assert fields == [{"path": ["extra", "retries"], "first": 1, "second": 2, "secret": False}]
    assert {call["method"] for call in ran.calls} == {"GET"}
    assert sum(one["calls"]["read"] for one in ran.document["environments"]) == len(ran.calls)
    assert [one["airflow_version"] for one in ran.document["environments"]] == [
        Emulator.newest(major) for major in majors
    ]


def test_what_lives_is_told_where_git_declares_it(cli: Run, environment: Write) -> None:
    for name, value in (("dev", "1"), ("prod", "2")):
        environment(name, variables={"a": "declared"})
        lives(name, 3, variable("a", value), variable("b", value))
    ran = cli("compare", "dev", "prod", "--live", "--kind", "variable")
    assert "  ~ variable a  dev/manifest.yaml:2  prod/manifest.yaml:2\n      value: 1 → 2\n" in ran.out
    assert "  ~ variable b\n      value: 1 → 2\n" in ran.out


@pytest.mark.parametrize(("majors", "unverified"), [((3, 3), 3), ((2, 2), 2), ((2, 3), 3)])
def test_what_airflow_hides_is_unverified(
    cli: Run, environment: Write, majors: tuple[int, int], unverified: int
) -> None:
    for name, major in (("dev", majors[0]), ("prod", majors[1])):
        environment(name, settings=on(major))
        lives(
            name,
            major,
            variable("api_key", CANARY),
            connection(password=CANARY, extra=f'{{"token": "{CANARY}"}}'),
        )
    ran = cli("compare", "dev", "prod", "--live")
    assert CANARY not in ran.out + ran.err
    assert ran.code == 0
    assert "  ? connection c: password is unverified, hidden\n" in ran.out
    assert f"{unverified} unverified" in ran.out


@pytest.mark.parametrize("major", [2, 3])
def test_only_passwords_that_airflow_3_shows_to_be_there_differ(
    cli: Run, environment: Write, major: int
) -> None:
    for name, more in (("dev", {"password": CANARY}), ("prod", {})):
        environment(name, settings=on(major))
        lives(name, major, connection(**more))
    ran = cli("compare", "dev", "prod", "--live")
    assert ran.code == {2: 0, 3: 2}[major]
    assert ("password: (secret) → (none)\n" in ran.out) is (major == 3)


def test_extra_that_cannot_be_asked_for_is_unverified(cli: Run, environment: Write) -> None:
    for name in ("dev", "prod"):
        environment(name, settings=on(2))
        lives(
            name,
            2,
            ("connections", {"connection_id": "..", "conn_type": "http", "extra": f'{{"a": "{name}"}}'}),
        )
    ran = cli("compare", "dev", "prod", "--live")
    assert ran.code == 0
    assert "  ? connection ..: extra is unverified, value not read\n" in ran.out


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_living_value_is_not_shown_where_a_secret_belongs_or_belonged(
    cli: Run, environment: Write, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    """Airflow 2 shows variables in clear, and neither name looks secret."""
    monkeypatch.setenv("CANARY", CANARY)
    ledger = {**on(2), "ledger": "file:ledger.json"}
    environment(
        "dev", settings=ledger, variables={"a": {"value": REFERENCE}, "b": {"value": {"n": REFERENCE}}}
    )
    assert cli("apply", "dev", "--yes").code == 0
    environment("dev", settings=ledger, variables={"a": {"value": REFERENCE}, "b": {"value": {"n": 1}}})
    environment("prod", settings=on(2))
    lives("prod", 2, variable("a", CANARY + "-theirs"), variable("b", f'{{"n": "{CANARY}-theirs"}}'))
    ran = cli("compare", "dev", "prod", "--live", "--format", format_)
    assert ran.code == 2
    assert CANARY not in ran.out + ran.err
    if format_ == "text":
        assert "value: (secret) → (secret)\n" in ran.out
        assert "value.n: (secret) → (secret)\n" in ran.out


@pytest.mark.usefixtures("declared")
def test_a_selection_narrows_both(cli: Run) -> None:
    ran = cli("compare", "dev", "prod", "--format", "json", "--kind", "pools")
    assert differences(ran) == [("both", "pool", "etl"), ("second", "pool", "finance")]
    assert ran.document["comparison"]["summary"]["equal"] == 1
    ran = cli("compare", "dev", "prod", "--format", "json", "--only", "variable/b*", "--only", "pool/fin*")
    assert differences(ran) == [("second", "pool", "finance"), ("both", "variable", "batch")]


@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("dev",), "name two different environments"),
        ((), "ENV ENV"),
        (("dev", "dev"), "name two different environments"),
        (("dev", "nowhere"), "nowhere"),
        (("dev", "prod", "--only", "pool/nope"), "--only pool/nope matches nothing in dev and prod"),
        (("dev", "prod", "--format", "html"), "'html'"),
    ],
)
def test_what_makes_no_sense_is_an_error(cli: Run, arguments: tuple[str, ...], sentence: str) -> None:
    ran = cli("compare", *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert sentence in ran.err


@pytest.mark.usefixtures("declared")
def test_a_glob_may_name_both(cli: Run) -> None:
    assert cli("compare", "*").out == cli("compare", "dev", "prod").out != ""


@pytest.mark.usefixtures("declared")
def test_an_environment_that_fails_keeps_its_place(cli: Run) -> None:
    Path("dev/manifest.yaml").write_text("variables: [")
    ran = cli("compare", "dev", "prod", "--format", "json")
    assert ran.code == 1
    assert [one["name"] for one in ran.document["environments"]] == ["dev", "prod"]
    assert ran.document["environments"][0]["error"]["type"] == "ManifestError"
    assert ran.document["comparison"] is None
    SCHEMA.validate(ran.document)


def test_another_environments_ledger_is_refused_before_any_call(cli: Run, environment: Write) -> None:
    for name in ("dev", "prod"):
        environment(name, settings={"ledger": "file:ledger.json"}, variables={"a": 1})
        assert cli("apply", name, "--yes").code == 0
    Path("prod/ledger.json").write_bytes(Path("dev/ledger.json").read_bytes())
    ran = cli("compare", "dev", "prod", "--live", "--kind", "pool", "--log-format", "json")
    assert ran.code == 3
    assert {call["environment"] for call in ran.calls} == {"dev"}
