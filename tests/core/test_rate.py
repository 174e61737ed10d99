import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.rate import BURST, LEAST, RECOVERY, SHARE, RateLimit


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

    def limit(self, per_second: float | None) -> RateLimit:
        return RateLimit(per_second, self.read, self.sleep)

    def times(self, limit: RateLimit, calls: int) -> list[float]:
        """The instants at which so many calls may go, one after the other."""
        found = []
        for _ in range(calls):
            limit.wait()
            found.append(self.now)
        return found


def test_a_burst_goes_at_once_and_the_rest_evenly() -> None:
    clock = Clock()
    times = clock.times(clock.limit(10), 12)
    assert times[:8] == [100.0] * 8
    assert times[8:] == pytest.approx([100 + number / 9.9 for number in (1, 2, 3, 4)])


def test_an_idle_while_saves_up_no_more_than_a_burst() -> None:
    clock = Clock()
    limit = clock.limit(10)
    clock.times(limit, 20)
    clock.now += 3600
    start = clock.now
    assert clock.times(limit, 9) == pytest.approx([start] * 8 + [start + 1 / 9.9])


def test_slow_answers_are_not_waited_for_twice() -> None:
    clock = Clock()
    limit = clock.limit(10)
    for _ in range(20):
        limit.wait()
        clock.now += 0.3
    assert clock.slept == []


def test_without_a_limit_nothing_waits() -> None:
    clock = Clock()
    limit = clock.limit(None)
    limit.throttled()
    assert clock.times(limit, 100) == [100.0] * 100


def test_a_limit_of_less_than_one_a_second_lets_the_first_go_at_once() -> None:
    clock = Clock()
    assert clock.times(clock.limit(0.5), 3) == pytest.approx([100, 100 + 2 / SHARE, 100 + 4 / SHARE])


def test_a_throttled_call_halves_the_rate_and_ends_the_burst() -> None:
    clock = Clock()
    limit = clock.limit(10)
    limit.throttled()
    assert clock.times(limit, 2) == pytest.approx([100 + 1 / 4.95, 100 + 2 / 4.95])
    for _ in range(100):
        limit.throttled()
    clock.now += 1000
    clock.times(limit, 8)
    before = clock.now
    limit.wait()
    assert clock.now - before == pytest.approx(1 / (10 * SHARE * LEAST))


def test_calls_that_go_well_win_the_rate_back_and_no_more_than_that() -> None:
    clock = Clock()
    limit = clock.limit(10)
    limit.throttled()
    for _ in range(round(0.5 / RECOVERY)):
        limit.answered()
    slow = clock.times(limit, 10)
    assert slow[-1] - slow[-2] == pytest.approx(1 / 9.9)
    for _ in range(100):
        limit.answered()
    full = clock.times(limit, 2)
    assert full[1] - full[0] == pytest.approx(1 / 9.9)


@given(st.floats(0.5, 50), st.lists(st.floats(0, 2), min_size=1, max_size=60))
def test_no_span_of_time_holds_more_than_its_share_and_a_burst(rate: float, pauses: list[float]) -> None:
    clock = Clock()
    limit = clock.limit(rate)
    times = []
    for pause in pauses:
        limit.wait()
        times.append(clock.now)
        clock.now += pause
    burst = max(1.0, rate * BURST)
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= burst + (times[last] - start) * rate * SHARE + 1e-6


@given(st.floats(1, 50), st.integers(1, 200))
def test_while_there_is_work_at_least_95_percent_of_the_rate_is_used(rate: float, calls: int) -> None:
    clock = Clock()
    seconds = clock.times(clock.limit(rate), calls)[-1] - 100
    assert calls >= 0.95 * rate * seconds


def test_threads_share_one_bucket() -> None:
    waits: list[float] = []
    lock = threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            waits.append(seconds)

    limit = RateLimit(10, lambda: 5.0, sleep)
    threads = [threading.Thread(target=limit.wait) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == pytest.approx([number / 9.9 for number in range(1, 13)])
