"""A grown environment becomes a folder of which the next plan is empty, on real Airflow too."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Request
from tests.e2e.tool import CANARY, Ran, Tool
from tests.e2e.worlds import World
from tests.rig.airflow_server import Server
from tests.rig.install import installed
from tests.rig.versions import RELEASES

NEWEST_ONLY = True

VALUES = {
    "batch": "500", "flag": "true", "yes": "yes", "nothing": "null", "exponent": "1e3", "money": "1.50",
    "hex": "0x10", "octal": "0777", "empty": "", "blank": "  x ", "lines": "SELECT 1\n  FROM x\n",
    "crlf": "a\r\n\tb\n\n", "dollar": "${x} $${y} $", "mask": "a *** b",
    "json": '{"b": 1,   "a":2.50, "é":"漢", "n": null}', "list": "[1, 1e3]", "duplicate": '{"a":1,"a":2}',
    "deep": "[" * 40 + "]" * 40, "infinite": "[1e999]", "NaN": '{"a": NaN}', "str": '"x"',
    "reference": '{"$secret": "env:X"}', "emoji \U0001f642/é": "\U0001f642\x00\u202e",
    "environment": "- a: #b", "api_key": CANARY, "secret_config": f'{{"a": "{CANARY}"}}',
    "url": f"http://u:{CANARY}@h/", "odd": f'{{"token": NaN, "p": "{CANARY}"}}',
    "nested": f'{{"x": [{{"Api-Key": "{CANARY}", "u": "redis://:{CANARY}@h"}}]}}',
}  # fmt: skip
CONNECTIONS: dict[str, dict[str, Any]] = {
    "warehouse": {"conn_type": "postgres", "host": "db", "port": 5432, "login": "etl", "password": CANARY},
    "options": {
        "conn_type": "http",
        "extra": f'{{"token": "{CANARY}", "n": {{"x": [null, 1.0]}}, "s": "${{x}}"}}',
    },
    "nulls": {"conn_type": "http", "extra": '{"a": null}'},
    "empty": {"conn_type": "http", "host": "", "description": "", "extra": "{}"},
    "url": {"conn_type": "http", "host": f"https://u:{CANARY}@h/", "schema": "# x: y"},
    "far": {"conn_type": "no such type", "port": 99999999},
}
POOLS: dict[str, dict[str, Any]] = {
    "etl": {"slots": 3},
    "a b": {"slots": 0, "description": "yes", "include_deferred": True},
}
AFTERWARDS = 60
"""Connections that Airflow brings along (2.11), more or less."""


def add(world: World, path: str, **body: Any) -> None:
    answer = world.backend.send(Request("POST", path, body=body))
    assert answer.status in {200, 201}, (path, body, answer)


def grow(world: World) -> None:
    for key, value in VALUES.items():
        add(world, "/variables", key=key, value=value, description="to: #y")
    for id_, fields in CONNECTIONS.items():
        add(world, "/connections", connection_id=id_, **fields)
    for name, fields in POOLS.items():
        add(world, "/pools", name=name, **fields)


def add_default_connections(server: Server) -> None:
    """What many environments have been created with."""
    made = installed(RELEASES[server.version])
    command = [str(made.binaries / "airflow"), "connections", "create-default-connections"]
    subprocess.run(command, env=made.environ(server.database.parent), check=True, capture_output=True)


def exported(tool: Tool, folder: Path, *arguments: str) -> Ran:
    ran = tool("export", "--to", str(folder), *arguments)
    assert ran.code == 0, ran.err
    assert CANARY not in "".join(path.read_text() for path in folder.rglob("*.yaml"))
    return ran


def planned(tool: Tool, folder: Path) -> Ran:
    return Tool(folder, tool.capsys).json("plan", "--detailed-exitcode")


def is_settled(ran: Ran) -> bool:
    """Whether nothing is to be done, and nothing is uncertain but secrets that nobody has named yet."""
    whys = {one["why"] for one in ran.environment["unverified"]}
    return (ran.code, ran.environment["changes"]) == (0, []) and whys <= {"secret missing"}


@pytest.fixture(autouse=True)
def user_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user name stands in the environment's own file in clear, so the exported one asks for it."""
    monkeypatch.setenv("TODO_AUTH_USERNAME", "admin")


@pytest.mark.parametrize("ways", [(), ("--split",)], ids=["kinds", "split"])
def test_the_plan_of_an_export_is_empty(
    tool: Tool, world: World, airflow: Server | None, tmp_path: Path, ways: tuple[str, ...]
) -> None:
    grow(world)
    if airflow is not None and not ways:
        add_default_connections(airflow)
    told = exported(tool, tmp_path / "copy", *ways)
    ran = planned(tool, tmp_path / "copy")
    assert is_settled(ran), ran.out
    assert ran.environment["summary"]["unmanaged"] == 0
    assert told.out.startswith("env: 3 pools, 29 variables, ")
    if airflow is not None and not ways:
        assert ran.environment["summary"]["unchanged"] > AFTERWARDS
