"""One living resource as git would declare it, and what is left to do about it by hand."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.compare import FieldChange, compare_resources
from reconciler.dialects import Dialect
from reconciler.exporting.values import extra_value, is_telling, is_text, placeholder, variable_value
from reconciler.kinds import BY_NAME, is_empty
from reconciler.kinds.table import Kind
from reconciler.manifests.acceptance import acceptance
from reconciler.manifests.rules import id_problem
from reconciler.model import Hidden, Key, Path, Resource, Secret, holds_secrets, mapped_secrets, text_digest
from reconciler.records import leaves
from reconciler.seal import seal_pair

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Todo:
    """Something that a person has to do or to know: where, and what. It holds no value."""

    place: str
    what: str


PASSWORDS = Todo(
    "connections",
    "Airflow 2 never shows a password, nor whether there is one; add a reference where there is",
)


@dataclass(frozen=True)
class Exported:
    """What git would say of a resource, nothing where it cannot, and what is to be done."""

    key: Key
    body: Body | None = field(repr=False)
    todos: tuple[Todo, ...] = ()


def exported(live: Resource, dialect: Dialect, *, reveal: bool = False) -> Exported:
    """``live`` as a manifest; ``reveal`` shows a value that only looks secret."""
    fields, problems = _declared(live, dialect, reveal=reveal)
    why = _undeclarable(live, dialect) or _incomplete(live.key, problems) or _unequal(live, fields)
    if why:
        return Exported(live.key, None, (Todo(str(live.key), f"left out: {why}"),))
    skipped = (Todo(_place(live.key, (name,)), f"left out: {what}") for name, what in problems.items())
    return Exported(
        live.key, _quieted(live, fields, reveal=reveal), (*_references(live.key, fields), *skipped)
    )


def _undeclarable(live: Resource, dialect: Dialect) -> str | None:
    """Why no manifest can declare a resource, whatever its fields say."""
    kind = BY_NAME[live.key.kind]
    if live.key.kind == "variable" and live.fields.get("value") is None:
        return "Airflow cannot decrypt its value"
    return id_problem(kind, live.key.id) or dialect.refusal(live)


def _incomplete(key: Key, problems: Mapping[str, str]) -> str | None:
    return next(
        (f"its {name} {problems[name]}" for name in BY_NAME[key.kind].required if name in problems), None
    )


def _unequal(live: Resource, fields: Body) -> str | None:
    """The last resort: what would not compare equal is not claimed to be the same."""
    pair = seal_pair(Resource(live.key, fields), live, text_digest)
    differs = any(isinstance(finding, FieldChange) for finding in compare_resources(*pair))
    return "no manifest says exactly what it is" if differs else None


def _declared(live: Resource, dialect: Dialect, *, reveal: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields that are to be declared, and why others cannot be."""
    kind = BY_NAME[live.key.kind]
    found = {name: _value(live, name, reveal=reveal) for name in _named(kind, live.key, dialect)}
    kept = {name: value for name, value in found.items() if name in kind.required or not is_empty(value)}
    problems = {name: what for name, value in kept.items() if (what := _problem(kind, name, value))}
    return {name: value for name, value in kept.items() if name not in problems}, problems


def _named(kind: Kind, key: Key, dialect: Dialect) -> Iterator[str]:
    """The fields that can be managed: Airflow 3 lets nobody describe its own pool anew."""
    for name in kind.field_names:
        if not (key.id in kind.reserved and name == "description" and dialect.major > 2):  # noqa: PLR2004
            yield name


def _value(live: Resource, name: str, *, reveal: bool) -> Any:
    value = live.fields.get(name)
    if isinstance(value, Hidden):
        return None
    if (live.key.kind, name) == ("variable", "value") and isinstance(value, str):
        return variable_value(live.key, value, reveal=reveal)
    special = SPECIAL.get((live.key.kind, name))
    return special(live.key, value) if special and value else value


SPECIAL: dict[tuple[str, str], Callable[[Key, Any], Any]] = {
    ("connection", "extra"): extra_value,
    ("connection", "password"): lambda key, _shown: placeholder(key, ("password",)),
}


def _problem(kind: Kind, name: str, value: Any) -> str | None:
    """Why a field cannot stand in a manifest."""
    if isinstance(value, str) and not is_text(value):
        return "holds broken characters"
    if isinstance(value, str) and kind.field(name).secret == "never" and is_telling(value):
        return "looks as if it held a secret, and no reference may stand there"
    written = mapped_secrets(value, lambda secret: {"$secret": secret.ref})
    accepted = acceptance("manifest")({kind.collection: {"id": {name: written}}})
    return None if accepted else "has a value that no manifest may hold"


def _quieted(live: Resource, fields: Body, *, reveal: bool) -> Body:
    """The fields; of a revealed value also that it is no secret, so that nobody is warned of it."""
    hushed = reveal and not holds_secrets(fields) and holds_secrets(_value(live, "value", reveal=False))
    return {**fields, "sensitive": False} if hushed else fields


def _references(key: Key, fields: Body) -> Iterator[Todo]:
    for name, value in fields.items():
        for path, leaf in leaves(value, (name,)):
            if isinstance(leaf, Secret):
                yield Todo(_place(key, path), leaf.ref)


def _place(key: Key, path: Path) -> str:
    return f"{key} {'.'.join(map(str, path))}"
