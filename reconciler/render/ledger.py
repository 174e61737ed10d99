"""A ledger as people read it at a terminal."""

from collections.abc import Iterator

from reconciler.kinds import KINDS
from reconciler.ledger import Entry, Ledger
from reconciler.model import Key


def ledger_text(target: str, place: str, ledger: Ledger, *, is_locked: bool) -> str:
    """What is owned, kind by kind; no mark and no value is among it."""
    head = f"{ledger.binding.name}  {target} · ledger {place} · serial {ledger.serial}"
    lines = [head, *_lease(ledger, is_locked=is_locked), "", *map(_entry, sorted(ledger.entries.items()))]
    counts = [
        f"{number} {kind.name if number == 1 else kind.collection}"
        for kind in KINDS
        if (number := sum(key.kind == kind.name for key in ledger.entries))
    ]
    return "\n".join([*lines, f"Owned: {', '.join(counts) or 'nothing'}."]) + "\n"


def _lease(ledger: Ledger, *, is_locked: bool) -> Iterator[str]:
    if ledger.lease is not None:
        state = "locked by" if is_locked else "left locked, and the lease has run out, by"
        yield f"{state} {ledger.lease.holder} since {ledger.lease.since}; lease {ledger.lease.id}"


def _entry(entry: tuple[Key, Entry]) -> str:
    key, one = entry
    notes = [
        *(["protected"] if one.protect else []),
        *([f"{one.pending.action.value} pending"] if one.pending else []),
        *([", ".join(sorted(one.fields))] if one.fields else []),
    ]
    return f"  {key.kind} {key.id}: {'; '.join(notes) or 'nothing recorded'}"
