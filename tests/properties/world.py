"""An Airflow, a ledger and secrets in memory, and runs of the program against them."""

import contextlib
import json
import re
import shlex
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from reconciler import keeper
from reconciler.applying import apply_plan, check_applicable
from reconciler.backends import Backend, Method, Request, Response
from reconciler.backends.around import Around
from reconciler.engine import Planned, Run, plan_environment
from reconciler.errors import LedgerChanged, ReconcilerError, Unexpected
from reconciler.fleet import Result, attempt, then
from reconciler.guards import Allowed
from reconciler.ledger import Lease, Ledger, unlocked
from reconciler.ledger_document import parse
from reconciler.manifests import Environment, load_environment
from reconciler.model import Key
from reconciler.permit import Permit
from reconciler.plan import Plan, Violation
from reconciler.report import Report
from reconciler.retry import Patience
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.store import update
from reconciler.secrets import Secrets
from reconciler.selection import Selection
from reconciler.stores import Store, Stored

Manifest = dict[str, Any]
Row = Mapping[str, Any]
Raw = dict[Key, Row]
"""What is stored, secrets in clear."""

Crowd = Mapping[Key, Mapping[str, Any]]
"""Other people's resources, as the API takes them."""

Reach = Callable[[Backend], Backend]
"""What stands between the program and Airflow during one run."""

SCHEMES = frozenset({"env", "safe"})
KINDS = {"variables": "variable", "connections": "connection", "pools": "pool"}
COLLECTIONS = {kind: collection for collection, kind in KINDS.items()}
ID_FIELDS = {"variable": "key", "connection": "connection_id", "pool": "name"}
LEASE_SECONDS = 1920.0
SURROGATES = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")

MOST_ROUNDS = 8
"""Refusals in a row that one apply can meet: one for each guard and kind, and one for a lease."""


def direct(backend: Backend) -> Backend:
    """Nothing stands between."""
    return backend


@dataclass(frozen=True)
class Order:
    """What a run is given, and what it meets on its way to Airflow and to its ledger."""

    allowed: Allowed = field(default_factory=Allowed)
    resend: bool = False
    reach: Reach = direct
    store: Store | None = None
    permit: Permit | None = None


class Airflow(Emulator):
    """The emulator with its tables open."""

    def raw(self) -> Raw:
        """Everything, past the API."""
        state = self._store.read()
        return {Key(kind, id_): row for name, kind in KINDS.items() for id_, row in state[name].items()}

    def restarted(self) -> "Airflow":
        """The same database behind a web server that has not seen any secret yet."""
        made = Airflow(None, self._personality.version)
        made._store = self._store
        return made

    def create(self, key: Key, body: Mapping[str, Any]) -> None:
        """Somebody makes a resource by hand."""
        made = self.ask("POST", f"/{COLLECTIONS[key.kind]}", **{ID_FIELDS[key.kind]: key.id, **body})
        assert made.status < HTTPStatus.MULTIPLE_CHOICES, (key, body, made)

    def edit(self, key: Key, **fields: Any) -> None:
        """Changes a row that is there, past the API."""
        with self._store.change() as state:
            update(state[COLLECTIONS[key.kind]], key.id, fields)

    def drop(self, key: Key) -> None:
        """Deletes a row that is there."""
        with self._store.change() as state:
            del state[COLLECTIONS[key.kind]][key.id]

    def ask(self, method: Method, path: str, **body: Any) -> Response:
        """Somebody else's call."""
        return self.send(Request(method, path, body=body or None))


@dataclass
class Memory:
    """A ledger's store in this process; nobody else's ledger lies beside it."""

    text: str | None = None
    saves: int = 0
    key: bytes | None = None
    place: str = "memory:ledger"

    def load(self) -> Stored | None:
        return None if self.text is None else Stored(self.text, str(self.saves), 0.0)

    def save(self, text: str, replacing: str | None) -> str:
        if replacing != (None if self.text is None else str(self.saves)):
            raise LedgerChanged(f"{self.place} is not what this run has read: another one changed it")
        self.text, self.saves = text, self.saves + 1
        return str(self.saves)

    def neighbours(self) -> Iterator[tuple[str, str]]:
        yield from ()

    def own_key(self, *, create: bool) -> bytes | None:
        if self.key is None and create:
            self.key = b"k" * 32
        return self.key


