"""A limit on requests a second, shared by all that talks to one environment."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

SHARE = 0.99
"""Of the granted rate: two clocks never agree quite."""

BURST = 0.8
"""Seconds' worth of requests that may go at once after a while without any: a tenth arrives late and
together with what follows, so that a whole second's would break a quota that is counted by the second."""

LEAST = 1 / 16
"""Of the granted rate, however often the environment says that it is too much."""

RECOVERY = 1 / 32
"""Of the granted rate, won back with each request that goes well."""


@dataclass
class RateLimit:
    """A token bucket. ``per_second`` is what is granted, ``None`` for no limit.

    It is safe to use from several threads, each of which waits for a slot of its own.
    """

    per_second: float | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _share: float = field(default=1.0, init=False)
    _tokens: float = field(default=0.0, init=False)
    _seen: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._tokens, self._seen = self._most, self.clock()

    @property
    def _most(self) -> float:
        return max(1.0, (self.per_second or 0) * BURST)

    def wait(self) -> None:
        """Returns when the next request may go."""
        if self.per_second is None:
            return
        with self._lock:
            seconds = self._reserved(self.per_second * SHARE * self._share)
        if seconds > 0:
            self.sleep(seconds)

    def _reserved(self, rate: float) -> float:
        """Seconds until the slot that is taken; what is taken in advance leaves the bucket in debt."""
        now = self.clock()
        self._tokens = min(self._most, self._tokens + (now - self._seen) * rate) - 1
        self._seen = now
        return max(0.0, -self._tokens / rate)

    def throttled(self) -> None:
        """The environment says that it was too much: half as much from here on, and no burst."""
        with self._lock:
            self._share = max(LEAST, self._share / 2)
            self._tokens = min(self._tokens, 0.0)

    def answered(self) -> None:
        """A request went well."""
        with self._lock:
            self._share = min(1.0, self._share + RECOVERY)
