"""The stand-in's database: rows in memory and, if there is one, in a JSON file.

The file holds every value in clear, secrets included: it takes the place of Airflow's database, and
only its owner may read it. Point a sandbox at made-up values.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.durable import locked, replace_whole
from reconciler.errors import ReconcilerError
from reconciler.kinds import KINDS, Kind

FORMAT = "reconciler.sandbox/1"

EVENTS = "event_logs"
"""The table beside those of the kinds: what has been done to them."""

DAGS, RUNS, ASSETS, ASSET_EVENTS = BESIDE = ("dags", "dag_runs", "assets", "asset_events")
"""Tables that only people and calls about them fill; a file without any has none of them."""

DAG_DEFAULTS = {"is_paused": False, "state": "success"}
"""A DAG of the file; ``state`` is what its runs come to."""

Row = Mapping[str, Any]
"""One resource: ``id``, which tells the order of insertion, and the kind's fields. Never changed in place."""

Table = dict[str, Row]
State = dict[str, Table]
"""The tables by collection; each maps the resources' keys to rows. Events are a table too."""


class StoreError(ReconcilerError):
    """The state file cannot be read or written, or is no state file."""


def new_row(kind: Kind, row_id: int, fields: Mapping[str, Any]) -> Row:
    """A row of the given fields, the others at their defaults."""
    return {"id": row_id, **{field.name: fields.get(field.name, field.default) for field in kind.fields}}


def next_id(table: Table) -> int:
    """The id of the next row: SQLite gives an integer key the highest one plus one."""
    return max((row["id"] for row in table.values()), default=0) + 1


def insert(table: Table, kind: Kind, key: str, fields: Mapping[str, Any]) -> None:
    """Add a row under a key that is free."""
    table[key] = new_row(kind, next_id(table), fields)


def update(table: Table, key: str, fields: Mapping[str, Any]) -> None:
    """Set some fields of a row that is there."""
    table[key] = {**table[key], **fields}


def in_order(table: Table) -> list[tuple[str, Row]]:
    """The keys and rows in the order of insertion."""
    return sorted(table.items(), key=lambda item: item[1]["id"])


def fresh_state() -> State:
    """What a new environment holds: nothing but the default pool."""
    state: State = {**{kind.collection: {} for kind in KINDS}, EVENTS: {}, **{name: {} for name in BESIDE}}
    pool = next(kind for kind in KINDS if kind.name == "pool")
    default = {"slots": 128, "description": "Default pool"}
    for name in sorted(pool.reserved):
        insert(state["pools"], pool, name, default)
    return state


def _copy(state: State) -> State:
    return {collection: dict(table) for collection, table in state.items()}


class Store:
    """The state of one environment; another process may change its file at any time."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._state = fresh_state()
        self._seen: tuple[int, ...] | None = None

    def read(self) -> State:
        """The state as it is now; raises StoreError where the file is unreadable or no state file."""
        if self._file is not None:
            self._reload(self._file)
        return self._state

    @contextlib.contextmanager
    def change(self) -> Iterator[State]:
        """A copy of the state to change, kept when the block ends and dropped when it raises."""
        with self._locked():
            before = self.read()
            after = _copy(before)
            yield after
            if after != before:
                self._keep(after)

    @contextlib.contextmanager
    def rehearsal(self) -> Iterator[State]:
        """A copy of the state to change, dropped when the block ends."""
        yield _copy(self.read())

    def _keep(self, state: State) -> None:
        if self._file is not None:
            with _explained("write", self._file):
                write_state(self._file, state)
            self._seen = _stamp(self._file)
        self._state = state

    def _reload(self, file: Path) -> None:
        stamp = _stamp(file)
        if stamp == self._seen:
            return
        self._state = fresh_state() if stamp is None else read_state(file)
        self._seen = stamp

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if self._file is None:
            yield
            return
        with _explained("write", self._file), locked(self._file.parent):
            yield


@contextlib.contextmanager
def _explained(verb: str, file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot {verb} the sandbox state {file}: {error.strerror}") from error


def _stamp(file: Path) -> tuple[int, ...] | None:
    """What changes with every replacement of the file; ``None`` where there is no file."""
    with _explained("read", file):
        try:
            status = file.stat()
        except FileNotFoundError:
            return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def read_state(file: Path) -> State:
    """The state in a file; raises StoreError, which tells no value of it."""
    with _explained("read", file):
        content = file.read_bytes()
    try:
        return _parsed(json.loads(content))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StoreError(
            f"{file} is not a sandbox state file ({FORMAT}); mend it or delete it to start afresh"
        ) from error


def _parsed(document: Any) -> State:
    if document["format"] != FORMAT:
        raise ValueError(document["format"])
    tables = {kind.collection: _table(kind, document.get(kind.collection, {})) for kind in KINDS}
    dags = {name: {**DAG_DEFAULTS, **row} for name, row in document.get(DAGS, {}).items()}
    beside = {name: _numbered(document.get(name, {})) for name in BESIDE}
    events = {str(row["id"]): row for row in document.get(EVENTS, {}).values()}
    return {**tables, EVENTS: events, **beside, DAGS: _numbered(dags)}


def _numbered(rows: Mapping[str, Mapping[str, Any]]) -> Table:
    """Rows that are no resources; those written by hand without an id come after the others."""
    known: Table = {key: dict(row) for key, row in rows.items() if "id" in row}
    for key, row in rows.items():
        if key not in known:
            known[key] = {"id": next_id(known), **row}
    return known


def _table(kind: Kind, rows: Mapping[str, Mapping[str, Any]]) -> Table:
    """The rows of a table; those written by hand without an id come after the others."""
    known = {key: new_row(kind, int(row["id"]), row) for key, row in rows.items() if "id" in row}
    for key, row in rows.items():
        if key not in known:
            insert(known, kind, key, row)
    return known


def write_state(file: Path, state: State) -> None:
    """Replace the file in one step, so that a crash leaves the old state or the new one; mode 0600."""
    replace_whole(file, state_text(state).encode())


def state_text(state: State) -> str:
    """The file's text: a line for each row, since indenting every field makes large states slow to write."""
    kept = {name: table for name, table in state.items() if table or name not in BESIDE}
    tables = [f"{json.dumps(name)}: {{{_lines(table)}}}" for name, table in sorted(kept.items())]
    return "{\n" + ",\n".join([f'"format": {json.dumps(FORMAT)}', *tables]) + "\n}\n"


def _lines(table: Table) -> str:
    rows = [f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in sorted(table.items())]
    return "\n" + ",\n".join(rows) + "\n" if rows else ""
