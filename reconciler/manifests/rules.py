"""What a schema cannot say about merged manifests."""

from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from reconciler.dialects.base import path_of
from reconciler.errors import Origin, Problem
from reconciler.kinds import KINDS, Kind
from reconciler.kinds.connection import CONNECTION_TYPES
from reconciler.kinds.secrecy import WORDS, looks_secret
from reconciler.manifests.merge import kind_sections
from reconciler.manifests.names import unseen
from reconciler.manifests.placed import PlacedDict, PlacedList, parts
from reconciler.manifests.validation import did_you_mean, spelled
from reconciler.model import MASK, Key, Path

TELLING = frozenset({"$secret", "secret_version"})
QUIET = frozenset({bool, int, float, type(None)})
"""Types of leaves that hold neither a secret nor a mask where no name says so."""
CONNECTION_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")


class Declared(NamedTuple):
    """One resource of merged manifests."""

    kind: Kind
    id: str
    body: PlacedDict
    origin: Origin
    incomplete: bool
    """Whether something that may belong to it is broken."""


def notable(merged: PlacedDict) -> list[Declared]:
    """The resources that a rule may have something to say about; about most there is nothing."""
    return [
        Declared(
            kind,
            id_,
            section[id_],
            section.origins[id_],
            kind.collection in merged.broken or id_ in section.broken,
        )
        for kind, section in kind_sections(merged)
        for id_ in _notable_ids(kind, section)
    ]


def _notable_ids(kind: Kind, section: PlacedDict) -> Iterator[str]:
    """All but those that have what they need, and no secret, nothing that looks like one, and no mask."""
    required = frozenset(kind.required)
    named = kind.name == "variable" and looks_secret("\n".join(section))
    typed = kind.name == "connection"
    quiet: set[str] = set()
    for id_, body in section.items():
        if (
            not required <= body.keys()
            or not _is_quiet(body, quiet)
            or (named and looks_secret(id_))
            or (typed and body["conn_type"] not in CONNECTION_TYPES)
        ):
            yield id_


def _is_quiet(value: Any, quiet: set[str]) -> bool:
    """Whether neither a name nor a text in a value may concern a rule; ``quiet`` are names that do not."""
    names = value if isinstance(value, dict) else ()
    if not (quiet.issuperset(names) or _are_quiet(names, quiet)):
        return False
    for item in value.values() if names else value:
        if type(item) is str:
            if MASK in item:
                return False
        elif type(item) not in QUIET and not _is_quiet(item, quiet):
            return False
    return True


def _are_quiet(names: Iterable[str], quiet: set[str]) -> bool:
    quiet |= {name for name in names if name not in TELLING and not looks_secret(name)}
    return quiet.issuperset(names)


def check(found: list[Declared], schemes: Collection[str], allow: list[str] | None) -> Iterator[Problem]:
    """Everything that the notable resources must not say."""
    for one in found:
        if not one.incomplete:
            yield from _check_required(one.kind, one.id, one.body, one.origin)
        yield from _check_leaves(one.kind, one.id, one.body)
        yield from check_references(one.body, schemes, allow)


def id_problem(kind: Kind, id_: str) -> str | None:
    """Why Airflow cannot be asked about an id, or ``None``. Facts: this project's contract tests."""
    if id_.isidentifier() and id_.isascii() and len(id_) <= kind.id_length:
        return None
    if not id_:
        return "an id must not be empty"
    if len(id_) > kind.id_length:
        return f"'{id_[:40]}…' has {len(id_)} characters, a {kind.name} may have {kind.id_length}"
    if id_ in {".", ".."}:
        return f"'{id_}' cannot stand in a path"
    if why := unseen(id_):
        return f"this id {why}"
    if id_.startswith("/"):
        return f"'{id_}' starts with '/', Airflow 2 could never remove it"
    if kind.name == "connection" and not set(id_) <= CONNECTION_ID_CHARACTERS:
        return f"'{id_}' is no connection id: only ASCII letters, digits, '_', '.' and '-' are"
    return None


def check_ids(merged: PlacedDict) -> Iterator[Problem]:
    """Ids, declared and absent, of merged manifests."""
    nothing = PlacedDict({}, merged.origin)
    for kind, section in kind_sections(merged):
        for id_, origin in section.origins.items():
            if what := id_problem(kind, id_):
                yield Problem(origin, what, "choose another id")
    for kind in KINDS:
        yield from _check_absent(kind, merged.get(kind.collection) or nothing, absent_ids(merged, kind))


