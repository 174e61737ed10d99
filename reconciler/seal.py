"""Makes a declared and a live state comparable without anyone downstream seeing a secret."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from reconciler.kinds import BY_NAME
from reconciler.kinds.json_text import stored_text
from reconciler.model import (
    MASK,
    Hidden,
    Resource,
    Sealed,
    Secret,
    State,
    fits_mask,
    mapped_secrets,
    secrets_in,
)

Fingerprint = Callable[[str], str]
"""A keyed digest of a text; the key lives as long as the run."""


def seal(desired: State, current: State, fingerprint: Fingerprint) -> tuple[State, State]:
    """Both states with secrets as ``Sealed`` and live values that Airflow hides as ``Hidden``."""
    ours: dict[Any, Resource] = {}
    theirs = dict(current)
    for key, resource in desired.items():
        if key in current:
            ours[key], theirs[key] = seal_pair(resource, current[key], fingerprint)
        else:
            ours[key] = replace(resource, fields=_sealed(resource.fields, fingerprint))
    return ours, theirs


def seal_pair(desired: Resource, current: Resource, fingerprint: Fingerprint) -> tuple[Resource, Resource]:
    """One resource in both its states, field by field in the form in which the two compare."""
    kind = BY_NAME[desired.key.kind]
    ours, theirs = {}, dict(current.fields)
    for name, declared in desired.fields.items():
        pair = kind.field(name).pair(declared, current.fields.get(name))
        ours[name], theirs[name] = _sealed(pair[0], fingerprint), _cover(*pair, fingerprint)
    return replace(desired, fields=ours), replace(current, fields=theirs)


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
    """Whatever stands in place of secrets, as something that nobody can read and nothing equals."""
    if live is None or isinstance(live, Sealed | Hidden):
        return live
    return Sealed("", fingerprint(stored_text(live)))
