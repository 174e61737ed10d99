"""What the checks are done with."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from reconciler.backends import RawAnswer
from reconciler.diagnosis import Finding, skipped
from reconciler.secrets import Secrets
from reconciler.session import Watcher


@dataclass(frozen=True)
class Means:
    """Where secrets come from, what may be written, who is told of calls and who may end the run.

    ``clock`` tells the seconds since 1970; ``tell`` takes what must be known although no result is shown.
    """

    secrets: Secrets
    scratch: bool = False
    """Whether objects with a name of our own may be made and removed again."""
    watcher: Watcher = field(default_factory=Watcher)
    tell: Callable[[str], None] = lambda _text: None
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    stopped: Callable[[], bool] = field(default=lambda: False)


@dataclass
class Wire:
    """The last answer as it came, and by how much its sender's clock is ahead of ours."""

    clock: Callable[[], float]
    last: RawAnswer | None = None
    ahead: float | None = None

    def witness(self, answer: RawAnswer) -> None:
        """Notes an answer that has just come."""
        self.last = answer
        self.note_date(answer.headers)

    def note_date(self, headers: Mapping[str, str]) -> None:
        """Holds the ``date`` of an answer's headers against our clock; HTTP dates are whole seconds."""
        with contextlib.suppress(KeyError, TypeError, ValueError):
            self.ahead = parsedate_to_datetime(headers["date"]).timestamp() - self.clock()

    @property
    def arrived_as(self) -> str:
        """The HTTP status of the last answer, with the error code of the service where it has one."""
        if self.last is None:
            return "without an answer"
        code = self.last.headers.get("x-amzn-errortype", "").partition(":")[0]
        return f"as {code}, HTTP {self.last.status}" if code else f"with HTTP {self.last.status}"


def all_skipped(checks: Iterable[str], why: str) -> Iterator[Finding]:
    """One row for each check that cannot be made."""
    return (skipped(check, why) for check in checks)
