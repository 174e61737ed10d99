"""Two appliers at once, call by call in every order: one lease, or none and still no harm."""

import functools
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from reconciler import keeper
from reconciler.errors import Guarded, LedgerChanged, Locked
from reconciler.guards import Allowed
from reconciler.manifests import Environment
from tests.faults.matrix import MOST_RUNS, allowances
from tests.faults.oracle import Difference, Wanted, owned, place_of, unfinished, wanted_of
from tests.faults.scenarios import Place, environment, foreign, rivals
from tests.faults.stores import Clock, Memory
from tests.faults.turns import InTurn, StoreInTurn, Turns, at_every, at_none
from tests.faults.worlds import LEASE_SECONDS, Ran, Raw, Stored, World, differing, in_memory

VERSIONS = {"v1": "2.11.2", "v2": "3.3.1"}
GRANTS = 6
"""Calls whose every order is tried."""

NAMES = ("one", "other")


@functools.cache
def declared(name: str, major: str, ledger: str | None) -> Environment:
    settings = {} if ledger is None else {"ledger": ledger}
    found = environment(rivals()[name], f"sandbox:none.json?airflow={major}", **settings)
    return found if ledger else replace(found, ledger=None)


def secrets() -> dict[str, str]:
    found: dict[str, str] = rivals()["secrets"]
    return found


@functools.cache
def begun(dialect: str) -> tuple[Stored, str]:
    """An Airflow as it is before both, and the ledger that owns what git has made of it."""
    version = VERSIONS[dialect]
    airflow, clock = Stored(None, version), Clock()
    for request in foreign():
        airflow.send(request)
    world = World(airflow, in_memory(clock), clock)
    ran = world.apply(declared("before", version[0], "file:one.json"), secrets())
    assert ran.code == 0, ran.said
    return airflow, world.ledger


@dataclass
class Leases:
    """Who holds a lease, told by what was written: never two at a time."""

    clock: Clock
    held: dict[str, float] = field(default_factory=dict)
    most: int = 0

    def note(self, name: str, text: str) -> None:
        lease = json.loads(text)["lease"]
        self.held.pop(name, None)
        if lease:
            self.held[name] = self.clock() + lease["seconds"]
        self.most = max(self.most, sum(until > self.clock() for until in self.held.values()))


