"""The real tool, before an Airflow and a ledger that live in memory and note every step it takes.

A run is the real path from a plan to the second write of the ledger: nothing of its order is told again
here. What a crash leaves is what stood after the last step that got through, so that one run shows all.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple
from unittest import mock

from reconciler import applying, engine, guards, keeper
from reconciler.applying import Application, apply_plan
from reconciler.backends import Request, Response
from reconciler.engine import Planned, Run, plan_environment
from reconciler.errors import LedgerChanged, Origin, Unreachable
from reconciler.guards import Allowed
from reconciler.kinds import BY_NAME
from reconciler.ledger import Lease, Ledger, begun, claimed, ended
from reconciler.ledger_document import dump
from reconciler.manifests import Environment
from reconciler.model import Key, Resource, Secret
from reconciler.plan import Action
from reconciler.report import Report, Result
from reconciler.retry import Patience
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.store import fresh_state, insert
from reconciler.secrets import Secrets
from reconciler.selection import Selection
from reconciler.stores import Store, Stored
from reconciler.targets import parse_target
from reconciler.writer import Writer
from tests.protocol.world import NO_SECRET, OWN, UNKNOWN, Deed, Git, Row, Rows, Wish, World, put

SALT = b"a ledger's salt of 32 bytes here"
FOREVER = 1e9
"""Seconds since any write of the ledger: the lease of a run that died has always run out."""

LEASE = Lease("run", "the model", "2026-01-01T00:00:00Z", 60.0)
IMPATIENT = Patience(stopped=lambda: True)
"""Sends everything once: what a call comes to is one thing, whether it is made again another."""

SECRETS = {"1": "first-of-git", "2": "second-of-git", OWN: "chosen-by-hand", NO_SECRET: ""}
LETTERS = {text: letter for letter, text in SECRETS.items()} | {None: NO_SECRET}
SHOWN = {"connection": "login", "variable": "description"}
HIDDEN = {"connection": "password", "variable": "value"}
NOWHERE = Origin("model.yaml", 1, 1)

Mode = Literal["lost, executed", "lost, not executed", "refused", "2xx, not committed", "interrupted"]


class Fault(NamedTuple):
    """What happens to one of a run's writes, counted from 1; an interruption comes after it."""

    mode: Mode
    call: int


class Intrusion(NamedTuple):
    """What a person does in the middle of a run: after so many of its steps."""

    steps: int
    deed: Deed


class Step(NamedTuple):
    """What has reached Airflow or the ledger, and how both stand then."""

    what: str
    at: int | None
    rows: Rows
    ledger: str

    def __str__(self) -> str:
        return self.what if self.at is None else f"{self.what} {'ab'[self.at]}"


@dataclass(frozen=True)
class Trace:
    """One run of apply: what it meant to do, how far it came, and what it says of it."""

    git: Git
    trouble: Fault | Intrusion | None
    meant: tuple[tuple[int, Action, Result], ...]
    """What it has planned, and what it says has become of it."""
    steps: tuple[Step, ...]
    writes: int
    converged: bool
    remaining: frozenset[int]
    adopted: frozenset[int]
    """What the operator has allowed to be taken over."""

    @property
    def looked(self) -> bool:
        """Whether it came to look at the result."""
        return not (isinstance(self.trouble, Fault) and self.trouble.mode == "interrupted")

    def action(self, at: int) -> Action | None:
        """What it was going to do to an id."""
        return next((action for place, action, _ in self.meant if place == at), None)

    def result(self, at: int) -> Result | None:
        """What it says has become of that."""
        return next((result for place, _, result in self.meant if place == at), None)


@dataclass
class Memory:
    """A ledger's store in this process."""

    text: str
    key: bytes | None
    saved: Callable[[str], None] = lambda _text: None
    version: int = 0
    place: str = "memory"

    def load(self) -> Stored | None:
        return Stored(self.text, str(self.version), FOREVER)

    def save(self, text: str, replacing: str | None) -> str:
        if replacing != str(self.version):
            raise LedgerChanged("somebody else was faster")
        self.text = text
        self.version += 1
        self.saved(text)
        return str(self.version)

    def neighbours(self) -> Iterator[tuple[str, str]]:
        return iter(())

    def own_key(self, *, create: bool) -> bytes | None:
        del create
        return self.key


