"""Layers merged into one: JSON Merge Patch (RFC 7396), places kept."""

from collections.abc import Iterator
from typing import Any

from reconciler.errors import Problem
from reconciler.kinds import KINDS, Kind
from reconciler.manifests.names import quoted
from reconciler.manifests.placed import PlacedDict, PlacedList

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
    short = [name for name, value in section.items() if not isinstance(value, PlacedDict | None)]
    if not short:
        return section
    spelled = section.copied()
    for name in short:
        spelled[name] = PlacedDict({shorthand: section[name]}, section.origins[name])
    return spelled


def join_files(documents: list[PlacedDict], problems: list[Problem]) -> PlacedDict:
    """The manifests of one folder as one: none may declare what another declares."""
    layer = PlacedDict({}, documents[0].origin)
    for section in dict.fromkeys(name for document in documents for name in document):
        having = [document for document in documents if section in document]
        first = next((document for document in having if document[section] is not None), having[-1])
        bodies = [document[section] for document in having if document[section] is not None]
        layer.put(section, _joined(section, bodies, problems), first.origins[section])
    layer.broken |= {section for document in documents for section in document.broken}
    return layer


def _joined(section: str, bodies: list[PlacedDict], problems: list[Problem]) -> PlacedDict | None:
    if len(bodies) < 2:  # noqa: PLR2004 - nothing to join
        return bodies[0] if bodies else None
    joined = bodies[0].copied()
    for body in bodies[1:]:
        if section == "absent":
            _join_absent(joined, body)
        else:
            _join_section(joined, body, problems)
    return joined


def _join_section(joined: PlacedDict, body: PlacedDict, problems: list[Problem]) -> None:
    for name in joined.origins.keys() & body.origins.keys():
        what = f"{quoted(name)} is declared at {joined.origins[name]} already"
        problems.append(Problem(body.origins[name], what, "keep one of the two"))
        joined.drop(name)
    joined.update(body)
    joined.origins.update(body.origins)
    joined.broken |= body.broken


def _join_absent(joined: PlacedDict, body: PlacedDict) -> None:
    for name, ids in body.items():
        before = joined.get(name)
        if isinstance(before, PlacedList) and isinstance(ids, PlacedList):
            joined[name] = PlacedList([*before, *ids], ids.origin, [*before.origins, *ids.origins])
        elif ids is not None or before is None:
            joined.put(name, ids, body.origins[name])
    joined.broken |= body.broken


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
    if not _is_mapping(lower) and not _removes(upper, path):
        return upper
    result = lower.copied() if _is_mapping(lower) else PlacedDict({}, upper.origin)
    result.origin = upper.origin
    result.broken |= upper.broken
    result.origins |= {name: upper.origins[name] for name in upper.broken if name in upper.origins}
    for name, value in upper.items():
        inner = (*path, name)
        whole = _is_whole(path, name)
        if value is None and not whole:
            result.drop(name)
        elif _is_mapping(value) and not whole:
            incomplete = {name} & result.broken
            result.put(name, _merged(result.get(name), value, inner), upper.origins[name])
            result.broken |= incomplete
        else:
            result.put(name, value, upper.origins[name])
    return result


def _is_whole(path: Path, name: str) -> bool:
    return len(path) == 2 and (path[0], name) in WHOLE  # noqa: PLR2004 - section and id


def _removes(upper: PlacedDict, path: Path) -> bool:
    """Whether a ``null`` stands somewhere in a mapping to take something away."""
    for name, value in upper.items():
        if value is not None and type(value) is not PlacedDict:
            continue
        if not _is_whole(path, name) and (value is None or _removes(value, (*path, name))):
            return True
    return False


def _is_mapping(value: Any) -> bool:
    """Whether the value merges: a secret reference is one value, not a mapping."""
    return isinstance(value, PlacedDict) and "$secret" not in value


def kind_sections(merged: PlacedDict) -> Iterator[tuple[Kind, PlacedDict]]:
    """The sections of the kinds, those that are missing left out."""
    for kind in KINDS:
        section = merged.get(kind.collection)
        if isinstance(section, PlacedDict):
            yield kind, section
