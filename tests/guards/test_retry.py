import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import retry
from reconciler.errors import AirflowError, Rejected, Throttled, Unreachable
from reconciler.retry import Fate, Next, Patience, Purpose, fate, next_step
from tests.guards.support import ERRORS

AGAIN, LOOK, DONE, STOP = Next.AGAIN, Next.LOOK, Next.DONE, Next.STOP
READ, CREATE, UPDATE, DELETE = Purpose.READ, Purpose.CREATE, Purpose.UPDATE, Purpose.DELETE


@pytest.fixture(autouse=True)
def no_pauses() -> None:
    """Pauses are as they are: here they are proven, on a clock that is not the wall's."""


# The table


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("no connection", Fate.UNKNOWN),
        ("500", Fate.UNKNOWN),
        ("no JSON", Fate.UNKNOWN),
        ("pages contradict", Fate.UNKNOWN),
        ("429", Fate.THROTTLED),
        ("404", Fate.GONE),
        ("409", Fate.CONFLICT),
        ("400", Fate.REFUSED),
        ("422", Fate.REFUSED),
        ("denied", Fate.REFUSED),
        ("no environment", Fate.REFUSED),
        ("overtaken", Fate.REFUSED),
        ("silently ignored", Fate.REFUSED),
        ("time is over", Fate.REFUSED),
        ("anything else", Fate.REFUSED),
    ],
)
def test_what_became_of_a_call_is_told_from_its_error(error: str, expected: Fate) -> None:
    assert fate(ERRORS[error]) is expected


TABLE = """
                  read    create  update  delete
no connection     again   look    again   look
500               again   look    again   look
no JSON           again   look    again   look
pages contradict  again   look    again   look
429               again   again   again   again
404               stop    look    stop    done
409               stop    stop    stop    stop
400               stop    stop    stop    stop
422               stop    stop    stop    stop
denied            stop    stop    stop    stop
no environment    stop    stop    stop    stop
overtaken         stop    stop    stop    stop
silently ignored  stop    stop    stop    stop
time is over      stop    stop    stop    stop
anything else     stop    stop    stop    stop
"""


def rows() -> Iterator[tuple[Purpose, str, Next]]:
    head, *lines = TABLE.strip("\n").splitlines()
    for line in lines:
        for purpose, said in zip(head.split(), line[18:].split(), strict=True):
            yield Purpose(purpose), line[:18].strip(), Next[said.upper()]


ROWS = list(rows())


def test_the_table_is_whole() -> None:
    assert {(purpose, error) for purpose, error, _ in ROWS} == {
        (purpose, error) for purpose in Purpose for error in ERRORS
    }


@pytest.mark.parametrize(("purpose", "error", "expected"), ROWS)
def test_what_to_do_about_a_call_that_failed(purpose: Purpose, error: str, expected: Next) -> None:
    assert next_step(purpose, ERRORS[error]) is expected


@pytest.mark.parametrize(("purpose", "error", "expected"), ROWS)
def test_in_doubt_only_a_creation_that_meets_a_conflict_is_looked_for(
    purpose: Purpose, error: str, expected: Next
) -> None:
    in_doubt = LOOK if (purpose, error) == (CREATE, "409") else expected
    assert next_step(purpose, ERRORS[error], in_doubt=True) is in_doubt


@given(st.integers(300, 599))
def test_no_other_status_is_sent_again(status: int) -> None:
    expected = DONE if status == 404 else STOP
    assert next_step(DELETE, Rejected("x", status)) is expected
    assert next_step(READ, Rejected("x", status)) is STOP


# Pauses


@dataclass
class Time:
    """A clock that only sleeping moves, and how long each pause was."""

    now: float = 100.0
    pauses: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def patience(
        self, deadline: float = float("inf"), stopped: Callable[[], bool] = lambda: False
    ) -> Patience:
        return Patience(deadline, self.clock, self.sleep, stopped)


@dataclass
class Work:
    """Fails with its errors one after the other, then succeeds."""

    errors: list[Exception]
    tries: int = 0

    def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def lost(times: int) -> Work:
    return Work([Unreachable(f"number {at}") for at in range(times)])


def drawn(monkeypatch: pytest.MonkeyPatch, share: float) -> list[tuple[float, float]]:
    """Makes every pause the same share of its bounds, and remembers these."""
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return low + share * (high - low)

    monkeypatch.setattr("random.uniform", uniform)
    return bounds


def test_what_succeeds_is_done_once_without_a_pause() -> None:
    clock, work = Time(), lost(0)
    assert clock.patience().keep_trying(READ, work) == "done"
    assert (work.tries, clock.pauses) == (1, [])


@pytest.mark.parametrize("failures", range(1, 5))
def test_what_fails_up_to_four_times_is_done_in_the_end(failures: int) -> None:
    clock, work = Time(), lost(failures)
    assert clock.patience().keep_trying(READ, work) == "done"
    assert (work.tries, len(clock.pauses)) == (failures + 1, failures)


