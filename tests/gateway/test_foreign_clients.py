import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.upstream import Upstream, parse_upstream
from tests.gateway.clients import binaries
from tests.gateway.sample import variables_sample
from tests.gateway.support import boto3_client, http, running
from tests.rig.airflow_server import Server
from tests.rig.airflow_server import running as real_airflow

pytestmark = pytest.mark.slow

AIRFLOW_3 = "3.3.1"
STORY = Path(__file__).with_name("client_story.py")
LOOPBACK = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def client_story(url: str) -> dict[str, Any]:
    python = str(binaries("apache-airflow-client") / "python")
    done = subprocess.run(
        [python, str(STORY), url], capture_output=True, text=True, env={**os.environ, **LOOPBACK}, check=False
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def airflowctl(home: Path) -> Callable[..., tuple[int, str]]:
    """The command, its files in ``home``; debug mode keeps the token there rather than in a keyring."""
    command = str(binaries("apache-airflow-ctl") / "airflowctl")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environ |= {**LOOPBACK, "AIRFLOW_HOME": str(home), "AIRFLOW_CLI_DEBUG_MODE": "true", "COLUMNS": "1000"}

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [command, *arguments], capture_output=True, text=True, env=environ, cwd=home, check=False
        )
        return done.returncode, done.stdout

    return run


VARIABLES = {"plain": "1", "cfg": {"value": {"x": [1, 2]}, "description": "d"}, "secret_token": "shh, quiet"}
CONNECTIONS = {
    "pg": {
        "conn_type": "postgres",
        "host": "h",
        "login": "l",
        "password": "hidden word",
        "port": 5432,
        "schema": "s",
        "extra": '{"sslmode": "require", "token": "t0ken"}',
    }
}
POOLS = [{"name": "etl", "slots": 4, "description": "x", "include_deferred": True}]


def ctl_story(url: str, home: Path, token: str | None = None) -> dict[str, Any]:
    """Exit codes and what was printed as JSON, of a login, imports of every kind, and an export."""
    ctl = airflowctl(home)
    for name, content in (("variables", VARIABLES), ("connections", CONNECTIONS), ("pools", POOLS)):
        (home / f"{name}.json").write_text(json.dumps(content))
    login = ("--api-token", token) if token else ("--username", "any", "--password", "any")
    seen: dict[str, Any] = {"login": ctl("auth", "login", "--api-url", url, *login)[0]}
    for collection in ("variables", "connections", "pools"):
        for action in ("fail", "fail again", "overwrite"):
            importing = (collection, "import", "-a", action.split()[0], f"{collection}.json")
            seen[f"{collection}, {action}"] = ctl(*importing)[0]
        seen[collection] = shown(ctl(collection, "list", "-o", "json"))
    seen["export"] = ctl("pools", "export", "exported.json")[0]
    seen["exported"] = json.loads((home / "exported.json").read_text())
    for arguments in EDITS:
        seen[" ".join(arguments)] = shown(ctl(*arguments, "-o", "json"))
    return seen


def shown(result: tuple[int, str]) -> Any:
    """What a command printed as JSON, below its remarks; its exit code if it failed."""
    code, printed = result
    return json.loads(printed.splitlines()[-1]) if code == 0 else code


EDITS = [
    ("variables", "create", "--key", "b", "--value", "2"),
    ("variables", "update", "--key", "b", "--value", "3", "--description", "e"),
    ("variables", "delete", "b"),
    ("variables", "get", "b"),
    ("connections", "update", "--connection-id", "pg", "--conn-type", "http", "--host", "q"),
    ("connections", "delete", "pg"),
    ("pools", "update", "--pool", "etl", "--slots", "5"),
    ("pools", "delete", "etl"),
    ("pools", "delete", "default_pool"),
]


@pytest.fixture(scope="module")
def client_over_sandbox() -> dict[str, Any]:
    with running(Emulator(None, AIRFLOW_3)) as url:
        return client_story(url)


@pytest.fixture(scope="module")
def ctl_over_sandbox(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with running(Emulator(None, AIRFLOW_3)) as url:
        return ctl_story(url, tmp_path_factory.mktemp("sandbox"))


@pytest.fixture(scope="module")
def airflow_3() -> Iterator[Server]:
    with real_airflow(AIRFLOW_3) as server:
        yield server


def test_airflows_python_client_works_against_the_sandbox(client_over_sandbox: dict[str, Any]) -> None:
    seen = client_over_sandbox
    assert seen["version"] == {"version": AIRFLOW_3}
    assert seen["variable, two fields"]["value"] == "2"
    assert seen["variables in bulk"]["create"] == {"success": ["new"], "errors": []}
    assert seen["variable gone"] == ["NotFoundException", 404]
    assert seen["connection, one field"]["host"] == "h2"
    assert seen["connection, one field"]["password"] == "***"
    assert seen["pool, one field"]["slots"] == 4
    assert seen["default pool"] == ["BadRequestException", 400]


def test_airflowctl_imports_lists_exports_and_edits_the_sandbox(ctl_over_sandbox: dict[str, Any]) -> None:
    seen = ctl_over_sandbox
    for collection in ("variables", "connections", "pools"):
        codes = [seen[f"{collection}, {action}"] for action in ("fail", "fail again", "overwrite")]
        assert codes == [0, 1, 0]
    assert [row["value"] for row in seen["variables"]] == ["1", '{"x": [1, 2]}', "***"]
    assert seen["connections"][0]["extra"] == '{"sslmode": "require", "token": "***"}'
    assert [row["name"] for row in seen["exported"]] == ["default_pool", "etl"]
    assert [seen["variables get b"], seen["pools delete default_pool"]] == [1, 1]
    assert seen["pools update --pool etl --slots 5"][0]["slots"] == "5"


def test_airflows_python_client_sees_no_difference_between_the_sandbox_and_airflow(
    client_over_sandbox: dict[str, Any], airflow_3: Server
) -> None:
    airflow_3.reset()
    assert client_over_sandbox == client_story(airflow_3.root_url)


def test_airflowctl_sees_no_difference_between_the_sandbox_and_airflow(
    ctl_over_sandbox: dict[str, Any], airflow_3: Server, tmp_path: Path
) -> None:
    airflow_3.reset()
    token = http("GET", f"{airflow_3.root_url}/auth/token").json["access_token"]
    assert ctl_over_sandbox == ctl_story(airflow_3.root_url, tmp_path, token)


@pytest.mark.parametrize("version", ["2.11.2", AIRFLOW_3])
def test_awss_published_calls_give_over_real_airflow_what_they_give_over_the_sandbox(version: str) -> None:
    with running(Emulator(None, version)) as url, boto3_client(url) as client:
        over_sandbox = variables_sample(client, "prod")
    with real_airflow(version) as server:
        login = f"{server.username}:{server.password}@" if server.username else ""
        upstream = Upstream(parse_upstream(server.root_url.replace("://", f"://{login}")))
        with running(upstream) as url, boto3_client(url) as client:
            assert variables_sample(client, "prod") == over_sandbox
            assert client.get_environment(Name="prod")["Environment"]["AirflowVersion"] == version