@dataclass
class Airflow:
    """A backend: an Airflow in which the world's ids are all there is, with a fault where one is due."""

    world: World
    fault: Fault | None = None
    noted: Callable[[str, int], None] = lambda _what, _at: None
    writes: int = 0
    roots: tuple[str, ...] = ("",)
    path_limit: int | None = None
    at_once: int = 1

    def __post_init__(self) -> None:
        self._emulator = Emulator(None, self.world.airflow)
        self._kind = BY_NAME[self.world.kind]

    def send(self, request: Request) -> Response:
        if request.method == "GET":
            return self._emulator.send(request)
        self.writes += 1
        mode = self.fault.mode if self.fault and self.fault.call == self.writes else None
        match mode:
            case "refused":
                return Response(400, {"title": "Bad Request"})
            case "2xx, not committed" if self._can_be_seen(request):
                return self._emulator.rehearse(request)
            case "lost, not executed":
                raise Unreachable("nobody answers")
        answer = self._emulator.send(request)
        if answer.status < 300:
            self.noted(request.method, self._at(request))
        if mode == "lost, executed":
            raise Unreachable("nobody answers")
        return answer

    def _can_be_seen(self, request: Request) -> bool:
        """Whether anybody could tell that a write has not been committed: of a secret alone, nobody."""
        return request.method != "PATCH" or SHOWN[self.world.kind] in str(request.query["update_mask"])

    def _at(self, request: Request) -> int:
        named = request.path.rpartition("/")[2]
        ids = self.world.ids
        return ids.index(named if named in ids else request.body[self._kind.id_field])

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody has asked the run to stop by now."""
        return self.fault is not None and self.fault.mode == "interrupted" and self.writes >= self.fault.call

    def hold(self, rows: Rows) -> None:
        """Let exactly these live."""
        state = fresh_state()
        for id_, row in zip(self.world.ids, rows, strict=True):
            if row is not None:
                insert(state[self._kind.collection], self._kind, id_, stored(self.world.kind, row))
        self._emulator._store._state = state

    def rows(self) -> Rows:
        """What lives."""
        table = self._emulator._store.read()[self._kind.collection]
        shown, hidden = SHOWN[self.world.kind], HIDDEN[self.world.kind]
        found = (table.get(id_) for id_ in self.world.ids)
        return tuple(None if row is None else Row(row[shown] or "", LETTERS[row[hidden]]) for row in found)


def stored(kind: str, row: Row) -> dict[str, Any]:
    """A row's fields as Airflow keeps them."""
    required = {"conn_type": "http"} if kind == "connection" else {}
    return {**required, SHOWN[kind]: row.shown or None, HIDDEN[kind]: SECRETS[row.secret] or None}


def plain(text: str) -> str:
    """A ledger's text without what tells runs apart: states that differ only so are one."""
    return json.dumps({**json.loads(text), "serial": 0, "lease": None}, sort_keys=True) + "\n"


@dataclass
class Notes:
    """The steps of a run so far, among them what a person does in its middle."""

    airflow: Airflow
    ledger: str
    intrusion: Intrusion | None = None
    steps: list[Step] = field(default_factory=list)

    def call(self, what: str, at: int) -> None:
        self._note(what, at)

    def save(self, text: str) -> None:
        self.ledger = plain(text)
        self._note("begin" if json.loads(text)["lease"] else "end", None)

    def intrude(self) -> None:
        """The person's turn, if it has come."""
        if self.intrusion is not None and self.intrusion.steps == len(self.steps):
            deed = self.intrusion.deed
            self.airflow.hold(put(self.airflow.rows(), deed.at, deed.row))
            self._note("deed", deed.at)

    def _note(self, what: str, at: int | None) -> None:
        self.steps.append(Step(what, at, self.airflow.rows(), self.ledger))
        self.intrude()


class Vault(Secrets):
    """Secrets that are looked up by their versions, if they are not known."""

    def planned(self, secret: Secret) -> Secret:
        return secret

    def __call__(self, secret: Secret) -> Secret:
        text = None if secret.version is None else SECRETS[secret.version]
        return secret if secret.known else Secret(secret.ref, text, secret.version)


