"""One environment in this process: an emulator, a ledger, and runs of the program against them."""

import copy
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from reconciler.applying import apply_plan, check_applicable
from reconciler.backends import Backend, Request, Response
from reconciler.backends.around import Around
from reconciler.engine import Planned, Run, plan_environment
from reconciler.errors import ReconcilerError
from reconciler.fleet import attempt, then
from reconciler.guards import Allowed
from reconciler.ledger import LEASE_GRACE, RUN_SECONDS, Lease
from reconciler.manifests import Environment
from reconciler.report import Report
from reconciler.retry import Patience
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.faults import Fault, Faulty
from reconciler.sandbox.store import EVENTS
from reconciler.secrets import Secrets
from reconciler.stores import Store
from tests.faults.scenarios import Person, Place, Scenario, scenario
from tests.faults.stores import Clock, Memory

LEDGERS: dict[str, Store] = {}
"""Where the program finds ledgers, by what ``environment.yaml`` calls them."""

KEY = b"k" * 32
LEASE_SECONDS = float(RUN_SECONDS + LEASE_GRACE)

Row = Mapping[str, Any]
Raw = dict[Place, Row]
"""What is stored, secrets in clear."""


class Airflow(Backend, Protocol):
    """An Airflow of which one can see what it stores."""

    def raw(self) -> Raw:
        """Everything, past the API."""

    def again(self) -> "Airflow":
        """One with the same rows, whatever becomes of this one."""


class Stored(Emulator):
    """The emulator with its tables open."""

    def raw(self) -> Raw:
        state = self._store.read()
        return {
            (name, key): row for name, table in state.items() if name != EVENTS for key, row in table.items()
        }

    def again(self) -> "Stored":
        """Another one with the same rows, as after a restart of the web server."""
        made = Stored(None, self._personality.version)
        made._store._state = copy.deepcopy(self._store._state)
        return made


@dataclass
class Vault:
    """A source of secrets without versions, as ``env`` is."""

    values: Mapping[str, str]

    def value(self, name: str) -> str | None:
        return self.values.get(name)


def secrets_of(values: Mapping[str, str]) -> Secrets:
    made = Secrets()
    made._sources["env"] = Vault(values)
    return made


@dataclass
class Watched:
    """Tells what we have changed in Airflow from what other people have."""

    airflow: Airflow
    now: Callable[[], int] = lambda: 0
    ours: set[Place] = field(default_factory=set)
    theirs: dict[Place, int] = field(default_factory=dict)
    """What other people have changed, and how many calls had been answered when they last did."""

    @property
    def roots(self) -> tuple[str, ...]:
        return self.airflow.roots

    @property
    def path_limit(self) -> int | None:
        return self.airflow.path_limit

    @property
    def at_once(self) -> int:
        return 1

    def send(self, request: Request) -> Response:
        if request.method == "GET":
            return self.airflow.send(request)
        before = self.airflow.raw()
        try:
            return self.airflow.send(request)
        finally:
            changed = differing(before, self.airflow.raw())
            if isinstance(request, Person):
                self.theirs |= dict.fromkeys(changed, self.now())
            else:
                self.ours |= changed

    def rehearse(self, request: Request) -> Response:
        if not isinstance(self.airflow, Emulator):
            raise TypeError(self.airflow)
        return self.airflow.rehearse(request)


def differing(before: Raw, after: Raw) -> set[Place]:
    return {place for place in before.keys() | after.keys() if before.get(place) != after.get(place)}


@dataclass(frozen=True)
class Seen:
    """One call as the program saw it: an answer or an error."""

    request: Request
    answer: Response | None = None
    error: Exception | None = None


@dataclass
class Noted(Around):
    """Remembers what the program asked and was answered."""

    calls: list[Seen] = field(default_factory=list)

    at_once = 1

    def send(self, request: Request) -> Response:
        try:
            answer = self.backend.send(request)
        except Exception as error:
            self.calls.append(Seen(request, error=error))
            raise
        self.calls.append(Seen(request, answer))
        return answer


@dataclass(frozen=True)
class Ran:
    """One apply that has ended, with everything that it did."""

    code: int
    report: Report | None
    error: ReconcilerError | None
    planned: Planned | None
    calls: tuple[Seen, ...]
    ours: frozenset[Place]
    theirs: Mapping[Place, int]
    seconds: float

    @property
    def writes(self) -> list[Seen]:
        return [one for one in self.calls if one.request.method != "GET"]

    @property
    def said(self) -> str:
        """Whatever the run tells of what went wrong."""
        if self.report is None:
            return str(self.error or "")
        errors = [self.report.error, *(outcome.error for outcome in self.report.outcomes)]
        return "\n".join(filter(None, errors))


