"""What Airflow should store, told from the manifest and the secrets alone, without the program's eyes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.ledger import Ledger
from reconciler.model import Key
from tests.properties.requests import Write
from tests.properties.world import KINDS, Kept, Manifest, Raw, Row

Values = Mapping[str, Any]


def resources(manifest: Manifest) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Everything that a manifest declares."""
    for collection, kind in KINDS.items():
        for id_, body in manifest.get(collection, {}).items():
            yield Key(kind, id_), body


def declared(manifest: Manifest) -> frozenset[Key]:
    return frozenset(key for key, _ in resources(manifest))


def tombstones(manifest: Manifest) -> frozenset[Key]:
    absent = manifest.get("absent", {})
    return frozenset(Key(kind, id_) for name, kind in KINDS.items() for id_ in absent.get(name, ()))


def versioned(manifest: Manifest) -> frozenset[Key]:
    """Variables in which a secret stands of which a plan only knows the version."""
    return frozenset(key for key, body in resources(manifest) if "safe:" in json.dumps(body.get("value")))


def fields_of(body: Mapping[str, Any]) -> Values:
    """The fields that are Airflow's."""
    return {
        name: value for name, value in body.items() if name not in {"ignore", "protect", "secret_version"}
    }


def with_secrets(value: Any, kept: Kept) -> Any:
    """A declared value with plaintexts in the places of references."""
    if isinstance(value, dict):
        if "$secret" in value:
            return kept[value["$secret"]]
        return {name: with_secrets(item, kept) for name, item in value.items()}
    return [with_secrets(item, kept) for item in value] if isinstance(value, list) else value


def stored(name: str, value: Any, kept: Kept) -> Any:
    """What a field comes to in Airflow's database."""
    if name == "value":
        plain = with_secrets(value, kept)
        return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    if name == "extra":
        return json.dumps(with_secrets(_without_nulls(value), kept), ensure_ascii=False)
    return with_secrets(value, kept)


def _without_nulls(value: Any) -> Any:
    """Layers merge: in mappings ``null`` removes."""
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return value


def same(name: str, one: Any, other: Any) -> bool:
    """Whether two stored values of a field mean the same to Airflow."""
    if name == "extra":
        return _exactly(parsed(one or "{}"), parsed(other or "{}"))
    if name == "value" and isinstance(one, str) and isinstance(other, str):
        ours, theirs = parsed(one), parsed(other)
        both = isinstance(ours, dict | list | float) and isinstance(theirs, dict | list | float)
        return one == other or (both and _exactly(ours, theirs))
    return one == other or (_is_nothing(one) and _is_nothing(other))


def _is_nothing(value: Any) -> bool:
    return value is None or value is False or value == ""


def parsed(text: str) -> Any:
    """JSON as RFC 8259 has it, or the text itself."""
    try:
        return json.loads(text, parse_constant=lambda _name: 1 / 0)
    except (ValueError, ZeroDivisionError):
        return text


def _exactly(one: Any, other: Any) -> bool:
    """Equality at every depth that tells ``1`` from ``1.0`` and ``true``."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def differing(body: Values, row: Row, kept: Kept) -> frozenset[str]:
    """Declared fields that are stored otherwise, ignored ones aside."""
    ignored = body.get("ignore", ())
    return frozenset(
        name
        for name, value in fields_of(body).items()
        if name not in ignored and not same(name, stored(name, value, kept), row[name])
    )


def leftovers(manifest: Manifest, raw: Raw) -> dict[Key, frozenset[str]]:
    """Undeclared fields of what git alone has made that are not at their defaults."""
    found = {
        key: frozenset(
            name
            for name, value in raw[key].items()
            if name != "id" and name not in body and not _is_default(name, value)
        )
        for key, body in resources(manifest)
        if key.id != "default_pool"
    }
    return {key: names for key, names in found.items() if names}


def misses(manifest: Manifest, raw: Raw, kept: Kept) -> dict[Key, frozenset[str]]:
    """Every declared resource that is not stored as it should be, and the fields in which it is not."""
    found: dict[Key, frozenset[str]] = {}
    for key, body in resources(manifest):
        wrong = differing(body, raw[key], kept) if key in raw else frozenset({"it is missing"})
        if wrong:
            found[key] = wrong
    return found


def changed(before: Raw, after: Raw) -> frozenset[Key]:
    """What has come, gone or changed."""
    return frozenset(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


@dataclass(frozen=True)
class Before:
    """What a run starts from; ``major`` is Airflow's version."""

    raw: Raw
    ledger: Ledger | None
    kept: Kept
    major: int

    def written(self, key: Key) -> frozenset[str]:
        """The fields that the ledger says we have written."""
        entries = {} if self.ledger is None else self.ledger.entries
        return entries[key].fields if key in entries else frozenset()

    def withdrawn(self, key: Key, body: Values) -> frozenset[str]:
        """Fields that we have written, git does not declare any more, and are not at their defaults."""
        row, gone = self.raw[key], self.written(key) - body.keys() - {*body.get("ignore", ())}
        return frozenset(name for name in gone if not _is_default(name, row[name]))

    def is_replaced(self, key: Key, body: Values) -> bool:
        """Whether a password is to be taken away, which no PATCH does.

        Airflow 2 never shows whether there is one: where we have not written any, somebody may have.
        """
        there = bool(self.raw[key].get("password"))
        if "password" in self.withdrawn(key, body):
            return True
        unknown = self.major == 2 and "password" not in self.written(key)
        wanted = body.get("password") == "" and "password" not in body.get("ignore", ())
        return wanted and (there or unknown)

    def writes(self, manifest: Manifest) -> Iterator[Write]:
        """The fewest that make what git says of it, where all that it names is ours or new."""
        for key, body in resources(manifest):
            if key not in self.raw:
                yield Write("create", key)
            elif self.is_replaced(key, body):
                yield from (Write("delete", key), Write("create", key))
            elif fields := differing(body, self.raw[key], self.kept) | self.withdrawn(key, body):
                yield Write("update", key, fields)
        owned = frozenset() if self.ledger is None else self.ledger.entries.keys()
        for key in (owned & self.raw.keys()) - declared(manifest):
            if key.id != "default_pool":
                yield Write("delete", key)


def _is_default(name: str, value: Any) -> bool:
    return _is_nothing(value) or (name == "extra" and value == "{}")
