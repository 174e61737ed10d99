"""``export`` as people type it, on the sandbox."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Request
from reconciler.durable import replace_whole
from reconciler.errors import WrongAccount
from reconciler.model import Secret
from reconciler.sandbox.emulator import Emulator
from reconciler.targets import HttpTarget, parse_target, spelled_out
from tests.cli.conftest import Run, Write
from tests.e2e.tool import CANARY

SANDBOX = "sandbox:box.json"


@pytest.fixture
def box() -> Emulator:
    """An Airflow 3 with one of each."""
    made = Emulator(Path("box.json"), "3.3.1")
    add(made, "variables", key="batch", value="500")
    add(made, "variables", key="api_key", value=CANARY)
    add(made, "connections", connection_id="c", conn_type="http", password=CANARY, extra='{"token": "x"}')
    add(made, "pools", name="etl", slots=3)
    return made


def add(emulator: Emulator, collection: str, **body: Any) -> None:
    assert emulator.send(Request("POST", f"/{collection}", body=body)).status == 201


def files(folder: str) -> dict[str, bytes]:
    root = Path(folder)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("box")
def test_an_environment_is_written_whole(cli: Run) -> None:
    ran = cli("export", SANDBOX, "--to", "new/env")
    assert (ran.code, ran.out) == (0, "exported: 2 pools, 2 variables, 1 connection written to new/env\n")
    assert ran.err == (
        "to do: variable/api_key value: env:TODO_VARIABLE__API_KEY\n"
        "to do: connection/c password: env:TODO_CONNECTION__C__PASSWORD\n"
        "to do: connection/c extra.token: env:TODO_CONNECTION__C__EXTRA__TOKEN\n"
    )
    written = {name: data.decode() for name, data in files("new/env").items()}
    assert written.keys() == {"environment.yaml", "pools.yaml", "variables.yaml", "connections.yaml"}
    assert written["environment.yaml"] == (
        '# Written by reconciler export.\n\nname: exported\ntarget: "sandbox:../../box.json?airflow=3"\n'
    )
    assert written["variables.yaml"] == (
        "# Written by reconciler export.\n"
        "# To do:\n"
        "#   variable/api_key value: env:TODO_VARIABLE__API_KEY\n\n"
        "variables:\n"
        "  api_key:\n"
        '    value: {$secret: "env:TODO_VARIABLE__API_KEY"}\n'
        "  batch: 500\n"
    )
    assert CANARY not in str(written) + ran.out + ran.err


@pytest.mark.usefixtures("box")
def test_the_next_plan_is_empty(cli: Run) -> None:
    cli("export", SANDBOX, "--to", "env")
    ran = cli("plan", "env", "--format", "json", "--detailed-exitcode")
    assert ran.code == 0
    assert ran.environment["changes"] == []
    assert {one["why"] for one in ran.environment["unverified"]} == {"secret missing"}
    assert [one["id"] for one in ran.environment["unmanaged"]] == []


@pytest.mark.usefixtures("box")
def test_the_same_state_gives_the_same_bytes(cli: Run) -> None:
    cli("export", SANDBOX, "--to", "one")
    cli("export", SANDBOX, "--to", "two")
    assert files("one") == files("two")
    cli("export", SANDBOX, "--to", "one", "--overwrite")
    assert files("one") == files("two")


def test_an_export_only_reads(cli: Run, box: Emulator) -> None:
    before = Path("box.json").read_bytes()
    ran = cli("export", SANDBOX, "--to", "env", "--log-format", "json")
    assert {call["method"] for call in ran.calls} == {"GET"}
    assert len(ran.calls) == 4
    assert Path("box.json").read_bytes() == before
    del box


@pytest.mark.usefixtures("box")
def test_each_resource_can_have_a_file_of_its_own(cli: Run, box: Emulator) -> None:
    for key in ("environment", "A b", "a-b", "X" * 200):
        add(box, "variables", key=key, value="1")
    assert cli("export", SANDBOX, "--to", "env", "--split").code == 0
    names = sorted(files("env"))
    assert {"environment.yaml", "pools/etl.yaml", "variables/a-b.yaml", "connections/c.yaml"} <= set(names)
    assert len(names) == 1 + 2 + 6 + 1
    assert len({name.casefold() for name in names}) == len(names)
    assert cli("plan", "env", "--detailed-exitcode").code == 0


@pytest.mark.usefixtures("box")
def test_a_value_is_revealed_on_demand(cli: Run) -> None:
    Emulator(Path("box.json"), "2.11.2")
    ran = cli("export", "sandbox:box.json?airflow=2", "--to", "env", "--reveal", "variable/api_key")
    assert ran.code == 0
    assert CANARY in Path("env/variables.yaml").read_text()
    assert CANARY not in ran.out + ran.err
    planned = cli("plan", "env", "--detailed-exitcode")
    assert (planned.code, planned.err) == (0, "")


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--reveal", "variable/nope"), "--reveal variable/nope matches nothing"),
        (("--reveal", "connection/c"), "only values of variables"),
        (("--only", "variable/nope*"), "matches nothing"),
        (("--name", "a b"), "'a b' is no name"),
        (("--kind", "dag"), "is no kind"),
    ],
)
def test_what_makes_no_sense_is_an_error_and_writes_nothing(
    cli: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    ran = cli("export", SANDBOX, "--to", "env", *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert sentence in ran.err
    assert not Path("env").exists()


@pytest.mark.parametrize("source", ["nowhere", "mwaa://nowhere", "http://u:p@h", "sandbox:"])
def test_a_source_that_is_none_is_an_error(cli: Run, source: str) -> None:
    ran = cli("export", source, "--to", "env")
    assert (ran.code, ran.out) == (1, "")
    assert not Path("env").exists()


@pytest.mark.usefixtures("box")
def test_a_folder_that_is_not_empty_is_left_alone(cli: Run) -> None:
    Path("env").mkdir()
    Path("env/mine").write_text("mine")
    ran = cli("export", SANDBOX, "--to", "env")
    assert (ran.code, list(files("env"))) == (1, ["mine"])
    assert "env is not empty" in ran.err
    assert cli("export", SANDBOX, "--to", "env/mine").code == 1


@pytest.mark.usefixtures("box")
def test_only_the_files_of_an_export_are_replaced(cli: Run) -> None:
    Path("env").mkdir()
    Path("env/notes.txt").write_text("mine")
    Path("env/more.yaml").write_text("variables: {mine: 1}\n")
    Path("env/pools.yaml").write_text("pools: {old: {slots: 1}}\n")
    assert cli("export", SANDBOX, "--to", "env", "--overwrite").code == 0
    assert Path("env/notes.txt").read_text() == "mine"
    assert Path("env/more.yaml").read_text() == "variables: {mine: 1}\n"
    assert b"old" not in files("env")["pools.yaml"]


@pytest.mark.usefixtures("box")
def test_what_could_not_be_read_back_is_not_written(cli: Run) -> None:
    Path("env").mkdir()
    Path("env/more.yaml").write_text("variables: {batch: 1}\n")
    ran = cli("export", SANDBOX, "--to", "env", "--overwrite")
    assert (ran.code, list(files("env"))) == (1, ["more.yaml"])
    assert "'batch' is declared at" in ran.err
    assert "env/variables.yaml:" in ran.err
    assert "/tmp" not in ran.err or str(Path.cwd()) in ran.err


@pytest.mark.usefixtures("box")
def test_the_remains_of_another_export_are_told_and_stay(cli: Run) -> None:
    assert cli("export", SANDBOX, "--to", "env", "--split").code == 0
    before = files("env")
    ran = cli("export", SANDBOX, "--to", "env", "--overwrite")
    assert ran.code == 1
    assert "an earlier export wrote pools/default_pool.yaml, pools/etl.yaml" in ran.err
    assert files("env") == before


@pytest.mark.usefixtures("box")
def test_a_link_leads_no_file_out_of_the_folder(cli: Run) -> None:
    Path("env").mkdir()
    Path("elsewhere").mkdir()
    Path("env/variables").symlink_to("../elsewhere")
    ran = cli("export", SANDBOX, "--to", "env", "--overwrite", "--split")
    assert ran.code == 1
    assert files("elsewhere") == {}
    target = Path("elsewhere/pools.yaml")
    target.write_text("theirs")
    Path("env/variables").unlink()
    Path("env/pools.yaml").symlink_to("../elsewhere/pools.yaml")
    assert cli("export", SANDBOX, "--to", "env", "--overwrite").code == 0
    assert target.read_text() == "theirs"


@pytest.mark.usefixtures("box")
def test_a_selection_writes_only_what_it_is_about(cli: Run) -> None:
    assert cli("export", SANDBOX, "--to", "kind", "--kind", "pools").code == 0
    assert set(files("kind")) == {"environment.yaml", "pools.yaml"}
    assert cli("export", SANDBOX, "--to", "only", "--only", "variable/b*").code == 0
    assert set(files("only")) == {"environment.yaml", "variables.yaml"}
    assert b"api_key" not in files("only")["variables.yaml"]


def test_nothing_is_written_where_a_call_fails(
    cli: Run, box: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    del box
    from reconciler.connect import connect
    from reconciler.sandbox.faults import Faulty, parse_fault

    def faulty(*arguments: Any) -> Any:
        return Faulty(connect(*arguments), [parse_fault("GET /connections=status:403")])

    monkeypatch.setattr("reconciler.cli.reaching.connect", faulty)
    ran = cli("export", SANDBOX, "--to", "env")
    assert (ran.code, ran.out) == (1, "")
    assert not Path("env").exists()


def test_a_disk_that_refuses_is_told(cli: Run, box: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    del box

    def full(path: Path, content: bytes) -> None:
        if path.name == "variables.yaml" and path.parent.name == "env":
            raise OSError(28, "No space left on device")
        replace_whole(path, content)

    monkeypatch.setattr("reconciler.cli.folder.replace_whole", full)
    ran = cli("export", SANDBOX, "--to", "env")
    assert (ran.code, ran.out) == (1, "")
    assert (
        ran.err == "error: env is not whole: No space left on device; once that is mended, say --overwrite\n"
    )
    assert set(files("env")) == {"pools.yaml"}


def test_an_interrupt_waits_for_the_files(cli: Run, box: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    del box

    def interrupted(path: Path, content: bytes) -> None:
        if path.parent.name == "env" and path.name == "pools.yaml":
            os.kill(os.getpid(), signal.SIGINT)
        replace_whole(path, content)

    monkeypatch.setattr("reconciler.cli.folder.replace_whole", interrupted)
    assert cli("export", SANDBOX, "--to", "env").code == 130
    assert len(files("env")) == 4


def test_another_account_is_refused(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: Any) -> Any:
        raise WrongAccount("these credentials are another account's")

    monkeypatch.setattr("reconciler.cli.reaching.connect", refused)
    ran = cli("export", "mwaa://eu-west-1/prod?account=123456789012", "--to", "env")
    assert (ran.code, ran.out) == (3, "")
    assert not Path("env").exists()


def test_an_environment_is_exported_by_its_folder(cli: Run, environment: Write) -> None:
    environment(
        "dev", variables={"a": 1, "api_token": {"value": {"$secret": "env:X"}}}, pools={"p": {"slots": 1}}
    )
    os.environ["X"] = CANARY
    try:
        assert cli("apply", "dev", "--yes").code == 0
    finally:
        del os.environ["X"]
    assert cli("export", "dev", "--to", "copy").code == 0
    text = Path("copy/environment.yaml").read_text()
    assert 'name: dev\ntarget: "sandbox:../dev/sandbox.json?airflow=3"\n' in text
    assert cli("plan", "copy", "--detailed-exitcode").code == 0
    assert CANARY not in str(files("copy"))


def test_references_of_credentials_are_kept_and_clear_ones_are_not() -> None:
    from reconciler.exporting import environment as written

    clear = HttpTarget("http://h", username="admin", password=Secret("file:1:2", CANARY))
    found = written("dev", clear).text
    assert CANARY not in found
    assert "#   auth.basic.password: env:TODO_AUTH_PASSWORD\n" in found
    assert "admin" not in found
    kept = written("dev", HttpTarget("http://h", token=Secret("aws-sm:prod/airflow"))).text
    assert 'token: {$secret: "aws-sm:prod/airflow"}' in kept
    assert "To do" not in kept


@pytest.mark.parametrize(
    "text",
    [
        "mwaa://eu-west-1/prod",
        "mwaa://eu-west-1/prod?account=123456789012&profile=p&role_arn=arn:aws:iam::123456789012:role/r",
        "mwaa://eu-west-1/prod?endpoint_url=http://localhost:8080",
        "http://localhost:8080/prefix?airflow=3",
        "https://h",
        "sandbox:a b/é%3F%23.json?airflow=2",
    ],
)
def test_a_target_is_spelled_as_it_is_read(text: str) -> None:
    target = parse_target(text)
    assert parse_target(spelled_out(target)) == target


def test_an_endpoint_loses_its_credentials() -> None:
    target = parse_target("mwaa://eu-west-1/prod?endpoint_url=http://u:pw%40x@h:1/")
    assert spelled_out(target) == "mwaa://eu-west-1/prod?endpoint_url=http://h:1/"


@pytest.mark.parametrize("levels", [27, 28, 60])
def test_deep_values_are_read_back(cli: Run, box: Emulator, levels: int) -> None:
    value = json.loads("[" * levels + '{"token": "x"}' + "]" * levels)
    add(box, "variables", key="deep", value=json.dumps(value))
    add(box, "connections", connection_id="deep", conn_type="http", extra=json.dumps({"a": value}))
    assert cli("export", SANDBOX, "--to", "env").code == 0
    assert cli("plan", "env", "--detailed-exitcode").code == 0
