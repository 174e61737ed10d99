"""A real Airflow with its tables open."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

from cryptography.fernet import Fernet

from reconciler.backends import Request, Response, wire
from reconciler.kinds import KINDS, Kind
from tests.faults.scenarios import COLLECTIONS
from tests.faults.worlds import Raw
from tests.rig.airflow_server import Server
from tests.rig.direct import Direct
from tests.rig.install import FERNET_KEY

TABLES = {"variable": "variable", "connection": "connection", "pool": "slot_pool"}
COLUMNS = {
    ("variable", "key"): "key",
    ("variable", "value"): "val",
    ("connection", "connection_id"): "conn_id",
    ("pool", "name"): "pool",
}
ENCRYPTED = {
    ("variable", "value"): "is_encrypted",
    ("connection", "password"): "is_encrypted",
    ("connection", "extra"): "is_extra_encrypted",
}
Rows = list[sqlite3.Row]


class Real(Direct):
    """A server in the state in which it was when this was made, as often as one likes."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._database = server.database
        self._kept: dict[str, Rows] = {}

    def send(self, request: Request) -> Response:
        """Secrets leave here in clear, as from any backend."""
        return super().send(replace(request, body=wire.encode(request.body)))

    def _rows(self) -> dict[str, Rows]:
        with closing(sqlite3.connect(self._database, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            return {
                kind: connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - our own names
                for kind, table in TABLES.items()
            }

    def raw(self) -> Raw:
        rows = self._rows()
        return {
            (kind.collection, row[_column(kind, COLLECTIONS[kind.collection])]): dict(_fields(kind, row))
            for kind in KINDS
            for row in rows[kind.name]
        }

    def keep(self) -> None:
        """This is the state to come back to."""
        self._kept = self._rows()

    def again(self) -> "Real":
        with closing(sqlite3.connect(self._database, timeout=30)) as connection, connection:
            for kind, rows in self._kept.items():
                connection.execute(f"DELETE FROM {TABLES[kind]}")  # noqa: S608 - our own names
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    connection.execute(f"INSERT INTO {TABLES[kind]} VALUES ({marks})", tuple(row))  # noqa: S608 - as above
        return self


def _column(kind: Kind, name: str) -> str:
    return COLUMNS.get((kind.name, name), name)


def _fields(kind: Kind, row: sqlite3.Row) -> Iterator[tuple[str, Any]]:
    yield "id", row["id"]
    for name in kind.field_names:
        value = row[_column(kind, name)]
        flag = ENCRYPTED.get((kind.name, name))
        yield name, _decrypted(value) if flag and row[flag] and value else _plain(kind, name, value)


def _decrypted(value: str) -> str:
    return Fernet(FERNET_KEY).decrypt(value.encode()).decode()


def _plain(kind: Kind, name: str, value: Any) -> Any:
    return bool(value) if kind.field(name).schema.get("type") == "boolean" else value
