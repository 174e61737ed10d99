"""What is known of a resource that we own: what we last wrote, as marks that no value can be told from.

A mark says where it comes from: ``m:`` a keyed digest of a plain leaf, ``v:`` the version that a secret's
source gives, ``h:KEY:`` a keyed digest of a secret, ``?`` a secret that cannot be compared.
"""

import base64
import hashlib
import hmac
import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from json.encoder import encode_basestring_ascii
from typing import Any

from reconciler.kinds import BY_NAME
from reconciler.model import ATOMS, Key, Path, Resource, Secret, holds_secrets

Marks = Mapping[str, str]
"""Marks by the pointers of their leaves."""

UNCOMPARABLE = "?"
DIGEST_BYTES = 16


@dataclass(frozen=True)
class Record:
    """What we last wrote of one resource, and what holds for it after git has forgotten it."""

    marks: Marks = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Leaves that hold or once held a secret, with the last reference; these stay sealed for good."""
    protect: bool = False
    secret_version: int | None = None
    unsure: frozenset[str] = frozenset()
    """Secrets that an apply was sending when it broke off: nobody knows which value lives."""
    settled: bool = True
    """Whether no apply is known to have broken off on it."""

    @property
    def fields(self) -> frozenset[str]:
        """The top-level fields that we wrote."""
        return frozenset(map(top, self.marks))


def pointer(path: Path) -> str:
    """A path as a JSON Pointer (RFC 6901)."""
    return "".join(map(_step, path))


def _step(step: str | int) -> str:
    return "/" + str(step).replace("~", "~0").replace("/", "~1")


def top(place: str) -> str:
    """The top-level field of a pointer; no kind has one whose name would need escapes."""
    return place[1:].partition("/")[0]


def is_under(place: str, above: str) -> bool:
    """Whether a pointer is another one, or leads into what stands there."""
    return place == above or place.startswith(above + "/")


class Ordered:
    """Marks in the order of their pointers, so that those of one part are found without a look at all."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks

    @cached_property
    def _places(self) -> list[str]:
        return sorted(self._marks)

    def below(self, place: str) -> dict[str, str]:
        """The marks of all leaves at or below ``place``."""
        if place in self._marks:
            return {place: self._marks[place]}
        first = bisect_left(self._places, place + "/")
        last = bisect_left(self._places, place + "0")  # the character after "/"
        return {one: self._marks[one] for one in self._places[first:last]}


def leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Every leaf of a value in its counting form, an empty container being one."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list | tuple) and value:
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def formed(resource: Resource, name: str) -> Any:
    """One field, a declared or a living one, in its counting form."""
    return BY_NAME[resource.key.kind].field(name).form(resource.fields[name])


def field_leaves(resource: Resource, name: str) -> Iterator[tuple[Path, Any]]:
    """The leaves of one field, a declared or a living one."""
    return leaves(formed(resource, name), (name,))


def marked_leaves(key: Key, path: Path, value: Any) -> Iterator[tuple[str, str, Any]]:
    """The leaves of what stands at ``path`` with their pointers, and the texts that bind marks to places."""
    return _bound_leaves(pointer(path), _bound(key, path), value)


def _bound_leaves(place: str, bound: str, value: Any) -> Iterator[tuple[str, str, Any]]:
    if type(value) in ATOMS:
        yield place, bound, value
    elif isinstance(value, (dict, Mapping)) and value:
        for name, item in value.items():
            yield from _bound_leaves(place + _step(name), f"{bound}, {_leaf(name)}", item)
    elif isinstance(value, list | tuple) and value:
        for index, item in enumerate(value):
            yield from _bound_leaves(f"{place}/{index}", f"{bound}, {index}", item)
    else:
        yield place, bound, value


