"""Which drift a manifest can say, in which file and in what words; and why the rest is left to a person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.accepting.overlays import NOTHING, effective, with_field
from reconciler.compare import NOTHING as NOWHERE
from reconciler.compare import FieldChange
from reconciler.dialects import Dialect
from reconciler.errors import Origin
from reconciler.exporting import PASSWORDS, Exported, Todo, exported, literal, shortened
from reconciler.kinds import BY_NAME
from reconciler.kinds.json_text import NO_DOCUMENT, document
from reconciler.manifests import Environment
from reconciler.manifests.parameters import parameters_in
from reconciler.manifests.wording import Wording
from reconciler.model import Key, Resource, State, holds_secrets
from reconciler.model import Path as Way
from reconciler.plan import Action, Change, Plan

SECRET = "is or looks secret; change it at its source, or write a reference"
TELLING = "looks secret, and no reference may stand there; mend it in Airflow"
UNSAID = "no manifest can say it, or it looks secret"
CONFLICT = "git has changed it too since it was written; choose one of the two"
PROTECTED = "it is protected and gone; take its declaration out by hand if it is to stay so"
ABSENT = "it lives; let apply delete it, or take it out of 'absent' at"
WITHDRAWN = "git no longer declares it; declare it again, or let apply delete it"


@dataclass(frozen=True)
class Accepted:
    """One resource as its file is to say it from now on."""

    key: Key
    file: Path
    body: Any = field(repr=False)
    """NOTHING takes it out of the file."""
    sort: str
    """``changed``, ``declared`` or ``removed``."""
    fields: tuple[FieldChange, ...] = ()
    parameters: Mapping[Way, tuple[str, ...]] = field(default_factory=dict)
    """Parameters whose place a field's value takes."""
    todos: tuple[Todo, ...] = ()


@dataclass(frozen=True)
class Found:
    """What is accepted, and what is left to do."""

    accepted: tuple[Accepted, ...]
    todos: tuple[Todo, ...]


@dataclass(frozen=True)
class Deciding:
    """Everything that it takes to say a drifted resource anew."""

    environment: Environment
    wording: Wording
    current: State
    dialect: Dialect
    vanished: Mapping[str, str]
    """Kinds of which so many are gone that it may be another environment, and what that looks like."""

    def found(self, drift: Plan) -> Found:
        """Everything in ``drift`` but for tombstones, decided change by change."""
        accepted, todos = [], []
        for change in drift.changes:
            if change.reason == "absent":
                continue
            one, left = self._decided(change)
            accepted += [one] if one else []
            todos += left
        return Found(tuple(accepted), tuple(todos))

    def _decided(self, change: Change) -> tuple[Accepted | None, list[Todo]]:
        if change.action is Action.CREATE:
            return self._gone(change.key)
        if change.action is not Action.DELETE:
            return self._changed(change)
        if change.reason == "authoritative":
            return self._stranger(change.key)
        return None, [_todo(change.key, WITHDRAWN)]

    def _own(self, key: Key) -> tuple[Path, Any]:
        """The file that a resource is said in, or is to be, and what it says."""
        collection = BY_NAME[key.kind].collection
        having = [path for path, one in self.wording.documents.items() if one.get(collection) is not None]
        for path in having:
            section = self.wording.documents[path][collection]
            if key.id in section:
                return path, section[key.id]
        new = self.wording.folder / f"{collection}.yaml"
        return (new if new in having or not having else having[0]), NOTHING

    def _inherited(self, key: Key) -> Any:
        section = self.wording.inherited.get(BY_NAME[key.kind].collection)
        return section.get(key.id, NOTHING) if isinstance(section, dict) else NOTHING

    def _gone(self, key: Key) -> tuple[Accepted | None, list[Todo]]:
        if self.environment.desired[key].protect:
            return None, [_todo(key, PROTECTED)]
        if key.kind in self.vanished:
            return None, [_todo(key, f"it is gone, and {self.vanished[key.kind]}")]
        path, _ = self._own(key)
        body = NOTHING if self._inherited(key) is NOTHING else None
        return Accepted(key, path, body, "removed"), []

    def _stranger(self, key: Key) -> tuple[Accepted | None, list[Todo]]:
        """What lives undeclared: what an export would say of it, secrets as references to be filled in."""
        shown = exported(self.current[key], self.dialect)
        if shown.body is None:
            return None, [*shown.todos]
        path, _ = self._own(key)
        hidden = key.kind == "connection" and self.dialect.major == 2  # noqa: PLR2004
        todos = (*shown.todos, *([_todo(key, PASSWORDS.what)] if hidden else []))
        body = shortened(BY_NAME[key.kind], literal(shown.body))
        return Accepted(key, path, body, "declared", todos=todos), []

    def _changed(self, change: Change) -> tuple[Accepted | None, list[Todo]]:
        key, declared = change.key, self.environment.desired[change.key]
        path, own = self._own(key)
        inherited, kind = self._inherited(key), BY_NAME[key.kind]
        shown = exported(self.current[key], self.dialect)
        fields, parameters, todos = [], {}, []
        for one in change.fields:
            name = str(one.path[0])
            if name not in declared.fields or name in declared.ignore:
                continue
            said = _Said(declared, self.current[key], shown, effective(own, inherited))
            way, new, why = said.anew(one)
            if why:
                todos.append(_todo(key, why, one.path))
                continue
            parameters[one.path] = parameters_in(said.wording(way))
            own = with_field(kind, own, inherited, way, _fitting(new, inherited, way))
            fields.append(one)
        accepted = Accepted(key, path, own, "changed", tuple(fields), parameters) if fields else None
        return accepted, todos


