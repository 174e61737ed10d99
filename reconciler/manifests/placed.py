"""Mappings and lists that know where each of their items stands in a file."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from reconciler.errors import Origin


class _Broken:
    """Stands for a value with which something is wrong that has been told already."""

    def __repr__(self) -> str:
        return "BROKEN"


BROKEN: Final = _Broken()


class PlacedDict(dict[str, Any]):
    """A mapping out of a file.

    ``origins`` has the place of each key. ``broken`` names the keys whose values are left out because
    they are wrong and that has been told: nothing that is missing may be concluded from their absence.
    """

    __slots__ = ("broken", "origin", "origins")

    def __init__(
        self,
        items: Mapping[str, Any],
        origin: Origin,
        origins: Mapping[str, Origin] | None = None,
        broken: Iterable[str] = (),
    ) -> None:
        super().__init__(items)
        self.origin = origin
        self.origins = dict(origins or {})
        self.broken = set(broken)

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
        self.pop(name, None)
        self.origins.pop(name, None)
        self.broken.discard(name)


def sound(mapping: PlacedDict) -> Any:
    """The mapping, or BROKEN where it is a secret reference whose own text is."""
    return BROKEN if "$secret" in mapping.broken else mapping


class PlacedList(list[Any]):
    """A list out of a file; ``origins`` has the place of each item."""

    __slots__ = ("origin", "origins")

    def __init__(self, items: Iterable[Any], origin: Origin, origins: Iterable[Origin] = ()) -> None:
        super().__init__(items)
        self.origin = origin
        self.origins = list(origins)


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
