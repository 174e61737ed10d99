"""What a page leaves out of a long plan: harmless changes alike, and counts of them instead.

Whatever deletes is always shown, and so are violations and warnings.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from reconciler.plan import Action, Change

T = TypeVar("T")

MOST = 15
"""How many alike are shown as they are."""

SHOWN = 10
"""How many are shown of more than that."""

ALWAYS_SHOWN = frozenset({Action.DELETE, Action.REPLACE})


@dataclass(frozen=True)
class Folded(Generic[T]):
    """So many more like ``first``, none of which is shown."""

    first: T
    number: int


def folded(items: Sequence[T], alike: Callable[[T], Hashable | None]) -> Iterator[T | Folded[T]]:
    """``items``, with the rest of each long group counted where it begins; ``None`` belongs to no group."""
    groups = [alike(item) for item in items]
    sizes, seen = Counter(groups), Counter[Hashable | None]()
    for item, group in zip(items, groups, strict=True):
        seen[group] += 1
        if group is None or sizes[group] <= MOST or seen[group] <= SHOWN:
            yield item
        elif seen[group] == SHOWN + 1:
            yield Folded(item, sizes[group] - SHOWN)


def kind_of_change(change: Change) -> Hashable | None:
    """What makes two changes alike; nothing does where something is lost."""
    if change.action in ALWAYS_SHOWN:
        return None
    return change.action, change.key.kind, change.reason
