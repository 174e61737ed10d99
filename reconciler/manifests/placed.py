"""Mappings and lists that know where each of their items stands in a file."""

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.errors import Origin


class PlacedDict(dict[str, Any]):
    """A mapping out of a file; ``origins`` has the place of each key."""

    __slots__ = ("origin", "origins")

    def __init__(
        self, items: Mapping[str, Any], origin: Origin, origins: Mapping[str, Origin] | None = None
    ) -> None:
        super().__init__(items)
        self.origin = origin
        self.origins = dict(origins or {})


class PlacedList(list[Any]):
    """A list out of a file; ``origins`` has the place of each item."""

    __slots__ = ("origin", "origins")

    def __init__(self, items: Iterable[Any], origin: Origin, origins: Iterable[Origin] = ()) -> None:
        super().__init__(items)
        self.origin = origin
        self.origins = list(origins)


def place_of(root: PlacedDict | PlacedList, path: Iterable[str | int]) -> Origin:
    """Where the item at ``path`` stands, or the nearest thing around it that has a place."""
    node: Any = root
    origin = root.origin
    for step in path:
        try:
            if isinstance(node, PlacedDict | PlacedList):
                origin = node.origins[step]  # type: ignore[index]
            node = node[step]
        except (KeyError, IndexError, TypeError):
            break
    return origin


def plain(value: Any) -> Any:
    """The same value without places."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
