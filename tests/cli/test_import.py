"""``export --from`` as people type it, on what Airflow and Astronomer write."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Request
from reconciler.importing import imported
from reconciler.model import Resource
from reconciler.sandbox.emulator import Emulator
from tests.cli.conftest import Run
from tests.cli.test_export import files
from tests.e2e.tool import CANARY
from tests.rig.install import Installed, installed
from tests.rig.versions import RELEASES

CASES = Path(__file__).parent.parent / "exporting" / "files"
EXPORTS = ("connections.json", "variables-3.json", "pools.json")
NAMES = sorted(path.name for path in CASES.iterdir() if path.suffix != ".told")

Fields = dict[str, Any]


def sources(*names: str) -> list[str]:
    return [argument for name in names for argument in ("--from", str(CASES / name))]


def living(file: str, *names: str) -> None:
    """A sandbox that holds what stands in the files, secrets included."""
    emulator = Emulator(Path(file), "3.3.1")
    for one in imported([CASES / name for name in names]).values():
        body = {name: value for name, value in one.fields.items() if name != "password"}
        emulator.send(made(one, {**body, **({"password": CANARY} if "password" in one.fields else {})}))


def made(one: Resource, body: Fields) -> Request:
    collection, id_ = {
        "connection": ("connections", "connection_id"),
        "variable": ("variables", "key"),
        "pool": ("pools", "name"),
    }[one.key.kind]
    return Request("POST", f"/{collection}", body={id_: one.key.id, **body})


def test_an_environment_is_written_whole(cli: Run) -> None:
    ran = cli("export", *sources("uris.json", "pools.json"), "--to", "new/env", "--name", "dev")
    assert (ran.code, ran.out) == (0, "dev: 3 pools, 3 connections written to new/env\n")
    assert ran.err == (
        "to do: connection/pg password: env:TODO_CONNECTION__PG__PASSWORD\n"
        "to do: connection/pg extra.token: env:TODO_CONNECTION__PG__EXTRA__TOKEN\n"
        "to do: target: a sandbox stands in; write mwaa://REGION/NAME or http(s)://HOST, then plan\n"
    )
    written = {name: data.decode() for name, data in files("new/env").items()}
    assert written.keys() == {"environment.yaml", "pools.yaml", "connections.yaml"}
    assert written["environment.yaml"] == (
        "# Written by reconciler export.\n"
        "# To do:\n"
        "#   target: a sandbox stands in; write mwaa://REGION/NAME or http(s)://HOST, then plan\n\n"
        'name: dev\ntarget: "sandbox:sandbox.json?airflow=3"\n'
    )
    assert '    password: {$secret: "env:TODO_CONNECTION__PG__PASSWORD"}\n' in written["connections.yaml"]


@pytest.mark.parametrize("split", [(), ("--split",)])
@pytest.mark.parametrize("name", NAMES)
def test_no_secret_gets_out(cli: Run, name: str, split: tuple[str, ...]) -> None:
    ran = cli("export", *sources(name), "--to", "env", "--verbose", *split)
    assert ran.code == 0
    assert CANARY not in ran.out + ran.err + "".join(map(bytes.decode, files("env").values()))


@pytest.mark.parametrize("names", [EXPORTS, ("airflow_settings.yaml",), ("connections.env",), ("uris.yaml",)])
def test_the_next_plan_is_empty(cli: Run, names: tuple[str, ...]) -> None:
    assert cli("export", *sources(*names), "--to", "env").code == 0
    living("env/sandbox.json", *names)
    ran = cli("plan", "env", "--format", "json", "--detailed-exitcode")
    assert ran.code == 0
    assert ran.environment["changes"] == []
    assert {one["why"] for one in ran.environment["unverified"]} == {"secret missing"}


def test_a_plan_of_an_empty_airflow_creates_all(cli: Run) -> None:
    assert cli("export", *sources("pools.json"), "--to", "env").code == 0
    ran = cli("plan", "env", "--format", "json")
    assert [one["id"] for one in ran.environment["changes"]] == ["etl", "quiet"]


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("mwaa://eu-west-1/prod", 'name: prod\ntarget: "mwaa://eu-west-1/prod"\n'),
        ("http://localhost:8080", 'name: exported\ntarget: "http://localhost:8080"\n'),
        ("sandbox:box.json", 'name: exported\ntarget: "sandbox:../box.json?airflow=3"\n'),
    ],
)
def test_a_target_is_written(cli: Run, target: str, told: str) -> None:
    ran = cli("export", *sources("pools.json"), "--to", "env", "--target", target)
    assert (ran.code, ran.err) == (0, "")
    assert files("env")["environment.yaml"].decode() == f"# Written by reconciler export.\n\n{told}"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from", "none.json"), "none.json cannot be read: No such file or directory"),
        (("sandbox:box.json", *sources("pools.json")), "name either ENV|TARGET, or files with --from"),
        (("sandbox:box.json", "--target", "sandbox:b.json"), "name either ENV|TARGET, or files with --from"),
        ((), "name either ENV|TARGET, or files with --from"),
        ((*sources("pools.json"), "--target", "nowhere"), "target: this is no target"),
        ((*sources("pools.json"), "--name", "a b"), "'a b' is no name"),
        ((*sources("pools.json"), "--only", "pool/x"), "--only pool/x matches nothing"),
        ((*sources("pools.json"), "--kind", "variable"), "--kind variable matches nothing"),
        ((*sources("pools.json"), "--reveal", "variable/x"), "--reveal variable/x matches nothing"),
        (sources("pools.json", "pools.json"), "pool 'default_pool' stands at "),
        (sources("pools.json", "airflow_settings.yaml"), "pool 'etl' stands at "),
        (sources("variables-3.json.told", "uris.json"), "this is none of what can be read"),
    ],
)
def test_what_makes_no_sense_is_an_error_and_writes_nothing(
    cli: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    ran = cli("export", *arguments, "--to", "env")
    assert (ran.code, ran.out) == (1, "")
    assert sentence in ran.err
    assert ran.err.count("\n") == 1
    assert CANARY not in ran.err
    assert not Path("env").exists()


def test_a_value_is_revealed_on_demand(cli: Run) -> None:
    ran = cli("export", *sources("variables-3.json"), "--to", "env", "--reveal", "variable/api_key")
    assert ran.code == 0
    assert CANARY in Path("env/variables.yaml").read_text()
    assert CANARY not in ran.out + ran.err


def test_a_folder_is_filled_file_by_file(cli: Run) -> None:
    assert cli("export", *sources("pools.json"), "--to", "env").code == 0
    assert cli("export", *sources("variables-3.json"), "--to", "env").code == 1
    assert cli("export", *sources("variables-3.json"), "--to", "env", "--overwrite").code == 0
    assert files("env").keys() == {"environment.yaml", "pools.yaml", "variables.yaml"}


def test_a_selection_narrows_what_is_written(cli: Run) -> None:
    assert cli("export", *sources(*EXPORTS), "--to", "env", "--kind", "pool", "--only", "pool/e*").code == 0
    assert files("env").keys() == {"environment.yaml", "pools.yaml"}
    assert b"quiet" not in files("env")["pools.yaml"]


ROWS = f"""
from airflow.models import Connection, Pool, Variable
from airflow.settings import Session
session = Session()
a = Connection(conn_id="a", conn_type="aws", host="https://H/x", login="é@/", password="{CANARY}/:@%")
b = Connection(conn_id="b", conn_type="google_cloud_platform", extra='{{"token": "{CANARY}", "n": [1]}}')
session.add_all([a, b])
session.add(Variable(key="v", val='{{"password": "{CANARY}", "n": 1}}', description="About v"))
session.add(Pool(pool="p", slots=3, description="", include_deferred=True))
session.commit()
"""


@pytest.mark.slow
def test_what_a_real_airflow_exports_is_read(cli: Run) -> None:
    made, home = installed(RELEASES["3.3.1"]), Path.cwd() / "home"
    home.mkdir()
    shutil.copy(made.database, home / "airflow.db")
    _run(made, home, "python", "-c", ROWS)
    wanted = {"connections": "c.env", "variables": "v.json", "pools": "p.json"}
    for what, file in wanted.items():
        _run(made, home, "airflow", what, "export", str(home / file))
    given = [argument for file in wanted.values() for argument in ("--from", str(home / file))]
    ran = cli("export", *given, "--to", "env")
    assert (ran.code, ran.out) == (0, "exported: 2 pools, 1 variable, 2 connections written to env\n")
    assert CANARY not in ran.err + "".join(map(bytes.decode, files("env").values()))
    found = {str(key): one.fields for key, one in imported([home / file for file in wanted.values()]).items()}
    assert {**found["connection/a"], "password": ""} == {
        "conn_type": "aws",
        "host": "https://H/x",
        "login": "é@/",
        "password": "",
    }
    assert json.loads(found["connection/b"]["extra"]) == {"token": CANARY, "n": [1]}


def _run(made: Installed, home: Path, program: str, *arguments: str) -> None:
    command = [str(made.binaries / program), *arguments]
    subprocess.run(command, env=made.environ(home), cwd=home, check=True, capture_output=True)
