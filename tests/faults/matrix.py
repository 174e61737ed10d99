"""One run that meets faults, one that does not, and what has to hold after each."""

import functools
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from reconciler.backends import Request
from reconciler.errors import Guarded, Locked
from reconciler.guards import Allowed
from reconciler.ledger import unlocked
from reconciler.ledger_document import dump, parse
from reconciler.model import Key
from reconciler.sandbox.faults import Fault
from reconciler.stores import Store
from tests.faults.modes import told
from tests.faults.oracle import After, Difference, Wanted, wanted
from tests.faults.scenarios import People, Place, Scenario, turned_back
from tests.faults.stores import Clock, FaultyStore, Memory, StoreFault
from tests.faults.worlds import LEASE_SECONDS, Ran, Stage, World, differing, in_memory

WAYS_OUT = re.compile(r"--(adopt|allow-delete|allow-deletes|allow-missing) ([^\s();]+)")
MOST_CALLS = 200
MOST_RUNS = 3
"""A run after the faults, and one for each way out that is needed: after a lease, after a guard."""


@dataclass(frozen=True)
class Case:
    """The faults that the first run meets, and those that never end."""

    faults: tuple[Fault, ...] = ()
    always: tuple[Fault, ...] = ()
    store: tuple[StoreFault, ...] = ()
    people: People | None = None
    hides: bool = False
    """Whether what goes wrong may be something that Airflow never shows."""
    mended: bool = False
    """Whether the first run gets over it."""
    back: bool = False
    """Whether the next run applies the first manifest again."""
    disowns: bool = False
    """Whether what was to be deleted may count as somebody else's afterwards."""

    def __str__(self) -> str:
        return " ".join(filter(None, (told((*self.faults, *self.always)), *map(str, self.store))))


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a case, and whether it took ``--resend-secrets`` to converge."""

    case: Case
    complaints: tuple[str, ...]
    invisible: bool

    @property
    def text(self) -> str:
        return f"{self.case}: " + "; ".join(self.complaints)


def allowances(text: str, allowed: Allowed) -> Allowed:
    """What a refusal says that would make the program act."""
    told: dict[str, list[str]] = {}
    for option, value in WAYS_OUT.findall(text):
        told.setdefault(option, []).append(value)
    return Allowed(
        {**allowed.deletes, **_numbers(told.get("allow-deletes", ()))},
        {**allowed.missing, **_numbers(told.get("allow-missing", ()))},
        allowed.adopt | _keys(told.get("adopt", ())),
        allowed.delete | _keys(told.get("allow-delete", ())),
    )


def _numbers(values: Iterable[str]) -> dict[str, int]:
    return {kind: int(number) for kind, _, number in (value.partition("=") for value in values)}


def _keys(values: Iterable[str]) -> frozenset[Key]:
    return frozenset(Key(*value.split("/", 1)) for value in values)


@dataclass
class Trial:
    """A world that a run with faults has been through, on its way back."""

    made: Stage
    world: World
    case: Case
    target: Scenario
    complaints: list[str] = field(default_factory=list)
    invisible: bool = False

    @property
    def wanted(self) -> Wanted:
        return wanted(self.target)

    def run(self) -> Verdict:
        """The whole way, from the faults to an empty plan."""
        found, world = self.target, self.world
        store = FaultyStore(world.store, self.case.store, rewritten) if self.case.store else None
        first = world.apply(found.after, found.rotated, (*self.case.faults, *self.case.always), store)
        self.complaints += self._after().complaints(first)
        self._check_manners(first)
        if self.case.back:
            self.target = turned_back(found)
        self._check_end(self._settle(), first.theirs if self.case.disowns else ())
        self._check_strangers(first)
        return Verdict(self.case, tuple(self.complaints), self.invisible)

    def _check_manners(self, first: Ran) -> None:
        """A run ends in time, and refuses at once what its plan could see."""
        saved = self.world.store.saved[1:3] if isinstance(self.world.store, Memory) else []
        in_time = len(saved) < 2 or saved[1] - saved[0] < LEASE_SECONDS
        self._expect(in_time, f"the lease ended before the run, {saved}")
        self._expect(first.seconds < 2 * LEASE_SECONDS, f"it took {first.seconds} s")
        self._expect(len(first.calls) < MOST_CALLS, f"it made {len(first.calls)} calls")
        self._expect(first.code == 0 or not self.case.mended, f"exit {first.code}: {first.said}")
        if self.case.people and self.case.people.refused_at_once and self.case.faults[0].when.first == 1:
            self._expect((first.code, first.writes) == (3, []), f"not refused: {first.code} {first.writes}")

    def _after(self) -> After:
        return After(self.wanted, self.world.airflow.raw(), self.made.ledger, self.world.ledger)

    def _settle(self) -> Ran:
        """Runs without faults until nothing is left, taking the ways out that refusals print."""
        allowed = Allowed()
        for _ in range(MOST_RUNS):
            ran = self._apply(allowed)
            if isinstance(ran.error, Guarded):
                allowed = allowances(str(ran.error), allowed)
                self._expect(bool(self.case.people) or self.case.back, f"guarded: {ran.said}")
            elif isinstance(ran.error, Locked):
                self._expect("reconciler ledger unlock" in ran.said, f"no way out: {ran.said}")
                self._expect(bool(self.case.store), f"locked: {ran.said}")
                self.world.clock.sleep(2 * LEASE_SECONDS)
            else:
                break
        return ran

    def _expect(self, holds: bool, complaint: str) -> None:
        if not holds:
            self.complaints.append(complaint)

    def _apply(self, allowed: Allowed, *, resend: bool = False) -> Ran:
        found, faults = self.target, self.case.always
        return self.world.apply(found.after, found.rotated, faults, allowed=allowed, resend=resend)

    def _check_end(self, ran: Ran, spared: Collection[Place]) -> None:
        """Everything is as git says; what Airflow never shows takes secrets to be sent again."""
        self._expect(ran.code == 0, f"the next run ends in {ran.code}: {ran.said}")
        misses = self._misses()
        if misses and all(miss.hidden for miss in misses):
            self.invisible = True
            self._expect(self.case.hides, f"at the end {misses}")
            again = self._apply(Allowed(), resend=True)
            self._expect(again.code == 0, f"--resend-secrets ends in {again.code}: {again.said}")
            misses = self._misses()
        spared = self.wanted.gone & set(spared)
        self.complaints += [f"at the end {miss}" for miss in misses if miss.place not in spared]
        self.complaints += [f"at the end {told}" for told in self._after().complaints_of_ledger]
        plan = self.world.plan(self.target.after, self.target.rotated).plan
        self._expect(not (plan.changes or plan.violations), f"the last plan is not empty: {plan.changes}")

    def _misses(self) -> list[Difference]:
        return list(self.wanted.misses(self.world.airflow.raw()))

    def _check_strangers(self, first: Ran) -> None:
        moved = differing(self.made.raw, self.world.airflow.raw())
        managed = wanted(self.made.scenario).managed | self.wanted.managed
        strangers = sorted(moved - managed - first.theirs.keys())
        self.complaints += [f"at the end {place} is not ours and not what it was" for place in strangers]


def rewritten(store: Store) -> None:
    """What another run does to a ledger that takes over after a lease."""
    stored = store.load()
    assert stored
    store.save(dump(unlocked(parse(stored.text, store.place))), stored.version)


def tried(made: Stage, case: Case, keep: Callable[[Clock], Store] = in_memory) -> Verdict:
    """What comes of a case."""
    return Trial(made, made.world(keep), case, made.scenario).run()


@functools.cache
def requests(made: Stage) -> tuple[Request, ...]:
    """The calls of a run that meets no fault."""
    found = made.scenario
    ran = made.world().apply(found.after, found.rotated)
    assert ran.code == 0, ran.said
    return tuple(one.request for one in ran.calls)
