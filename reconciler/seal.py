"""Makes a declared and a live state comparable without anyone downstream seeing a secret."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from reconciler.kinds import BY_NAME
from reconciler.kinds.variable import stored_text
from reconciler.model import MASK, Hidden, Resource, Sealed, Secret, State, fits_mask, mapped_secrets

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
        ours[name], theirs[name] = _cover(*pair, fingerprint)
    return replace(desired, fields=ours), replace(current, fields=theirs)


def _sealed(value: Any, fingerprint: Fingerprint) -> Any:
    return mapped_secrets(value, lambda secret: secret.sealed(fingerprint))


def _cover(declared: Any, live: Any, fingerprint: Fingerprint) -> tuple[Any, Any]:
    """The pair with secrets sealed on both sides, and each mask that the declared value fits hidden."""
    if isinstance(declared, Secret):
        return declared.sealed(fingerprint), _cover_secret(declared, live, fingerprint)
    if isinstance(declared, Mapping) and isinstance(live, dict):
        pairs = {name: _cover(declared[name], live[name], fingerprint) for name in declared if name in live}
        ours = {
            name: pairs[name][0] if name in pairs else _sealed(declared[name], fingerprint)
            for name in declared
        }
        return ours, {name: pairs[name][1] if name in pairs else live[name] for name in live}
    if isinstance(declared, list) and isinstance(live, list) and len(declared) == len(live):
        sides = [_cover(one, other, fingerprint) for one, other in zip(declared, live, strict=True)]
        return [ours for ours, _ in sides], [theirs for _, theirs in sides]
    return _sealed(declared, fingerprint), _cover_mask(declared, live)


def _cover_secret(declared: Secret, live: Any, fingerprint: Fingerprint) -> Any:
    if not isinstance(live, str):
        return live
    if live == MASK:
        return Hidden("hidden")
    if MASK in live and declared.fits(live):
        return Hidden("masked")
    return Sealed(declared.ref, fingerprint(live))


def _cover_mask(declared: Any, live: Any) -> Any:
    if not isinstance(live, str) or MASK not in live:
        return live
    if live == MASK:
        return Hidden("hidden")
    return Hidden("masked") if _shown_as(declared, live) else live


def _shown_as(declared: Any, pattern: str) -> bool:
    holds_secrets = _sealed(declared, str) != declared
    return not holds_secrets and fits_mask(pattern, stored_text(declared))
