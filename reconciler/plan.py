"""What apply would do, as data."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from typing import Any, Literal

from reconciler.causes import GRAVITY, NOTHING_OWNED, Ownership
from reconciler.compare import (
    FieldChange,
    Finding,
    Unverified,
    compare_resources,
    created_leaves,
    digest,
    digest_living,
    lost_leaves,
)
from reconciler.errors import Origin
from reconciler.kinds import BY_NAME
from reconciler.model import Key, Resource, State
from reconciler.records import UNCOMPARABLE, Marks, is_plain, is_version, ordered

Reason = Literal[
    "manifest",
    "drift",
    "missing",
    "secret_rotated",
    "secret_resend",
    "withdrawn",
    "undeclared",
    "absent",
    "authoritative",
    "recorded",
]


class Action(Enum):
    """What happens to a resource; the value is its name in JSON."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    ADOPT = "adopt"
    FORGET = "forget"

    @property
    def only_ledger(self) -> bool:
        """Whether Airflow is left alone, and only the ledger is written."""
        return self in {Action.ADOPT, Action.FORGET}


@dataclass(frozen=True)
class Edit:
    """An edit that Airflow's event log tells of: by whom, when (as Airflow writes it), and which event."""

    owner: str
    when: str
    event: str


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
    digests_keyless: frozenset[str] = frozenset()
    """``digest_after`` as plans have it that find no ledger, or no key yet: the first apply makes them."""
    edit: Edit | None = field(default=None, compare=False)
    """The last edit that Airflow has logged; only drift is asked about."""

    def leads_to(self, digest: str | None) -> bool:
        """Whether a digest that was saved is of what this change leads to."""
        return digest == self.digest_after or digest in self.digests_keyless

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
    key: Key | None = field(default=None, compare=False)
    """The one resource that it is about, where it is about one."""


