"""``${name}`` in the values of manifests."""

import json
import re
from collections.abc import Mapping
from typing import Any

from reconciler.errors import Origin, Problem
from reconciler.manifests.placed import PlacedDict, PlacedList

REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
WHOLE = re.compile(r"\$\{([^}]*)\}\Z")


def expand(document: PlacedDict, parameters: Mapping[str, Any], problems: list[Problem]) -> PlacedDict:
    """A copy of a manifest with its values' parameters filled in; ids stay as they are."""
    return PlacedDict(
        {
            section: body
            if section == "absent"
            else _expanded(body, document.origins[section], parameters, problems)
            for section, body in document.items()
        },
        document.origin,
        document.origins,
    )


def _expanded(value: Any, origin: Origin, parameters: Mapping[str, Any], problems: list[Problem]) -> Any:
    if isinstance(value, PlacedDict):
        items = {
            name: _expanded(item, value.origins[name], parameters, problems) for name, item in value.items()
        }
        return PlacedDict(items, value.origin, value.origins)
    if isinstance(value, PlacedList):
        pairs = zip(value, value.origins, strict=True)
        expanded = [_expanded(item, place, parameters, problems) for item, place in pairs]
        return PlacedList(expanded, value.origin, value.origins)
    if isinstance(value, str) and "${" in value:
        return _filled(value, origin, parameters, problems)
    return value


def _filled(text: str, origin: Origin, parameters: Mapping[str, Any], problems: list[Problem]) -> Any:
    whole = WHOLE.match(text)
    if whole and whole[1] in parameters:
        return parameters[whole[1]]

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "${"
        if name not in parameters:
            problems.append(_unknown(name, origin, parameters))
            return ""
        if isinstance(parameters[name], dict | list) or parameters[name] is None:
            what = f"the parameter '{name}' is no text or number, so it cannot stand inside a text"
            problems.append(Problem(origin, what, f"write '${{{name}}}' alone"))
            return ""
        value = parameters[name]
        return value if isinstance(value, str) else json.dumps(value)

    return REFERENCE.sub(value_of, text)


def _unknown(name: str, origin: Origin, parameters: Mapping[str, Any]) -> Problem:
    known = f"known are {', '.join(sorted(parameters))}" if parameters else "there are none"
    fix = f"define it under 'parameters' in environment.yaml ({known}), or write $${{ for a literal ${{"
    return Problem(origin, f"unknown parameter '{name}'", fix)
