"""Two environments held against each other, both as git declares them or both as they live."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from reconciler import records
from reconciler.compare import NOTHING, FieldChange, Unverified, compare_resources
from reconciler.errors import Origin
from reconciler.kinds import BY_NAME, is_empty
from reconciler.kinds.variable import typed
from reconciler.model import (
    MASK,
    Hidden,
    Key,
    Path,
    Resource,
    Sealed,
    Secret,
    State,
    Why,
    mapped_secrets,
    may_be_one,
)
from reconciler.seal import Fingerprint, Places, seal_pair

Where = Literal["first", "both", "second"]
Origins = tuple[Origin | None, Origin | None]


@dataclass(frozen=True)
class Side:
    """One of the two environments."""

    name: str
    target: str
    state: State
    origins: Mapping[Key, Origin | None]
    secrets: Mapping[Key, Places]
    """Where git has references or the ledger remembers some: what lives there is not shown."""
    airflow_version: str | None = None
    """``None`` where nothing but git was asked."""
    reads: int = 0


@dataclass(frozen=True)
class FieldDifference:
    """One leaf on both sides; a secret is ``Sealed``, with its reference where git has one."""

    path: Path
    first: Any
    second: Any

    @property
    def secret(self) -> bool:
        """Whether neither value is shown."""
        return isinstance(self.first, Sealed) or isinstance(self.second, Sealed)


@dataclass(frozen=True)
class Difference:
    """A resource that only one side has, or that is not the same on both."""

    key: Key
    where: Where
    origins: Origins
    fields: tuple[FieldDifference, ...] = ()


@dataclass(frozen=True)
class SideBySide:
    """Everything that the comparison found."""

    first: Side
    second: Side
    differences: tuple[Difference, ...]
    equal: int
    unverified: tuple[Unverified, ...]

    def count(self, where: Where) -> int:
        """How many differences there are of one sort."""
        return sum(one.where == where for one in self.differences)


def declared(state: State) -> State:
    """What git declares, each secret counting as its reference: none is looked up."""

    def as_reference(secret: Secret) -> Sealed:
        return Sealed(secret.ref, secret.ref)

    return {
        key: replace(resource, fields=mapped_secrets(resource.fields, as_reference))
        for key, resource in state.items()
    }


def secret_places(state: State) -> dict[Key, frozenset[str]]:
    """Where git has references."""
    return {key: frozenset(records.secret_places(resource)) for key, resource in state.items()}


def side_by_side(first: Side, second: Side, fingerprint: Fingerprint) -> SideBySide:
    """The sets of ids, then every field of what is on both sides."""
    shared = first.state.keys() & second.state.keys()
    found = {key: tuple(_Pair(first, second, key, fingerprint).findings()) for key in _ordered(shared)}
    fields = {
        key: tuple(one for one in every if isinstance(one, FieldDifference)) for key, every in found.items()
    }
    wheres: dict[Key, Where] = {key: "both" for key, differing in fields.items() if differing}
    wheres |= dict.fromkeys(first.state.keys() - shared, "first")
    wheres |= dict.fromkeys(second.state.keys() - shared, "second")
    return SideBySide(
        first,
        second,
        tuple(
            Difference(
                key, wheres[key], (first.origins.get(key), second.origins.get(key)), fields.get(key, ())
            )
            for key in _ordered(wheres)
        ),
        sum(not differing for differing in fields.values()),
        tuple(one for every in found.values() for one in every if isinstance(one, Unverified)),
    )


def _ordered(keys: Iterable[Key]) -> list[Key]:
    return sorted(keys, key=lambda key: (BY_NAME[key.kind].rank, key.id))


@dataclass(frozen=True)
class _Pair:
    """One resource that both sides have; the second takes the place of what is desired."""

    first: Side
    second: Side
    key: Key
    fingerprint: Fingerprint

    def findings(self) -> Iterator[FieldDifference | Unverified]:
        """Every leaf that differs, or of which nobody can tell."""
        desired, current = seal_pair(*self._formed(), self.fingerprint, self._places())
        for one in compare_resources(desired, current):
            yield _difference(one, current, desired) if isinstance(one, FieldChange) else one

    def _places(self) -> Collection[str]:
        return {*self.first.secrets.get(self.key, ()), *self.second.secrets.get(self.key, ())}

    def _formed(self) -> tuple[Resource, Resource]:
        """Second and first with every field that either has, each in the form in which it counts."""
        one, other = self.first.state[self.key], self.second.state[self.key]
        names = [name for name in BY_NAME[self.key.kind].field_names if {name} & {*one.fields, *other.fields}]
        pairs = {name: _veiled(_form(one, name), _form(other, name)) for name in names}
        first, second = (
            {name: self._opaque(name, pair[side]) for name, pair in pairs.items()} for side in (0, 1)
        )
        return Resource(self.key, second), Resource(self.key, first)

    def _opaque(self, name: str, value: Any) -> Any:
        """Extra that is no object may be a secret as a whole, and nothing in it says so."""
        return Sealed("", self.fingerprint(value)) if name == "extra" and isinstance(value, str) else value


def _form(resource: Resource, name: str) -> Any:
    value = resource.fields.get(name)
    if isinstance(value, Hidden | Sealed):
        return value
    if value is None and name in BY_NAME[resource.key.kind].required:
        return Hidden("value not read")  # Airflow cannot decrypt it
    formed = BY_NAME[resource.key.kind].field(name).form(value)
    return typed(formed) if name == "value" and isinstance(formed, str) and formed != "null" else formed


def _veiled(first: Any, second: Any) -> tuple[Any, Any]:
    """Both sides, hidden wherever Airflow hides something of either, as far as they do not contradict."""
    if isinstance(first, dict) and isinstance(second, dict):
        pairs = {name: _veiled(first[name], second[name]) for name in first.keys() & second.keys()}
        return _with(first, pairs, 0), _with(second, pairs, 1)
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        both = [_veiled(one, other) for one, other in zip(first, second, strict=True)]
        return [one for one, _ in both], [other for _, other in both]
    why = _why_hidden(first, second)
    return (Hidden(why), Hidden(why)) if why else (_set(first), _set(second))


def _with(value: dict[str, Any], pairs: Mapping[str, tuple[Any, Any]], side: int) -> dict[str, Any]:
    return {name: pairs[name][side] if name in pairs else item for name, item in value.items()}


def _why_hidden(first: Any, second: Any) -> Why | None:
    for one in (first, second):
        if isinstance(one, Hidden):
            return one.why
    if is_empty(first) or is_empty(second):
        return None
    if _is_mask(first) or _is_mask(second):
        return "hidden"
    texts = isinstance(first, str) and isinstance(second, str)
    return "masked" if texts and MASK in first + second and may_be_one(first, second) else None


def _is_mask(value: Any) -> bool:
    return isinstance(value, str) and value == MASK


def _set(value: Any) -> Any:
    """A mask shows that something is set, which is enough to differ from nothing."""
    return Sealed("", MASK) if _is_mask(value) else value


def _difference(found: FieldChange, first: Resource, second: Resource) -> FieldDifference:
    path = found.path
    if found.secret:
        return FieldDifference(path, _withheld(first.fields, path), _withheld(second.fields, path))
    is_field = len(path) == 1
    sides = (NOTHING if is_field and one is None else one for one in (found.before, found.after))
    return FieldDifference(path, *sides)


def _withheld(fields: Mapping[str, Any], path: Path) -> Any:
    """What may be told of a secret: its reference, or only that it is there."""
    value: Any = fields
    for step in path:
        if isinstance(value, Sealed):
            break
        value = _member(value, step)
    if value is NOTHING or value is None:
        return NOTHING
    return Sealed(value.ref if isinstance(value, Sealed) else "", None)


def _member(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step, NOTHING)
    fits = isinstance(value, list) and isinstance(step, int) and step < len(value)
    return value[step] if fits else NOTHING