class Rivals:
    """Two programs, each with its own idea of the same Airflow; ``ledgers`` says where they keep them."""

    def __init__(self, dialect: str, ledgers: tuple[str | None, str | None], **options: Any) -> None:
        airflow, text = begun(dialect)
        self.dialect, self.version, self.ledgers = dialect, VERSIONS[dialect], ledgers
        self.airflow = airflow.again()
        self.raw: Raw = self.airflow.raw()
        self.clock = Clock()
        self.leases = Leases(self.clock)
        kept = {name: self._memory(text) for name in ledgers if name}
        self.worlds = [self._world(name, kept) for name in ledgers]
        for world, name in zip(self.worlds, NAMES, strict=True):
            world.name = name
        self.turns = [Turns(functools.partial(self._apply, at, options)) for at in (0, 1)]

    def _memory(self, text: str) -> Memory:
        memory = Memory(self.clock, key=b"k" * 32)
        memory.save(text, None)
        return memory

    def _world(self, ledger: str | None, kept: dict[str, Memory]) -> World:
        return World(self.airflow, kept[ledger] if ledger else Memory(), Clock())

    def environment(self, at: int) -> Environment:
        return declared(NAMES[at], self.version[0], self.ledgers[at])

    def _apply(self, at: int, options: dict[str, Any], turns: Turns[Ran]) -> Ran:
        world = self.worlds[at]
        store = StoreInTurn(world.store, turns, lambda text: self.leases.note(NAMES[at], text))
        mine = options if at else {}
        return world.apply(
            self.environment(at),
            secrets(),
            store=store,
            through=lambda backend: InTurn(backend, turns),
            **mine,
        )

    def start(self, until: Callable[[str], bool]) -> None:
        """Both come to their first call of a kind."""
        for turns in self.turns:
            turns.start(until)

    def play(self, schedule: Iterable[int]) -> tuple[Ran, Ran]:
        """Grants calls in that order, then lets the first run to its end, and the second."""
        for at in schedule:
            self.turns[at].go()
        return self.turns[0].end(), self.turns[1].end()

    def wants(self, at: int) -> Wanted:
        """What one of them wants; without a ledger nobody knows what else was ever theirs."""
        document = rivals()
        mine, theirs = document[NAMES[at]], document[NAMES[1 - at]]
        everything = {kind: {**document["before"][kind], **theirs[kind]} for kind in theirs}
        return wanted_of(mine, everything if self.ledgers[at] else {}, secrets(), int(self.version[0]))

    def complaints(self, both: tuple[Ran, Ran]) -> Iterator[str]:
        """Whatever must not be after both have ended."""
        wants, now = [self.wants(0), self.wants(1)], self.airflow.raw()
        managed = wants[0].managed | wants[1].managed
        missed = [{*self._missed(want, now), *(managed - want.managed)} for want in wants]
        if self.leases.most > 1 and self.ledgers[0] == self.ledgers[1]:
            yield "two leases at once"
        for place in sorted(differing(self.raw, now) - managed):
            yield f"{place} is nobody's and has changed"
        for place in sorted(missed[0] & missed[1]):
            yield f"{place} is neither as one wants it nor as the other: {now.get(place)}"
        for one in both:
            yield from _unreported(one)

    def _missed(self, want: Wanted, now: Raw) -> Iterator[Place]:
        """What is not as it should be; without a ledger a secret that lives is left alone."""
        for miss in want.misses(now):
            if not (miss.hidden and self.ledgers == NO_LEDGER):
                yield miss.place

    def settle(self) -> Iterator[str]:
        """One more run of the first, with what its refusals say."""
        allowed = Allowed()
        for _ in range(MOST_RUNS):
            ran = self.alone(allowed=allowed)
            if not isinstance(ran.error, Guarded):
                break
            allowed = allowances(str(ran.error), allowed)
        if any(miss.hidden for miss in self.misses()):
            ran = self.alone(resend=True)
        if ran.code:
            yield f"the next run ends in {ran.code}: {ran.said}"
        yield from (f"at the end {miss}" for miss in self.misses())
        if self.ledgers[0]:
            yield from unfinished(self.worlds[0].ledger)
            for place in owned(self.worlds[0].ledger) ^ self.wants(0).declared.keys():
                yield f"at the end {place} is owned, or is not"

    def alone(self, **options: Any) -> Ran:
        """The first of them, with nobody beside it."""
        return self.worlds[0].apply(self.environment(0), secrets(), **options)

    def misses(self) -> list[Difference]:
        """What is not as the first wants it, but for what only the other has ever owned."""
        found = list(self.wants(0).misses(self.airflow.raw()))
        if self.ledgers[0] == self.ledgers[1]:
            return found
        before = begun(self.dialect)[0].raw().keys()
        return [miss for miss in found if miss.field != "is there" or miss.place in before]


def _unreported(ran: Ran) -> Iterator[str]:
    outcomes = ran.report.outcomes if ran.report else ()
    told = {place_of(*one.change.key) for one in outcomes if one.result in {"done", "unknown"}}
    yield from (f"{place} was changed and not reported" for place in sorted(ran.ours - told))


ONE_LEDGER, TWO_LEDGERS, NO_LEDGER = ("file:one.json",) * 2, ("file:one.json", "file:two.json"), (None, None)
WAYS = {"one ledger": ONE_LEDGER, "two ledgers": TWO_LEDGERS, "no ledger": NO_LEDGER}


def is_write(call: str) -> bool:
    return not call.startswith(("GET", "load"))


def is_of_variables(call: str) -> bool:
    return is_write(call) and "/variables" in call


def is_last(call: str) -> bool:
    return call.startswith("DELETE")


WINDOWS = {
    "from their first call": at_every,
    "from their first write": is_write,
    "from their first variable": is_of_variables,
    "from their first delete": is_last,
}
QUICK = ("one ledger", "from their first write", "v2")
ITEMS = [
    pytest.param(
        way,
        window,
        dialect,
        marks=[] if (way, window, dialect) == QUICK else [pytest.mark.slow],
    )
    for way, window, dialect in itertools.product(WAYS, WINDOWS, VERSIONS)
]


@pytest.mark.parametrize(("way", "window", "dialect"), ITEMS)
def test_two_at_once_in_every_order_of_six_calls(way: str, window: str, dialect: str) -> None:
    wrong = []
    for schedule in itertools.product((0, 1), repeat=GRANTS):
        rivals_ = Rivals(dialect, WAYS[way])
        rivals_.start(WINDOWS[window])
        both = rivals_.play(schedule)
        found = [*rivals_.complaints(both), *_of_lease(way, both), *rivals_.settle()]
        wrong += [f"{schedule}: {complaint}" for complaint in found]
    assert not wrong, "\n".join(wrong)