def _fitting(new: Any, inherited: Any, way: Way) -> Any:
    """``{}`` merges into what is inherited and empties nothing: only its removal does."""
    lower = inherited.get(way[0]) if isinstance(inherited, dict) else None
    return NOTHING if len(way) == 1 and new == {} and way[0] != "value" and lower else new


@dataclass(frozen=True)
class _Said:
    """One drifted resource as git says it, as it lives, as an export would say it, and its files' wording."""

    declared: Resource
    live: Resource
    shown: Exported
    body: Any

    def anew(self, change: FieldChange) -> tuple[Way, Any, str | None]:
        """Where which value is to stand, parameters escaped; or why it cannot."""
        path, why = change.path, self._refusal(change)
        if why:
            return path, NOTHING, why
        way = self._reach(path)
        new = NOTHING if way == path and change.after is NOWHERE and len(path) > 1 else self._value(way)
        if holds_secrets(new) or new is NO_DOCUMENT:
            return path, NOTHING, UNSAID
        return way, new if new is NOTHING else literal(new), None

    def _refusal(self, change: FieldChange) -> str | None:
        if change.secret:
            field = BY_NAME[self.live.key.kind].field(str(change.path[0]))
            return TELLING if field.secret == "never" else SECRET
        if not change.written:
            return CONFLICT
        if self.shown.body is None:
            return self.shown.todos[0].what
        place = f"{self.live.key} {change.path[0]}"
        unsaid = {todo.place: todo.what for todo in self.shown.todos}
        return None if change.path[0] in self.shown.body else unsaid.get(place)

    def wording(self, way: Way) -> Any:
        """What the files say at a path."""
        body = self.body if isinstance(self.body, dict) else {"value": self.body}
        return _at(body, way)

    def _reach(self, path: Way) -> Way:
        """So much of a path as the files spell out: a text may hold JSON, a parameter a mapping."""
        for end in range(1, len(path)):
            if not isinstance(self.wording(path[:end]), dict | list):
                return path[:end]
        return path

    def _value(self, way: Way) -> Any:
        """What an export would say at a path; text stays text, and what is empty stays declared."""
        kind, name = BY_NAME[self.live.key.kind], str(way[0])
        body = self.shown.body or {}
        said = body[name] if name in body else kind.empty(name)
        if said is None:
            return NOTHING
        before, live = _at(self.declared.fields, way), self.live.fields.get(name)
        if len(way) == 1:
            return live if _stays_text(before, said) and isinstance(live, str) else _structured(said, before)
        return _at({name: _structured(said, {})}, way)


def _stays_text(before: Any, said: Any) -> bool:
    if not isinstance(before, str) or holds_secrets(said):
        return False
    return not isinstance(said, dict | list) or document(before) is not NO_DOCUMENT


def _structured(said: Any, before: Any) -> Any:
    """A long text that an export leaves as it is, as the structure that it took the place of."""
    if not isinstance(said, str) or not isinstance(before, dict | list):
        return said
    parsed = document(said)
    return said if parsed is NO_DOCUMENT else parsed


def _at(value: Any, way: Way) -> Any:
    """What stands at a path, NO_DOCUMENT where there is none."""
    for step in way:
        if isinstance(value, dict) and step in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return NO_DOCUMENT
    return value


def tombstones(drift: Plan, absent: Mapping[Key, Origin]) -> list[Todo]:
    """What git says is to be gone and lives: which of the two is right, no edit can tell."""
    places = {one.key: absent[one.key] for one in drift.changes if one.reason == "absent"}
    return [_todo(key, f"{ABSENT} {origin.file}:{origin.line}") for key, origin in places.items()]


def _todo(key: Key, what: str, way: Way = ()) -> Todo:
    return Todo(" ".join([str(key), *([".".join(map(str, way))] if way else [])]), what)
