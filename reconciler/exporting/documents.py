"""The files of an environment folder, out of the resources that live there."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.exporting.resources import PASSWORDS, Body, Exported, Todo
from reconciler.exporting.text import dump, visible
from reconciler.exporting.values import fingerprint
from reconciler.kinds import Kind
from reconciler.model import Key

WRITTEN = "# Written by reconciler export."
"""How every file begins."""

FILE_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,99}\Z")
"""Ids that are file names on every system, as they are."""
TAKEN = frozenset({"environment"})
"""A file of that name would make a folder an environment of its own."""


@dataclass(frozen=True)
class Document:
    """One file: where, what is in it, and what is to be done about that."""

    path: str
    content: Mapping[str, Any] = field(repr=False)
    todos: tuple[Todo, ...] = ()

    @property
    def text(self) -> str:
        """Its bytes' text: a comment, then YAML."""
        lines = [WRITTEN, *(["# To do:"] if self.todos else [])]
        told = (f"#   {visible(todo.place)}: {visible(todo.what)}" for todo in self.todos)
        return "".join(f"{line}\n" for line in (*lines, *told)) + "\n" + dump(self.content)


def manifests(found: Iterable[Exported], kinds: Sequence[Kind], *, split: bool, major: int) -> list[Document]:
    """One file for each kind, or for each resource; sorted, so that the same state gives the same bytes."""
    ordered = sorted(found, key=lambda one: one.key)
    return [
        document
        for kind in kinds
        for document in _documents(kind, [one for one in ordered if one.key.kind == kind.name], split, major)
    ]


def _documents(kind: Kind, found: list[Exported], split: bool, major: int) -> Iterator[Document]:  # noqa: FBT001
    if not split:
        yield _document(f"{kind.collection}.yaml", kind, found, major)
        return
    for one in found:
        if one.body is not None:
            yield _document(f"{kind.collection}/{_file_name(one.key)}.yaml", kind, [one], major)


def _document(path: str, kind: Kind, found: list[Exported], major: int) -> Document:
    section = {one.key.id: shortened(kind, literal(one.body)) for one in found if one.body is not None}
    hidden = (PASSWORDS,) if kind.name == "connection" and major == 2 and section else ()  # noqa: PLR2004
    todos = (*hidden, *(todo for one in found for todo in one.todos))
    return Document(path, {kind.collection: section}, todos)


def left_out(found: Iterable[Exported]) -> tuple[Todo, ...]:
    """What no file of its own can tell of."""
    ordered = sorted((one for one in found if one.body is None), key=lambda one: one.key)
    return tuple(todo for one in ordered for todo in one.todos)


def shortened(kind: Kind, body: Body) -> Any:
    """The short form of a variable that is nothing but its value."""
    value = body.get(kind.shorthand) if kind.shorthand else None
    is_short = body.keys() == {kind.shorthand} and isinstance(value, str | int | float | list)
    return value if is_short else body


def literal(value: Any) -> Any:
    """A value in which no text is taken for a parameter."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {name: literal(item) for name, item in value.items()}
    return [literal(item) for item in value] if isinstance(value, list) else value


def _file_name(key: Key) -> str:
    if FILE_NAME.match(key.id) and key.id not in TAKEN:
        return key.id
    words = re.sub(r"[^a-z0-9_.-]+", "-", key.id[:60].lower()).strip(".-")
    return f"{words or key.kind}-{fingerprint(*key).lower()}"