@dataclass
class World:
    """An Airflow and a ledger."""

    airflow: Airflow
    store: Store
    clock: Clock
    name: str = "run"
    runs: int = 0

    def apply(  # noqa: PLR0913 - what a run can meet
        self,
        environment: Environment,
        secrets: Mapping[str, str],
        faults: Iterable[Fault] = (),
        store: Store | None = None,
        allowed: Allowed = Allowed(),  # noqa: B008 - frozen
        *,
        resend: bool = False,
        lock_timeout: float = 0.0,
        through: Callable[[Backend], Backend] = lambda backend: backend,
    ) -> Ran:
        """``reconciler apply`` from the plan to the exit code."""
        watched = Watched(self.airflow)
        noted = Noted(through(Faulty(watched, faults, sleep=self.clock.sleep)))
        watched.now = lambda: len(noted.calls)
        run = self._run(secrets, allowed, resend=resend, lock_timeout=lock_timeout)
        self._use(environment, store or self.store)
        self.runs += 1
        lease = Lease(f"{self.name}-{self.runs}", self.name, "now", LEASE_SECONDS)
        started = self.clock()
        planned = attempt("e", lambda: plan_environment(environment, noted, None, run))
        cleared = then(planned, check_applicable)
        result = then(cleared, lambda application: apply_plan(application, lease))
        code = result.error.exit_code if result.error else result.value.exit_code if result.value else 1
        return Ran(
            code,
            result.value,
            result.error,
            planned.value,
            tuple(noted.calls),
            frozenset(watched.ours),
            watched.theirs,
            self.clock() - started,
        )

    def plan(self, environment: Environment, secrets: Mapping[str, str]) -> Planned:
        """``reconciler plan``."""
        self._use(environment, self.store)
        run = replace(self._run(secrets, Allowed(), resend=False, lock_timeout=0.0), lock_timeout=None)
        return plan_environment(environment, self.airflow, None, run)

    @property
    def ledger(self) -> str:
        """What the store holds."""
        stored = self.store.load()
        assert stored
        return stored.text

    def _use(self, environment: Environment, store: Store) -> None:
        if environment.ledger is not None:
            LEDGERS[environment.ledger] = store

    def _run(self, secrets: Mapping[str, str], allowed: Allowed, *, resend: bool, lock_timeout: float) -> Run:
        return Run(
            secrets=secrets_of(secrets),
            resend_secrets=resend,
            allowed=allowed,
            patience=Patience(clock=self.clock, sleep=self.clock.sleep, seconds=RUN_SECONDS).started(),
            lock_timeout=lock_timeout,
        )


def in_memory(clock: Clock) -> Store:
    return Memory(clock, key=KEY)


@dataclass(frozen=True, eq=False)
class Stage:
    """A scenario just before its second manifest is applied, from which any number of worlds is made."""

    scenario: Scenario
    airflow: Airflow
    ledger: str
    raw: Raw

    def world(self, keep: Callable[[Clock], Store] = in_memory) -> World:
        """A new Airflow in that state with a ledger that goes by its clock."""
        clock = Clock()
        kept = keep(clock)
        kept.save(self.ledger, None)
        return World(self.airflow.again(), kept, clock)


@functools.cache
def stage(name: str, version: str) -> Stage:
    """What a first apply makes of a scenario's first manifest."""
    return staged(scenario(name, version), Stored(None, version))


def staged(found: Scenario, airflow: Airflow) -> Stage:
    """The same on an empty Airflow of whatever make."""
    clock = Clock()
    world = World(airflow, in_memory(clock), clock)
    prepare(world, found)
    return Stage(found, airflow, world.ledger, airflow.raw())


def prepare(world: World, found: Scenario) -> None:
    """Brings an empty Airflow to where the second manifest is to be applied."""
    for request in found.seeds:
        assert world.airflow.send(request).status in {200, 201}, request
    ran = world.apply(found.before, found.secrets)
    assert ran.code == 0, ran.said
    for request in found.vanished:
        assert world.airflow.send(request).status in {200, 204}, request