def test_the_fifth_failure_is_told() -> None:
    clock, work = Time(), lost(9)
    with pytest.raises(Unreachable, match="number 4"):
        clock.patience().keep_trying(READ, work)
    assert (work.tries, len(clock.pauses)) == (5, 4)


def test_pauses_are_drawn_from_nothing_up_to_a_limit_that_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = drawn(monkeypatch, 1)
    clock = Time()
    assert clock.patience().keep_trying(READ, lost(4)) == "done"
    assert bounds == [(0, 0.5), (0, 1), (0, 2), (0, 4)]
    assert clock.pauses == [0.5, 1, 2, 4]


@pytest.mark.parametrize("share", [0, 0.25])
def test_a_pause_may_be_any_share_of_its_limit(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    drawn(monkeypatch, share)
    clock = Time()
    clock.patience().keep_trying(READ, lost(3))
    assert clock.pauses == [share * 0.5, share * 1, share * 2]


def test_no_pause_is_longer_than_twenty_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "TRIES", 12)
    bounds = drawn(monkeypatch, 1)
    clock = Time()
    assert clock.patience().keep_trying(READ, lost(11)) == "done"
    assert [high for _, high in bounds] == [0.5, 1, 2, 4, 8, 16, 20, 20, 20, 20, 20]
    assert max(clock.pauses) == 20


def test_pauses_are_not_all_the_same() -> None:
    clock = Time()
    for _ in range(20):
        clock.patience().keep_trying(READ, lost(4))
    assert len(set(clock.pauses)) > 40
    limits = [0.5, 1, 2, 4] * 20
    assert all(0 <= pause <= limit for pause, limit in zip(clock.pauses, limits, strict=True))


@pytest.mark.parametrize(("purpose", "error", "expected"), ROWS)
def test_only_what_the_table_allows_is_tried_again(purpose: Purpose, error: str, expected: Next) -> None:
    clock, work = Time(), Work([ERRORS[error]])
    if expected in {AGAIN, LOOK}:
        assert clock.patience().keep_trying(purpose, work) == "done"
        assert work.tries == 2
    else:
        with pytest.raises(AirflowError) as caught:
            clock.patience().keep_trying(purpose, work)
        assert caught.value is ERRORS[error]
        assert (work.tries, clock.pauses) == (1, [])


def test_a_mistake_of_the_program_is_not_tried_again() -> None:
    clock, work = Time(), Work([ZeroDivisionError()])
    with pytest.raises(ZeroDivisionError):
        clock.patience().keep_trying(READ, work)
    assert (work.tries, clock.pauses) == (1, [])


def test_an_error_that_is_final_ends_what_was_tried_again() -> None:
    clock, work = Time(), Work([Throttled("x"), Unreachable("x"), Rejected("final", 400), Throttled("x")])
    with pytest.raises(Rejected, match="final"):
        clock.patience().keep_trying(READ, work)
    assert work.tries == 3


# The end of patience


def test_nothing_is_tried_again_once_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(monkeypatch, 1)
    clock, work = Time(now=0), lost(9)
    with pytest.raises(Unreachable, match="number 2"):
        clock.patience(deadline=1.5).keep_trying(READ, work)
    assert clock.pauses == [0.5, 1]
    assert work.tries == 3


@pytest.mark.parametrize(("now", "over"), [(9.9, False), (10, True), (10.1, True)])
def test_the_time_is_over_at_the_deadline(now: float, over: bool) -> None:
    patience = Time(now=now).patience(deadline=10)
    assert patience.is_over is over
    assert patience.is_over is over


def test_there_is_no_deadline_unless_one_is_given() -> None:
    assert not Patience().is_over
    assert not Patience(clock=lambda: 1e308).started().is_over


def test_a_run_has_its_time_from_the_moment_it_starts() -> None:
    clock = Time(now=50)
    waiting = Patience(clock=clock.clock, sleep=clock.sleep, seconds=30)
    clock.now = 1000
    assert not waiting.is_over
    started = waiting.started()
    clock.now = 1029.9
    assert not started.is_over
    clock.now = 1030
    assert started.is_over
    assert (started.seconds, started.clock, started.sleep) == (30, waiting.clock, waiting.sleep)


def test_nothing_is_tried_again_once_somebody_asks_to_stop() -> None:
    clock, work = Time(), lost(9)
    with pytest.raises(Unreachable, match="number 0"):
        clock.patience(stopped=lambda: True).keep_trying(READ, work)
    assert (work.tries, clock.pauses) == (1, [])


def test_a_stop_between_two_tries_is_the_end_of_them() -> None:
    clock, work, asked = Time(), lost(9), count()
    with pytest.raises(Unreachable, match="number 2"):
        clock.patience(stopped=lambda: next(asked) >= 2).keep_trying(READ, work)
    assert work.tries == 3


def test_what_succeeds_after_a_stop_has_succeeded() -> None:
    clock = Time()
    assert clock.patience(0, lambda: True).keep_trying(READ, lost(0)) == "done"


def test_time_is_the_monotonic_clocks_unless_told_otherwise() -> None:
    patience = Patience()
    assert patience.clock is time.monotonic
    assert patience.sleep is time.sleep
    assert patience.stopped() is False
