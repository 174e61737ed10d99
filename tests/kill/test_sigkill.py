"""The program dies at every request that it makes, and the next run mends what it left."""

import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pytest

from reconciler.backends import AT_ONCE
from tests.e2e.broken import Raw
from tests.kill.scenario import Settled, mended, rehearsed, settled
from tests.kill.tally import TALLY, Record
from tests.kill.wires import Crossing
from tests.kill.world import World

pytestmark = pytest.mark.slow

CHUNKS = 4
"""Into how many tests the requests are dealt out, for the workers to share."""

MOST = 100
"""More requests than the run makes."""


@dataclass(frozen=True)
class Killer:
    """Kills the program at one request: before it arrives, or when it is done and not yet answered."""

    world: World
    number: int
    arrives: bool

    def __call__(self, crossing: Crossing) -> Raw | None:
        if crossing.number != self.number:  # another read may be under way: that one gets no answer
            return crossing() if crossing.number < self.number else None
        if self.arrives:
            crossing()
        self.world.signal(signal.SIGKILL)
        self.world.wait()
        return None


def survive(start: Settled, places: Iterable[tuple[int, bool]], record_property: Record) -> None:
    """Kills the program in these places, from the same beginning each time."""
    plain = rehearsed(start)
    killers = [Killer(start.world, number, arrives) for number, arrives in places if number <= len(plain)]
    survived = 0
    try:
        for killer in killers:
            start.restore()
            killed = start.world.apply(deal=killer)
            assert killed.code == -signal.SIGKILL, killed
            check_same(start.world.wires.crossings, plain, killer.number)
            ran = mended(start.world)
            assert ran.code == 0, ran
            start.check_converged()
            survived += 1
    except AssertionError as error:
        error.add_note(f"killed {'after' if killer.arrives else 'before'} {plain[killer.number - 1]}")
        raise
    finally:
        record_property(TALLY, ("killed", survived, len(killers)))


def check_same(found: Sequence[Crossing], plain: Sequence[Crossing], until: int) -> None:
    """What came up to a request is what always comes, and beside it at most other reads under way."""
    assert [one.told for one in found[:until]] == [one.told for one in plain[:until]]
    assert len(found) < until + AT_ONCE
    assert all(one.reads for one in found[until:])


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_run_killed_at_any_request_is_mended_by_the_next_one(
    world: World, chunk: int, record_property: Record
) -> None:
    places = [(number, arrives) for number in range(1, MOST) for arrives in (False, True)]
    survive(settled(world), places[chunk::CHUNKS], record_property)


def test_so_is_one_whose_ledger_is_a_file(world: World, record_property: Record) -> None:
    world.keep_in_a_file()
    places = [(number, number % 2 == 0) for number in range(1, MOST)]
    survive(settled(world), places[::3], record_property)
