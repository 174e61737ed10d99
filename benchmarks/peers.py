"""B12: other ways to get the same resources into a real Airflow, in the same run.

Every tool gets 1,000 resources of the same content. Wall time is that of its process, from start to end;
calls are counted in the web server's access log, rows by triggers in its database, so that nobody's own
account of itself is relied upon. What each of them does differs, and the table says so: ``airflowctl`` is
strong on calls, but has no plan, sends every row again and deletes nothing.
"""

import json
import os
import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from benchmarks.manifests import Size, row, write_environment
from benchmarks.measure import output
from benchmarks.result import Finding, Table, exactly
from reconciler.backends import Request, Response
from reconciler.kinds import KINDS
from tests.gateway.clients import binaries
from tests.rig.airflow_server import Server, running
from tests.rig.direct import Direct
from tests.rig.install import Installed, installed
from tests.rig.versions import RELEASES

SIZE = Size(700, 250, 50)
VERSIONS = ("2.11.2", "3.3.1")
OLD = 2
"""The major version that airflowctl does not speak to."""

EDITED = 10
"""Variables that somebody changes behind git's back."""

CTL = "airflowctl"
SETTLED = 0.5
"""Seconds after which the access log is complete."""

RATE = 10
"""Calls a second that MWAA grants: what a tool needs there at least."""

HEADER = ("Airflow", "tool", "what it does", "wall", "calls", "rows written", "at 10 calls/s at least")
NOTICE = """\
Calls are counted in the web server's access log, rows by triggers in its database; Airflow itself leaves out
an UPDATE of equal values, unless they are encrypted anew. airflowctl writes everything in the fewest calls;
it compares nothing, writes every row it is given, and deletes none."""
CALL = re.compile(r'"(?:GET|POST|PATCH|PUT|DELETE) /(?:api/|auth/)|\bmethod=\w+ path=/(?:api/|auth/)')
NOTE = "INSERT INTO benchmark_written VALUES (1)"
TABLES = ("variable", "connection", "slot_pool")
LOOPBACK = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


@dataclass
class Arena:
    """A real Airflow, and what has been done to it so far."""

    server: Server
    folder: Path
    rows: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """Where Airflow's own files are."""
        return self.server.database.parent

    @property
    def made(self) -> Installed:
        """The installation that runs."""
        return installed(RELEASES[self.server.version])

    def tried(self, tool: str, what: str, work: Callable[[], object], *, rest: bool = True) -> int:
        """Runs something once, and keeps what it cost; returns the rows that were written."""
        calls, rows = self._calls(), self._rows()
        started = time.monotonic()
        work()
        seconds = time.monotonic() - started
        calls, rows = self._calls() - calls, self._rows() - rows
        costs = (f"{seconds:.1f} s", f"{calls:,}" if rest else "database", f"{rows:,}")
        least = f"{calls / RATE:,.1f} s" if rest else "-"
        self.rows.append((self.server.version, tool, what, *costs, least))
        return rows

    def _calls(self) -> int:
        """Calls so far; a line of the log is written a little after the answer."""
        time.sleep(SETTLED)
        return len(CALL.findall((self.home / "server.log").read_text(errors="replace")))

    def _rows(self) -> int:
        with closing(sqlite3.connect(self.server.database, timeout=30)) as connection:
            return int(connection.execute("SELECT count(*) FROM benchmark_written").fetchone()[0])

    def watch(self) -> None:
        """Has the database note every row of ours that is inserted or updated from now on."""
        triggers = [
            f"CREATE TRIGGER noted_{table}_{event} AFTER {event} ON {table} BEGIN {NOTE}; END;"
            for table in TABLES
            for event in ("INSERT", "UPDATE")
        ]
        with closing(sqlite3.connect(self.server.database, timeout=30)) as connection:
            connection.executescript("\n".join(["CREATE TABLE benchmark_written (one INTEGER);", *triggers]))


def table() -> Iterator[Finding]:
    """Everybody on each release; the only goal is that a plan of ours writes nothing."""
    rows: list[tuple[str, ...]] = []
    for version in VERSIONS:
        with running(version) as server, tempfile.TemporaryDirectory() as folder:
            arena = Arena(server, Path(folder))
            arena.watch()
            written = _everybody(arena)
        yield exactly("B12", f"rows that our plan of {len(SIZE):,} in sync writes on {version}", written, 0)
        rows += arena.rows
    title = f"Peers, {len(SIZE):,} resources (700/250/50) on real Airflow, one worker"
    yield Table(title, HEADER, tuple(rows), NOTICE)


def _everybody(arena: Arena) -> int:
    """Both tools that can fill an empty Airflow over its API do so; then all meet one that is in sync."""
    ctl = _airflowctl(arena) if arena.made.release.major > OLD else None
    if ctl is not None:
        arena.tried(f"{CTL} import", "creates all, in bulk, 3 processes", ctl[0])
        arena.server.reset()
    written = _ours(arena)
    _one_call_each(arena)
    if ctl is not None:
        arena.tried(f"{CTL} import", "writes all again in bulk, no diff, no deletes, 3 processes", ctl[0])
        arena.tried(f"{CTL} list", "reads all, compares nothing, 3 processes", ctl[1])
    _airflow_command(arena)
    return written