def _of_lease(way: str, both: tuple[Ran, Ran]) -> Iterator[str]:
    """With one ledger, whoever comes while another one is at it is refused before it writes."""
    if way != "one ledger":
        return
    if {ran.code for ran in both} > {0, 3} or both[0].code == both[1].code == 3:
        yield f"they ended in {[ran.code for ran in both]}: {[ran.said for ran in both]}"
    for ran in both:
        if ran.code == 3 and (ran.writes or not isinstance(ran.error, Locked | LedgerChanged | Guarded)):
            yield f"refused after {len(ran.writes)} writes: {ran.said}"


# --- one lease ---------------------------------------------------------------------------------------

dialects = pytest.mark.parametrize("dialect", VERSIONS)
SOME = range(8)
"""How many of its eight writes one has made when the other comes."""


def after(writes: int) -> Callable[[str], bool]:
    """Stops at the call that follows so many writes of Airflow."""
    left = itertools.count(writes, -1)
    return lambda call: call.startswith(("POST", "PATCH", "DELETE")) and next(left) == 0


@dialects
@pytest.mark.parametrize("writes", SOME)
def test_who_comes_while_another_holds_the_lease_is_refused_before_any_call(
    dialect: str, writes: int
) -> None:
    both = Rivals(dialect, ONE_LEDGER)
    one, other = both.turns
    one.start(after(writes))
    other.start(at_none)
    refused = other.result
    assert isinstance(refused.error, Locked)
    assert (refused.code, refused.calls) == (3, ())
    way_out = f"reconciler ledger unlock {both.environment(1).folder} --id one-1"
    assert refused.said == f"locked by one since now; if that run is dead: {way_out}; nothing was written"
    assert one.end().code == 0
    assert [*both.complaints((one.result, refused)), *both.settle()] == []


@dataclass
class Waking(Clock):
    """A clock by which nobody waits in vain: whoever sleeps lets the other go on meanwhile."""

    meanwhile: Callable[[], object] = lambda: None
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.slept.append(seconds)
        self.meanwhile()


@dialects
def test_who_waits_for_the_lease_gets_it_and_plans_with_what_the_other_has_made(dialect: str) -> None:
    both = Rivals(dialect, ONE_LEDGER, lock_timeout=60.0)
    one, other = both.turns
    both.worlds[1].clock = clock = Waking(meanwhile=one.go)
    one.start(after(3))
    other.start(at_none)
    assert (one.result.code, other.result.code) == (0, 0)
    assert sum(clock.slept) <= 60
    assert set(clock.slept) == {keeper.LOOK_EVERY}
    assert [*both.complaints((one.result, other.result)), *both.settle()] == []


@dialects
def test_who_waits_in_vain_is_refused_in_the_end(dialect: str) -> None:
    both = Rivals(dialect, ONE_LEDGER, lock_timeout=5.0)
    one, other = both.turns
    both.worlds[1].clock = clock = Waking()
    one.start(after(3))
    other.start(at_none)
    assert isinstance(other.result.error, Locked)
    assert (other.result.code, other.result.calls) == (3, ())
    assert sum(clock.slept) == pytest.approx(5.0)
    assert one.end().code == 0


@dialects
@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("writes", SOME)
def test_a_run_that_outlives_its_lease_says_so_and_ends_in_4(dialect: str, writes: int, frozen: bool) -> None:
    """A machine that was suspended may not even know; one that does writes nothing more."""
    both = Rivals(dialect, ONE_LEDGER)
    one, other = both.turns
    one.start(after(writes))
    both.clock.sleep(LEASE_SECONDS + 1)
    if not frozen:
        both.worlds[0].clock.sleep(LEASE_SECONDS + 1)
    other.start(at_none)
    assert other.result.code == 0, other.result.said
    late = one.end()
    assert late.report
    assert late.code == 4 if late.report.touched else 1
    assert late.report.error
    assert "the ledger could not be written at the end" in late.report.error
    assert "another one changed it" in late.report.error
    if not frozen:
        assert len(late.writes) <= writes + 1  # the call that was about to be made
    assert [*both.complaints((late, other.result)), *both.settle()] == []
