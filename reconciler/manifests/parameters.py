"""``${name}`` in the values of manifests."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.errors import Origin, Problem
from reconciler.manifests.placed import (
    BROKEN,
    PlacedDict,
    PlacedList,
    is_literal,
    parts,
    placed_list,
    sound,
)

REFERENCE = re.compile(r"\$\$\{|\$\{(?:([^${}]{0,80})\})?")
LITERAL = "$${"
NOT_EXPANDED = "absent"
"""The section that holds ids alone."""


@dataclass(frozen=True)
class Parameters:
    """What an environment's ``parameters`` say; ``known`` is false where they could not be read."""

    values: PlacedDict
    known: bool = True

    @classmethod
    def of(cls, environment: PlacedDict) -> "Parameters":
        """The parameters of an ``environment.yaml``."""
        values = parts(environment, "parameters")
        return cls(values, known="parameters" not in environment.broken and not values.broken)


def expand(document: PlacedDict, parameters: Parameters, problems: list[Problem]) -> PlacedDict:
    """A manifest with its values' parameters filled in, as a copy where there are any; ids stay as they are.

    A value whose parameter is unknown is broken.
    """
    if is_literal(document):
        return document
    expanded = document.copied()
    for section, body in document.items():
        if section != NOT_EXPANDED:
            origin = document.origins[section]
            expanded.put(section, _expanded(body, origin, parameters, problems), origin)
    return expanded


def _expanded(value: Any, origin: Origin, parameters: Parameters, problems: list[Problem]) -> Any:
    if isinstance(value, PlacedDict):
        copy = value.copied()
        for name, item in value.items():
            copy.put(name, _expanded(item, value.origins[name], parameters, problems), value.origins[name])
        return sound(copy)
    if isinstance(value, PlacedList):
        pairs = zip(value, value.origins, strict=True)
        items = [_expanded(item, place, parameters, problems) for item, place in pairs]
        return placed_list(items, value.origin, value.origins)
    if isinstance(value, str) and "${" in value:
        wrong = [problem for match in REFERENCE.finditer(value) for problem in _wrong(match, parameters)]
        problems += [Problem(origin, *problem) for problem in wrong if parameters.known]
        return BROKEN if wrong else _filled(value, parameters.values)
    return value


def _filled(text: str, values: PlacedDict) -> Any:
    """``text``, every reference in which is sound; one reference alone keeps the parameter's type."""
    whole = REFERENCE.fullmatch(text)
    if whole and whole[1] is not None:
        return values[whole[1]]
    return REFERENCE.sub(lambda match: "${" if match[1] is None else _spelled(values[match[1]]), text)


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _wrong(match: re.Match[str], parameters: Parameters) -> Iterator[tuple[str, str]]:
    """What is wrong with one reference, and what to do about it."""
    name = match[1]
    if match[0] == LITERAL:
        return
    if name is None:
        yield "no name and '}' follow a '${'", "write ${name}, or $${ for a literal ${"
    elif name not in parameters.values:
        yield _unknown(name, parameters.values)
    elif match[0] != match.string and (
        parameters.values[name] is None or isinstance(parameters.values[name], dict | list)
    ):
        what = f"the parameter '{name}' is no text or number, so it cannot stand inside a text"
        yield what, f"write '${{{name}}}' alone"


def _unknown(name: str, values: PlacedDict) -> tuple[str, str]:
    known = f"known are {', '.join(sorted(values))}" if values else "there are none"
    fix = f"define it under 'parameters' in environment.yaml ({known}), or write $${{ for a literal ${{"
    return f"unknown parameter '{name if name.isprintable() else '…'}'", fix
