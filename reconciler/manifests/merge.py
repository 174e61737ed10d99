"""Layers merged into one: JSON Merge Patch (RFC 7396), places kept."""

from collections.abc import Iterator
from typing import Any

from reconciler.errors import Problem
from reconciler.kinds import KINDS, Kind
from reconciler.manifests.names import quoted
from reconciler.manifests.placed import BROKEN, PlacedDict, PlacedList

Path = tuple[str, ...]

WHOLE = frozenset(
    (kind.collection, field.name) for kind in KINDS for field in kind.fields if field.merged_whole
)
"""Sections and fields whose values are replaced as one, their nulls being literal."""


def in_object_form(document: PlacedDict) -> PlacedDict:
    """The manifest with every shorthand spelled out, such as ``batch_size: 500`` as ``{value: 500}``."""
    spelled = document.copied()
    for kind in KINDS:
        section = document.get(kind.collection)
        if kind.shorthand and isinstance(section, PlacedDict):
            spelled[kind.collection] = _spelled_out(section, kind.shorthand)
    return spelled


def _spelled_out(section: PlacedDict, shorthand: str) -> PlacedDict:
    spelled = section.copied()
    for name, value in section.items():
        if value is not None and not isinstance(value, PlacedDict):
            origin = section.origins[name]
            spelled[name] = PlacedDict({shorthand: value}, origin, {shorthand: origin})
    return spelled


def join_files(documents: list[PlacedDict], problems: list[Problem]) -> PlacedDict:
    """The manifests of one folder as one: none may declare what another declares."""
    layer = PlacedDict({}, documents[0].origin)
    for document in documents:
        for section, body in document.items():
            known = layer.get(section)
            if known is None:
                layer.put(section, body, document.origins[section])
            elif body is not None:
                layer[section] = _joined(section, known, body, problems)
    layer.broken |= {section for document in documents for section in document.broken}
    return layer


def _joined(section: str, known: PlacedDict, body: PlacedDict, problems: list[Problem]) -> PlacedDict:
    return _join_absent(known, body) if section == "absent" else _join_section(known, body, problems)


def _join_section(known: PlacedDict, body: PlacedDict, problems: list[Problem]) -> PlacedDict:
    joined = known.copied()
    for name, origin in body.origins.items():
        if name in known.origins:
            what = f"{quoted(name)} is declared at {known.origins[name]} already"
            problems.append(Problem(origin, what, "keep one of the two"))
        joined.put(name, body.get(name, BROKEN), origin)
    return joined


def _join_absent(known: PlacedDict, body: PlacedDict) -> PlacedDict:
    joined = known.copied()
    for name, ids in body.items():
        before = joined.get(name)
        if isinstance(before, PlacedList) and isinstance(ids, PlacedList):
            joined[name] = PlacedList([*before, *ids], ids.origin, [*before.origins, *ids.origins])
        elif ids is not None or before is None:
            joined.put(name, ids, body.origins[name])
    joined.broken |= body.broken
    return joined


def merge_layers(layers: list[PlacedDict]) -> PlacedDict:
    """Lower layers first; mappings merge, the rest replaces, ``null`` removes."""
    merged = PlacedDict({}, layers[0].origin)
    for layer in layers:
        merged = _merged(merged, layer, ())
    return merged


def emptied(layers: list[PlacedDict]) -> Iterator[Problem]:
    """What holds nothing, and so takes away more, or less, than its author is likely to mean."""
    for number, layer in enumerate(layers):
        yield from _removed_from_nothing(layer, layers[:number])
        for section in (section for section, body in layer.items() if body is None):
            if any(lower.get(section) for lower in layers[:number]):
                what = f"'{section}' holds nothing here, which removes all of it that lower layers declare"
                yield Problem(layer.origins[section], what, "remove the line if that is not meant")


def _removed_from_nothing(layer: PlacedDict, lower: list[PlacedDict]) -> Iterator[Problem]:
    """Ids without a body that no lower layer declares: a template that came out empty looks like this."""
    sections = [(section, body) for section, body in layer.items() if _is_mapping(body)]
    empty = [(section, body, id_) for section, body in sections for id_ in body if body[id_] is None]
    for section, body, id_ in empty:
        if not any(id_ in (other.get(section) or ()) for other in lower):
            what = f"'{id_}' holds nothing here, and no lower layer has it to remove: it is not declared"
            yield Problem(body.origins[id_], what, "write its value, or remove the line")


def _merged(lower: Any, upper: PlacedDict, path: Path) -> PlacedDict:
    result = lower.copied() if _is_mapping(lower) else PlacedDict({}, upper.origin)
    result.origin = upper.origin
    result.broken |= upper.broken
    result.origins |= {name: upper.origins[name] for name in upper.broken if name in upper.origins}
    for name, value in upper.items():
        inner = (*path, name)
        whole = len(inner) == 3 and (inner[0], name) in WHOLE  # noqa: PLR2004 - section, id, field
        if value is None and not whole:
            result.drop(name)
        elif _is_mapping(value) and not whole:
            incomplete = {name} & result.broken
            result.put(name, _merged(result.get(name), value, inner), upper.origins[name])
            result.broken |= incomplete
        else:
            result.put(name, value, upper.origins[name])
    return result


def _is_mapping(value: Any) -> bool:
    """Whether the value merges: a secret reference is one value, not a mapping."""
    return isinstance(value, PlacedDict) and "$secret" not in value


def kind_sections(merged: PlacedDict) -> Iterator[tuple[Kind, PlacedDict]]:
    """The sections of the kinds, those that are missing left out."""
    for kind in KINDS:
        section = merged.get(kind.collection)
        if isinstance(section, PlacedDict):
            yield kind, section
