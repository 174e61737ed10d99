"""Strict YAML: any bytes at all give a placed document, or problems that never quote a value."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import yaml

from reconciler.errors import Origin, Problem
from reconciler.manifests.placed import BROKEN, PlacedDict, placed_list, sound
from reconciler.manifests.scalars import AmbiguousScalarError, resolve

LONGEST_FILE = 16 * 1024 * 1024
DEEPEST = 32
MOST_NODES = 500_000
"""Values of one file, those that aliases stand for included."""
MOST_ALIASED = 100_000
"""Values that aliases and merge keys of one file may add to it."""
MOST_PROBLEMS = 200
"""Problems of one file; a file with more is another kind of file."""

MERGE = "<<"
PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that no reader can see: controls, direction marks, zero-width, surrogates."""

UNREADABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML allows in no file."""

LONGEST_QUOTED = 80
"""Characters of a key that a message shows."""


class _StopReading(Exception):
    """The file cannot be read any further."""


def load(data: bytes, file: str) -> tuple[Any, list[Problem]]:
    """The document in ``data`` and everything wrong with it.

    ``None`` stands for an empty document, BROKEN for one that cannot be read to its end.
    """
    if len(data) > LONGEST_FILE:
        return BROKEN, [Problem(Origin(file, 1, 1), "the file is longer than 16 MiB", "split it")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place_in(data[: error.start].decode("utf-8", "replace"), file)
        return BROKEN, [Problem(place, "this is not UTF-8 text", "save the file as UTF-8")]
    builder = _Builder(file)
    try:
        return builder.document(yaml.parse(text, Loader=PARSER)), builder.problems
    except _StopReading:
        return BROKEN, builder.problems
    except yaml.MarkedYAMLError as error:
        return BROKEN, [*builder.problems, _syntax_problem(error, text, file)]
    except (yaml.YAMLError, ValueError):
        return BROKEN, [*builder.problems, _forbidden_character(text, file)]


def quoted(name: str) -> str:
    """A key or an id as messages show it."""
    return f"'{name}'" if len(name) <= LONGEST_QUOTED else f"'{name[:LONGEST_QUOTED]}…'"


def unseen(name: str) -> str | None:
    """Why a key or an id cannot be told from others by looking at it, or ``None``."""
    if name.isascii() and name.isprintable():
        return None
    if any(unicodedata.category(character) in UNSEEN for character in name):
        return "holds characters that nobody sees"
    if unicodedata.normalize("NFC", name) != name:
        return "is not in Unicode's composed form (NFC)"
    return None


def _place_in(before: str, file: str) -> Origin:
    """The place of what follows ``before``."""
    return Origin(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    """Where and why, without the excerpt of the file that the parser's own message carries."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Problem(Origin(file, 1, 1), "this is not YAML", "check the file")
    origin = Origin(file, mark.line + 1, mark.column + 1)
    lines = text.splitlines()
    rest = lines[mark.line][mark.column :] if mark.line < len(lines) else ""
    if rest.startswith("\t"):
        return Problem(origin, "a tab cannot indent YAML", "use spaces")
    what = f"this is not YAML: {_unquoted(error.problem or 'unexpected text')}{_since(error)}"
    return Problem(origin, what, "check quotes, colons and indentation")


def _since(error: yaml.MarkedYAMLError) -> str:
    """What the parser was at, where that began on an earlier line."""
    mark = error.context_mark
    if mark is None or not error.context or (error.problem_mark and mark.line >= error.problem_mark.line):
        return ""
    return f" {_unquoted(error.context)} that starts at line {mark.line + 1}"


def _unquoted(message: str) -> str:
    return re.sub(r"'[^ ,'][^']+'", "…", message)


def _forbidden_character(text: str, file: str) -> Problem:
    found = UNREADABLE.search(text)
    place = _place_in(text[: found.start()] if found else "", file)
    what = "this is not YAML: a control character stands here"
    return Problem(place, what, "remove it, or escape it in double quotes")


