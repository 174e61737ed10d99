"""What the ledger says of a difference: whose it is, and whether what Airflow hides is what we wrote."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from reconciler.compare import Cause, FieldChange, Finding, Unverified
from reconciler.model import Key
from reconciler.records import UNCOMPARABLE, Marked, Marks, Ordered, Record, ordered, pointer, same_key, top

GRAVITY: tuple[Cause, ...] = ("drift", "manifest", "withdrawn", "secret_rotated", "secret_resend")
"""Of several causes the first is told: that somebody's edit is going to be undone matters most."""

MASKED = "*"
"""Stands among the marks of what lives for a leaf that is hidden: whether it is what we wrote is unknown."""


@dataclass(frozen=True)
class Ownership:
    """What a comparison needs to know of the ledger.

    ``wanted`` is what would be recorded of a declared resource were it written now, ``living`` are the
    marks of what lives; both are asked only where it matters.
    """

    records: Mapping[Key, Record]
    disowned: frozenset[Key]
    """Resources that the ledger names and that turned out not to be ours."""
    wanted: Callable[[Key], Record]
    living: Callable[[Key], Marks]
    withdrawn: Mapping[Key, frozenset[str]]
    """Fields that we wrote and that git no longer declares: they go back to their defaults."""
    has_ledger: bool = True
    is_stored: bool = False
    """Whether there is a ledger already: the salt of a new one does not outlive a run that only plans."""
    is_blank: Callable[[Key, str], bool] = lambda _key, _field: False
    """Whether what we last wrote of a withdrawn field is its default already."""

    def judged(self, key: Key, findings: Iterable[Finding]) -> list[Finding]:
        """Findings about an owned resource, each with its cause; what the marks tell apart is a change."""
        found = list(findings)
        if key not in self.records or not found:
            return found
        judge = _Judge(self, key)
        return [judge.judged(finding) for finding in found]

    def is_current(self, key: Key) -> bool:
        """Whether the ledger says of an owned resource what it should, were nothing written."""
        record, wanted = self.records[key], self.wanted(key)
        return record.settled and (record.marks, record.secrets, record.protect, record.secret_version) == (
            wanted.marks,
            wanted.secrets,
            wanted.protect,
            wanted.secret_version,
        )

    def was_raised(self, key: Key, secret_version: int | None) -> bool:
        """Whether git asks for a resource's secrets to be sent again."""
        if key not in self.records or secret_version is None:
            return False
        return secret_version != self.records[key].secret_version


@dataclass(frozen=True)
class _Judge:
    """One owned resource with its marks in order, since a large value may differ in all of its leaves."""

    known: Ownership
    key: Key

    @cached_property
    def _record(self) -> Record:
        return self.known.records[self.key]

    @cached_property
    def _wanted(self) -> Record:
        return self.known.wanted(self.key)

    @cached_property
    def _written_marks(self) -> Ordered | Marked:
        return ordered(self._record.marks)

    @cached_property
    def _wanted_marks(self) -> Ordered | Marked:
        return ordered(self._wanted.marks)

    @cached_property
    def _living_marks(self) -> Ordered | Marked:
        return ordered(self.known.living(self.key))

    def judged(self, finding: Finding) -> Finding:
        """The finding with its cause, as a change where there is one."""
        cause = self._cause(finding)
        if isinstance(finding, FieldChange):
            return replace(finding, cause=cause or "drift", written=self._is_written(finding))
        if cause is None or finding.why == "secret missing":
            return finding
        return FieldChange(finding.path, secret=True, ref=finding.ref or None, cause=cause, written=False)

    def _cause(self, finding: Finding) -> Cause | None:
        """Why something has to be written; ``None`` where only what lives speaks for it, if anything."""
        name = str(finding.path[0])
        if name in self.known.withdrawn.get(self.key, ()):
            is_blank = isinstance(finding, Unverified) and self.known.is_blank(self.key, name)
            return None if is_blank else "withdrawn"
        place = pointer(finding.path)
        if isinstance(finding, Unverified) or finding.secret:
            return self._cause_of_marks(place)
        if not any(top(written) == name for written in self._record.marks):
            return "manifest"
        living, written = self._living_marks.below(place), self._written_marks.below(place)
        return "manifest" if living == written or MASKED in living.values() else None

    def _cause_of_marks(self, place: str) -> Cause | None:
        places = {**self._wanted_marks.below(place), **self._written_marks.below(place)}
        causes = {_verdict(self._record, self._wanted, one) for one in places}
        return next((cause for cause in GRAVITY if cause in causes), None)

    def _is_written(self, finding: FieldChange) -> bool:
        place = pointer(finding.path)
        return self._wanted_marks.below(place) == self._written_marks.below(place)


def _verdict(record: Record, wanted: Record, place: str) -> Cause | None:
    """Why a leaf that cannot be read is to be written, told from what we wrote and what git wants."""
    if place in record.unsure:
        return "secret_resend"
    ours, before = wanted.marks.get(place), record.marks.get(place)
    if ours is None or before is None:
        return "manifest"
    moved = wanted.secrets.get(place) != record.secrets.get(place)
    if ours == before:
        return "manifest" if moved and ours[:2] in {"v:", UNCOMPARABLE} else None
    if moved or not wanted.secrets.get(place):
        return "manifest"
    if UNCOMPARABLE in {ours, before}:
        return None if ours == UNCOMPARABLE else "secret_resend"
    return "secret_rotated" if same_key(ours, before) else "secret_resend"


NOTHING_OWNED = Ownership({}, frozenset(), lambda _key: Record(), lambda _key: {}, {}, has_ledger=False)
"""What holds without a ledger."""
