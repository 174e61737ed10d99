"""Which changes share a call, and in which order calls are made."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.backends import wire
from reconciler.dialects import Dialect
from reconciler.model import State
from reconciler.plan import Action, Change

SHARED_FROM = 10
"""So few changes take a call each: that is a second at MWAA's quota, and each answer shows its own object."""

MOST_SHARED = 400
"""Changes of one call: creating as many connections takes Airflow 1.4 s, and MWAA ends a call after ten."""

MOST_CHARACTERS = 1_000_000
"""Of the values of one call; no limit of InvokeRestApi's requests is documented."""


@dataclass(frozen=True)
class Batch:
    """Changes that are carried out together: one that takes its own calls, or several that share one."""

    changes: tuple[Change, ...]

    @property
    def is_shared(self) -> bool:
        """Whether one call carries out all of it."""
        return len(self.changes) > 1

    @property
    def action(self) -> Action:
        """What is done to all of them."""
        return self.changes[0].action

    @property
    def kind(self) -> str:
        """What all of them are."""
        return self.changes[0].key.kind


def batches(dialect: Dialect, changes: Sequence[Change], desired: State, current: State) -> tuple[Batch, ...]:
    """All changes, in the order of the first of each batch."""
    if len(changes) < SHARED_FROM:
        return tuple(Batch((change,)) for change in changes)
    groups: dict[tuple[str, ...], list[Change]] = {}
    for number, change in enumerate(changes):
        group = dialect.bulk_group(change, desired.get(change.key), current.get(change.key))
        name = (str(number),) if group is None else (change.key.kind, *group)
        groups.setdefault(name, []).append(change)
    place = {change.key: number for number, change in enumerate(changes)}
    found = [batch for group in groups.values() for batch in _split(dialect, group, desired)]
    return tuple(sorted(found, key=lambda batch: place[batch.changes[0].key]))


def _split(dialect: Dialect, group: list[Change], desired: State) -> Iterator[Batch]:
    """The batches of changes that may share calls, if there are enough of them for that."""
    if len(group) < SHARED_FROM:
        yield from (Batch((change,)) for change in group)
        return
    begun, characters = list[Change](), 0
    for change in group:
        size = _size(dialect, change, desired)
        if begun and (len(begun) == MOST_SHARED or characters + size > MOST_CHARACTERS):
            yield Batch(tuple(begun))
            begun, characters = [], 0
        begun.append(change)
        characters += size
    yield Batch(tuple(begun))


def _size(dialect: Dialect, change: Change, desired: State) -> int:
    """How many characters a change adds to a call; what shares one holds no secret."""
    return len(json.dumps(wire.encode(dialect.bulk_request((change,), desired).body)))
