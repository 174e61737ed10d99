"""The two sides of a field: clipped so that what differs stays in sight, and marked where they do."""

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from reconciler.compare import NOTHING

LONGEST = 2_000
CONTEXT = 200
"""Characters of a value that are shown, and how many of them come before what differs."""

AT_A_GLANCE = 12
"""Characters; what differs between shorter values needs no mark."""


@dataclass(frozen=True)
class Value:
    """One side, in parts that each differ from the other side or do not."""

    parts: tuple[tuple[str, bool], ...]
    left_out: tuple[int, int] = (0, 0)
    """Characters before and after what is shown."""
    lines: int = 0
    """Those of a text that is shown as it is; 0 where the value is shown as JSON."""

    @property
    def size(self) -> int:
        """Characters that are shown."""
        return sum(len(text) for text, _ in self.parts)


def sides(before: Any, after: Any) -> tuple[Value | None, Value | None]:
    """Both sides, ``None`` for one that is not there."""
    as_text = _reads_as_text(before, after)
    first, second = _text(before, as_text=as_text), _text(after, as_text=as_text)
    start, end = _common(first or "", second or "")
    return (
        None if first is None else _value(first, start, end, as_text=as_text),
        None if second is None else _value(second, start, end, as_text=as_text),
    )


def _reads_as_text(before: Any, after: Any) -> bool:
    """Whether quotes and escapes would only be in the way: texts of several lines."""
    there = [side for side in (before, after) if side is not NOTHING]
    return all(isinstance(side, str) for side in there) and any("\n" in side for side in there)


def _text(value: Any, *, as_text: bool) -> str | None:
    if value is NOTHING:
        return None
    return str(value) if as_text else json.dumps(value, ensure_ascii=False, indent=2)


def _common(first: str, second: str) -> tuple[int, int]:
    """How many characters both start and end with."""
    start = _prefix(first, second)
    return start, _prefix(first[start:][::-1], second[start:][::-1])


def _prefix(first: str, second: str) -> int:
    """Halves what is left to look at, so that two megabytes are compared as fast as they are copied."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _value(text: str, start: int, end: int, *, as_text: bool) -> Value:
    stop = len(text) - end
    first = max(0, min(start - CONTEXT, len(text) - LONGEST))
    last = min(len(text), first + LONGEST)
    is_marked = start + end > 0 and len(text) > AT_A_GLANCE
    cuts = sorted({first, *(min(max(cut, first), last) for cut in (start, stop)), last})
    parts = [(text[left:right], is_marked and start <= left < stop) for left, right in pairwise(cuts)]
    lines = text.count("\n") + 1 if as_text else 0
    return Value(tuple(parts), (first, len(text) - last), lines)
