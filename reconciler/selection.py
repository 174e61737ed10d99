"""Which resources a run is about."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reconciler.errors import UsageError
from reconciler.kinds import KINDS, Kind
from reconciler.model import Key


@dataclass(frozen=True)
class Selection:
    """Kinds, and patterns of ``kind/id``; empty means all."""

    kinds: frozenset[str] = frozenset()
    only: tuple[str, ...] = ()

    def chosen_kinds(self) -> tuple[Kind, ...]:
        """The kinds to read."""
        return tuple(kind for kind in KINDS if not self.kinds or kind.name in self.kinds)

    def __contains__(self, key: Key) -> bool:
        return (not self.kinds or key.kind in self.kinds) and (
            not self.only or any(fnmatchcase(str(key), pattern) for pattern in self.only)
        )

    def check(self, environment: str, keys: Iterable[Key]) -> None:
        """Raises UsageError where a part of the selection matches none of ``keys``."""
        known = [key for key in keys if key in self]
        for pattern in self.only:
            if not any(fnmatchcase(str(key), pattern) for key in known):
                raise UsageError(f"--only {pattern} matches nothing in {environment}; it is KIND/ID")
        if self.kinds and not known:
            kinds = ", ".join(sorted(self.kinds))
            raise UsageError(f"--kind {kinds} matches nothing in {environment}")
