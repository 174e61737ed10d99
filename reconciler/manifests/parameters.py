"""``${name}`` in the values of manifests."""

import json
import operator
import re
from collections.abc import Iterator, Mapping
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
    return _filled_in(document, parameters, problems, but=NOT_EXPANDED)


def _expanded(
    value: Any, around: PlacedDict | PlacedList, at: Any, parameters: Parameters, problems: list[Problem]
) -> Any:
    """What stands at ``at`` in what is around it, filled in: the very same where there is nothing to fill."""
    type_ = type(value)
    if type_ is str:
        return _text(value, around.origins[at], parameters, problems) if "${" in value else value
    if type_ is PlacedDict:
        return sound(_filled_in(value, parameters, problems))
    if type_ is PlacedList:
        items = [_expanded(item, value, index, parameters, problems) for index, item in enumerate(value)]
        same = all(map(operator.is_, items, value))
        return value if same else placed_list(items, value.origin, value.origins)
    return value


def _filled_in(
    value: PlacedDict, parameters: Parameters, problems: list[Problem], *, but: str | None = None
) -> PlacedDict:
    """A mapping, as a copy where one of its values is another than before; the order of keys stays."""
    new = {
        name: filled
        for name, item in value.items()
        if name != but and (filled := _expanded(item, value, name, parameters, problems)) is not item
    }
    if not new:
        return value
    copy = value.copied()
    for name, filled in new.items():
        if filled is BROKEN:
            copy.put(name, BROKEN, value.origins[name])
        else:
            copy[name] = filled
    return copy


def _text(text: str, origin: Origin, parameters: Parameters, problems: list[Problem]) -> Any:
    wrong = [problem for match in REFERENCE.finditer(text) for problem in _wrong(match, parameters)]
    problems += [Problem(origin, *problem) for problem in wrong if parameters.known]
    return BROKEN if wrong else _filled(text, parameters.values)


def _filled(text: str, values: Mapping[str, Any]) -> Any:
    """``text``, every reference in which is sound; one reference alone keeps the parameter's type."""
    whole = REFERENCE.fullmatch(text)
    if whole and whole[1] is not None:
        return values[whole[1]]
    return REFERENCE.sub(lambda match: "${" if match[1] is None else _spelled(values[match[1]]), text)


def filled(value: Any, values: Mapping[str, Any]) -> Any:
    """A value whose references are known to be sound, with what they stand for."""
    if isinstance(value, str):
        return _filled(value, values)
    if isinstance(value, dict):
        return {name: filled(item, values) for name, item in value.items()}
    return [filled(item, values) for item in value] if isinstance(value, list) else value


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


def parameters_in(value: Any) -> tuple[str, ...]:
    """The names of the parameters that stand anywhere in a value which has not been expanded, sorted."""
    return tuple(sorted(set(_named(value))))


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (match[1] for match in REFERENCE.finditer(value) if match[1] is not None)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _named(item)
