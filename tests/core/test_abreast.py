import threading
from collections.abc import Callable
from functools import partial

import pytest

from reconciler.abreast import abreast


def test_results_come_in_the_order_of_the_work_whatever_ends_first() -> None:
    first = threading.Event()

    def slow() -> str:
        assert first.wait(30)
        return "slow"

    def quick() -> str:
        first.set()
        return "quick"

    assert abreast([slow, quick], 2) == ["slow", "quick"]


def test_no_more_than_so_many_run_at_one_time() -> None:
    lock, running, most = threading.Lock(), [0], [0]
    three = threading.Barrier(3)

    def piece() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        three.wait(30)
        with lock:
            running[0] -= 1

    abreast([piece] * 9, 3)
    assert most == [3]


@pytest.mark.parametrize(("pieces", "at_once"), [(3, 1), (1, 8)])
def test_where_nothing_runs_beside_it_no_thread_is_made(pieces: int, at_once: int) -> None:
    assert set(abreast([threading.current_thread] * pieces, at_once)) == {threading.current_thread()}
    nothing: list[Callable[[], int]] = []
    assert abreast(nothing, at_once) == []


def test_the_first_error_ends_it_and_what_waits_is_not_begun() -> None:
    begun: list[int] = []
    free = threading.Event()

    def fails() -> None:
        free.set()
        raise ValueError("broken")

    def waits(number: int) -> None:
        begun.append(number)
        assert free.wait(30)

    later = [partial(waits, number) for number in range(1, 50)]
    work: list[Callable[[], None]] = [partial(waits, 0), fails, *later]
    with pytest.raises(ValueError, match="broken"):
        abreast(work, 2)
    assert len(begun) < 10


def test_of_several_errors_the_first_in_order_is_raised() -> None:
    both = threading.Barrier(2)

    def fails(what: str) -> None:
        both.wait(30)
        raise ValueError(what)

    with pytest.raises(ValueError, match="first"):
        abreast([partial(fails, "first"), partial(fails, "second")], 2)
