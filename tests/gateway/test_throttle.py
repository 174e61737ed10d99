from reconciler.sandbox.throttle import Throttle


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_a_rate_everything_is_admitted() -> None:
    throttle = Throttle(None, Clock())
    assert all(throttle.admits() for _ in range(1000))


def test_one_seconds_calls_are_admitted_at_once_and_then_one_for_each_share_of_a_second() -> None:
    clock = Clock()
    throttle = Throttle(10, clock)
    assert [throttle.admits() for _ in range(11)] == [True] * 10 + [False]
    clock.now += 0.125
    assert [throttle.admits() for _ in range(2)] == [True, False]


def test_a_long_rest_saves_no_more_than_one_seconds_calls() -> None:
    clock = Clock()
    throttle = Throttle(2, clock)
    clock.now += 3600
    assert [throttle.admits() for _ in range(3)] == [True, True, False]


def test_a_rate_below_one_admits_a_single_call_at_a_time() -> None:
    clock = Clock()
    throttle = Throttle(0.5, clock)
    assert [throttle.admits(), throttle.admits()] == [True, False]
    clock.now += 2
    assert throttle.admits()
