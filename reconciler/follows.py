"""What is done after an apply that has changed something: events created, DAG runs started."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from reconciler.model import Key

COMMIT, CHANGED = "commit", "changed"
"""The names that stand for the commit of the manifests, and for what has been changed."""

MOST_NAMED = 1000
"""Resources that ``changed`` names: an event or a run has to fit into one row of a database."""


@dataclass(frozen=True)
class Follow:
    """One thing to do: an event of the dataset or asset ``subject``, or a run of the DAG of that id.

    ``data`` is the event's ``extra`` or the run's ``conf``, nothing being filled in yet.
    """

    subject: str
    is_event: bool
    data: Mapping[str, Any] = field(default_factory=dict)
    wait: bool = False
    timeout: float | None = None
    """Seconds that a run may take which is waited for; ``None`` for the usual time."""
    when: tuple[str, ...] = ()
    """Patterns of ``kind/id``; without any, every change counts."""

    def is_meant(self, changed: Iterable[Key]) -> bool:
        """Whether any of these changes asks for it."""
        return not self.when or any(
            fnmatchcase(str(key), pattern) for key in changed for pattern in self.when
        )
