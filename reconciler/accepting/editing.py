"""A YAML text that says something new: the smallest splices of it, and everything else byte for byte."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice, pairwise, takewhile
from typing import Any

import yaml

from reconciler.accepting.spelling import Spelling, is_collection, is_empty_collection
from reconciler.compare import same
from reconciler.exporting import block, dump, entry, flow_entry, item
from reconciler.exporting import flow as in_flow

PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MERGE_TAG = "tag:yaml.org,2002:merge"
LONGEST_ALIAS = 1024
ONE_LINE = 100
"""Characters of a line that a collection is written on in place of a scalar."""


class UnwritableError(Exception):
    """The text cannot say it; the message tells why."""


@dataclass(frozen=True)
class Splice:
    """What takes the place of a span of the text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class _Place:
    """Where a value stands: in a flow collection or not, as a member or an item, and its inside's indent."""

    flow: bool = False
    member: bool = False
    pad: str = ""


@dataclass(frozen=True)
class _Entry:
    """A member of a mapping or an item of a list; of a member that is merged in, no name is known."""

    start: int
    column: int
    end: int
    value: yaml.Node
    name: str | None = None


class Text:
    """The text of a file that the strict loader has accepted."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"

    @cached_property
    def _root(self) -> Any:
        return yaml.compose(self._text, Loader=PARSER)

    @cached_property
    def _shared(self) -> frozenset[int]:
        """The nodes that several places of the text stand for."""
        return frozenset(_shared(self._root, set()))

    def saying(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
        """The text with ``new`` in it, ``old`` being what it says now.

        Raises UnwritableError where that would change more than what differs.
        """
        if self._root is None:
            gap = self._newline if self._text and not self._text.endswith("\n") else ""
            return self._text + gap + dump(new).replace("\n", self._newline)
        splices = self._changed(self._root, old, new, _Place())
        return self._spliced(sorted(splices, key=lambda one: (one.start, one.end)))

    def _spliced(self, splices: list[Splice]) -> str:
        parts, at = [], 0
        for one in splices:
            if one.start < at:
                raise UnwritableError("two edits meet in one place")
            parts += [self._text[at : one.start], one.text]
            at = one.end
        return "".join([*parts, self._text[at:]])

    def _changed(self, node: Any, old: Any, new: Any, place: _Place) -> Iterator[Splice]:
        if old is new or same(old, new):
            return
        if id(node) in self._shared:
            raise UnwritableError("an alias or a merge key stands for the same in another place")
        flowing = place.flow or bool(getattr(node, "flow_style", None))
        if isinstance(node, yaml.MappingNode) and is_collection(old, dict) and is_collection(new, dict):
            splices = self._mapping(node, old, new, flow=flowing)
        elif isinstance(node, yaml.SequenceNode) and is_collection(old, list) and is_collection(new, list):
            splices = self._list(node, old, new, flow=flowing)
        else:
            splices = None
        yield from [self._replaced(node, new, place)] if splices is None else splices

    def _mapping(
        self, node: Any, old: dict[str, Any], new: dict[str, Any], *, flow: bool
    ) -> list[Splice] | None:
        """The edits of a mapping; ``None`` where nothing of it would stay as it is."""
        entries = [self._member(*pair) for pair in node.value]
        names = {one.name for one in entries}
        if old.keys() - new.keys() - names:
            raise UnwritableError("it comes out of a merge key")
        kept = [one for one in entries if one.name is None or one.name in new]
        if not kept:
            return None
        fresh = (name for name in new if name not in names)
        added = {name: new[name] for name in fresh if not (name in old and same(old[name], new[name]))}
        pairs = [(one, old[one.name], new[one.name]) for one in kept if one.name is not None]
        spelled = [flow_entry(*one) if flow else entry(*one, self._pad(entries)) for one in added.items()]
        gone = frozenset(entries) - frozenset(kept)
        return self._edited(entries, gone, pairs, [(kept[-1], spelled)] if spelled else [], flow=flow)

    def _list(self, node: Any, old: list[Any], new: list[Any], *, flow: bool) -> list[Splice] | None:
        """The edits of a list, as above."""
        entries = [*self._items(node)]
        start = _alike(old, new) if len(old) != len(new) else 0
        most = min(len(old), len(new)) - start
        end = len(old) - (_alike(old[::-1], new[::-1], most) if len(old) != len(new) else 0)
        news = new[start : len(new) - (len(old) - end)]
        paired = min(end - start, len(news))
        last = start + paired - 1
        more = [in_flow(one) if flow else item(one, self._pad(entries)) for one in news[paired:]]
        gone = frozenset(entries[last + 1 : end])
        if (more and last < 0) or len(gone) == len(entries):
            return None
        pairs = zip(entries[start:], old[start:], news[:paired], strict=False)
        return self._edited(entries, gone, pairs, [(entries[last], more)] if more else [], flow=flow)

    @staticmethod
    def _pad(entries: list[_Entry]) -> str:
        return " " * entries[0].column

    def _edited(
        self,
        entries: list[_Entry],
        gone: frozenset[_Entry],
        pairs: Iterable[tuple[_Entry, Any, Any]],
        added: list[tuple[_Entry, list[Any]]],
        *,
        flow: bool,
    ) -> list[Splice] | None:
        if not (flow or all(map(self._leads, gone))):
            return None
        splices: list[Splice] = []
        for one, before, after in pairs:
            place = _Place(flow, one.name is not None, " " * (one.column + 2))
            splices += self._changed(one.value, before, after, place)
        splices += (self._removed_from_flow if flow else self._removed)(entries, gone)
        return [*splices, *(self._inserted(one, spelled, flow=flow) for one, spelled in added)]

    def _member(self, key: Any, value: Any) -> _Entry:
        name = None if key.tag == MERGE_TAG else str(key.value)
        mark = key.start_mark
        if self._text[self._line_start(mark.index) : mark.index].rstrip().endswith("?"):
            raise UnwritableError("a '?' stands before a name beside it")
        return _Entry(mark.index, mark.column, self._end_of_member(key, value), value, name)

    def _items(self, node: Any) -> Iterator[_Entry]:
        """The items of a list; in block style each begins with its dash."""
        end, column = node.start_mark.index, node.start_mark.column
        dash = re.compile(rf"^ {{{column}}}-", re.MULTILINE)
        for at, value in enumerate(node.value):
            before = end
            start = value.start_mark.index
            if not node.flow_style:
                found = dash.search(self._text, before) if at else None
                start = before = found.end() - 1 if found else node.start_mark.index
            is_alias = value.start_mark.index < before
            end = self._end_of_alias(before) if is_alias else self._end(value)
            yield _Entry(
                self._text.index("*", before) if is_alias and node.flow_style else start, column, end, value
            )

    def _end_of_member(self, key: Any, value: Any) -> int:
        if id(key) in self._shared:
            raise UnwritableError("an alias stands among the names beside it")
        if value.start_mark.index >= key.end_mark.index:
            return self._end(value)
        return self._end_of_alias(key.end_mark.index)

    def _end_of_alias(self, after: int) -> int:
        """The parser's node of an alias is that of its anchor, which stands further up."""
        at = self._text.index("*", after)
        return at + len(re.split(r"[\s,\]}]", self._text[at : at + LONGEST_ALIAS], maxsplit=1)[0])

    def _end(self, node: Any) -> int:
        """Where a value ends, without the comments and blank lines that the parser counts to it."""
        start, end = node.start_mark.index, node.end_mark.index
        if isinstance(node, yaml.ScalarNode):
            return end if node.style not in {"|", ">"} else self._end_of_lines(start, end)
        if node.flow_style or not node.value:
            return int(end)
        if isinstance(node, yaml.MappingNode):
            return self._end_of_member(*node.value[-1])
        return [*self._items(node)][-1].end

    def _end_of_lines(self, start: int, end: int) -> int:
        """The end of a block scalar: blank lines after it belong to it only where it keeps them."""
        lines = self._text[start:end]
        keeps = "+" in lines.split("\n", 1)[0].split("#")[0]
        return start + len(lines.removesuffix("\n").removesuffix("\r") if keeps else lines.rstrip())

    def _replaced(self, node: Any, new: Any, place: _Place) -> Splice:
        start, end = node.start_mark.index, self._end(node)
        is_last = not self._text[end : self._line_end(end)].strip()
        spelling = Spelling(self._text[start:end], node, new, can_have_lines=is_last and not place.flow)
        if place.flow or not is_collection(new):
            inline = spelling.inline(place.pad).replace("\n", self._newline)
            name = self._text[:start].rstrip()
            if place.member and start < end and "\n" in self._text[len(name) : start] and name.endswith(":"):
                return Splice(len(name), end, f" {inline}")
            return Splice(start, end, self._gap(start, end) + inline)
        line = in_flow(new)
        width = start - self._line_start(start) + len(line)
        was_flow = bool(getattr(node, "flow_style", None)) and not is_empty_collection(node)
        was_scalar = isinstance(node, yaml.ScalarNode) and start < end and width <= ONE_LINE
        if was_flow or was_scalar:
            return Splice(start, end, line)
        return self._as_block(node, new, place, end)

    def _as_block(self, node: Any, new: Any, place: _Place, end: int) -> Splice:
        """A collection on lines of its own, the first of which follows the dash of an item."""
        start = node.start_mark.index
        line = self._line_start(start)
        leads = not self._text[line:start].strip()
        if place.member and not leads:
            start, rest = len(self._text[:start].rstrip(" \t")), self._text[end : self._line_end(end)]
            comment = f" {rest.strip()}" if rest.strip() else ""
            return Splice(start, end + len(rest), self._newline.join([comment, *block(new, place.pad)]))
        same_sort = type(new) is list and isinstance(node, yaml.SequenceNode)
        column = " " * node.start_mark.column
        pad = column if not place.member or same_sort or len(column) > len(place.pad) else place.pad
        lines = self._newline.join(block(new, pad))
        return Splice(line, end, lines) if leads else Splice(start, end, lines.removeprefix(pad))

    def _gap(self, start: int, end: int) -> str:
        """What has to stand before a value where there was none."""
        if start < end:
            return ""
        before = self._text[start - 1]
        return " " if before in ":-" else "" if before.isspace() else ": "

    def _line_start(self, at: int) -> int:
        return self._text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        """Where the line ends, its line break not included."""
        end = self._text.find("\n", at)
        if end < 0:
            return len(self._text)
        return end - 1 if end > at and self._text[end - 1] == "\r" else end

    def _leads(self, one: _Entry) -> bool:
        """Whether an entry stands first on its line."""
        return not self._text[self._line_start(one.start) : one.start].strip()

    def _removed(self, _entries: list[_Entry], gone: frozenset[_Entry]) -> Iterator[Splice]:
        for one in gone:
            end = self._text.find("\n", one.end) + 1 or len(self._text)
            yield Splice(self._line_start(one.start), end, "")

    def _removed_from_flow(self, entries: list[_Entry], gone: frozenset[_Entry]) -> Iterator[Splice]:
        runs = [(is_gone, [*run]) for is_gone, run in groupby(entries, gone.__contains__)]
        for (is_gone, run), (_, following) in pairwise(runs):
            if is_gone:
                yield self._cut(run[0], run[-1], following[0])
        if runs[-1][0]:
            yield self._cut_off(runs[-2][1][-1], runs[-1][1])

    def _cut_off(self, last: _Entry, gone: list[_Entry]) -> Splice:
        """The end of a flow collection; a comment on what stays does so too."""
        start, end = last.end, gone[-1].end
        if "#" in self._text[start : gone[0].start]:
            rest = self._text[end : self._line_end(end)]
            start = self._line_end(start)
            end += len(rest) if rest.lstrip(" ,").startswith("#") else 0
        return Splice(start, end, "")

    def _cut(self, first: _Entry, last: _Entry, following: _Entry) -> Splice:
        """Entries of a flow collection up to the next; what has lines of its own goes with them."""
        line = self._text.find("\n", last.end, following.start) + 1
        if line and self._leads(first):
            return Splice(self._line_start(first.start), line, "")
        return Splice(first.start, following.start, "")

    def _inserted(self, after: _Entry, spelled: list[Any], *, flow: bool) -> Splice:
        if flow:
            return Splice(after.end, after.end, "".join(f", {one}" for one in spelled))
        at, lines = self._text.find("\n", after.end) + 1, [line for one in spelled for line in one]
        if at:
            return Splice(at, at, "".join(line + self._newline for line in lines))
        end = len(self._text)
        return Splice(end, end, "".join(self._newline + line for line in lines))


def _alike(one: list[Any], other: list[Any], most: int | None = None) -> int:
    """How many items two lists begin alike with, of so many at most."""
    alike = takewhile(lambda pair: same(*pair), zip(one, other, strict=False))
    return sum(1 for _ in islice(alike, most))


def _shared(node: Any, seen: set[int]) -> Iterator[int]:
    if id(node) in seen:
        yield id(node)
        return
    seen.add(id(node))
    inside = node.value if isinstance(node, yaml.CollectionNode) else ()
    for part in inside:
        for one in part if isinstance(part, tuple) else (part,):
            yield from _shared(one, seen)
