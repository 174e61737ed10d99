"""Layers merged into one: JSON Merge Patch (RFC 7396), places kept."""

from typing import Any

from reconciler.errors import Problem
from reconciler.kinds import KINDS, Kind
from reconciler.manifests.placed import PlacedDict, PlacedList

Path = tuple[str, ...]


def in_object_form(document: PlacedDict) -> PlacedDict:
    """The manifest with every shorthand spelled out, such as ``batch_size: 500`` as ``{value: 500}``."""
    spelled = PlacedDict(document, document.origin, document.origins)
    for kind in KINDS:
        section = document.get(kind.collection)
        if kind.shorthand and isinstance(section, PlacedDict):
            items = {name: _object_form(kind, section, name) for name in section}
            spelled[kind.collection] = PlacedDict(items, section.origin, section.origins)
    return spelled


def _object_form(kind: Kind, section: PlacedDict, name: str) -> Any:
    value, origin = section[name], section.origins[name]
    if value is None or isinstance(value, PlacedDict) or kind.shorthand is None:
        return value
    return PlacedDict({kind.shorthand: value}, origin, {kind.shorthand: origin})


def join_files(documents: list[PlacedDict], problems: list[Problem]) -> PlacedDict:
    """The manifests of one folder as one: none may declare what another declares."""
    layer = PlacedDict({}, documents[0].origin)
    for document in documents:
        for section, body in document.items():
            if body is None:
                continue
            layer.origins.setdefault(section, document.origins[section])
            if section == "absent":
                layer[section] = _join_absent(layer.get(section), body)
            else:
                layer[section] = _join_section(layer.get(section), body, problems)
    return layer


def _join_section(known: PlacedDict | None, body: PlacedDict, problems: list[Problem]) -> PlacedDict:
    joined = PlacedDict(known or {}, body.origin, known.origins if known else {})
    for name, value in body.items():
        if name in joined:
            what = f"'{name}' is declared at {joined.origins[name]} already"
            problems.append(Problem(body.origins[name], what, "keep one of the two"))
        joined[name], joined.origins[name] = value, body.origins[name]
    return joined


def _join_absent(known: PlacedDict | None, body: PlacedDict) -> PlacedDict:
    joined = PlacedDict(known or {}, body.origin, known.origins if known else {})
    for name, ids in body.items():
        before = joined.get(name)
        joined.origins[name] = body.origins[name]
        if isinstance(before, PlacedList) and isinstance(ids, PlacedList):
            joined[name] = PlacedList([*before, *ids], ids.origin, [*before.origins, *ids.origins])
        else:
            joined[name] = ids
    return joined


def merge_layers(layers: list[PlacedDict]) -> PlacedDict:
    """Lower layers first; mappings merge, the rest replaces, ``null`` removes."""
    merged = PlacedDict({}, layers[0].origin)
    for layer in layers:
        merged = _merged(merged, layer, ())
    return merged


def _merged(lower: Any, upper: PlacedDict, path: Path) -> PlacedDict:
    base = lower if isinstance(lower, PlacedDict) and "$secret" not in lower else PlacedDict({}, upper.origin)
    result = PlacedDict(base, upper.origin, base.origins)
    for name, value in upper.items():
        if value is None and not _is_whole((*path, name)):
            result.pop(name, None)
            continue
        result.origins[name] = upper.origins[name]
        result[name] = _patched(base.get(name), value, (*path, name))
    return result


def _patched(lower: Any, value: Any, path: Path) -> Any:
    if isinstance(value, PlacedDict) and "$secret" not in value and not _is_whole(path):
        return _merged(lower, value, path)
    return value


def _is_whole(path: Path) -> bool:
    """Whether a field is replaced as one, its nulls being literal."""
    return any(
        path[0] == kind.collection and len(path) == 3 and path[2] == field.name  # noqa: PLR2004 - section.id.field
        for kind in KINDS
        for field in kind.fields
        if field.merged_whole
    )
