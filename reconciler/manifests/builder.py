"""Documents built out of the events of a YAML parser, in one strict pass."""

from collections.abc import Callable
from typing import Any, NoReturn

import yaml

from reconciler.errors import Origin, Problem
from reconciler.manifests.names import quoted, unseen
from reconciler.manifests.placed import BROKEN, WIDTH, PlacedDict, PlacedList, Places, sound
from reconciler.manifests.scalars import AmbiguousScalarError, is_word, resolve

DEEPEST = 32
MOST_NODES = 500_000
"""Values of one file, those that aliases stand for included."""
MOST_ALIASED = 100_000
"""Values that aliases and merge keys of one file may add to it."""
MOST_PROBLEMS = 200
"""Problems of one file; a file with more is another kind of file."""
MOST_TEXTS = 1000
"""Plain scalars of a file whose meaning is remembered."""

MERGE = "<<"
MERGING = object()
"""Stands for the name of a merge key."""
UNKNOWN = object()
"""Stands for what a text means before that has been found out."""

Scalar, Alias = yaml.ScalarEvent, yaml.AliasEvent
MappingStart, MappingEnd = yaml.MappingStartEvent, yaml.MappingEndEvent
SequenceStart, SequenceEnd = yaml.SequenceStartEvent, yaml.SequenceEndEvent

new = dict.__new__


class StopReading(Exception):
    """The file cannot be read any further."""


def _has_mark(event: Any) -> bool:
    """Whether a node carries an anchor or a tag."""
    return event.anchor is not None or getattr(event, "tag", None) is not None


def _spot(event: Any) -> int:
    """Where an event begins, as Places keep it."""
    mark = event.start_mark
    spot: int = mark.line * WIDTH + mark.column
    return spot