def _check_absent(kind: Kind, declared: PlacedDict, ids: Iterable[tuple[str, Origin]]) -> Iterator[Problem]:
    for id_, origin in ids:
        if what := id_problem(kind, id_):
            yield Problem(origin, what, "correct the id")
        if id_ in kind.reserved:
            yield Problem(origin, f"{id_} belongs to Airflow and is never deleted", "remove it from 'absent'")
        if id_ in declared.origins:
            what = f"'{id_}' is absent here and declared at {declared.origins[id_]}"
            yield Problem(origin, what, "keep one of the two")


def absent_ids(merged: PlacedDict, kind: Kind) -> list[tuple[str, Origin]]:
    """The ids of one kind under ``absent``, with their places."""
    ids = parts(merged, "absent").get(kind.collection)
    return list(zip(ids, ids.origins, strict=True)) if isinstance(ids, PlacedList) else []


def _check_required(kind: Kind, id_: str, body: PlacedDict, origin: Origin) -> Iterator[Problem]:
    missing = [name for name in kind.required if name not in body]
    if missing and not body.broken:
        yield Problem(origin, f"{kind.name} '{id_}' lacks {', '.join(missing)}", "add it")


def _check_leaves(kind: Kind, id_: str, body: PlacedDict) -> Iterator[Problem]:
    """What must never be written: Airflow's mask, and secrets in clear."""
    for field in kind.fields:
        if field.secret != "never" and field.name in body:
            for path, value, origin in leaves(body[field.name], (field.name,), body.origins[field.name]):
                if wrong := _wrong_leaf(path, value):
                    what, fix = wrong
                    yield Problem(origin, f"{spelled((kind.collection, id_, *path))} {what}", fix)


def _wrong_leaf(path: Path, value: Any) -> tuple[str, str] | None:
    if isinstance(value, str) and MASK in value:
        return (
            "holds '***', which is Airflow's mask and not a value",
            "write the value, or a secret reference",
        )
    if path[0] == "extra" and is_clear_secret(path[1:], value):
        return "looks like a secret written in clear", 'write {$secret: "env:NAME"}'
    return None


def is_clear_secret(names: Path, value: Any) -> bool:
    """Whether a leaf that stands under ``names`` looks like a secret in clear.

    Text does under any name that looks secret. A number does where its own name ends in the word: there
    are numbers about secrets too, such as ``token_ttl``.
    """
    words = [name for name in names if isinstance(name, str)]
    if isinstance(value, str):
        return value != "" and any(map(looks_secret, words))
    if not words or isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return words[-1].lower().replace("-", "_").endswith(WORDS)


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


def check_references(
    body: PlacedDict, schemes: Collection[str], allow: list[str] | None
) -> Iterator[Problem]:
    """Secret references within a mapping: a source that exists, and one that the environment allows."""
    for _, value, origin in leaves(body, (), body.origin):
        if isinstance(value, PlacedDict):
            yield from _check_reference(value["$secret"], origin, schemes, allow)


def _check_reference(
    reference: str, origin: Origin, schemes: Collection[str], allow: list[str] | None
) -> Iterator[Problem]:
    scheme = reference.partition(":")[0]
    if scheme not in schemes:
        known = f"known sources are {', '.join(sorted(schemes))}"
        what = "what stands before the ':' is no source of secrets"
        yield Problem(origin, what, f"{known}; the secret itself does not belong here")
    elif allow is not None and not any(fnmatchcase(reference, pattern) for pattern in allow):
        fix = "add a pattern there, or use another reference"
        yield Problem(origin, f"the reference {reference} is outside secrets.allow", fix)


def warnings(merged: PlacedDict, found: list[Declared], path_limit: int | None) -> Iterator[Problem]:
    """What is probably, but not surely, a mistake; ``found`` are the notable resources.

    ``path_limit`` is the longest path that the environment takes, where that is known.
    """
    for kind in KINDS:
        if path_limit is not None:
            for id_, origin in [*parts(merged, kind.collection).origins.items(), *absent_ids(merged, kind)]:
                yield from _long_path(Key(kind.name, id_), origin, path_limit)
        for one in (one for one in found if one.kind is kind):
            yield from _doubts(one.kind, one.id, one.body)


def _long_path(key: Key, origin: Origin, limit: int) -> Iterator[Problem]:
    length = len(path_of(key))
    if length > limit:
        what = f"the API path of '{key.id}' has {length} characters, and MWAA takes {limit}"
        yield Problem(origin, what, "only Airflow 3 can address it; a shorter id works everywhere")


def _doubts(kind: Kind, id_: str, body: PlacedDict) -> Iterator[Problem]:
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
        if is_clear_secret((id_, *path[1:]), value):
            what = f"variable '{id_}' looks like a secret, and its value is written in clear"
            yield Problem(origin, what, "use a secret reference, or silence this with 'sensitive: false'")
            return