def _ours(arena: Arena) -> int:
    """Fills the empty Airflow, plans, and mends what was edited; returns the rows that the plan wrote."""
    environment = arena.folder / "environment"
    write_environment(environment, SIZE, **_target(arena.server))
    command = str(Path(sys.executable).with_name("reconciler"))
    environ = {**os.environ, **LOOPBACK}

    def ours(name: str, *options: str) -> Callable[[], str]:
        return lambda: output([command, name, str(environment), *options], environ)

    arena.tried("reconciler apply", "creates all, verifies", ours("apply", "--yes"))
    written = arena.tried("reconciler plan", "compares all", ours("plan", "--detailed-exitcode"))
    _edit(arena)
    arena.tried("reconciler apply", f"compares all, mends {EDITED}, verifies", ours("apply", "--yes"))
    return written


def _edit(arena: Arena) -> None:
    """Changes a few variables as somebody in Airflow's UI would."""
    with Direct(arena.server) as direct:
        for one in rows_of("variables")[:EDITED]:
            body = {**one, "value": "edited"}
            _check(direct.send(Request("PATCH", f"/variables/{one['key']}", body=body)))


def _check(answer: Response) -> None:
    if answer.status != HTTPStatus.OK:
        raise AssertionError(f"PATCH answered {answer.status}: {answer.body}")


def _target(server: Server) -> dict[str, Any]:
    settings: dict[str, Any] = {"target": f"{server.root_url}?airflow={server.version[0]}"}
    if server.username is not None:
        settings["auth"] = {"basic": {"username": server.username, "password": server.password}}
    return settings


def rows_of(collection: str) -> list[dict[str, Any]]:
    """All rows of a collection as the API takes them."""
    kind = next(kind for kind in KINDS if kind.collection == collection)
    rows = [row(SIZE, kind, number) for number in range(SIZE.count(kind))]
    return [{name: value for name, value in one.items() if value is not None} for one in rows]


def _one_call_each(arena: Arena) -> None:
    """What published examples of such clients do: a PATCH for each resource, whatever it is now."""

    def patch_all() -> None:
        with Direct(arena.server) as direct:
            for kind in KINDS:
                for one in rows_of(kind.collection):
                    path = f"/{kind.collection}/{one[kind.id_field]}"
                    _check(direct.send(Request("PATCH", path, body=one)))

    arena.tried("one call a resource", "writes all again, no diff, no deletes", patch_all)


def _airflowctl(arena: Arena) -> tuple[Callable[[], object], Callable[[], object]]:
    """What comes nearest to an apply with it, three imports, and to a plan, three lists.

    Signing in is not counted.
    """
    folder = arena.folder / "ctl"
    folder.mkdir()
    command = str(binaries("apache-airflow-ctl") / CTL)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environ |= {**LOOPBACK, "AIRFLOW_HOME": str(folder), "AIRFLOW_CLI_DEBUG_MODE": "true"}
    login = ("--api-url", arena.server.root_url, "--username", "any", "--password", "any")
    output([command, "auth", "login", *login], environ)
    files = _import_files(folder)

    def import_all() -> None:
        for collection, file in files.items():
            output([command, collection, "import", "-a", "overwrite", str(file)], environ)

    def list_all() -> None:
        for collection in files:
            output([command, collection, "list", "-o", "json"], environ)

    return import_all, list_all


def _airflow_command(arena: Arena) -> None:
    """Airflow's own import, which needs a shell beside the database; MWAA runs it in the web server."""
    folder = arena.folder / "airflow"
    folder.mkdir()
    files = _import_files(folder, pools_by_name=True)
    command, environ = str(arena.made.binaries / "airflow"), arena.made.environ(arena.home)
    overwriting: dict[str, Sequence[str]] = {"connections": ("--overwrite",)}

    def import_all() -> None:
        for collection, file in files.items():
            output([command, collection, "import", *overwriting.get(collection, ()), str(file)], environ)

    arena.tried(
        "airflow … import", "writes all again, no diff, no deletes, 3 processes", import_all, rest=False
    )


def _import_files(folder: Path, *, pools_by_name: bool = False) -> dict[str, Path]:
    """The same resources as each import wants them."""
    contents: dict[str, Any] = {
        "variables": {one.pop("key"): one for one in rows_of("variables")},
        "connections": {one.pop("connection_id"): one for one in rows_of("connections")},
        "pools": rows_of("pools"),
    }
    if pools_by_name:
        contents["variables"] = {key: one["value"] for key, one in contents["variables"].items()}
        contents["pools"] = {one.pop("name"): one for one in contents["pools"]}
    files = {}
    for collection, content in contents.items():
        files[collection] = folder / f"{collection}.json"
        files[collection].write_text(json.dumps(content), encoding="utf-8")
    return files
