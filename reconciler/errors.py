"""Every error this program raises on purpose, each with the exit code it ends in.

ReconcilerError                 1   usage, files, credentials, server
├── UsageError                  1   options that make no sense together, a selection that matches nothing
├── ManifestError               1   every problem found in the files of one environment
├── SecretError                 1   a secret that has to be sent cannot be resolved
├── AirflowError                1   the environment could not be asked, or gave no usable answer
│   ├── Unreachable             1   no connection, no name, time-out: whether the call was executed is unknown
│   ├── AccessDenied            1   401, 403, missing IAM permission
│   ├── EnvironmentNotFound     1   no environment of that name
│   ├── Throttled               1   429: not executed
│   ├── Rejected                1   any other 4xx
│   ├── NotThere             1   what a call is about is not there
│   ├── Overtaken               1   somebody changed the resource since the plan was made
│   ├── NotApplied              1   the answer is 2xx and shows something else than was sent
│   ├── Undecided            1   a run or an event that was sent: whether it is there is unknown
│   ├── ServerFailed            1   5xx: whether the call was executed is unknown
│   │   └── ServiceFailed       1   what stands before Airflow failed, or gave up an answer
│   └── BadAnswer               1   not JSON, cut short, not the documented shape
│       └── Inconsistent        1   pages of a listing that contradict each other
├── Refused                     3   the program declines to act
│   └── WrongAccount            3   credentials of another AWS account than the target names
└── Unexpected                  1   a mistake in this program
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple


class Origin(NamedTuple):
    """A place in a file that a person wrote; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a file: where, what, and what to do about it."""

    origin: Origin
    what: str
    fix: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.origin}: {self.what}" + (f"; {self.fix}" if self.fix else "")


class ReconcilerError(Exception):
    """The base of every error that is shown to a person without a traceback."""

    exit_code: ClassVar[int] = 1


class UsageError(ReconcilerError):
    """Options that make no sense together, or a selection that matches nothing."""


class ManifestError(ReconcilerError):
    """All problems of one environment's files, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


class SecretError(ReconcilerError):
    """A secret that has to be sent cannot be resolved."""


class AirflowError(ReconcilerError):
    """The environment could not be asked, or gave no usable answer."""

    executed: ClassVar[bool | None] = False
    """Whether the call took effect: False when it did not, None when nobody can tell."""


class Unreachable(AirflowError):
    """No connection, no such host, or a time-out."""

    executed = None


class AccessDenied(AirflowError):
    """The credentials are missing, wrong, expired, or lack a permission."""


class EnvironmentNotFound(AirflowError):
    """The service knows no environment of that name."""


class Throttled(AirflowError):
    """Too many requests; the call was not executed."""


class Exhausted(AirflowError):
    """The run's time is over, or too many calls in a row came to nothing; nothing was sent."""


class Rejected(AirflowError):
    """Airflow understood the request and refused it."""

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)


class NotThere(AirflowError):
    """What a call is about is not there, and the call was not executed."""


class Overtaken(AirflowError):
    """Somebody changed the resource since the plan was made; nothing was sent."""


class NotApplied(AirflowError):
    """The answer is 2xx and shows something else than was sent."""

    executed = None


class Undecided(AirflowError):
    """A run or an event was sent, and whether it is there is unknown; it must not be sent again unseen."""

    executed = None


class ServerFailed(AirflowError):
    """The server failed; whether the call was executed is unknown."""

    executed = None


class ServiceFailed(ServerFailed):
    """What stands before Airflow failed, as it also does where an answer is too large or too slow."""


class BadAnswer(AirflowError):
    """The answer is not JSON, is cut short, or contradicts itself."""

    executed = None


class Inconsistent(BadAnswer):
    """A listing contradicts itself: rows moved while it was paged, or it is not shaped like one."""


class Refused(ReconcilerError):
    """The program declines to act, and says what would make it act."""

    exit_code = 3


class WrongAccount(Refused):
    """The credentials belong to another AWS account than the target names."""


class WrongLedger(Refused):
    """The ledger is bound to another environment, or cannot be understood."""


class LedgerChanged(Refused):
    """Another run has written the ledger since this one read it."""


class Locked(Refused):
    """Another run holds the ledger's lease."""


class Guarded(Refused):
    """Guards stand against the plan."""


class StalePermit(Refused):
    """What there is to do now has left the saved plan."""


class LedgerUnavailable(ReconcilerError):
    """Where the ledger is kept cannot be reached, read or written."""


class LedgerUncertain(LedgerUnavailable):
    """Nobody can tell whether the ledger was written."""


class Unexpected(ReconcilerError):
    """A mistake in this program; what caused it might quote values and is only shown on request."""

    def __init__(self, cause: BaseException) -> None:
        self.what = f"unexpected {type(cause).__name__}"
        super().__init__(f"{self.what}; --traceback shows where (it may show values too)")
        self.__cause__ = cause


def why_unreachable(error: BaseException) -> str:
    """What the operating system said below a library's error, such as ``Connection refused``."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and below.strerror:
            return below.strerror
        below = below.__cause__ or below.__context__
    return type(error).__name__