class Marked(Mapping[str, str]):
    """The marks of a resource's leaves, made once they are asked for: of a large value few are."""

    def __init__(
        self,
        resource: Resource,
        names: Iterable[str],
        mark: Callable[[str, Any], str],
        kept: Callable[[dict[str, str]], dict[str, str]] | None = None,
    ) -> None:
        self._resource = resource
        self._names = tuple(names)
        self._mark = mark
        self._kept = kept
        self._values: dict[str, Any] = {}

    def below(self, place: str) -> dict[str, str]:
        """The marks of all leaves at or below ``place``."""
        name, *steps = (step.replace("~1", "/").replace("~0", "~") for step in place[1:].split("/"))
        if name not in self._names:
            return {}
        path: list[str | int] = [name]
        value = self._value(name)
        for step in steps:
            index = _index(value, step)
            if index is None:
                return {}
            path.append(index)
            value = value[index]
        return self._marks(tuple(path), value)

    def _value(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = formed(self._resource, name)
        return self._values[name]

    def _marks(self, path: Path, value: Any) -> dict[str, str]:
        found = marked_leaves(self._resource.key, path, value)
        made = {place: self._mark(bound, leaf) for place, bound, leaf in found}
        return self._kept(made) if self._kept else made

    @cached_property
    def _all(self) -> dict[str, str]:
        return {
            place: mark
            for name in self._names
            for place, mark in self._marks((name,), self._value(name)).items()
        }

    def __getitem__(self, place: str) -> str:
        return (self._all if "_all" in vars(self) else self.below(place))[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __eq__(self, other: object) -> bool:
        return self._all == (other._all if isinstance(other, Marked) else other)

    __hash__ = None  # type: ignore[assignment]


def _index(value: Any, step: str) -> str | int | None:
    """What a step of a pointer is called in a value; ``None`` where it leads nowhere."""
    if isinstance(value, Mapping):
        return step if step in value else None
    if isinstance(value, list | tuple) and step.isdecimal() and int(step) < len(value):
        return int(step) if step == str(int(step)) else None
    return None


def ordered(marks: Marks) -> Ordered | Marked:
    """Marks of which those of one part can be had without a look at all."""
    return marks if isinstance(marks, Marked) else Ordered(marks)


@dataclass(frozen=True)
class Marker:
    """Makes marks: ``salt`` keys those of plain leaves, ``key`` those of secrets without a version."""

    salt: bytes = field(repr=False)
    key: bytes | None = field(default=None, repr=False)

    def marks(self, resource: Resource, names: Iterable[str]) -> dict[str, str]:
        """A mark for each leaf of the named fields."""
        return {
            place: self.mark_of(bound, leaf)
            for name in names
            for place, bound, leaf in marked_leaves(resource.key, (name,), formed(resource, name))
        }

    def mark(self, key: Key, path: Path, leaf: Any) -> str:
        """The mark of one leaf, bound to its resource and place, so that equal values do not look equal."""
        return self.mark_of(_bound(key, path), leaf)

    def mark_of(self, bound: str, leaf: Any) -> str:
        """The same where the text is at hand that binds it, as ``marked_leaves`` gives it."""
        if isinstance(leaf, Secret):
            return self._secret(bound, leaf)
        return "m:" + _digest(self._salted, bound, leaf)

    @cached_property
    def _salted(self) -> hmac.HMAC:
        return hmac.new(self.salt, digestmod=hashlib.sha256)

    def _secret(self, bound: str, secret: Secret) -> str:
        if secret.version is not None:
            return f"v:{secret.version}"
        secret_key = self.key
        if secret_key is None:
            return UNCOMPARABLE
        keyed = hmac.new(secret_key, digestmod=hashlib.sha256)
        digest = secret.digested(lambda text: _digest(keyed, bound, text))
        return UNCOMPARABLE if digest is None else f"h:{key_id(secret_key)}:{digest}"


def derived_key(master: bytes, purpose: str) -> bytes:
    """A key for one purpose out of a longer-lived one: HKDF-SHA256 (RFC 5869), no salt, one block."""
    extracted = hmac.new(bytes(hashlib.sha256().digest_size), master, hashlib.sha256).digest()
    return hmac.new(extracted, purpose.encode() + b"\x01", hashlib.sha256).digest()


def key_id(key: bytes) -> str:
    """What tells keys apart and says nothing else about them."""
    return hmac.new(key, b"key id", hashlib.sha256).hexdigest()[:8]


def is_plain(mark: str) -> bool:
    """Whether a mark is of a leaf that is no secret, made under the salt of the ledger."""
    return mark.startswith("m:")


def is_version(mark: str) -> bool:
    """Whether a mark is a secret's version, which no key was needed for."""
    return mark.startswith("v:")


def same_key(mark: str, other: str) -> bool:
    """Whether two marks of secrets can be held against each other at all."""
    return mark[:2] == other[:2] and (mark[:2] != "h:" or mark.split(":")[1] == other.split(":")[1])


_spelled = json.JSONEncoder().encode


def _bound(key: Key, path: Path) -> str:
    """The JSON list that is digested, up to its open list of steps: the first step is always a field."""
    return f"[{_leaf(key.kind)}, {_leaf(key.id)}, [{', '.join(map(_leaf, path))}"


def _digest(keyed: hmac.HMAC, bound: str, leaf: Any) -> str:
    mac = keyed.copy()  # a third less time than to begin with the key each time
    mac.update(f"{bound}], {_leaf(leaf)}]".encode())
    return base64.urlsafe_b64encode(mac.digest()[:DIGEST_BYTES]).decode().rstrip("=")


def _leaf(leaf: Any) -> str:
    """A leaf in JSON; texts and whole numbers, which most are, past the encoder."""
    if type(leaf) is str:
        return encode_basestring_ascii(leaf)
    return str(leaf) if type(leaf) is int else _spelled(leaf)


def _secrets(resource: Resource) -> Iterator[tuple[str, Secret]]:
    """The declared secrets of a resource and their places, ignored fields included."""
    for name, value in resource.fields.items():
        if holds_secrets(value):
            found = field_leaves(resource, name)
            yield from ((pointer(path), leaf) for path, leaf in found if isinstance(leaf, Secret))


def secret_places(resource: Resource) -> dict[str, str]:
    """The declared secrets of a resource: pointers and references."""
    return {place: secret.ref for place, secret in _secrets(resource)}


def record_of(
    resource: Resource, marker: Marker, before: Record | None, sent: Callable[[str], bool]
) -> Record:
    """What is to be recorded of a declared resource once it is written.

    ``sent`` tells which top-level fields this write carries: a secret elsewhere that cannot be compared
    now keeps the mark of the write that did carry it. What was a secret once stays one. A secret that its
    source does not hold cannot be sent, so that ``secret_version`` waits for it, and so does what is unsure.
    """
    before = before or Record()
    secrets = dict(_secrets(resource))
    declared = {place: secret.ref for place, secret in secrets.items()}
    missing = {place for place, secret in secrets.items() if secret.missing}

    def kept(made: dict[str, str]) -> dict[str, str]:
        unsent = [place for place, mark in made.items() if mark == UNCOMPARABLE and not sent(top(place))]
        return {**made, **{place: _kept(before, place, made[place], declared) for place in unsent}}

    marks = Marked(resource, resource.compared(), marker.mark_of, kept if secrets else None)
    once = {place: "" for place in before.secrets if top(place) in resource.fields}
    version = before.secret_version if missing or resource.secret_version is None else resource.secret_version
    if missing & before.unsure:
        version = None
    return Record(marks, {**once, **declared}, resource.protect, version)


def _kept(before: Record, place: str, mark: str, declared: Mapping[str, str]) -> str:
    known = before.secrets.get(place) == declared.get(place) and place not in before.unsure
    return before.marks.get(place, mark) if known else mark
