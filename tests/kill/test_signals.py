"""Ctrl-C and SIGTERM in the midst of an apply: the call in flight is finished, the rest is left."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.backends import AT_ONCE
from tests.aws.support import json_refused
from tests.e2e.broken import Raw
from tests.kill.conftest import one_airflow
from tests.kill.scenario import Settled, mended, rehearsed, settled
from tests.kill.tally import TALLY, Record
from tests.kill.wires import Crossing
from tests.kill.world import World, told

pytestmark = pytest.mark.slow

A_WHILE = 0.05
"""Seconds in which a signal surely reaches the program."""

LEFT_OF_A_CHANGE = 2
"""Writes that may follow a call in flight: a replacement looks, deletes and creates."""


@dataclass(frozen=True)
class Signaller:
    """Sends a signal while one request waits for its answer."""

    world: World
    number: int
    sent: signal.Signals

    def __call__(self, crossing: Crossing) -> Raw | None:
        answer = crossing()
        if crossing.number == self.number:
            self.world.signal(self.sent)
            time.sleep(A_WHILE)
        return answer


def check_stopped(start: Settled, crossings: list[Crossing], at: Crossing, sent: signal.Signals) -> None:
    """An apply that gets a signal at a request ends tidily soon after it, and the next one does the rest."""
    start.restore()
    ran = start.world.apply("--format", "json", deal=Signaller(start.world, at.number, sent))
    assert ran.code == 128 + sent, ran
    changes = told(ran)["changes"]
    done = [change for change in changes if change["outcome"] == "done"]
    assert [change["outcome"] for change in changes[len(done) :]] == ["skipped"] * (len(changes) - len(done))
    written, arrived = start.world.wires.writes, sum(one.writes for one in crossings[: at.number])
    assert written == [one.what for one in crossings if one.writes][: len(written)]
    assert arrived <= len(written) <= arrived + LEFT_OF_A_CHANGE
    assert len(written) == sum(change["attempts"] for change in done)
    assert start.world.wires.crossings[-1].keeps
    assert start.world.ledger().lease is None
    again = start.world.here("apply", "--yes")
    assert again.code == 0, again
    start.check_converged()


def stop_at(
    start: Settled, sent: signal.Signals, chosen: Callable[[Crossing], bool], record_property: Record
) -> None:
    """Sends the signal at each request that is chosen, from the one on that takes the lease."""
    crossings = rehearsed(start)
    begun = next(crossing.number for crossing in crossings if crossing.keeps)
    places = [crossing for crossing in crossings[begun - 1 :] if chosen(crossing)]
    stopped = 0
    try:
        for place in places:
            check_stopped(start, crossings, place, sent)
            stopped += 1
    except AssertionError as error:
        error.add_note(f"{sent.name} at {places[stopped]}")
        raise
    finally:
        record_property(TALLY, ("interrupted", stopped, len(places)))


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_write_lets_it_end_and_leaves_the_rest(
    world: World, sent: signal.Signals, record_property: Record
) -> None:
    stop_at(settled(world), sent, lambda crossing: crossing.writes, record_property)


def test_so_does_one_at_a_read_or_a_write_of_the_ledger_in_between(
    world: World, record_property: Record
) -> None:
    stop_at(settled(world), signal.SIGTERM, lambda crossing: not crossing.writes, record_property)


@one_airflow
def test_a_signal_while_the_plan_is_made_ends_the_run_with_nothing_written(world: World) -> None:
    start = settled(world)
    begun = next(crossing.number for crossing in rehearsed(start) if crossing.keeps)
    for number in range(1, begun):
        start.restore()
        ran = world.apply(deal=Signaller(world, number, signal.SIGINT))
        assert (ran.code, ran.out) == (130, ""), ran
        assert ran.err.endswith("interrupted; nothing was written\n")
        assert number <= len(world.wires.crossings) < number + AT_ONCE
        assert all(one.reads for one in world.wires.crossings[number:])
    terminated = world.apply(deal=Signaller(world, begun - 1, signal.SIGTERM))
    assert terminated.code == -signal.SIGTERM
    assert (world.rows(), world.kept()) == (start.rows, start.ledger)


def catches(world: World, number: signal.Signals) -> bool:
    """Whether the program deals with a signal itself: SIGTERM no longer once it has noted one."""
    assert world.process
    status = Path(f"/proc/{world.process.pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> number - 1 & 1)


@one_airflow
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_run_at_once(
    world: World, first: signal.Signals, second: signal.Signals
) -> None:
    start = settled(world)
    number = next(one.number for one in rehearsed(start) if one.what == "POST /connections")

    def twice(crossing: Crossing) -> Raw | None:
        answer = crossing()
        if crossing.number == number:
            world.signal(first)
            while catches(world, signal.SIGTERM):
                time.sleep(A_WHILE)
            world.signal(second)
            world.wait()
        return answer

    start.restore()
    ran = world.apply(deal=twice)
    if second == signal.SIGINT:
        assert (ran.code, ran.out) == (130, ""), ran
        assert "interrupted in the middle of a call: changes may have been written; run again" in ran.err
    else:
        assert ran.code == -signal.SIGTERM
    assert mended(world).code == 0
    start.check_converged()


@one_airflow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_pause_before_another_try(world: World, sent: signal.Signals) -> None:
    start = settled(world)
    refuse = json_refused(429, "ThrottlingException")

    def throttled(crossing: Crossing) -> Raw | None:
        if not crossing.writes:
            return crossing()
        if len(world.wires.writes) == 4:  # the longest pause comes next
            threading.Timer(A_WHILE, world.signal, [sent]).start()
        return refuse(crossing.forward)

    start.restore()
    ran = world.apply("--format", "json", deal=throttled)

    assert ran.code == 128 + sent, ran
    outcomes = [change["outcome"] for change in told(ran)["changes"]]
    assert outcomes == ["refused", *["skipped"] * (len(outcomes) - 1)]
    assert world.rows() == start.rows
    assert world.ledger().lease is None
    assert world.here("apply", "--yes").code == 0
    start.check_converged()
