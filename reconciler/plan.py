"""What apply would do, as data."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from reconciler.compare import (
    FieldChange,
    Finding,
    Unverified,
    compare_resources,
    created_leaves,
    digest,
    lost_leaves,
)
from reconciler.errors import Origin
from reconciler.kinds import BY_NAME
from reconciler.model import Key, Resource, State

Reason = Literal["manifest", "missing", "secret_resend", "absent", "authoritative"]


class Action(Enum):
    """What happens to a resource; the value is its name in JSON."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    ADOPT = "adopt"
    FORGET = "forget"


@dataclass(frozen=True)
class Change:
    """One resource that apply would touch."""

    action: Action
    key: Key
    reason: Reason
    origin: Origin | None
    fields: tuple[FieldChange, ...]
    digest_before: str | None
    digest_after: str | None

    @property
    def changed(self) -> tuple[str, ...]:
        """The top-level fields that differ, each once."""
        return tuple(dict.fromkeys(str(field.path[0]) for field in self.fields))


@dataclass(frozen=True)
class Difference:
    """Everything that the comparison of two states found."""

    changes: tuple[Change, ...]
    unchanged: tuple[Key, ...]
    unmanaged: tuple[Key, ...]
    unverified: tuple[Unverified, ...]


@dataclass(frozen=True)
class Violation:
    """A guard that stands against a plan, and the option that lifts it, where there is one."""

    guard: str
    kind: str
    count: int
    limit: int
    message: str
    allow: str | None


@dataclass(frozen=True)
class Calls:
    """Requests to Airflow: of the plan itself, and what an apply needs in all."""

    read: int
    apply_read: int
    apply_write: int


@dataclass(frozen=True)
class Plan:
    """The difference of one environment with everything a reader needs to judge it."""

    name: str
    target: str
    airflow_version: str
    difference: Difference
    violations: tuple[Violation, ...]
    calls: Calls
    ledger_serial: int | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What apply would do, in the order in which it would."""
        return self.difference.changes

    def count(self, action: Action) -> int:
        """How many changes there are of one action."""
        return sum(change.action is action for change in self.changes)


@dataclass(frozen=True)
class Undeclared:
    """Ids that are deleted where they live though no manifest declares them."""

    absent: Mapping[Key, Origin]
    authoritative: Callable[[Key], bool]

    def reason(self, key: Key) -> Reason | None:
        """Why a living, undeclared ``key`` is deleted; ``None`` if it stays."""
        if key.id in BY_NAME[key.kind].reserved:
            return None
        if key in self.absent:
            return "absent"
        return "authoritative" if self.authoritative(key) else None


def diff(desired: State, current: State, undeclared: Undeclared, resend: Collection[Key] = ()) -> Difference:
    """Set algebra over the keys, then a strict comparison of what is on both sides.

    Both states must have come out of ``seal``. ``resend`` names resources whose secrets are to be sent
    although nothing shows that they differ.
    """
    found = {key: _findings(desired[key], current.get(key)) for key in desired}
    changes = [
        change
        for key in desired
        if (change := _change(desired[key], current.get(key), found[key], resend=key in resend))
    ]
    doomed = {key: reason for key in current if key not in desired and (reason := undeclared.reason(key))}
    changes += [_delete(current[key], reason, undeclared) for key, reason in doomed.items()]
    touched = {change.key: change for change in changes}
    return Difference(
        changes=tuple(sorted(changes, key=_execution_order)),
        unchanged=tuple(sorted(key for key in desired if key not in touched)),
        unmanaged=tuple(sorted(key for key in current if key not in desired and key not in doomed)),
        unverified=tuple(one for key in sorted(found) for one in _unverified(found[key], touched.get(key))),
    )


def _findings(desired: Resource, current: Resource | None) -> list[Finding]:
    return list(created_leaves(desired) if current is None else compare_resources(desired, current))


def _change(
    desired: Resource, current: Resource | None, found: list[Finding], *, resend: bool
) -> Change | None:
    differing = tuple(one for one in found if isinstance(one, FieldChange))
    if current is None:
        after = digest(desired, desired.fields)
        return Change(Action.CREATE, desired.key, "manifest", desired.origin, differing, None, after)
    fields = differing + (_resent(found) if resend else ())
    if not fields:
        return None
    action = Action.UPDATE
    if any(_needs_replace(desired, field) for field in fields):
        action = Action.REPLACE
        fields += tuple(one for one in lost_leaves(desired, current) if isinstance(one, FieldChange))
    reason: Reason = "manifest" if differing else "secret_resend"
    names = tuple(desired.compared())
    digests = digest(current, names), digest(desired, names)
    return Change(action, desired.key, reason, desired.origin, fields, *digests)


def _resent(found: list[Finding]) -> tuple[FieldChange, ...]:
    """What cannot be compared, as changes; a field that changes anyway carries its secrets with it."""
    return tuple(
        FieldChange(one.path, secret=True, ref=one.ref)
        for one in found
        if isinstance(one, Unverified) and one.why != "secret missing"
    )


def _needs_replace(desired: Resource, field: FieldChange) -> bool:
    """No version takes a password away by PATCH (200 without effect, or 400): only a new row loses it."""
    return field.path == ("password",) and desired.fields["password"] in {None, ""}


def _delete(current: Resource, reason: Reason, undeclared: Undeclared) -> Change:
    """A delete's digest leaves out what might hold secrets, since nothing declares which leaves do."""
    fields = BY_NAME[current.key.kind].fields
    readable = tuple(field.name for field in fields if field.secret == "never")
    origin = undeclared.absent.get(current.key)
    return Change(Action.DELETE, current.key, reason, origin, (), digest(current, readable), None)


def _unverified(found: list[Finding], change: Change | None) -> list[Unverified]:
    """What stays unverified: a field that is sent anyway is not listed, unless its source is missing."""
    sent = change.changed if change else ()
    whole = change is not None and change.action is Action.REPLACE
    return [
        one
        for one in found
        if isinstance(one, Unverified) and (one.why == "secret missing" or not (whole or one.path[0] in sent))
    ]


def _execution_order(change: Change) -> tuple[bool, int, str]:
    """Creates and updates by rank, then deletes in reverse."""
    rank = BY_NAME[change.key.kind].rank
    last = change.action is Action.DELETE
    return last, -rank if last else rank, change.key.id
