"""Signals during an apply: the call in flight is finished, the rest is left."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
"""The exit code of a run that Ctrl-C ended."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Interrupt:
    """Whether somebody asked the run to stop, and by which signal."""

    number: int | None = None
    _asked: threading.Event = field(default_factory=threading.Event)

    def stopped(self) -> bool:
        """Whether the run is to end before its next call."""
        return self.number is not None

    def stop(self, number: int) -> None:
        """Notes the signal, and ends a pause."""
        self.number = number
        self._asked.set()

    def sleep(self, seconds: float) -> None:
        """A pause that ends when somebody asks the run to stop."""
        self._asked.wait(seconds)

    @property
    def exit_code(self) -> int | None:
        """130 for SIGINT, 143 for SIGTERM, None if the run was left alone."""
        return None if self.number is None else 128 + self.number


@contextmanager
def deferred(interrupt: Interrupt) -> Iterator[None]:
    """Takes signals down instead of dying; the second one has its usual effect at once."""
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def note(number: int, _frame: FrameType | None) -> None:
        interrupt.stop(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in SIGNALS:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