@dataclass(frozen=True)
class Warned:
    """Something about a change that a reviewer should not overlook."""

    key: Key
    message: str


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
    warnings: tuple[Warned, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    """What shaped the plan beside the files: the selection, and what was allowed; a permit keeps it."""

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
    owned: Callable[[Key], bool] = lambda _key: False

    def reason(self, key: Key) -> Reason | None:
        """Why a living, undeclared ``key`` is deleted; ``None`` if it stays."""
        if key.id in BY_NAME[key.kind].reserved:
            return None
        if key in self.absent:
            return "absent"
        if self.owned(key):
            return "undeclared"
        return "authoritative" if self.authoritative(key) else None


def diff(  # noqa: PLR0913, PLR0917 - two states, and all that is known of them
    desired: State,
    current: State,
    undeclared: Undeclared,
    resend: Collection[Key] = (),
    ownership: Ownership = NOTHING_OWNED,
    alike: Collection[Key] = frozenset(),
) -> Difference:
    """Set algebra over the keys, then a strict comparison of what is on both sides.

    Both states must have come out of ``seal``. ``resend`` names resources whose secrets are to be sent
    although nothing shows that they differ, ``alike`` those of which a comparison would find nothing.
    """
    compared = _Compared(ownership, desired, current)
    found = {key: ownership.judged(key, compared.findings(key)) for key in desired if key not in alike}
    touchable = desired if ownership.has_ledger else found
    changes = [
        change
        for key in touchable
        if (change := compared.change(key, found.get(key, []), resend=key in resend))
    ]
    strangers = set(current).difference(desired)
    doomed = {key: reason for key in strangers if (reason := undeclared.reason(key))}
    changes += [_delete(current[key], reason, undeclared) for key, reason in doomed.items()]
    named = {*ownership.records, *ownership.disowned}
    changes += [_forget(key) for key in named.difference(desired, doomed)]
    touched = {change.key: change for change in changes}
    return Difference(
        changes=tuple(sorted(changes, key=_execution_order)),
        unchanged=tuple(sorted(key for key in desired if key not in touched)),
        unmanaged=tuple(sorted(strangers.difference(doomed))),
        unverified=tuple(one for key in sorted(found) for one in _unverified(found[key], touched.get(key))),
    )


@dataclass(frozen=True)
class _Compared:
    """Findings about declared resources on their way to changes."""

    known: Ownership
    desired: State
    current: State

    def findings(self, key: Key) -> Iterable[Finding]:
        if key not in self.current:
            return created_leaves(self.desired[key])
        return compare_resources(self.desired[key], self.current[key])

    def change(self, key: Key, found: list[Finding], *, resend: bool) -> Change | None:
        differing = tuple(one for one in found if isinstance(one, FieldChange))
        if key not in self.current:
            return self._created(self.desired[key], differing)
        again = found and (resend or self.known.was_raised(key, self.desired[key].secret_version))
        fields = differing + (_resent(found) if again else ())
        return self._changed(key, fields) if fields else self._only_recorded(key)

    def _created(self, desired: Resource, fields: tuple[FieldChange, ...]) -> Change:
        reason = self._why_gone(desired.key)
        return Change(
            Action.CREATE, desired.key, reason, desired.origin, fields, None, **self._after(desired)
        )

    def _changed(self, key: Key, fields: tuple[FieldChange, ...]) -> Change:
        desired, current = self.desired[key], self.current[key]
        action = Action.UPDATE
        if any(_needs_replace(desired, field) for field in fields):
            action = Action.REPLACE
            fields += tuple(one for one in lost_leaves(desired, current) if isinstance(one, FieldChange))
        causes = {field.cause for field in fields}
        reason = next(cause for cause in GRAVITY if cause in causes)
        before = digest_living(current, desired, desired.compared())
        return Change(action, key, reason, desired.origin, fields, before, **self._after(desired))

    def _why_gone(self, key: Key) -> Reason:
        record = self.known.records.get(key)
        return "missing" if record and record.settled else "manifest"

    def _only_recorded(self, key: Key) -> Change | None:
        """What is as git declares it, but the ledger does not say so: taken over, or somebody's edit."""
        owned = key in self.known.records
        if not self.known.has_ledger or (owned and self.known.is_current(key)):
            return None
        reason: Reason = "recorded" if owned else "manifest"
        desired = self.desired[key]
        before = digest_living(self.current[key], desired, desired.compared())
        return Change(Action.ADOPT, key, reason, desired.origin, (), before, **self._after(desired))

    def _lasts(self, mark: str) -> bool:
        """Whether another run makes the same mark of the same value."""
        return mark != UNCOMPARABLE and (self.known.is_stored or not is_plain(mark))

    def _after(self, desired: Resource) -> dict[str, Any]:
        """Digests of what is declared, in the form that counts: whatever lives, they are the same.

        Fields that are withdrawn are not declared: of a replaced resource nothing is left of them.
        """
        kind, wanted = BY_NAME[desired.key.kind], self.known.wanted(desired.key)
        names = desired.fields.keys() - self.known.withdrawn.get(desired.key, ())
        formed = {name: kind.field(name).form(desired.fields[name]) for name in names}
        below = cache(ordered(wanted.marks).below)

        def of(counts: Callable[[str], bool]) -> str:
            def marks(place: str) -> Marks:
                return {one: mark for one, mark in below(place).items() if self._lasts(mark) and counts(mark)}

            return digest(replace(desired, fields=formed), formed, marks)

        after = of(lambda _mark: True)
        if not below.cache_info().misses:  # nothing of it is told by a mark
            return {"digest_after": after, "digests_keyless": frozenset({after})}
        keyless = frozenset({of(is_version), of(lambda mark: is_version(mark) or is_plain(mark))})
        return {"digest_after": after, "digests_keyless": keyless}


def _resent(found: list[Finding]) -> tuple[FieldChange, ...]:
    """What cannot be compared, as changes; a field that changes anyway carries its secrets with it."""
    return tuple(
        FieldChange(one.path, secret=True, ref=one.ref or None, cause="secret_resend")
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


def _forget(key: Key) -> Change:
    return Change(Action.FORGET, key, "undeclared", None, (), None, None)


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
    last = change.action in {Action.DELETE, Action.FORGET}
    return last, -rank if last else rank, change.key.id
