"""Whether a call that came to nothing is made again: by what it was for, and by what became of it.

The table is the one of the failure model: only what surely was not executed, or does no harm twice, is sent
again as it is; a creation whose fate nobody knows is looked for first.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from http import HTTPStatus
from typing import TypeVar

from reconciler.errors import AirflowError, NotApplied, Rejected, Throttled

T = TypeVar("T")

TRIES = 5
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0
"""Seconds; a pause is drawn evenly from nothing up to a limit that doubles (full jitter)."""


class Purpose(Enum):
    """What a call is for, however the dialect spells it."""

    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Fate(Enum):
    """What became of a call that failed."""

    THROTTLED = "not executed, for now"
    UNKNOWN = "nobody can tell"
    GONE = "nothing is there"
    CONFLICT = "something is in its way"
    REFUSED = "not executed, and will not be"


class Next(Enum):
    """What to do about it."""

    AGAIN = "send it again"
    LOOK = "see what is there, then decide"
    DONE = "it is as it should be"
    STOP = "give this one up"


TABLE = {
    (Purpose.READ, Fate.THROTTLED): Next.AGAIN,
    (Purpose.READ, Fate.UNKNOWN): Next.AGAIN,
    (Purpose.UPDATE, Fate.THROTTLED): Next.AGAIN,
    (Purpose.UPDATE, Fate.UNKNOWN): Next.AGAIN,
    (Purpose.CREATE, Fate.THROTTLED): Next.AGAIN,
    (Purpose.CREATE, Fate.UNKNOWN): Next.LOOK,
    (Purpose.CREATE, Fate.GONE): Next.LOOK,
    (Purpose.DELETE, Fate.THROTTLED): Next.AGAIN,
    (Purpose.DELETE, Fate.UNKNOWN): Next.LOOK,
    (Purpose.DELETE, Fate.GONE): Next.DONE,
}
"""Everything else is given up. A creation that is told that nothing is there may have been made all the same:
nothing has to be there for it."""

STATUSES: dict[int, Fate] = {HTTPStatus.NOT_FOUND: Fate.GONE, HTTPStatus.CONFLICT: Fate.CONFLICT}


def fate(error: AirflowError) -> Fate:
    """What became of the call that ended in ``error``."""
    if isinstance(error, Throttled):
        return Fate.THROTTLED
    if isinstance(error, Rejected):
        return STATUSES.get(error.status, Fate.REFUSED)
    if isinstance(error, NotApplied):
        return Fate.REFUSED
    return Fate.UNKNOWN if error.executed is None else Fate.REFUSED


def next_step(purpose: Purpose, error: AirflowError, *, in_doubt: bool = False) -> Next:
    """What to do about a call that failed; ``in_doubt`` if an earlier try of it may have been executed.

    A creation that meets a conflict may then have met its own first try.
    """
    found = fate(error)
    if in_doubt and (purpose, found) == (Purpose.CREATE, Fate.CONFLICT):
        return Next.LOOK
    return TABLE.get((purpose, found), Next.STOP)


@dataclass(frozen=True)
class Patience:
    """How long a run keeps trying: ``deadline`` is an instant of ``clock``, in seconds.

    ``sleep`` must return early when somebody asks the run to stop, and ``stopped`` tell of it.
    """

    deadline: float = float("inf")
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    stopped: Callable[[], bool] = field(default=lambda: False)
    seconds: float = float("inf")
    """How long a run may take from the moment it starts."""

    def started(self) -> "Patience":
        """The same for a run that starts now: planning, and waiting for an answer, do not count."""
        return replace(self, deadline=self.clock() + self.seconds)

    @property
    def is_over(self) -> bool:
        """Whether the run's time has come."""
        return self.clock() >= self.deadline

    def keep_trying(self, purpose: Purpose, work: Callable[[], T]) -> T:
        """What ``work`` gives, tried again with growing pauses as long as the table allows.

        Raises the last error where it does not, or where the time is over.
        """
        import tenacity  # noqa: PLC0415 - it takes 25 ms to import, and validate needs none of it

        def is_worth_it(error: BaseException) -> bool:
            return isinstance(error, AirflowError) and next_step(purpose, error) in {Next.AGAIN, Next.LOOK}

        def is_enough(state: tenacity.RetryCallState) -> bool:
            return state.attempt_number >= TRIES or self.is_over or self.stopped()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_worth_it),
            stop=is_enough,
            wait=tenacity.wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(work)
