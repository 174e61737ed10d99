"""Strict YAML: any bytes at all give a placed document, or problems that never quote a value."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from reconciler.errors import Origin, Problem
from reconciler.manifests.placed import PlacedDict, PlacedList
from reconciler.manifests.scalars import AmbiguousScalarError, resolve

LONGEST_FILE = 16 * 1024 * 1024
DEEPEST = 32
MOST_ALIASED = 100_000
"""Nodes that aliases and merge keys of one file may add to it."""

MERGE = "<<"
PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StopReading(Exception):
    """The file cannot be read any further."""


def load(data: bytes, file: str) -> tuple[Any, list[Problem]]:
    """The document in ``data`` and everything wrong with it; ``None`` stands for an empty one."""
    start = Origin(file, 1, 1)
    if len(data) > LONGEST_FILE:
        return None, [Problem(start, "the file is longer than 16 MiB", "split it")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, [Problem(Origin(file, line, 1), "this is not UTF-8 text", "save the file as UTF-8")]
    builder = _Builder(file)
    try:
        return builder.document(yaml.parse(text, Loader=PARSER)), builder.problems
    except _StopReading:
        return None, builder.problems
    except yaml.MarkedYAMLError as error:
        return None, [*builder.problems, _syntax_problem(error, text, file)]
    except (yaml.YAMLError, ValueError):
        return None, [*builder.problems, _forbidden_character(text, file)]


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
    reason = re.sub(r"'[^']*'", "…", error.problem or "unexpected text")
    return Problem(origin, f"this is not YAML: {reason}", "check quotes, colons and indentation")


def _forbidden_character(text: str, file: str) -> Problem:
    found = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    before = text[: found.start()] if found else ""
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    what = "this is not YAML: a control character stands here"
    return Problem(Origin(file, line, column), what, "remove it, or escape it in double quotes")


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

    def _problem(self, event: yaml.Event, what: str, fix: str) -> None:
        self.problems.append(Problem(self._origin(event), what, fix))

    def _stop(self, event: yaml.Event, what: str, fix: str) -> None:
        self._problem(event, what, fix)
        raise _StopReading

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
        if depth > DEEPEST:
            self._stop(event, f"more than {DEEPEST} levels stand inside each other here", "flatten the value")
        self._nodes += 1
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._problem(event, "tags are not read", "remove the tag (what starts with '!')")
        before = self._nodes
        value = self._value(event, events, depth)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = (value, self._nodes - before + 1)
        return value

    def _value(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, events, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, events, depth)
        return self._scalar(event) if isinstance(event, yaml.ScalarEvent) else None

    def _alias(self, event: yaml.AliasEvent) -> Any:
        if event.anchor not in self._anchors:
            self._problem(event, "this alias names no anchor that is complete before it", "define it first")
            return None
        value, nodes = self._anchors[event.anchor]
        self._aliased += nodes
        self._nodes += nodes
        if self._aliased > MOST_ALIASED:
            self._stop(event, f"aliases expand to more than {MOST_ALIASED:,} values", "write less by aliases")
        return value

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        if event.style or not event.implicit[0]:
            return event.value
        try:
            return resolve(event.value)
        except AmbiguousScalarError:
            self._problem(
                event, "readers of YAML disagree about this number", "quote it, or write it plainly"
            )
            return event.value

    def _sequence(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> PlacedList:
        items, origins = [], []
        for item in events:
            if isinstance(item, yaml.SequenceEndEvent):
                break
            origins.append(self._origin(item))
            items.append(self._node(item, events, depth + 1))
        return PlacedList(items, self._origin(event), origins)

    def _mapping(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> PlacedDict:
        found = PlacedDict({}, self._origin(event))
        merged: list[PlacedDict] = []
        for key_event in events:
            if isinstance(key_event, yaml.MappingEndEvent):
                break
            key = self._node(key_event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if key == MERGE and isinstance(key_event, yaml.ScalarEvent) and not key_event.style:
                merged += self._merge_sources(key_event, value)
            else:
                self._put(found, key, value, key_event)
        for source in merged:
            for key in [key for key in source if key not in found]:
                found[key], found.origins[key] = source[key], source.origins[key]
        return found

    def _put(self, found: PlacedDict, key: Any, value: Any, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent) and not isinstance(key, str):
            self._problem(event, "a key must be text, and this reads as something else", "quote the key")
            return
        if not isinstance(key, str):
            self._problem(event, "a key must be text, not a mapping or a list", "write a simple key")
            return
        if key in found:
            first = found.origins[key]
            what = f"'{key}' stands here a second time, first at line {first.line}"
            self._problem(event, what, "keep one of the two")
            return
        found[key], found.origins[key] = value, self._origin(event)

    def _merge_sources(self, event: yaml.Event, value: Any) -> list[PlacedDict]:
        sources = value if isinstance(value, PlacedList) else [value]
        if all(isinstance(source, PlacedDict) for source in sources):
            return list(sources)
        self._problem(event, "'<<' merges mappings only", "name an anchor of a mapping")
        return []
