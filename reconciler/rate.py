"""A limit on requests a second."""

import time
from collections.abc import Callable


def pacer(
    per_second: float | None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Callable[[], None]:
    """A function that returns when the next request may go, evenly spaced; ``None`` means no limit.

    There is no burst: MWAA's quota is a second's, and a plan that starts with one would break it.
    """
    free_at = clock()

    def wait() -> None:
        nonlocal free_at
        if per_second is None:
            return
        now = clock()
        if free_at > now:
            sleep(free_at - now)
        free_at = max(free_at, now) + 1 / per_second

    return wait
