"""What a schema cannot say about merged manifests."""

import unicodedata
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from reconciler.errors import Origin, Problem
from reconciler.kinds import KINDS, Kind
from reconciler.kinds.connection import CONNECTION_TYPES
from reconciler.kinds.secrecy import looks_secret
from reconciler.manifests.placed import PlacedDict, PlacedList
from reconciler.manifests.validation import did_you_mean
from reconciler.model import MASK, Path

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that no reader can see: controls, direction marks, zero-width, surrogates."""

CONNECTION_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")

Place = Callable[[Path], Origin]


def id_problem(kind: Kind, id_: str) -> str | None:
    """Why Airflow cannot be asked about an id, or ``None``. Facts: this project's contract tests."""
    if not id_:
        return "an id must not be empty"
    if id_ in {".", ".."}:
        return f"'{id_}' cannot stand in a path"
    if any(unicodedata.category(character) in UNSEEN for character in id_):
        return "an id must not hold characters that nobody sees"
    if unicodedata.normalize("NFC", id_) != id_:
        return "an id must be in Unicode's composed form (NFC)"
    if id_.startswith("/"):
        return f"'{id_}' starts with '/', Airflow 2 could never remove it"
    if len(id_) > kind.id_length:
        return f"'{id_[:40]}…' has {len(id_)} characters, a {kind.name} may have {kind.id_length}"
    if kind.name == "connection" and not set(id_) <= CONNECTION_ID_CHARACTERS:
        return f"'{id_}' is no connection id: only ASCII letters, digits, '_', '.' and '-' are"
    return None


def check_ids(document: PlacedDict) -> Iterator[Problem]:
    """Ids, declared and absent, of one merged document."""
    absent = document.get("absent") or {}
    for kind in KINDS:
        declared = document.get(kind.collection) or PlacedDict({}, document.origin)
        for id_, origin in declared.origins.items():
            if id_ in declared and (what := id_problem(kind, id_)):
                yield Problem(origin, what, "choose another id")
        yield from _check_absent(kind, absent.get(kind.collection), declared)


def _check_absent(kind: Kind, ids: Any, declared: PlacedDict) -> Iterator[Problem]:
    if not isinstance(ids, PlacedList):
        return
    for id_, origin in zip(ids, ids.origins, strict=True):
        if what := id_problem(kind, id_):
            yield Problem(origin, what, "correct the id")
        if id_ in kind.reserved:
            yield Problem(origin, f"{id_} belongs to Airflow and is never deleted", "remove it from 'absent'")
        if id_ in declared:
            what = f"'{id_}' is absent here and declared at {declared.origins[id_]}"
            yield Problem(origin, what, "keep one of the two")


def check_resource(kind: Kind, id_: str, body: PlacedDict) -> Iterator[Problem]:
    """One merged resource: what is required, and what must never be written."""
    missing = [name for name in kind.required if name not in body]
    if missing:
        yield Problem(body.origin, f"{kind.name} '{id_}' lacks {', '.join(missing)}", "add it")
    for field in kind.fields:
        if field.name not in body:
            continue
        for path, value, origin in leaves(body[field.name], (field.name,), body.origins[field.name]):
            yield from _check_leaf(kind, id_, path, value, origin)


def _check_leaf(kind: Kind, id_: str, path: Path, value: Any, origin: Origin) -> Iterator[Problem]:
    if not isinstance(value, str):
        return
    spelled = f"{kind.collection}.{id_}.{'.'.join(map(str, path))}"
    if MASK in value and path[0] in {"value", "password", "extra"}:
        what = f"{spelled} holds '***', which is Airflow's mask and not a value"
        yield Problem(origin, what, "write the value, or a secret reference")
    elif (
        path[0] == "extra" and value and any(looks_secret(step) for step in path[1:] if isinstance(step, str))
    ):
        what = f"{spelled} looks like a secret written in clear"
        yield Problem(origin, what, 'write {$secret: "env:NAME"}')


def leaves(value: Any, path: Path, origin: Origin) -> Iterator[tuple[Path, Any, Origin]]:
    """Every leaf with its way and its place; a secret reference is one leaf."""
    if isinstance(value, PlacedDict) and "$secret" not in value:
        for name, item in value.items():
            yield from leaves(item, (*path, name), value.origins[name])
    elif isinstance(value, PlacedList):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index), value.origins[index])
    else:
        yield path, value, origin


def check_references(body: PlacedDict, schemes: frozenset[str], allow: list[str] | None) -> Iterator[Problem]:
    """Secret references of one resource: a source that exists, and one that the environment allows."""
    for name, item in body.items():
        for _, value, origin in leaves(item, (name,), body.origins[name]):
            if isinstance(value, PlacedDict):
                yield from check_reference(value["$secret"], origin, schemes, allow)


def check_reference(
    reference: str, origin: Origin, schemes: frozenset[str], allow: list[str] | None
) -> Iterator[Problem]:
    """One secret reference."""
    scheme = reference.partition(":")[0]
    if scheme not in schemes:
        known = ", ".join(sorted(schemes))
        yield Problem(origin, f"'{scheme}' is no source of secrets", f"known are {known}")
    elif allow is not None and not any(fnmatchcase(reference, pattern) for pattern in allow):
        fix = "add a pattern there, or use another reference"
        yield Problem(origin, f"the reference {reference} is outside secrets.allow", fix)


def warnings(kind: Kind, id_: str, body: PlacedDict) -> Iterator[Problem]:
    """What is probably, but not surely, a mistake."""
    if kind.name == "variable" and body.get("sensitive") is not False and "value" in body:
        yield from _secret_variable(id_, body)
    type_ = body.get("conn_type") if kind.name == "connection" else None
    if isinstance(type_, str) and type_ not in CONNECTION_TYPES:
        hint = did_you_mean(type_, sorted(CONNECTION_TYPES))
        if hint.startswith("did you mean"):
            what = f"no published provider has the connection type '{type_}'"
            yield Problem(body.origins["conn_type"], what, hint)


def _secret_variable(id_: str, body: PlacedDict) -> Iterator[Problem]:
    for path, value, origin in leaves(body["value"], ("value",), body.origins["value"]):
        named = [id_, *(step for step in path[1:] if isinstance(step, str))]
        if isinstance(value, str) and value and any(map(looks_secret, named)):
            what = f"variable '{id_}' looks like a secret, and its value is written in clear"
            yield Problem(origin, what, "use a secret reference, or silence this with 'sensitive: false'")
            return
