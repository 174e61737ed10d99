"""Astronomer's ``airflow_settings.yaml``."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.importing.entries import settings_text
from reconciler.importing.sources import Source
from reconciler.importing.wrong import WrongError
from reconciler.kinds import is_empty
from reconciler.manifests.names import quoted
from reconciler.model import Key
from reconciler.model import Path as Steps

ROOT = "airflow"


class Section(NamedTuple):
    """A list of the file: the kind of its entries, and what Airflow calls the names in them."""

    kind: str
    id: str
    needs: frozenset[str]
    """Astronomer's own tool makes nothing of an entry that has none of these."""
    names: Mapping[str, str]


CONNECTIONS = {f"conn_{name}": name for name in "host schema login password port uri extra".split()}

SECTIONS = {
    "connections": Section(
        "connection",
        "conn_id",
        frozenset({"conn_type", "conn_uri"}),
        {"conn_type": "conn_type", **CONNECTIONS},
    ),
    "pools": Section(
        "pool",
        "pool_name",
        frozenset({"pool_slot"}),
        {"pool_slot": "slots", "pool_description": "description"},
    ),
    "variables": Section(
        "variable",
        "variable_name",
        frozenset({"variable_value"}),
        {"variable_value": "value"},
    ),
}


def is_settings(document: Mapping[str, Any]) -> bool:
    """Whether a file is one of Astronomer's."""
    inner = document.get(ROOT)
    return document.keys() == {ROOT} and isinstance(inner, dict) and inner.keys() <= SECTIONS.keys()


def entries(source: Source) -> Iterator[tuple[Key, Any, Steps]]:
    """Every entry that is filled in, as Airflow itself would export it, and its place."""
    for name, items in source.document[ROOT].items():
        if not isinstance(items, list | None):
            source.refuse((ROOT, name), f"{name} is no list")
        for at, item in enumerate(items or ()):
            steps = (ROOT, name, at)
            try:
                yield from ((*one, steps) for one in _entry(SECTIONS[name], item))
            except WrongError as error:
                source.refuse(steps, f"this entry of {name} {error}")


def _entry(section: Section, item: Any) -> Iterator[tuple[Key, Any]]:
    """The entry's id and its value, unless it is an empty one of the template."""
    given = _given(section, item)
    if not given:
        return
    if section.id not in given or not section.needs & given.keys():
        missing = section.needs if section.id in given else {section.id}
        raise WrongError(f"has no {' or '.join(sorted(missing))}; fill it in, or remove the entry")
    value = {section.names[name]: value for name, value in given.items() if name != section.id}
    key = Key(section.kind, settings_text(section.id, given[section.id]))
    yield key, settings_text("value", value["value"]) if section.kind == "variable" else value


def _given(section: Section, item: Any) -> dict[str, Any]:
    known = {section.id, *section.names}
    if not isinstance(item, dict | None):
        raise WrongError("is no mapping")
    for name in item or ():
        if name not in known:
            raise WrongError(f"has the unknown name {quoted(name)}; known are {', '.join(sorted(known))}")
    return {name: value for name, value in (item or {}).items() if not is_empty(value)}
