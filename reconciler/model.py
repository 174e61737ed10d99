"""The nouns: keys, resources, states, and the values that may stand in a resource's fields."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, NoReturn

from reconciler.errors import Origin

MASK = "***"
"""What Airflow shows in place of a value it hides, as a whole or inside a longer text."""

MASKS = re.compile(r"\*{3,}")
"""A mask with the asterisks beside it, which may be masks, the text's own, or both."""

Path = tuple[str | int, ...]
"""The way to a leaf: a field's name, then object keys and list indexes."""

Why = Literal["hidden", "masked", "secret missing", "value not read"]
"""Why a leaf is unverified. The last: only the secret's version was looked up, and Airflow shows a value."""


class Key(NamedTuple):
    """What identifies a resource within an environment."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"


class Secret:
    """A reference to a secret and, once looked up, its plaintext, which no text form of it shows.

    ``version`` is what the source calls the value's version, where it has such; then a plan goes without
    the plaintext. Only ``reveal`` hands that out, and only the encoder of request bodies may call it.
    """

    __slots__ = ("__plaintext", "ref", "version")

    def __init__(self, ref: str, plaintext: str | None = None, version: str | None = None) -> None:
        self.ref = ref
        self.version = version
        self.__plaintext = plaintext

    @property
    def known(self) -> bool:
        """Whether the reference has been looked up and the source holds a value."""
        return self.__plaintext is not None

    @property
    def missing(self) -> bool:
        """Whether the source, once asked, has shown neither a value nor a version of one."""
        return self.__plaintext is None and self.version is None

    def reveal(self) -> str:
        """The plaintext; raises ValueError if the secret is not known."""
        if self.__plaintext is None:
            raise ValueError(f"the secret {self.ref} is not known")
        return self.__plaintext

    def sealed(self, seal: Callable[[str], str]) -> "Sealed":
        """The same secret in the form that can be compared but not read."""
        return Sealed(self.ref, self.digested(seal), self.missing)

    def digested(self, digest: Callable[[str], str]) -> str | None:
        """A keyed digest of the plaintext; ``None`` if it is not known."""
        return None if self.__plaintext is None else digest(self.__plaintext)

    def spelled(self, spell: Callable[[str], str]) -> "Secret":
        """The same secret in another spelling, for a comparison that is blind to spelling."""
        return Secret(self.ref, None if self.__plaintext is None else spell(self.__plaintext), self.version)

    def fits(self, pattern: str) -> bool:
        """Whether the plaintext could be what Airflow shows as ``pattern``, ``***`` being a wildcard."""
        return self.__plaintext is not None and fits_mask(pattern, self.__plaintext)

    def erased_from(self, text: str, forms: Callable[[str], Iterator[str]]) -> str:
        """``text`` with every given form of the plaintext replaced by ``***``."""
        if self.__plaintext is None:
            return text
        for form in sorted(set(forms(self.__plaintext)) - {""}, key=len, reverse=True):
            text = text.replace(form, MASK)
        return text

    def __repr__(self) -> str:
        return f"Secret({self.ref})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.ref == other.ref

    def __hash__(self) -> int:
        return hash(self.ref)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True)
class Sealed:
    """A secret as the comparison sees it: its reference and a keyed fingerprint of its value.

    Without a reference it is a value that stands in a secret's place, or beside secrets. ``missing`` says
    that the source has none; without a fingerprint otherwise, only a version of it was looked up.
    """

    ref: str
    fingerprint: str | None = field(repr=False)
    missing: bool = False


@dataclass(frozen=True)
class Hidden:
    """Stands for a live value that cannot be compared, and says why."""

    why: Why


@dataclass(frozen=True, slots=True)
class Resource:
    """One variable, connection or pool: as declared (only the declared fields) or as it lives.

    Its text form leaves the fields out, because Airflow 2 shows secrets in clear.
    """

    key: Key
    fields: Mapping[str, Any] = field(repr=False)
    origin: Origin | None = None
    ignore: frozenset[str] = frozenset()
    protect: bool = False
    secret_version: int | None = None

    def compared(self) -> Iterator[str]:
        """The declared fields that Airflow's own value is held against."""
        return (name for name in self.fields if name not in self.ignore) if self.ignore else iter(self.fields)


State = Mapping[Key, Resource]


@dataclass(frozen=True)
class JsonText:
    """A value whose JSON text is to stand in a request body, secrets within it included."""

    value: Any = field(repr=False)


def fits_mask(pattern: str, text: str) -> bool:
    """Whether ``text`` could be shown as ``pattern``, each mask in it standing for any text, even none.

    Airflow masks by value too, so a mask may stand anywhere in a string. Segments are searched from
    the left, which is linear and exact for patterns that know no other wildcard.
    """
    first, *others = MASKS.split(pattern)
    if not others:
        return pattern == text
    *middle, last = others
    if not (text.startswith(first) and text.endswith(last)) or len(text) < len(first) + len(last):
        return False
    position, end = len(first), len(text) - len(last)
    for segment in middle:
        found = text.find(segment, position, end)
        if found < 0:
            return False
        position = found + len(segment)
    return True


def may_be_one(one: str, other: str) -> bool:
    """Whether two readings may show the same text: what Airflow masks changes from request to request.

    Where both hold masks, only what stands before the first and after the last mask can contradict.
    """
    if MASK not in one:
        return fits_mask(other, one)
    if MASK not in other:
        return fits_mask(one, other)
    (start, *_, end), (other_start, *_, other_end) = MASKS.split(one), MASKS.split(other)
    return _one_begins(start, other_start) and _one_begins(end[::-1], other_end[::-1])


def _one_begins(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def canonical_digest(value: Any) -> str:
    """The SHA-256 of ``value`` in the one JSON spelling that digests are made of, in hexadecimal."""
    return text_digest(canonical_text(value))


canonical_text: Callable[[Any], str] = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
"""A value in the one JSON spelling that digests are made of."""


def text_digest(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def keyed_digest(key: bytes, text: str) -> str:
    """The HMAC-SHA256 of ``text`` under ``key``, in hexadecimal."""
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


ATOMS = frozenset({str, int, float, bool, type(None)})
"""The types of JSON's leaves: what is exactly of one of them holds nothing, and is not looked into."""


def _inside(value: Any) -> Iterable[Any]:
    """What stands directly in ``value``."""
    if isinstance(value, dict):  # nearly every mapping is one, and that is asked in no time
        return value.values()
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, JsonText):
        return (value.value,)
    return value.values() if isinstance(value, Mapping) else ()


def holds_secrets(value: Any) -> bool:
    """Whether a secret stands anywhere in ``value``."""
    if isinstance(value, Secret):
        return True
    for item in _inside(value):  # noqa: SIM110 - any() takes twice the time, and every resource is asked
        if type(item) not in ATOMS and holds_secrets(item):
            return True
    return False


def secrets_in(value: Any) -> Iterator[Secret]:
    """Every secret that stands anywhere in ``value``, JSON text of a request body included."""
    if isinstance(value, Secret):
        yield value
    for item in _inside(value):
        if type(item) not in ATOMS:
            yield from secrets_in(item)


def mapped_secrets(value: Any, change: Callable[[Secret], Any]) -> Any:
    """A copy of ``value`` with every secret replaced by what ``change`` makes of it."""
    if isinstance(value, Secret):
        return change(value)
    if isinstance(value, Mapping):
        return {name: mapped_secrets(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [mapped_secrets(item, change) for item in value]
    return value
