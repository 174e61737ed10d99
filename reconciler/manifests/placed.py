"""Mappings and lists that know where each of their items stands in a file."""

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any, Final

from reconciler.errors import Origin

WIDTH = 1 << 25
"""Columns of a line: more than any file that is read has characters."""


class _Broken:
    """Stands for a value with which something is wrong that has been told already."""

    def __repr__(self) -> str:
        return "BROKEN"


BROKEN: Final = _Broken()


class Places:
    """Where things stand in one file, packed: one number for each instead of an Origin."""

    __slots__ = ("file", "literal", "spots")

    def __init__(self, file: str, *, literal: bool = False) -> None:
        self.file = file
        self.literal = literal
        """Whether no text in the file can hold a ``$``: it refers to no parameter and to no secret."""
        self.spots = array("Q")

    def origin(self, at: int) -> Origin:
        """The place with that index."""
        return _origin(self.file, self.spots[at] if self.spots else 0)

    def origins(self, at: int, count: int) -> Iterator[Origin]:
        """So many places, from that index on."""
        spots = self.spots[at : at + count] if self.spots else repeat(0, count)
        return (_origin(self.file, spot) for spot in spots)

    def forget(self) -> None:
        """From now on the file is all that is known of what came out of it: places take as much as values."""
        self.spots = array("Q")


def _origin(file: str, spot: int) -> Origin:
    line, column = divmod(spot, WIDTH)
    return Origin(file, line + 1, column + 1)


MADE = Places("")
"""The places of what was not read out of one file: nothing is known of it."""


class PlacedDict(dict[str, Any]):
    """A mapping out of a file.

    ``origins`` has the place of each key. ``broken`` names the keys whose values are left out because
    they are wrong and that has been told: nothing that is missing may be concluded from their absence.
    All of them are made when they are first asked for: most mappings are never asked. What has no places
    stands where the whole does.
    """

    __slots__ = ("at", "broken", "origin", "origins", "places")

    at: int
    """The index of the mapping's own place in ``places``, those of its keys following in their order."""
    places: Places
    origin: Origin
    origins: dict[str, Origin]
    broken: set[str]

    def __init__(
        self,
        items: Mapping[str, Any],
        origin: Origin,
        origins: Mapping[str, Origin] | None = None,
        broken: Iterable[str] = (),
    ) -> None:
        super().__init__(items)
        self.origin = origin
        self.broken = set(broken)
        if origins is not None:
            self.origins = dict(origins)

    def __getattr__(self, name: str) -> Any:
        """Called for what has not been made yet."""
        if name == "origins":
            known = self.places is not MADE
            places = self.places.origins(self.at + 1, len(self)) if known else repeat(self.origin)
            self.origins = dict(zip(self, places, strict=known))
        elif name == "origin":
            self.origin = self.places.origin(self.at)
        elif name == "broken":
            self.broken = set()
        elif name == "places":
            self.places = MADE
        else:
            raise AttributeError(name)
        return getattr(self, name)

    def copied(self) -> "PlacedDict":
        """Another mapping of the same items."""
        return PlacedDict(self, self.origin, self.origins, self.broken)

    def put(self, name: str, value: Any, origin: Origin) -> None:
        """Sets an item with its place; a broken one is left out and noted."""
        self.drop(name)
        self.origins[name] = origin
        if value is BROKEN:
            self.broken.add(name)
        else:
            self[name] = value

    def drop(self, name: str) -> None:
        """Takes an item away as if it had never been there."""
        self.origins.pop(name, None)
        self.pop(name, None)
        self.broken.discard(name)


def sound(mapping: PlacedDict) -> Any:
    """The mapping, or BROKEN where it is a secret reference whose own text is."""
    return BROKEN if "$secret" in mapping.broken else mapping


class PlacedList(list[Any]):
    """A list out of a file; ``origins`` has the place of each item."""

    __slots__ = ("at", "origin", "origins", "places")

    at: int
    """The index of the list's own place in ``places``, those of its items following."""
    places: Places
    origin: Origin
    origins: list[Origin]

    def __init__(self, items: Iterable[Any], origin: Origin, origins: Iterable[Origin] = ()) -> None:
        super().__init__(items)
        self.origin = origin
        self.origins = list(origins)

    def __getattr__(self, name: str) -> Any:
        """Called for what has not been made yet."""
        if name == "origins":
            self.origins = list(self.places.origins(self.at + 1, len(self)))
        elif name == "origin":
            self.origin = self.places.origin(self.at)
        elif name == "places":
            self.places = MADE
        else:
            raise AttributeError(name)
        return getattr(self, name)


def is_literal(value: Any) -> bool:
    """Whether it is known, without a look inside, that no reference to a secret is in a value."""
    type_ = type(value)
    if type_ is PlacedDict or type_ is PlacedList:
        literal: bool = value.places.literal
        return literal
    return type_ is not dict and type_ is not list


def placed_list(items: list[Any], origin: Origin, origins: list[Origin]) -> Any:
    """A list, or BROKEN where an item is: its other items' indexes would be wrong."""
    return BROKEN if any(item is BROKEN for item in items) else PlacedList(items, origin, origins)


def place_of(root: PlacedDict | PlacedList, path: Iterable[str | int]) -> Origin:
    """Where the item at ``path`` stands, or the nearest thing around it that has a place."""
    node: Any = root
    origin = root.origin
    for step in path:
        try:
            origin = node.origins[step]
            node = node[step]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return origin


def without(value: Any, paths: Collection[tuple[str | int, ...]]) -> Any:
    """A copy of ``value`` in which what stands at ``paths`` is broken; a list just loses such items."""
    if not paths:
        return value
    steps = {path[0] for path in paths if path}
    if isinstance(value, PlacedList) and () not in paths:
        kept = [index for index in range(len(value)) if index not in steps]
        return PlacedList([value[at] for at in kept], value.origin, [value.origins[at] for at in kept])
    if () in paths or not isinstance(value, PlacedDict):
        return BROKEN
    copy = value.copied()
    for step in map(str, steps):
        inner = [path[1:] for path in paths if path[0] == step]
        copy.put(step, without(value.get(step), inner), value.origins.get(step, value.origin))
    return copy


def parts(document: PlacedDict, name: str) -> PlacedDict:
    """The mapping at ``name``, an empty one where there is none."""
    found = document.get(name)
    return found if isinstance(found, PlacedDict) else PlacedDict({}, document.origin)