class _Builder:
    """Builds the document out of the parser's events."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._aliased = 0

    def document(self, events: Iterator[yaml.Event]) -> Any:
        value = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._stop(event, "a second document starts here", "keep one document in a file")
            elif isinstance(event, yaml.NodeEvent):
                value = self._node(event, events, 0)
        return value

    def _origin(self, event: yaml.Event) -> Origin:
        mark = event.start_mark
        return Origin(self.file, mark.line + 1, mark.column + 1) if mark else Origin(self.file, 1, 1)

    def _wrong(self, event: yaml.Event, what: str, fix: str) -> Any:
        """Notes a problem; what stands there is broken."""
        self.problems.append(Problem(self._origin(event), what, fix))
        if len(self.problems) >= MOST_PROBLEMS:
            raise _StopReading
        return BROKEN

    def _stop(self, event: yaml.Event, what: str, fix: str) -> None:
        self._wrong(event, what, fix)
        raise _StopReading

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
        if depth > DEEPEST:
            self._stop(event, f"more than {DEEPEST} levels stand inside each other here", "flatten the value")
        self._count(event, 1)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._nodes
        value = self._value(event, events, depth)
        if getattr(event, "tag", None) is not None:
            value = self._wrong(event, "tags are not read", "remove the tag (what starts with '!')")
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = (value, self._nodes - before + 1)
        return value

    def _count(self, event: yaml.Event, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            self._stop(event, f"the file holds more than {MOST_NODES:,} values", "split it")

    def _value(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, events, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, events, depth)
        return self._scalar(event) if isinstance(event, yaml.ScalarEvent) else None

    def _alias(self, event: yaml.AliasEvent) -> Any:
        if event.anchor not in self._anchors:
            what = "this alias names no anchor that is complete before it"
            return self._wrong(event, what, "define the anchor first, or quote the text")
        value, nodes = self._anchors[event.anchor]
        self._aliased += nodes
        if self._aliased > MOST_ALIASED:
            self._stop(event, f"aliases expand to more than {MOST_ALIASED:,} values", "write less by aliases")
        self._count(event, nodes)
        return value

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        if event.style or not event.implicit[0]:
            return event.value
        try:
            return resolve(event.value)
        except AmbiguousScalarError:
            what = "readers of YAML disagree about this number"
            return self._wrong(event, what, "quote it, or write it plainly")

    def _sequence(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
        items, origins = [], []
        for item in events:
            if isinstance(item, yaml.SequenceEndEvent):
                break
            origins.append(self._origin(item))
            items.append(self._node(item, events, depth + 1))
        return placed_list(items, self._origin(event), origins)

    def _mapping(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
        found = PlacedDict({}, self._origin(event))
        sources: list[PlacedDict] | None = None
        for key_event in events:
            if isinstance(key_event, yaml.MappingEndEvent):
                break
            key = self._node(key_event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if key != MERGE or getattr(key_event, "style", None):
                self._put(found, key, value, key_event)
            elif sources is None:
                sources = self._merge_sources(key_event, value)
            else:
                self._wrong(key_event, "'<<' stands here a second time", "write one, as <<: [*a, *b]")
        return sound(_merged_from(found, sources or []))

    def _put(self, found: PlacedDict, key: Any, value: Any, event: yaml.Event) -> None:
        if key is BROKEN:
            return
        if isinstance(key, PlacedDict | list):
            self._wrong(event, "a key must be text, not a mapping or a list", "write a simple key")
        elif not isinstance(key, str):
            self._wrong(event, "a key must be text, and this reads as something else", "quote the key")
        elif why := unseen(key):
            self._wrong(event, f"this key {why}", "type it anew")
        elif key in found.origins:
            what = f"{quoted(key)} stands here a second time, first at line {found.origins[key].line}"
            self._wrong(event, what, "keep one of the two")
        else:
            found.put(key, value, self._origin(event))

    def _merge_sources(self, event: yaml.Event, value: Any) -> list[PlacedDict]:
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, PlacedDict) or source is BROKEN for source in sources):
            self._wrong(event, "'<<' merges mappings only", "name an anchor of a mapping")
        return [source for source in sources if isinstance(source, PlacedDict)]


def _merged_from(found: PlacedDict, sources: list[PlacedDict]) -> PlacedDict:
    """What a merge key adds: the mapping's own keys win, then the sources in their order."""
    for source in sources:
        for key, origin in source.origins.items():
            if key not in found.origins:
                found.put(key, source.get(key, BROKEN), origin)
    return found
