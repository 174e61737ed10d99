"""Makes a declared and a live state comparable without anyone downstream seeing a secret."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from reconciler.compare import same
from reconciler.kinds import BY_NAME, is_empty
from reconciler.kinds.json_text import stored_text
from reconciler.kinds.table import Field
from reconciler.model import (
    ATOMS,
    MASK,
    Hidden,
    Key,
    Path,
    Resource,
    Sealed,
    Secret,
    State,
    fits_mask,
    holds_secrets,
    mapped_secrets,
)
from reconciler.records import is_under, leaves, pointer

Fingerprint = Callable[[str], str]
"""A keyed digest of a text; the key lives as long as the run."""


Places = Collection[str]
"""Pointers to leaves that once held a secret: what stands there is sealed on both sides, whatever it is."""


class _Sealing(Mapping[Key, Resource]):
    """A state that is sealed resource by resource, once somebody asks: most of them nobody does."""

    def __init__(self, state: State, sealed: Callable[[Key], Resource]) -> None:
        self._state = state
        self._sealed = sealed

    def __getitem__(self, key: Key) -> Resource:
        return self._sealed(key)

    def __contains__(self, key: object) -> bool:
        return key in self._state

    def __iter__(self) -> Iterator[Key]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)


def seal(
    desired: State, current: State, fingerprint: Fingerprint, once_secret: Mapping[Key, Places] | None = None
) -> tuple[State, State]:
    """Both states with secrets as ``Sealed`` and live values that Airflow hides as ``Hidden``."""
    known = once_secret or {}

    @cache
    def pair(key: Key) -> tuple[Resource, Resource]:
        return seal_pair(desired[key], current[key], fingerprint, known.get(key, ()))

    def ours(key: Key) -> Resource:
        if key in current:
            return pair(key)[0]
        return replace(desired[key], fields=_sealed(desired[key].fields, fingerprint))

    def theirs(key: Key) -> Resource:
        return pair(key)[1] if key in desired else current[key]

    return _Sealing(desired, ours), _Sealing(current, theirs)


SCALARS = frozenset({str, int, bool})
"""The types of what is equal in every form if it is equal as it stands; nothing is not among them."""


LONG = 20_000
"""Characters of a text that is left to the comparison, so that it is not parsed twice."""


def alike(desired: State, current: State) -> set[Key]:
    """Resources of which sealing and comparing would find nothing, told without doing so."""
    living = current.get
    return {
        key
        for key, resource in desired.items()
        if (live := living(key)) is not None and is_alike(resource, live)
    }


def is_alike(desired: Resource, current: Resource) -> bool:
    """Whether every compared field is strictly what lives: then it holds no secret, and no mask matters.

    Equal values are sealed, hidden and covered alike, whatever once was a secret among them.
    """
    declared, live = desired.fields, current.fields
    unlike = [
        name
        for name in desired.compared()
        if type(one := declared[name]) not in SCALARS
        or type(one) is not type(live.get(name))
        or one != live[name]
    ]
    field = BY_NAME[desired.key.kind].field
    return not unlike or all(_is_alike(field(name), declared[name], live.get(name)) for name in unlike)


def _is_alike(field: Field, declared: Any, live: Any) -> bool:
    if field.json_text and _is_stored(declared, live):
        return True
    is_long = isinstance(live, str) and len(live) > LONG
    return not is_long and same(*field.pair(declared, live))


def _is_stored(declared: Any, live: Any) -> bool:
    """Whether what lives is the very text that would be written."""
    try:
        return bool(stored_text(declared) == live)
    except TypeError:  # with a secret in it this is no JSON
        return False


def seal_pair(
    desired: Resource, current: Resource, fingerprint: Fingerprint, once_secret: Places = ()
) -> tuple[Resource, Resource]:
    """One resource in both its states, field by field in the form in which the two compare."""
    kind = BY_NAME[desired.key.kind]
    ours, theirs = {}, dict(current.fields)
    for name, declared in desired.fields.items():
        live = current.fields.get(name)
        pair = kind.field(name).pair(declared, live)
        ours[name], theirs[name] = pair
        if holds_secrets(pair[0]) or (_may_hold_masks(live) and _holds_masks(pair[1])):
            ours[name], theirs[name] = _sealed(pair[0], fingerprint), _cover(*pair, fingerprint)
    if once_secret:
        ours = {name: _sealed_at(ours[name], (name,), once_secret, fingerprint) for name in ours}
        theirs = {name: _sealed_at(theirs[name], (name,), once_secret, fingerprint) for name in theirs}
    return replace(desired, fields=ours), replace(current, fields=theirs)


def _sealed_at(value: Any, path: Path, places: Places, fingerprint: Fingerprint) -> Any:
    """``value`` with whatever stands at, or in the way to, a place that once held a secret sealed."""
    place = pointer(path)
    if not any(is_under(one, place) for one in places):
        return value
    if isinstance(value, dict) and value and place not in places:
        return {name: _sealed_at(item, (*path, name), places, fingerprint) for name, item in value.items()}
    if isinstance(value, list) and value and place not in places:
        return [_sealed_at(item, (*path, at), places, fingerprint) for at, item in enumerate(value)]
    return value if is_empty(value) else _sealed_whole(value, fingerprint)


def _sealed(value: Any, fingerprint: Fingerprint) -> Any:
    return mapped_secrets(value, lambda secret: secret.sealed(fingerprint))


def _may_hold_masks(shown: Any) -> bool:
    """Whether a value as Airflow shows it has to be looked into; a JSON text may spell a mask by escapes."""
    return not isinstance(shown, str) or MASK in shown or "\\" in shown


def _holds_masks(live: Any) -> bool:
    """Whether Airflow hides anything of a living value, as a whole or in part."""
    if isinstance(live, str):
        return MASK in live
    items = live.values() if isinstance(live, dict) else live if isinstance(live, list) else ()
    held = [item for item in items if (MASK in item if type(item) is str else type(item) not in ATOMS)]
    return any(map(_holds_masks, held))


def _cover(declared: Any, live: Any, fingerprint: Fingerprint) -> Any:
    """The live value with each mask that the declared one fits hidden, and sealed where secrets belong."""
    if isinstance(declared, Secret):
        return _cover_secret(declared, live, fingerprint)
    if isinstance(declared, Mapping) and isinstance(live, dict):
        return {
            name: _cover(declared[name], item, fingerprint)
            if name in declared
            else _cover_other(declared, item, fingerprint)
            for name, item in live.items()
        }
    if isinstance(declared, list) and isinstance(live, list) and len(declared) == len(live):
        return [_cover(one, other, fingerprint) for one, other in zip(declared, live, strict=True)]
    return _cover_mask(declared, live, fingerprint)


def _cover_secret(declared: Secret, live: Any, fingerprint: Fingerprint) -> Any:
    if not isinstance(live, str):
        return _sealed_whole(live, fingerprint)
    if live == MASK:
        return Hidden("hidden")
    if MASK in live and declared.fits(live):
        return Hidden("masked")
    return Sealed(declared.ref, fingerprint(live))


def _cover_mask(declared: Any, live: Any, fingerprint: Fingerprint) -> Any:
    if live == MASK:
        return live if declared == MASK else Hidden("hidden")
    if holds_secrets(declared):
        return _sealed_whole(live, fingerprint)
    if isinstance(live, str) and MASK in live and live != declared:
        return Hidden("masked") if fits_mask(live, stored_text(declared)) else live
    return live


def _cover_other(siblings: Any, live: Any, fingerprint: Fingerprint) -> Any:
    """A value that git does not declare: beside secrets it may be one that was renamed or withdrawn."""
    return _sealed_whole(live, fingerprint) if holds_secrets(siblings) else live


def _sealed_whole(live: Any, fingerprint: Fingerprint) -> Any:
    """Whatever stands in place of secrets, as something that nobody can read and nothing equals.

    With a part that cannot be compared the whole cannot.
    """
    if live is None or isinstance(live, Sealed | Hidden):
        return live
    parts = [leaf for _, leaf in leaves(live, ())]
    hidden = next((part for part in parts if isinstance(part, Hidden)), None)
    if hidden is not None:
        return hidden
    unread = [part for part in parts if isinstance(part, Sealed) and part.fingerprint is None]
    if unread:
        return Sealed("", None, missing=any(part.missing for part in unread))
    return Sealed("", fingerprint(_spelled_out(live)))


def _spelled_out(value: Any) -> str:
    """A value in one spelling, sealed parts by their references and fingerprints."""
    return json.dumps(value, sort_keys=True, default=_part)


def _part(value: Sealed) -> Any:
    """What stands in a spelling for a part that is sealed already."""
    return [value.ref, value.fingerprint]