@dataclass
class Vault:
    """A source of secrets without versions."""

    values: Mapping[str, str | None]

    def value(self, name: str) -> str | None:
        return self.values.get(name) or None


@dataclass
class Safe:
    """A source that gives every value a version."""

    values: Mapping[str, list[str]]

    def value(self, name: str, version: str | None = None) -> str | None:
        versions = self.values.get(name, [])
        return versions[int(version) if version else -1] if versions else None

    def version(self, name: str) -> str | None:
        versions = self.values.get(name, [])
        return str(len(versions) - 1) if versions else None


@dataclass
class Kept:
    """All secrets there are: plain ones by name, and every version of the others."""

    env: dict[str, str | None] = field(default_factory=dict)
    safe: dict[str, list[str]] = field(default_factory=dict)

    def __getitem__(self, reference: str) -> str | None:
        scheme, _, name = reference.partition(":")
        if scheme == "env":
            return self.env.get(name)
        versions = self.safe.get(name)
        return versions[-1] if versions else None

    def rotate(self, reference: str, value: str) -> None:
        scheme, _, name = reference.partition(":")
        if scheme == "env":
            self.env[name] = value
        else:
            self.safe.setdefault(name, []).append(value)

    def copy(self) -> "Kept":
        return Kept(dict(self.env), {name: list(versions) for name, versions in self.safe.items()})

    def sources(self) -> Secrets:
        """What the program looks secrets up in, for one run."""
        made = Secrets()
        made._sources = {"env": Vault(self.env), "safe": Safe(self.safe)}
        return made

    def __iter__(self) -> Iterator[str]:
        """Every value that there is or was."""
        yield from filter(None, self.env.values())
        for versions in self.safe.values():
            yield from versions


@dataclass
class Recording(Around):
    """Remembers what was asked."""

    requests: list[Request] = field(default_factory=list)

    at_once = 1

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self.backend.send(request)

    def rehearse(self, request: Request) -> Response:
        assert isinstance(self.backend, Emulator)
        return self.backend.rehearse(request)


@dataclass(frozen=True)
class Ran:
    """One run that has ended."""

    planned: Planned | None
    report: Report | None
    error: ReconcilerError | None
    requests: tuple[Request, ...]

    @property
    def writes(self) -> list[Request]:
        """What was sent that is no read."""
        return [request for request in self.requests if request.method != "GET"]

    @property
    def plan(self) -> Plan:
        assert self.planned is not None, self.error
        return self.planned.plan

    @property
    def violations(self) -> tuple[Violation, ...]:
        return self.planned.plan.violations if self.planned else ()

    @property
    def converged(self) -> bool:
        return self.report is not None and self.report.converged

    @property
    def said(self) -> str:
        """Whatever it tells of what went wrong."""
        if self.report is None:
            return str(self.error or "")
        told = [self.report.error, *(outcome.error for outcome in self.report.outcomes)]
        return "; ".join(filter(None, told))


