"""How much room a text has, and texts fitted into it."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.compare import NOTHING

LONGEST_VALUE = 80
"""Characters of a value that a line shows where it is not said how long lines are."""

LEAST_ROOM = 20
"""Columns for a value, or for what a row is about, that even the narrowest page has."""

INDENT, GAP = " " * 6, " " * 2
"""Before what belongs to a row, and between columns."""

BEFORE_DIFFERENCE = 16
"""Characters that are shown before the first one in which two long texts differ."""


@dataclass(frozen=True)
class Page:
    """What a text is written on; without columns its lines may be as long as they like."""

    columns: int | None = None
    full: bool = True
    """Whether everything is shown; long lists of harmless changes are folded otherwise."""
    is_news: bool = False
    """Whether what has been shown when it happened is left out."""

    def holds(self, line: str) -> bool:
        """Whether a line fits."""
        return self.columns is None or width(line) <= self.columns

    def room(self, taken: int) -> int:
        """Characters that a value may have beside ``taken`` columns."""
        return LONGEST_VALUE if self.columns is None else max(LEAST_ROOM, self.columns - taken)


WHOLE = Page()
"""A file, or a pipe: nothing is folded or fitted."""


def width(text: str) -> int:
    """The columns that ``text`` takes at a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - most texts can do without its tables

    return cell_len(text)


def padded(text: str, columns: int) -> str:
    """``text`` with blanks behind it up to a width."""
    return text + " " * (columns - width(text))


def fitted(text: str, columns: int) -> str:
    """``text``, or so much of it as takes no more columns, with a mark at its end."""
    if width(text[: columns + 1]) <= columns:
        return text
    kept = text[: columns - 1]
    while width(kept) >= columns:
        kept = kept[:-1]
    return f"{kept}…"


def json_text(value: Any) -> str:
    """A value as JSON, ``NOTHING`` as no value."""
    return "(none)" if value is NOTHING else json.dumps(value, ensure_ascii=False)


def pair_text(name: str, before: str, after: str, longest: int = LONGEST_VALUE) -> str:
    """What a value was and what it becomes, on one line, each clipped."""
    first, second = clipped_pair(before, after, longest)
    return f"{name}: {first} → {second}"


def pair_lines(name: str, before: str, after: str, page: Page) -> list[str]:
    """The same below what it belongs to: on one line, or one for each of the two where they need it."""
    line = f"{INDENT}{pair_text(name, before, after, page.room(len(INDENT)))}"
    if page.holds(line):
        return [line]
    start = f"{INDENT}{name}: "
    has_room = page.room(width(start)) >= page.room(0) // 2
    indent = " " * width(start) if has_room else f"{INDENT}  "
    first, second = clipped_pair(before, after, page.room(len(indent)))
    top = [f"{start}{first}"] if has_room else [start.rstrip(), f"{indent}{first}"]
    return [*top, f"{indent[:-2]}→ {second}"]


def clipped_pair(before: str, after: str, longest: int) -> tuple[str, str]:
    """Two texts, each clipped so that the first difference is in sight."""
    start = _alike(before, after) - BEFORE_DIFFERENCE
    if start <= 0 or max(len(before), len(after)) <= longest:
        return fitted(before, longest), fitted(after, longest)
    return fitted(f"…{before[start:]}", longest), fitted(f"…{after[start:]}", longest)


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin alike with; halving, since slices compare fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def rows(cells: Sequence[tuple[str, str, str]], page: Page) -> Iterator[list[str]]:
    """Each row in three columns on a line, or on two on a narrow page; empty columns are left out."""
    second, third = (max((width(row[column]) for row in cells), default=0) for column in (1, 2))
    middle = f"{GAP}{' ' * second}" if second else ""
    first = _first_width([width(cell) for cell, _, _ in cells], width(middle) + len(GAP) + third, page)
    for subject, source, remark in cells:
        tail = f"{padded(f'{GAP}{source}', width(middle)) if second else ''}{GAP}{remark}".rstrip()
        line = f"{padded(subject, first)}{tail}".rstrip()
        if width(subject) <= first or not tail or page.holds(line):
            yield [line]
        else:
            yield [subject, f"{INDENT}{tail.strip()}"]


def wrapped(line: str, page: Page) -> list[str]:
    """A sentence on as many lines as it needs, broken between words."""
    if page.columns is None or page.holds(line):
        return [line]
    words = line.lstrip(" ")
    return textwrap.wrap(
        words,
        page.columns,
        initial_indent=" " * (len(line) - len(words)),
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=True,
    )


def _first_width(widths: Sequence[int], rest: int, page: Page) -> int:
    """That of the widest cell, as far as the page has room beside ``rest``; 0 where it has next to none."""
    widest = max(widths, default=0)
    if page.columns is None or widest + rest <= page.columns:
        return widest
    room = page.columns - rest
    return max((one for one in widths if one <= room), default=0) if room >= LEAST_ROOM else 0