class Builder:
    """Builds the document out of the parser's events."""

    def __init__(self, file: str, text: str) -> None:
        self.problems: list[Problem] = []
        self._places = Places(file, literal="$" not in text and "\\" not in text)
        self._next: Callable[[], Any]
        self._marked = "&" in text or "!" in text
        """Whether there may be anchors or tags."""
        self._keys: dict[str, Any] = {}
        """Keys that have been found to be in order; one text for all mappings that have it."""
        self._texts: dict[str, Any] = {}
        """What plain scalars mean, for those that came first."""
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._left = MOST_NODES
        self._aliased = 0

    def document(self, following: Callable[[], Any]) -> Any:
        """The document whose events ``following`` gives one after the other."""
        self._next = following
        value = None
        documents = 0
        while type(event := following()) is not yaml.StreamEndEvent:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._stop(event, "a second document starts here", "keep one document in a file")
            elif isinstance(event, yaml.NodeEvent):
                value = self._node(event, 0)
        return value

    def _origin(self, event: Any) -> Origin:
        mark = event.start_mark
        return Origin(self._places.file, mark.line + 1, mark.column + 1)

    def _wrong(self, event: Any, what: str, fix: str) -> Any:
        """Notes a problem; what stands there is broken."""
        self.problems.append(Problem(self._origin(event), what, fix))
        if len(self.problems) >= MOST_PROBLEMS:
            raise StopReading
        return BROKEN

    def _stop(self, event: Any, what: str, fix: str) -> NoReturn:
        self._wrong(event, what, fix)
        raise StopReading

    def _node(self, event: Any, depth: int) -> Any:
        self._enter(event, depth)
        return self._inside(event, depth)

    def _inside(self, event: Any, depth: int) -> Any:
        """What begins with an event that has been counted."""
        if not self._marked:
            return self._value(event, depth)
        before = self._left
        value = self._value(event, depth)
        if getattr(event, "tag", None) is not None:
            value = self._wrong(event, "tags are not read", "remove the tag (what starts with '!')")
        if event.anchor is not None and type(event) is not Alias:
            self._anchors[event.anchor] = (value, before - self._left + 1)
        return value

    def _enter(self, event: Any, depth: int) -> None:
        """Counts one value, which stands inside so many others."""
        if depth > DEEPEST:
            self._stop(event, f"more than {DEEPEST} levels stand inside each other here", "flatten the value")
        self._count(event, 1)

    def _count(self, event: Any, nodes: int) -> None:
        self._left -= nodes
        if self._left < 0:
            self._full(event)

    def _full(self, event: Any) -> NoReturn:
        self._stop(event, f"the file holds more than {MOST_NODES:,} values", "split it")

    def _value(self, event: Any, depth: int) -> Any:
        type_ = type(event)
        if type_ is Scalar:
            return self._scalar(event)
        if type_ is MappingStart:
            return self._mapping(event, depth)
        return self._sequence(event, depth) if type_ is SequenceStart else self._alias(event)

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            what = "this alias names no anchor that is complete before it"
            return self._wrong(event, what, "define the anchor first, or quote the text")
        value, nodes = self._anchors[event.anchor]
        self._aliased += nodes
        if self._aliased > MOST_ALIASED:
            self._stop(event, f"aliases expand to more than {MOST_ALIASED:,} values", "write less by aliases")
        self._count(event, nodes)
        return value

    def _scalar(self, event: Any) -> Any:
        if event.style or not event.implicit[0]:
            return event.value
        value = self._texts.get(event.value, UNKNOWN)
        return self._plain(event) if value is UNKNOWN else value

    def _plain(self, event: Any) -> Any:
        """What a plain scalar means that is not known yet."""
        text = event.value
        try:
            value = resolve(text)
        except AmbiguousScalarError:
            what = "readers of YAML disagree about this number"
            return self._wrong(event, what, "quote it, or write it plainly")
        if len(self._texts) < MOST_TEXTS:
            self._texts[text] = value
        return value

    def _sequence(self, start: Any, depth: int) -> Any:
        following = self._next
        texts = {} if self._marked or depth == DEEPEST else self._texts
        found: PlacedList = PlacedList.__new__(PlacedList)
        spots = [_spot(start)]
        while type(event := following()) is not SequenceEnd:
            mark = event.start_mark
            spots.append(mark.line * WIDTH + mark.column)
            if type(event) is Scalar and event.value in texts and not event.style and self._left > 0:
                self._left -= 1
                found.append(texts[event.value])
            else:
                found.append(self._node(event, depth + 1))
        found.places, found.at = self._places, len(self._places.spots)
        self._places.spots.fromlist(spots)
        return BROKEN if self.problems and BROKEN in found else found

    def _mapping(self, start: Any, depth: int) -> Any:
        """The loop in which files are read: for what is usual it calls nothing but the parser."""
        following, marked, texts, left = self._next, self._marked, self._texts, self._left
        keys = self._keys if depth < DEEPEST else {}
        found: PlacedDict = new(PlacedDict)
        mark = start.start_mark
        spots = [mark.line * WIDTH + mark.column]
        sources: list[PlacedDict] | None = None
        while type(key := following()) is not MappingEnd:
            name = keys.get(key.value) if type(key) is Scalar and not (marked and _has_mark(key)) else None
            if name is None:
                self._left = left
                name = self._key(key, depth + 1)
                left = self._left + 1  # it is counted again with its value
            event = following()
            left -= 2
            if left < 0:
                self._full(key if left < -1 else event)
            if type(event) is Scalar and not (marked and _has_mark(event)):
                value = event.value
                if not event.style and (value := texts.get(value, UNKNOWN)) is UNKNOWN:
                    value = self._plain(event)
            else:
                self._left = left
                inside = self._inside if marked or type(event) is not MappingStart else self._mapping
                value = inside(event, depth + 1)
                left = self._left
            if name in found:
                self._second(found, spots, name, key)
            elif type(name) is str:
                found[name] = value
                mark = key.start_mark
                spots.append(mark.line * WIDTH + mark.column)
            else:
                sources = self._odd(name, key, value, sources)
        self._left = left
        found.places, found.at = self._places, len(self._places.spots)
        self._places.spots.fromlist(spots)
        return _mended(found, sources) if sources or self.problems else found

    def _key(self, event: Any, depth: int) -> Any:
        """The name that a key is, or MERGING; where it is neither, what is wrong with it, or BROKEN."""
        usual = type(event) is Scalar and not (self._marked and _has_mark(event))
        if usual and depth <= DEEPEST and is_word(event.value):
            self._left -= 1
            return self._keys.setdefault(event.value, event.value)
        key = self._node(event, depth)
        if key is BROKEN:
            return key
        if isinstance(key, dict | list):
            return "a key must be text, not a mapping or a list", "write a simple key"
        if not isinstance(key, str):
            return "a key must be text, and this reads as something else", "quote the key"
        if key == MERGE and not getattr(event, "style", None):
            return MERGING
        if why := unseen(key):
            return f"this key {why}", "type it anew"
        if usual and not event.style:
            self._keys[key] = key
        return key

    def _second(self, found: PlacedDict, spots: list[int], name: str, event: Any) -> None:
        first = spots[1 + list(found).index(name)] // WIDTH + 1
        what = f"{quoted(name)} stands here a second time, first at line {first}"
        self._wrong(event, what, "keep one of the two")

    def _odd(
        self, name: Any, key: Any, value: Any, sources: list[PlacedDict] | None
    ) -> list[PlacedDict] | None:
        """What is merged after a pair whose key is no name."""
        if name is MERGING and sources is None:
            return self._sources(key, value)
        if name is MERGING:
            self._wrong(key, "'<<' stands here a second time", "write one, as <<: [*a, *b]")
        elif name is not BROKEN:
            self._wrong(key, *name)
        return sources

    def _sources(self, event: Any, value: Any) -> list[PlacedDict]:
        """What a merge key merges, as far as it is sound."""
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, PlacedDict) or source is BROKEN for source in sources):
            self._wrong(event, "'<<' merges mappings only", "name an anchor of a mapping")
        return [source for source in sources if isinstance(source, PlacedDict)]


def _mended(found: PlacedDict, sources: list[PlacedDict] | None) -> Any:
    """A mapping in which values are broken, or into which others are merged."""
    broken = [name for name, value in found.items() if value is BROKEN]
    for name in broken:
        found.put(name, BROKEN, found.origins[name])
    for source in sources or ():
        for name, origin in source.origins.items():
            if name not in found.origins:
                found.put(name, source.get(name, BROKEN), origin)
    return sound(found)
