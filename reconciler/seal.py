"""Makes a declared and a live state comparable without anyone downstream seeing a secret."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from reconciler.kinds import BY_NAME, is_empty
from reconciler.kinds.json_text import stored_text
from reconciler.model import (
    MASK,
    Hidden,
    Key,
    Path,
    Resource,
    Sealed,
    Secret,
    State,
    fits_mask,
    mapped_secrets,
    secrets_in,
)
from reconciler.records import is_under, leaves, pointer

Fingerprint = Callable[[str], str]
"""A keyed digest of a text; the key lives as long as the run."""


Places = Collection[str]
"""Pointers to leaves that once held a secret: what stands there is sealed on both sides, whatever it is."""


def seal(
    desired: State, current: State, fingerprint: Fingerprint, once_secret: Mapping[Key, Places] | None = None
) -> tuple[State, State]:
    """Both states with secrets as ``Sealed`` and live values that Airflow hides as ``Hidden``."""
    ours: dict[Key, Resource] = {}
    theirs = dict(current)
    known = once_secret or {}
    for key, resource in desired.items():
        if key in current:
            ours[key], theirs[key] = seal_pair(resource, current[key], fingerprint, known.get(key, ()))
        else:
            ours[key] = replace(resource, fields=_sealed(resource.fields, fingerprint))
    return ours, theirs


def seal_pair(
    desired: Resource, current: Resource, fingerprint: Fingerprint, once_secret: Places = ()
) -> tuple[Resource, Resource]:
    """One resource in both its states, field by field in the form in which the two compare."""
    kind = BY_NAME[desired.key.kind]
    ours, theirs = {}, dict(current.fields)
    for name, declared in desired.fields.items():
        pair = kind.field(name).pair(declared, current.fields.get(name))
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
    if any(True for _ in secrets_in(declared)):
        return _sealed_whole(live, fingerprint)
    if isinstance(live, str) and MASK in live and live != declared:
        return Hidden("masked") if fits_mask(live, stored_text(declared)) else live
    return live


def _cover_other(siblings: Any, live: Any, fingerprint: Fingerprint) -> Any:
    """A value that git does not declare: beside secrets it may be one that was renamed or withdrawn."""
    return _sealed_whole(live, fingerprint) if any(True for _ in secrets_in(siblings)) else live


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
