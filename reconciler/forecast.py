"""How many calls an apply is going to make when nothing goes wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.airflow import Reading
from reconciler.batches import Batch, batches
from reconciler.dialects import Dialect
from reconciler.kinds import BY_NAME, KINDS, Kind
from reconciler.model import Key, State
from reconciler.plan import Action, Calls, Change


@dataclass(frozen=True)
class Listings:
    """How many pages the listings of an environment have, now and after changes."""

    dialect: Dialect
    reading: Reading

    def pages(self, kind: Kind, done: Sequence[Change] = ()) -> int:
        """The calls that a listing of ``kind`` takes once ``done`` is carried out."""
        mine = [change.action for change in done if change.key.kind == kind.name]
        more = mine.count(Action.CREATE) - mine.count(Action.DELETE)
        before = self.reading.totals[kind.name]
        page = self.dialect.page_size(self.reading.first_pages[kind.name], before)
        return max(1, -(-(before + more) // page))

    def asks_each(self, kind: Kind, wanted: int, done: Sequence[Change], details: int = 0) -> bool:
        """Whether asking for so many resources one by one takes fewer calls than listing all of them."""
        return wanted < self.pages(kind, done) + details


def calls(reads: int, listings: Listings, changes: Sequence[Change], desired: State, current: State) -> Calls:
    """The calls of a plan that has made ``reads``, and what an apply of it needs in all."""
    dialect = listings.dialect
    writing = [change for change in changes if not change.action.only_ledger]
    steps = batches(dialect, writing, desired, current)
    writes = sum(_writes(dialect, step, desired) for step in steps)
    looks = sum(_looks(listings, step, steps[:number]) for number, step in enumerate(steps))
    each, kinds = verification(listings, writing, desired)
    pages = sum(listings.pages(kind, writing) for kind in kinds)
    named = {kind.name for kind in kinds}
    details = sum(change.key.kind in named for change in detailed(dialect, writing, desired))
    return Calls(reads, reads + looks + len(each) + pages + details, writes)


def verification(
    listings: Listings, changes: Sequence[Change], desired: State
) -> tuple[tuple[Key, ...], tuple[Kind, ...]]:
    """What is read to see how ``changes`` have come out, ids one by one or kinds whole."""
    each, whole = list[Key](), list[Kind]()
    for kind in KINDS:
        mine = [change for change in changes if change.key.kind == kind.name]
        if not mine:
            continue
        details = len(detailed(listings.dialect, mine, desired))
        if listings.asks_each(kind, len(mine), changes, details):
            each += [change.key for change in mine]
        else:
            whole.append(kind)
    return tuple(each), tuple(whole)


def _writes(dialect: Dialect, batch: Batch, desired: State) -> int:
    (change, *_) = batch.changes
    return 1 if batch.is_shared else len(dialect.writes(change, desired.get(change.key)))


def _looks(listings: Listings, batch: Batch, before: Sequence[Batch]) -> int:
    """Reads of what lives just before a write: of deletes always, of creates that would overwrite."""
    kind = BY_NAME[batch.kind]
    if batch.action is Action.DELETE and batch.is_shared:
        done = [change for one in before for change in one.changes]
        each = listings.asks_each(kind, len(batch.changes), done)
        return len(batch.changes) if each else listings.pages(kind, done)
    if batch.action is Action.CREATE:
        return int(listings.dialect.upserts(kind))
    return int(batch.action in {Action.DELETE, Action.REPLACE})


def detailed(dialect: Dialect, changes: Sequence[Change], desired: State) -> list[Change]:
    """Changes whose outcome a listing does not show."""
    return [
        change
        for change in changes
        if change.key in desired
        and "extra" in desired[change.key].fields
        and dialect.lacks_extra(BY_NAME[change.key.kind])
    ]
