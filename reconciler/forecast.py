"""How many calls an apply is going to make when nothing goes wrong."""

from reconciler.airflow import Reading
from reconciler.dialects import Dialect
from reconciler.kinds import BY_NAME, KINDS, Kind
from reconciler.model import State
from reconciler.plan import Action, Calls, Change


def calls(
    reads: int, dialect: Dialect, changes: tuple[Change, ...], desired: State, reading: Reading
) -> Calls:
    """The calls of a plan that has made ``reads``, and what an apply of it needs in all."""
    writing = tuple(change for change in changes if not change.action.only_ledger)
    writes = sum(len(dialect.writes(change, desired.get(change.key))) for change in writing)
    looks = sum(_looks_first(dialect, change) for change in writing)
    checks = sum(_verification(dialect, kind, writing, desired, reading) for kind in touched_kinds(writing))
    return Calls(reads, reads + looks + checks, writes)


def touched_kinds(changes: tuple[Change, ...]) -> tuple[Kind, ...]:
    """The kinds that some change is about."""
    names = {change.key.kind for change in changes}
    return tuple(kind for kind in KINDS if kind.name in names)


def _looks_first(dialect: Dialect, change: Change) -> bool:
    """Whether the resource is read again before the write: deletes always, upserting creates too."""
    if change.action is Action.CREATE:
        return dialect.upserts(BY_NAME[change.key.kind])
    return change.action in {Action.DELETE, Action.REPLACE}


def _verification(
    dialect: Dialect, kind: Kind, changes: tuple[Change, ...], desired: State, reading: Reading
) -> int:
    """Reads that verify one kind: its pages as they will be, and details of what was touched."""
    mine = [change for change in changes if change.key.kind == kind.name]
    created = sum(change.action is Action.CREATE for change in mine)
    deleted = sum(change.action is Action.DELETE for change in mine)
    total = reading.totals[kind.name] + created - deleted
    page = dialect.page_size(reading.first_pages[kind.name], reading.totals[kind.name])
    details = sum(
        change.key in desired and "extra" in desired[change.key].fields and dialect.lacks_extra(kind)
        for change in mine
    )
    return max(1, -(-total // page)) + details
