"""What stands between a plan and a catastrophe: each guard says the numbers and the way out.

Each is a pure function of what the plan is and what the ledger says. There is no switch that lifts all.
"""

import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain

from reconciler.kinds import BY_NAME, KINDS, Kind
from reconciler.model import Hidden, Key, Resource, State
from reconciler.plan import Action, Change, Violation, Warned
from reconciler.records import is_under, pointer, secret_places

FEW = 2
"""Deletes that are never too many."""

ENOUGH = 3
"""Owned resources of a kind from which their vanishing means something."""

VANISHED = Fraction(3, 10)
DESTINATION = ("host", "port", "conn_type")
MANY_UPDATES, MOST_OF_THEM = 10, Fraction(1, 2)


@dataclass(frozen=True)
class Limit:
    """How many deletes of a kind an environment takes: a number, or a share of what there is."""

    number: int
    percent: bool = False
    few: int = 0

    def of(self, population: int) -> int:
        """The limit for a kind of which there are so many."""
        return max(self.few, population * self.number // 100) if self.percent else self.number


DEFAULT_LIMIT = Limit(20, percent=True, few=FEW)


@dataclass(frozen=True)
class Allowed:
    """What somebody who has seen the numbers allows.

    Numbers are exact, so that a flag left over from last time allows nothing. Those that a saved plan
    carries are upper bounds: half of what it allowed may be done already.
    """

    deletes: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    adopt: frozenset[Key] = frozenset()
    delete: frozenset[Key] = frozenset()
    at_most: bool = False

    def covers(self, number: int | None, count: int) -> bool:
        """Whether a number that was given stands for ``count``."""
        return number is not None and (count <= number if self.at_most else count == number)


@dataclass(frozen=True)
class Situation:
    """What the guards judge: one environment's plan, before it is narrowed to anything."""

    changes: tuple[Change, ...]
    declared: Collection[Key]
    """Every declared resource, selected or not."""
    living: Collection[Key]
    """Everything that lives, of the kinds that were read."""
    kinds: tuple[Kind, ...]
    owned: Collection[Key]
    """What the ledger owns, selected or not."""
    settled: Collection[Key]
    """The same without what a broken apply may have made, or deleted, already."""
    has_ledger: bool
    is_owned: Callable[[Key], bool]
    is_protected: Callable[[Key], bool]
    is_changed: Callable[[Key], bool]
    """Whether an owned resource is not what we last wrote."""
    authoritative: Callable[[Key], bool]
    limit: Limit = DEFAULT_LIMIT
    adopt_always: bool = False

    def deletions(self, kind: Kind) -> list[Change]:
        """Changes that take a resource of a kind away, if only for a moment; tombstones do not count.

        They do where nothing at all is declared: then they are no exception but the whole.
        """
        return [
            change
            for change in self.changes
            if change.key.kind == kind.name
            and change.action in {Action.DELETE, Action.REPLACE}
            and (change.reason != "absent" or self.nothing_declared)
        ]

    @property
    def nothing_declared(self) -> bool:
        """Whether git declares nothing although the ledger owns something."""
        return not self.declared and bool(self.owned)

    def population(self, kind: Kind) -> int:
        """How many resources of a kind a share of deletes is taken of."""
        if self.has_ledger:
            return _count(self.owned, kind)
        return _count([key for key in self.living if self.authoritative(key)], kind)


def check(situation: Situation, allowed: Allowed) -> tuple[Violation, ...]:
    """Every guard that stands against the plan."""
    found = [violation for guard in GUARDS for violation in guard(situation, allowed)]
    return tuple(found)


def too_many_deletes(situation: Situation, allowed: Allowed) -> Iterator[Violation]:
    """More deletes of a kind than the limit, all that is managed of a kind, or over nothing declared."""
    for kind in KINDS:
        doomed = situation.deletions(kind)
        if not doomed:
            continue
        count, population = len(doomed), situation.population(kind)
        limit = 0 if situation.nothing_declared else situation.limit.of(population)
        number = allowed.deletes.get(kind.name)
        too_many = count > limit or _leaves_none(situation, kind, doomed)
        if (too_many or number is not None) and not allowed.covers(number, count):
            limit = min(limit, count - 1) if too_many else limit
            yield Violation(
                "deletes",
                kind.name,
                count,
                limit,
                _deletes_message(situation, kind, count, population, limit, number),
                f"--allow-deletes {kind.name}={count}",
            )


def _leaves_none(situation: Situation, kind: Kind, doomed: list[Change]) -> bool:
    """Whether nothing of a kind stays managed: tombstones go too, and Airflow's own never were ours."""
    gone = {change.key for change in situation.changes if change.action is Action.DELETE}
    ruled = (key for key in situation.living if situation.is_owned(key) or situation.authoritative(key))
    managed = chain(situation.declared, (key for key in ruled if key.id not in kind.reserved))
    left = any(key.kind == kind.name and key not in gone for key in managed)
    return any(change.action is Action.DELETE for change in doomed) and not left


def _deletes_message(  # noqa: PLR0913, PLR0917 - the numbers that a refusal owes
    situation: Situation, kind: Kind, count: int, population: int, limit: int, number: int | None
) -> str:
    what = f"{count} of {population} {kind.collection} would be deleted"
    if number is not None:
        return f"{what}, and --allow-deletes {kind.name}={number} allows another number"
    if situation.nothing_declared:
        return f"{what}, and nothing is declared: is this the right folder, and is it complete?"
    if _leaves_none(situation, kind, situation.deletions(kind)):
        return f"{what}, which is all that is managed of this kind"
    return f"{what}, the limit is {limit}"


def vanished(situation: Situation, allowed: Allowed) -> Iterator[Violation]:
    """Owned resources that are gone, so many that it may be another environment, or one built anew."""
    for kind in situation.kinds:
        owned = [key for key in situation.settled if key.kind == kind.name]
        gone = [key for key in owned if key not in situation.living]
        limit = int(VANISHED * len(owned))
        number = allowed.missing.get(kind.name)
        suspicious = len(owned) >= ENOUGH and len(gone) > VANISHED * len(owned)
        if suspicious and not allowed.covers(number, len(gone)):
            message = (
                f"{len(gone)} of {len(owned)} {kind.collection} that the ledger owns are gone: "
                "is this another environment, or was it built anew?"
            )
            allow = f"--allow-missing {kind.name}={len(gone)}"
            yield Violation("missing", kind.name, len(gone), limit, message, allow)


def protected(situation: Situation, _allowed: Allowed) -> Iterator[Violation]:
    """Deletes and replacements of what is protected, by git or by the ledger that remembers it."""
    for change in situation.changes:
        if change.action in {Action.DELETE, Action.REPLACE} and situation.is_protected(change.key):
            deleted = change.action is Action.DELETE
            what = "would be deleted" if deleted else "would be replaced, which deletes it first"
            message = (
                f"{change.key} is protected and {what}; declare it with protect: false and apply that first"
            )
            yield Violation("protect", change.key.kind, 1, 0, message, None, change.key)


def changed(situation: Situation, allowed: Allowed) -> Iterator[Violation]:
    """Owned resources that somebody has changed, and that would be deleted because git forgot them."""
    for change in situation.changes:
        pruned = change.action is Action.DELETE and change.reason == "undeclared"
        if pruned and change.key not in allowed.delete and situation.is_changed(change.key):
            message = f"{change.key} would be deleted, and somebody has changed it since it was written"
            allow = f"--allow-delete {_quoted(change.key)}"
            yield Violation("changed", change.key.kind, 1, 0, message, allow, change.key)


def foreign(situation: Situation, allowed: Allowed) -> Iterator[Violation]:
    """Declared resources that were there before us and are not what git says.

    What Airflow itself makes in every environment is nobody's.
    """
    if situation.adopt_always or not situation.has_ledger:
        return
    for change in situation.changes:
        overwrites = change.action in {Action.UPDATE, Action.REPLACE}
        is_somebodys = not situation.is_owned(change.key) and not _is_reserved(change.key)
        if overwrites and is_somebodys and change.key not in allowed.adopt:
            message = f"{change.key} is there already, is not ours, and differs"
            allow = f"--adopt {_quoted(change.key)}"
            yield Violation("adopt", change.key.kind, 1, 0, message, allow, change.key)


def _is_reserved(key: Key) -> bool:
    return key.id in BY_NAME[key.kind].reserved


GUARDS = (too_many_deletes, vanished, protected, changed, foreign)


def _quoted(key: Key) -> str:
    return shlex.quote(str(key))


def _count(keys: Collection[Key], kind: Kind) -> int:
    return sum(key.kind == kind.name for key in keys)


def warnings(changes: tuple[Change, ...], desired: State, current: State) -> tuple[Warned, ...]:
    """What a reviewer should not overlook, though nothing stands against it."""
    found = [
        Warned(change.key, message)
        for change in changes
        if change.action in {Action.UPDATE, Action.REPLACE}
        for message in _warnings(change, desired[change.key], current[change.key])
    ]
    return (*found, *_mass_update(changes, desired))


def _warnings(change: Change, desired: Resource, current: Resource) -> Iterator[str]:
    changed = [name for name in change.changed if name in DESTINATION]
    if changed and _keeps_secret(change, desired, current):
        yield f"the destination of its credentials changes ({', '.join(changed)}) while the secret stays"
    if change.key.kind == "pool" and "slots" in change.changed and desired.fields["slots"] == 0:
        yield "no task runs in a pool of 0 slots"
    if change.action is Action.REPLACE:
        yield "a password is taken away, which takes a new connection: the old one is deleted first"


def _keeps_secret(change: Change, desired: Resource, current: Resource) -> bool:
    """Whether a secret that is not changed goes to the new destination; Airflow 2 may always have one.

    One that is only sent again is not changed, nor is one beside a leaf that is.
    """
    changed = [pointer(one.path) for one in change.fields if one.cause != "secret_resend"]
    if any(not any(is_under(place, one) for one in changed) for place in secret_places(desired)):
        return True
    if change.action is Action.REPLACE or "/password" in changed:
        return False
    password = current.fields.get("password")
    return isinstance(password, Hidden) or bool(password)


def _mass_update(changes: tuple[Change, ...], desired: State) -> Iterator[Warned]:
    for kind in KINDS:
        updates = [one.key for one in changes if one.key.kind == kind.name and one.action is Action.UPDATE]
        all_of_kind = _count(desired, kind) if len(updates) > MANY_UPDATES else 0
        if len(updates) > MANY_UPDATES and len(updates) > MOST_OF_THEM * all_of_kind:
            yield Warned(updates[0], f"{len(updates)} of {all_of_kind} {kind.collection} change at once")
