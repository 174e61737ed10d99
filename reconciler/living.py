"""What lives, held against the marks of what was written, as far as Airflow shows it."""

from collections.abc import Iterable
from typing import Any

from reconciler.kinds import BY_NAME, is_empty
from reconciler.model import MASK, Hidden, Resource
from reconciler.records import Marker, Marks, field_leaves, is_under, pointer, top


def is_as_written(marks: Marks, secrets: Iterable[str], live: Resource, marker: Marker) -> bool:
    """Whether a living resource still is what the marks say, as far as Airflow shows it.

    Secrets cannot be told, and a mask may hide anything; fields that were never written do not count.
    """
    hidden = tuple(secrets)
    names = {top(place) for place in marks} & live.fields.keys()
    return all(_field_as_written(name, marks, hidden, live, marker) for name in names)


def looks_like(marks: Marks, secrets: Iterable[str], live: Resource, marker: Marker) -> bool:
    """The same for a creation that broke off: optional fields may be empty still (Airflow before 2.9)."""
    required = BY_NAME[live.key.kind].required
    filled = {
        place: mark
        for place, mark in marks.items()
        if top(place) in required or not is_empty(live.fields.get(top(place)))
    }
    return is_as_written(filled, secrets, live, marker)


def _field_as_written(
    name: str, marks: Marks, hidden: tuple[str, ...], live: Resource, marker: Marker
) -> bool:
    seen = {pointer(path): (path, leaf) for path, leaf in field_leaves(live, name)}
    blind = (*hidden, *(place for place, (_, leaf) in seen.items() if is_masked(leaf)))
    shown = {place: one for place, one in seen.items() if not _is_covered(place, blind)}
    wrote = {place for place in marks if top(place) == name and not _is_covered(place, blind)}
    return wrote == shown.keys() and all(
        marker.mark(live.key, path, leaf) == marks[place] for place, (path, leaf) in shown.items()
    )


def is_masked(leaf: Any) -> bool:
    """Whether a living leaf is hidden, wholly or in part."""
    return isinstance(leaf, Hidden) or (isinstance(leaf, str) and MASK in leaf)


def unseen(marks: Marks, secrets: Iterable[str], live: Resource) -> frozenset[str]:
    """The places among ``marks`` at which nobody can see what lives: those of secrets, and masked ones."""
    fields = {top(place) for place in marks} & live.fields.keys()
    masked = (pointer(path) for name in fields for path, leaf in field_leaves(live, name) if is_masked(leaf))
    blind = (*secrets, *masked)
    return frozenset(place for place in marks if _is_covered(place, blind))


def _is_covered(place: str, blind: tuple[str, ...]) -> bool:
    return any(is_under(place, one) or is_under(one, place) for one in blind)
