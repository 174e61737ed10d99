"""Annotations for a pull request, as commands that GitHub's runner reads from a step's output.

GitHub shows ten of each level for a step, so the tenth tells how many others there are.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import get_args

from reconciler.render.findings import Finding, Level, findings
from reconciler.render.plain import clipped, many, one_line, visible
from reconciler.render.told import Told

MOST = 10
"""Annotations of one level."""

LONGEST_TITLE, LONGEST_MESSAGE = 200, 2_000
"""Characters."""

LEVELS: tuple[Level, ...] = get_args(Level)
MESSAGE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def render(told: Told) -> str:
    """One command a line; a run without findings has none."""
    found = list(findings(told))
    by_level = ([one for one in found if one.level == level] for level in LEVELS)
    lines = chain.from_iterable(map(_commands, LEVELS, by_level))
    return "".join(f"{line}\n" for line in lines)


def _commands(level: Level, found: Sequence[Finding]) -> Iterator[str]:
    if len(found) <= MOST:
        yield from map(_command, found)
        return
    yield from map(_command, found[: MOST - 1])
    rest = Counter(one.rule for one in found[MOST - 1 :])
    counted = ", ".join(f"{number:,} {rule}" for rule, number in rest.most_common())
    title = many(rest.total(), f"more {level}")
    yield f"::{level} title={title.translate(PROPERTY)}::{counted.translate(MESSAGE)}"


def _command(one: Finding) -> str:
    file, line, column = one.origin
    title = clipped(f"{one.environment}: {one.rule}", LONGEST_TITLE)
    properties = {"file": file, "line": str(line), "col": str(column), "title": title}
    told = ",".join(f"{name}={one_line(value).translate(PROPERTY)}" for name, value in properties.items())
    return f"::{one.level} {told}::{clipped(visible(one.message), LONGEST_MESSAGE).translate(MESSAGE)}"
