"""Two values held against each other, leaf by leaf; the answer says what differs without showing secrets."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal

from reconciler.kinds import BY_NAME
from reconciler.kinds.secrecy import looks_secret, tells_secrets
from reconciler.model import (
    ATOMS,
    Hidden,
    Key,
    Path,
    Resource,
    Sealed,
    Secret,
    Why,
    canonical_digest,
    canonical_text,
    text_digest,
)
from reconciler.records import pointer

MarksBelow = Callable[[str], Mapping[str, str]]
"""The marks of all leaves at or below a place."""


class Absent(Enum):
    """The one value that stands for a side that is not there at all."""

    NOTHING = "nothing"


NOTHING = Absent.NOTHING


Cause = Literal["manifest", "drift", "withdrawn", "secret_rotated", "secret_resend"]


@dataclass(frozen=True)
class FieldChange:
    """One leaf that differs. A secret one has neither value, only the reference where there is one.

    ``cause`` is what the ledger says of it, ``written`` whether what git declares is what we last wrote;
    without a ledger the manifests are the record of that.
    """

    path: Path
    before: Any = NOTHING
    after: Any = NOTHING
    secret: bool = False
    ref: str | None = None
    cause: Cause = "manifest"
    written: bool = True


@dataclass(frozen=True)
class Unverified:
    """A declared leaf that cannot be held against the live one, and why."""

    key: Key
    path: Path
    why: Why
    ref: str | None = None


Finding = FieldChange | Unverified


def same(before: Any, after: Any) -> bool:
    """Strict equality, types included: ``true``, ``1`` and ``1.0`` are three values, at every depth."""
    if type(before) in ATOMS:
        return type(before) is type(after) and bool(before == after)
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(map(same, before.values(), map(after.get, before)))
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(same, before, after))
    return type(before) is type(after) and bool(before == after)


def compare_resources(desired: Resource, current: Resource) -> Iterator[Finding]:
    """Every declared leaf that differs or cannot be compared, ignored fields aside."""
    for name in desired.compared():
        yield from _compare(desired.key, (name,), current.fields.get(name), desired.fields[name])


def created_leaves(desired: Resource) -> Iterator[Finding]:
    """Every declared field of a resource that is not there yet; those that hold secrets leaf by leaf."""
    for name, value in desired.fields.items():
        yield from _replaced(desired.key, (name,), NOTHING, value)


def lost_leaves(desired: Resource, current: Resource) -> Iterator[Finding]:
    """What lives in fields that git does not declare or is to ignore, and that a new row would not have."""
    kind = BY_NAME[desired.key.kind]
    for name in kind.field_names:
        live = current.fields.get(name)
        if name in desired.ignore and name in desired.fields:
            yield from _compare(desired.key, (name,), live, desired.fields[name])
        elif name not in desired.fields and kind.field(name).pair(None, live)[1] is not None:
            yield from _replaced(desired.key, (name,), live, NOTHING)


def _compare(key: Key, path: Path, before: Any, after: Any) -> Iterator[Finding]:
    if isinstance(after, Sealed):
        yield from _compare_sealed(key, path, before, after)
    elif isinstance(before, Hidden):
        yield Unverified(key, path, before.why)
    elif isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(_unlike(before, after)):
            yield from _compare(key, (*path, name), before.get(name, NOTHING), after.get(name, NOTHING))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            if not _is_same_atom(old, new):
                yield from _compare(key, (*path, index), old, new)
    elif not same(before, after):
        yield from _replaced(key, path, before, after)


def _unlike(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The members that are not simply equal leaves, whichever side they are on."""
    names = after if before.keys() == after.keys() else before.keys() | after.keys()
    return [name for name in names if not _is_same_atom(before.get(name, NOTHING), after.get(name, NOTHING))]


def _is_same_atom(before: Any, after: Any) -> bool:
    """Whether two leaves that hold nothing are equal; most of a large value are, and are not looked into."""
    return type(after) in ATOMS and type(before) is type(after) and bool(before == after)


def _compare_sealed(key: Key, path: Path, before: Any, after: Sealed) -> Iterator[Finding]:
    nothing_there = before is None or before is NOTHING
    why = _why_unverified(before, after)
    if why is not None and (after.missing or not nothing_there):
        yield Unverified(key, path, why, after.ref)
    if nothing_there or (why is None and before != after):
        yield FieldChange(path, secret=True, ref=after.ref or None)


def _why_unverified(before: Any, after: Sealed) -> Why | None:
    """Why a secret cannot be held against what lives, or ``None``."""
    if after.missing:
        return "secret missing"
    if isinstance(before, Hidden):
        return before.why
    return "value not read" if after.fingerprint is None else None


