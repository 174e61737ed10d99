from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.rate import pacer


@dataclass
class Clock:
    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds


def test_requests_go_evenly_spaced_and_the_first_at_once() -> None:
    clock = Clock()
    wait = pacer(10, clock.read, clock.sleep)
    times = []
    for _ in range(4):
        wait()
        times.append(clock.now)
    assert times == pytest.approx([100.0, 100.1, 100.2, 100.3])


def test_an_idle_while_saves_up_no_burst() -> None:
    clock = Clock()
    wait = pacer(10, clock.read, clock.sleep)
    wait()
    clock.now += 60
    wait()
    wait()
    assert clock.slept == pytest.approx([0.1])


def test_slow_answers_are_not_waited_for_twice() -> None:
    clock = Clock()
    wait = pacer(10, clock.read, clock.sleep)
    for _ in range(5):
        wait()
        clock.now += 0.3
    assert clock.slept == []


def test_without_a_limit_nothing_waits() -> None:
    clock = Clock()
    wait = pacer(None, clock.read, clock.sleep)
    for _ in range(100):
        wait()
    assert (clock.now, clock.slept) == (100.0, [])


@given(st.floats(0.5, 50), st.lists(st.floats(0, 2), min_size=1, max_size=40))
def test_no_two_requests_are_closer_than_the_limit_allows(rate: float, pauses: list[float]) -> None:
    clock = Clock()
    wait = pacer(rate, clock.read, clock.sleep)
    times = []
    for pause in pauses:
        wait()
        times.append(clock.now)
        clock.now += pause
    assert all(after - before >= 1 / rate - 1e-6 for before, after in pairwise(times))