@dataclass(frozen=True)
class Rules:
    """The functions of the protocol that a test may replace, and what the tool gets for a ledger's store."""

    claimed: Callable[..., Any] = claimed
    begun: Callable[..., Any] = begun
    ended: Callable[..., Any] = ended
    verified: Callable[..., Any] = applying._verified
    guards: tuple[Callable[..., Any], ...] = guards.GUARDS
    is_as_it_was: Callable[..., Any] = Writer._unchanged
    store: Callable[[Memory], Store] = lambda memory: memory

    @contextlib.contextmanager
    def in_force(self, opened: Callable[..., Store]) -> Iterator[None]:
        """Lets the tool go by these rules, and open no other store."""
        places: dict[str, tuple[Any, str]] = {
            "claimed": (engine, "claimed"),
            "begun": (applying, "begun"),
            "ended": (applying, "ended"),
            "verified": (applying, "_verified"),
            "guards": (guards, "GUARDS"),
            "is_as_it_was": (Writer, "_unchanged"),
        }
        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.object(keeper, "open_store", opened))
            for one in fields(self):
                if one.name in places and getattr(self, one.name) is not one.default:
                    stack.enter_context(mock.patch.object(*places[one.name], getattr(self, one.name)))
            yield


@dataclass
class Machine:
    """The tool in one world."""

    world: World
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        self.airflow = Airflow(self.world)
        self.keys = tuple(Key(self.world.kind, id_) for id_ in self.world.ids)
        self._memory = Memory("", None)

    def in_force(self) -> contextlib.AbstractContextManager[None]:
        """Within it, the tool goes by this machine's rules."""
        return self.rules.in_force(lambda *_place: self.rules.store(self._memory))

    @property
    def blank(self) -> str:
        """A ledger that knows nothing."""
        return plain(dump(Ledger(keeper.binding_of(self._environment(())), SALT)))

    def plan(self, rows: Rows, ledger: str, git: Git, allowed: Allowed, selection: Selection) -> Planned:
        """What the tool would do; raises UsageError where nothing is selected."""
        self._memory = Memory(ledger, None if self.world.source == "bare" else SALT)
        self.airflow.hold(rows)
        run = Run(selection, Vault(), allowed=allowed, patience=IMPATIENT, lock_timeout=0)
        return plan_environment(self._environment(git), self.airflow, None, run)

    def run(
        self, rows: Rows, ledger: str, git: Git, application: Application, trouble: Fault | Intrusion | None
    ) -> Trace:
        """Carries out what has been planned last, in the state in which it has been."""
        airflow, memory = self.airflow, self._memory
        airflow.hold(rows)
        notes = Notes(airflow, ledger, trouble if isinstance(trouble, Intrusion) else None)
        memory.text, memory.version, memory.saved = ledger, 0, notes.save
        airflow.fault = trouble if isinstance(trouble, Fault) else None
        airflow.writes, airflow.noted = 0, notes.call
        notes.intrude()
        report = apply_plan(application, LEASE, lambda: airflow.is_interrupted)
        airflow.fault = None
        return self._trace(git, trouble, tuple(notes.steps), report, application)

    def _trace(
        self,
        git: Git,
        trouble: Fault | Intrusion | None,
        steps: tuple[Step, ...],
        report: Report,
        application: Application,
    ) -> Trace:
        at = self.keys.index
        return Trace(
            git,
            trouble,
            tuple((at(one.change.key), one.change.action, one.result) for one in report.outcomes),
            steps,
            self.airflow.writes,
            report.converged,
            frozenset(map(at, report.remaining)),
            frozenset(map(at, application.planned.run.allowed.adopt)),
        )

    def _environment(self, git: Git) -> Environment:
        said = [(key, wish) for key, wish in zip(self.keys, git, strict=False) if wish]
        return Environment(
            name="model",
            folder=Path("/model"),
            target=parse_target("http://model"),
            desired={key: self._resource(key, wish) for key, wish in said if not wish.absent},
            absent={key: NOWHERE for key, wish in said if wish.absent},
            authoritative_ids={},
            rate_limit=None,
            warnings=(),
            ledger="file:never-opened",
        )

    def _resource(self, key: Key, wish: Wish) -> Resource:
        shown = stored(key.kind, Row(wish.shown, OWN))
        declared = {**shown, HIDDEN[key.kind]: self._hidden(f"vault:{key.id}", wish.version)}
        number = int(wish.version.replace(UNKNOWN, "2")) if self.world.source == "bare" else None
        return Resource(key, declared, NOWHERE, protect=wish.protect, secret_version=number)

    def _hidden(self, ref: str, version: str) -> Secret | str:
        if version == NO_SECRET:
            return ""
        if version == UNKNOWN:
            return Secret(ref)
        if self.world.source == "versioned":
            return Secret(ref, version=version)
        return Secret(ref, SECRETS[version])
