"""What kind of file it is, and the resources in it."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.errors import Origin
from reconciler.importing.entries import Fields, connection, is_connection, is_pool, pool, variable
from reconciler.importing.settings import entries, is_settings
from reconciler.importing.sources import Source, read, refusal
from reconciler.importing.uris import is_link, is_uri
from reconciler.importing.wrong import WrongError
from reconciler.manifests.names import quoted
from reconciler.model import Key, Resource, State
from reconciler.model import Path as Steps

EXPECTED = (
    "this is none of what can be read: what 'airflow connections export', 'airflow variables export' (JSON)"
    " and 'airflow pools export' write, connections as ID=URI, and Astronomer's airflow_settings.yaml"
)
AMBIGUOUS = "these may be connections or variables; say --kind connection or --kind variable"

FIELDS: dict[str, Callable[[Any], Fields]] = {
    "connection": connection,
    "pool": pool,
    "variable": variable,
}


@dataclass(frozen=True)
class Told:
    """One resource of a file; where it stands is only looked up for errors."""

    resource: Resource
    source: Source
    steps: Steps

    @property
    def origin(self) -> Origin:
        """Where it stands."""
        return self.source.origin(self.steps)


def imported(paths: Iterable[Path], kinds: Collection[str] = ()) -> State:
    """The resources of all files; ``kinds`` decides where a file could be of two.

    Raises UsageError, and ManifestError where a file is none of those that are known, or one resource
    stands in it twice or in two.
    """
    found = dict[Key, Told]()
    for one in (one for path in paths for one in told(read(path), kinds)):
        key = one.resource.key
        if key in found:
            raise refusal(one.origin, f"{_named(key)} stands at {found[key].origin} already")
        found[key] = one
    return {key: one.resource for key, one in found.items()}


def told(source: Source, kinds: Collection[str] = ()) -> Iterator[Told]:
    """The resources of one file."""
    document = source.document
    if document is None or document == {}:
        return
    if not isinstance(document, dict):
        source.refuse((), EXPECTED)
    for key, value, steps in entries(source) if is_settings(document) else _exported(source, kinds):
        yield Told(_resource(source, key, value, steps), source, steps)


def _exported(source: Source, kinds: Collection[str]) -> Iterator[tuple[Key, Any, Steps]]:
    """The entries of a file that Airflow itself exported."""
    kind = _kind(source, source.document, kinds)
    for id_, value in source.document.items():
        yield Key(kind, id_), value, (id_,)


def _kind(source: Source, document: dict[str, Any], kinds: Collection[str]) -> str:
    """The kind of a file that holds but one."""
    values = document.values()
    if source.form == "env" or any(map(is_connection, values)):
        return "connection"
    if all(map(is_pool, values)):
        return "pool"
    if all(map(is_uri, values)):
        return _kind_of_uris(source, kinds)
    return "variable" if source.form == "json" else source.refuse((), EXPECTED)


def _kind_of_uris(source: Source, kinds: Collection[str]) -> str:
    if kinds:
        return "connection" if "connection" in kinds else "variable"
    only_links = all(map(is_link, source.document.values()))
    return source.refuse((), AMBIGUOUS) if only_links else "connection"


def _resource(source: Source, key: Key, value: Any, steps: Steps) -> Resource:
    try:
        fields = FIELDS[key.kind](value)
    except WrongError as error:
        source.refuse(steps, f"{_named(key)} {error}")
    return Resource(key, fields)


def _named(key: Key) -> str:
    return f"{key.kind} {quoted(key.id)}"
