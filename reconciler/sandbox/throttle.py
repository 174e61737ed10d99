"""A limit of calls per second."""

import threading
import time
from collections.abc import Callable


class Throttle:
    """A bucket that holds one second's calls and fills evenly; ``rate`` is calls a second, None no limit."""

    def __init__(self, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._calls = max(rate or 0.0, 1.0)
        self._seen = clock()
        self._lock = threading.Lock()

    def admits(self) -> bool:
        """Takes one call out of the bucket; False if it is empty."""
        if self._rate is None:
            return True
        with self._lock:
            now = self._clock()
            self._calls = min(max(self._rate, 1.0), self._calls + (now - self._seen) * self._rate)
            self._seen = now
            admitted = self._calls >= 1
            self._calls -= admitted
            return admitted