@dataclass
class World:
    """One environment; ``store`` is ``None`` where it has no ledger."""

    airflow: Airflow
    store: Memory | None
    kept: Kept = field(default_factory=Kept)
    runs: int = 0

    @classmethod
    def made(cls, version: str, crowd: Crowd, kept: Kept, *, ledger: bool = True) -> "World":
        """An Airflow in which other people's resources live already."""
        airflow = Airflow(None, version)
        for key, body in crowd.items():
            airflow.create(key, body)
        return cls(airflow, Memory() if ledger else None, kept.copy())

    def environment(self, manifest: Manifest, **settings: Any) -> Environment:
        """What git says, read by the program's own loader."""
        ledger = {} if self.store is None else {"ledger": "file:ledger.json"}
        return environment({"manifest.yaml": manifest}, **{**ledger, **settings})

    def plan(self, environment: Environment, order: Order = Order()) -> Planned:
        """``reconciler plan``."""
        run = self.run_of(order)
        with opened(order.store or self.store):
            return plan_environment(environment, order.reach(self.airflow), None, run)

    def run_of(self, order: Order, lock_timeout: float | None = None) -> Run:
        """How a run plans; without a time to wait for the lease it only reads."""
        patience = Patience(sleep=lambda _seconds: None, seconds=LEASE_SECONDS)
        secrets = self.kept.sources()
        return Run(Selection(), secrets, order.resend, order.allowed, patience, lock_timeout)

    def apply(self, environment: Environment, order: Order = Order()) -> Ran:
        """``reconciler apply``, from the plan to the end."""
        self.runs += 1
        recording = Recording(self.airflow)
        run, lease = self.run_of(order, 0.0), Lease(f"run-{self.runs}", "a test", "now", LEASE_SECONDS)

        def plan() -> Planned:
            planned = plan_environment(environment, order.reach(recording), None, run)
            if order.permit is not None:
                planned.check(order.permit)
            return planned

        with opened(order.store or self.store):
            planned = attempt("e", plan)
            cleared = then(planned, check_applicable)
            result = then(cleared, lambda application: apply_plan(application, lease))
        ran = Ran(planned.value, result.value, expected(result), tuple(recording.requests))
        assert "unexpected" not in ran.said, ran.said
        return ran

    def settle(self, environment: Environment, order: Order = Order()) -> Ran:
        """Applies until nothing but what is protected stands in the way, as the refusals say."""
        for _ in range(MOST_ROUNDS):
            ran = self.apply(environment, order)
            ways_out = [one.allow for one in ran.violations if one.allow]
            if not ways_out or len(ways_out) < len(ran.violations):
                return ran
            order = replace(order, allowed=widened(order.allowed, ways_out))
        raise AssertionError(f"refused {MOST_ROUNDS} times in a row: {ran.said}")

    def unlock(self) -> None:
        """What an operator does once a run is dead."""
        assert self.store is not None
        kept = keeper.read(self.store, None)
        if kept.version is not None and kept.ledger.lease is not None:
            keeper.write(kept, unlocked(kept.ledger))

    @property
    def ledger(self) -> Ledger | None:
        text = None if self.store is None else self.store.text
        return None if text is None else parse(text, "the ledger")


def expected(result: Result[Any]) -> ReconcilerError | None:
    """An error that the program raises on purpose; a mistake in it fails the test."""
    if isinstance(result.error, Unexpected):
        pytest.fail(f"the program has failed: {result.error.__cause__!r}")
    return result.error


def widened(allowed: Allowed, ways_out: Iterable[str]) -> Allowed:
    """What is allowed beside ``allowed`` once somebody has typed what refusals print."""
    for option, value in map(shlex.split, ways_out):
        kind, _, rest = value.replace("/", "=", 1).partition("=")
        match option:
            case "--allow-deletes":
                allowed = replace(allowed, deletes={**allowed.deletes, kind: int(rest)})
            case "--allow-missing":
                allowed = replace(allowed, missing={**allowed.missing, kind: int(rest)})
            case "--adopt":
                allowed = replace(allowed, adopt=allowed.adopt | {Key(kind, rest)})
            case _:
                allowed = replace(allowed, delete=allowed.delete | {Key(kind, rest)})
    return allowed


@contextlib.contextmanager
def opened(store: Store | None) -> Iterator[None]:
    """Lets every ledger that an environment names be ``store`` until the block ends."""
    with patch.object(keeper, "open_store", lambda *_: _there(store)):
        yield


def _there(store: Store | None) -> Store:
    assert store is not None
    return store


def environment(files: Mapping[str, Manifest], **settings: Any) -> Environment:
    """A folder with these manifests, as the program reads it."""
    settings = {"name": "e", "target": "sandbox:none.json", **settings}
    with tempfile.TemporaryDirectory() as folder:
        for name, document in {"environment.yaml": settings, **files}.items():
            Path(folder, name).write_text(yaml_text(document), encoding="utf-8")
        return load_environment(Path(folder), SCHEMES)


def yaml_text(document: Any) -> str:
    """A document as JSON that is YAML too, which knows no surrogates."""
    return SURROGATES.sub(_long_escape, json.dumps(document))


def _long_escape(pair: re.Match[str]) -> str:
    character: str = json.loads(f'"{pair[0]}"')
    return f"\\U{ord(character):08x}"
