"""Signals during an apply: the call in flight is finished, the rest is left."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
"""The exit code of a run that Ctrl-C ended."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Interrupt:
    """Whether somebody asked the run to stop, and by which signal."""

    number: int | None = None

    def stopped(self) -> bool:
        """Whether the run is to end before its next call."""
        return self.number is not None

    @property
    def exit_code(self) -> int | None:
        """130 for SIGINT, 143 for SIGTERM, None if the run was left alone."""
        return None if self.number is None else 128 + self.number


@contextmanager
def deferred() -> Iterator[Interrupt]:
    """Takes signals down instead of dying; the second one has its usual effect at once."""
    interrupt = Interrupt()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def note(number: int, _frame: FrameType | None) -> None:
        interrupt.number = number
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in SIGNALS:
        signal.signal(number, note)
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