def _replaced(key: Key, path: Path, before: Any, after: Any) -> Iterator[Finding]:
    """The whole of ``before`` gives way to ``after``; where either holds secrets, each leaf is told apart."""
    if isinstance(after, Sealed):
        yield from _compare_sealed(key, path, before, after)
    elif isinstance(after, dict) and tells_secrets(after):
        for name, item in sorted(after.items()):
            yield from _replaced(key, (*path, name), NOTHING, item)
    elif isinstance(after, list) and tells_secrets(after):
        for index, item in enumerate(after):
            yield from _replaced(key, (*path, index), NOTHING, item)
    elif _is_private(key, path, before) or tells_secrets(after):
        yield FieldChange(path, secret=True)
    else:
        yield FieldChange(path, before, after)


def _is_private(key: Key, path: Path, value: Any) -> bool:
    """Whether a value is or looks secret, by its place or by itself."""
    return _is_secret_place(key, path) or _is_opaque_extra(path, value) or tells_secrets(value)


def _is_secret_place(key: Key, path: Path) -> bool:
    named = looks_secret(key.id) if key.kind == "variable" and path[0] == "value" else False
    return named or any(isinstance(step, str) and looks_secret(step) for step in path)


def _is_opaque_extra(path: Path, value: Any) -> bool:
    """Extra that is no JSON object comes back in clear from some versions (apache/airflow#63160)."""
    return path == ("extra",) and isinstance(value, str)


def digest(resource: Resource, names: Iterable[str], marks: MarksBelow = lambda _place: {}) -> str:
    """SHA-256 over canonical JSON of the named fields of a declared resource.

    A secret contributes its reference and, out of ``marks``, its version or keyed digest, never its value;
    so does what stands where a secret once did.
    What only looks secret contributes its mark, or else that it is there: no digest can be searched for it.
    """
    fields = {name: resource.fields[name] for name in names if name in resource.fields}
    text = _harmless(resource.key, fields)
    if text is not None:
        return text_digest(text)
    return canonical_digest(
        {name: _digestible_field(resource.key, name, value, marks) for name, value in fields.items()}
    )


def _harmless(key: Key, fields: Mapping[str, Any]) -> str | None:
    """The canonical text of fields of which no part is, holds or looks like a secret; else ``None``."""
    named = key.kind == "variable" and looks_secret(key.id)
    if named or isinstance(fields.get("extra"), str) or tells_secrets(fields):
        return None
    try:
        return canonical_text(fields)
    except TypeError:  # something hidden is among it, which is no JSON
        return None


def digest_living(current: Resource, desired: Resource, names: Iterable[str]) -> str:
    """The same of what lives, both resources having come out of ``seal``.

    A leaf that Airflow masks counts as what git declares there, if it fits: what is masked changes from
    request to request, and a digest must not.
    """
    live = {name: current.fields.get(name) for name in names}
    text = _harmless(current.key, live)
    if text is not None:
        return text_digest(text)
    readable = {name: _unmasked(value, desired.fields.get(name)) for name, value in live.items()}
    return digest(replace(current, fields=readable), readable)


def _unmasked(live: Any, declared: Any) -> Any:
    if isinstance(live, Hidden):
        return live if declared is None or isinstance(declared, Sealed) else declared
    if isinstance(live, dict) and isinstance(declared, dict):
        return {name: _unmasked(item, declared.get(name)) for name, item in live.items()}
    if isinstance(live, list) and isinstance(declared, list) and len(live) == len(declared):
        return [_unmasked(one, other) for one, other in zip(live, declared, strict=True)]
    if isinstance(live, Sealed) and isinstance(declared, Sealed):
        return Hidden("hidden")
    return live


def _digestible_field(key: Key, name: str, value: Any, marks: MarksBelow) -> Any:
    opaque = _is_opaque_extra((name,), value)
    return _digestible((name,), value, marks, private=opaque or _is_secret_place(key, (name,)))


def _digestible(path: Path, value: Any, marks: MarksBelow, *, private: bool) -> Any:
    """A value as digests take it; ``private`` is what stands in a place whose name looks secret."""
    if isinstance(value, dict):
        return {
            name: _digestible((*path, name), item, marks, private=private or looks_secret(name))
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_digestible((*path, at), item, marks, private=private) for at, item in enumerate(value)]
    if isinstance(value, Sealed | Secret):
        below = marks(pointer(path))
        return {"$secret": value.ref, **({"marks": below} if below else {})}
    if isinstance(value, Hidden):
        return {"$hidden": True}
    if not value or not (private or tells_secrets(value)):
        return value
    place = pointer(path)
    return {"$hidden": marks(place).get(place, True)}
