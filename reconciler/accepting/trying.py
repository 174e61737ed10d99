"""Edits tried in memory: the environment that would be read is held against what lives and what was meant."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from reconciler.accepting.deciding import Accepted, Found
from reconciler.accepting.editing import Text, UnwritableError
from reconciler.accepting.overlays import NOTHING
from reconciler.compare import FieldChange, compare_resources, same
from reconciler.errors import ManifestError
from reconciler.exporting import Todo
from reconciler.kinds import BY_NAME
from reconciler.manifests import Environment, load_environment
from reconciler.manifests.wording import Wording
from reconciler.model import Key, Resource, State, text_digest
from reconciler.model import Path as Way
from reconciler.seal import seal_pair

BOM = b"\xef\xbb\xbf"
FAILED = "no small edit of its file was found that declares just what lives"


@dataclass(frozen=True)
class Trial:
    """Everything that edits are tried on."""

    environment: Environment
    wording: Wording
    current: State
    schemes: Collection[str]

    def proven(self, found: Found) -> Found:
        """Of what is accepted, as much as can be written together; the rest is left to do, too."""
        accepted, left = self._sound([], [*found.accepted])
        return Found(tuple(accepted), (*found.todos, *left))

    def contents(self, accepted: Sequence[Accepted]) -> dict[Path, bytes]:
        """What the files would hold. Raises UnwritableError."""
        found = {}
        for path in dict.fromkeys(one.file for one in accepted):
            old: Mapping[str, Any] = self.wording.documents.get(path, {})
            new = _said(old, [one for one in accepted if one.file == path])
            bom = BOM if self.wording.files.get(path, b"").startswith(BOM) else b""
            found[path] = bom + self._text(path).saying(old, new).encode()
        return found

    def environment_of(self, contents: Mapping[Path, bytes]) -> Environment:
        """The environment as it would be read. Raises ManifestError where it could not be."""
        return load_environment(self.environment.folder, self.schemes, contents)

    @cached_property
    def _texts(self) -> dict[Path, Text]:
        return {}

    def _text(self, path: Path) -> Text:
        data = self.wording.files.get(path, b"")
        return self._texts.setdefault(path, Text(data.decode("utf-8-sig")))

    def _sound(self, sure: list[Accepted], more: list[Accepted]) -> tuple[list[Accepted], list[Todo]]:
        """``sure`` and as much of ``more`` as can be written with it, found by halves; and the others."""
        why = self._objection([*sure, *more]) if more else None
        if why is None:
            return [*sure, *more], []
        if len(more) == 1:
            return sure, [*_left(more[0], why)]
        half = len(more) // 2
        first, left = self._sound(sure, more[:half])
        both, rest = self._sound(first, more[half:])
        return both, [*left, *rest]

    def _objection(self, accepted: list[Accepted]) -> str | None:
        """Why that cannot be written: it has to declare what lives, and all else as before."""
        try:
            new = self.environment_of(self.contents(accepted))
        except UnwritableError as error:
            return str(error)
        except ManifestError as error:
            return f"the manifests would not be sound: {error.problems[0].what}"
        return None if self._is_meant(new, {one.key: one for one in accepted}) else FAILED

    def _is_meant(self, new: Environment, accepted: Mapping[Key, Accepted]) -> bool:
        before, after = self.environment.desired, new.desired
        others = (before.keys() | after.keys()) - accepted.keys()
        return (
            new.absent.keys() == self.environment.absent.keys()
            and all(_is_unchanged(before.get(key), after.get(key)) for key in others)
            and all(self._is_said(one, before.get(key), after.get(key)) for key, one in accepted.items())
        )

    def _is_said(self, one: Accepted, before: Resource | None, after: Resource | None) -> bool:
        if one.sort == "removed" or after is None:
            return (one.sort == "removed") == (after is None)
        live = self.current[one.key]
        differing = _differing(after, live)
        if before is None:
            return not differing
        touched = {str(field.path[0]) for field in one.fields}
        rest = _differing(before, live) - {field.path for field in one.fields}
        return differing <= rest and _is_unchanged(_less(before, touched), _less(after, touched))


def _said(old: Mapping[str, Any], accepted: list[Accepted]) -> dict[str, Any]:
    """A document with these resources as they are to be said."""
    sections: dict[str, dict[str, Any]] = {}
    for one in accepted:
        collection = BY_NAME[one.key.kind].collection
        if collection not in sections:
            sections[collection] = {**(old.get(collection) or {})}
        if one.body is NOTHING:
            del sections[collection][one.key.id]
        else:
            sections[collection][one.key.id] = one.body
    return {**old, **sections}


def _differing(declared: Resource, live: Resource) -> set[Way]:
    pair = seal_pair(declared, live, text_digest)
    return {one.path for one in compare_resources(*pair) if isinstance(one, FieldChange)}


def _less(resource: Resource, names: Collection[str]) -> Resource:
    return replace(
        resource, fields={name: value for name, value in resource.fields.items() if name not in names}
    )


def _is_unchanged(before: Resource | None, after: Resource | None) -> bool:
    """Whether two readings of a resource's files say the same, wherever they say it."""
    if before is None or after is None:
        return before is after
    return same(dict(before.fields), dict(after.fields)) and replace(
        before, fields={}, origin=None
    ) == replace(after, fields={}, origin=None)


def _left(one: Accepted, why: str) -> Iterator[Todo]:
    if not one.fields:
        yield Todo(str(one.key), why)
    for field in one.fields:
        yield Todo(f"{one.key} {'.'.join(map(str, field.path))}", why)
