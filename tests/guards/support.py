"""Changes, situations and plans for the tests of what stands between a plan and its apply."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from reconciler.compare import Cause, FieldChange
from reconciler.errors import (
    AccessDenied,
    AirflowError,
    BadAnswer,
    EnvironmentNotFound,
    Exhausted,
    Inconsistent,
    NotApplied,
    Overtaken,
    Rejected,
    ServerFailed,
    Throttled,
    Unreachable,
)
from reconciler.guards import DEFAULT_LIMIT, Limit, Situation
from reconciler.kinds import KINDS, Kind
from reconciler.model import Key, Path, Resource, Secret
from reconciler.plan import Action, Calls, Change, Difference, Plan, Reason
from reconciler.records import Marker, Record, record_of
from tests.core.samples import CANARY

SALT, KEY = b"s" * 32, b"k" * 32
MARKER = Marker(SALT, KEY)
SECRET = Secret("env:S", CANARY)
KIND_NAMES = tuple(kind.name for kind in KINDS)

ERRORS: Mapping[str, AirflowError] = {
    "no connection": Unreachable("x"),
    "500": ServerFailed("x"),
    "no JSON": BadAnswer("x"),
    "pages contradict": Inconsistent("x"),
    "429": Throttled("x"),
    "404": Rejected("x", 404),
    "409": Rejected("x", 409),
    "400": Rejected("x", 400),
    "422": Rejected("x", 422),
    "denied": AccessDenied("x"),
    "no environment": EnvironmentNotFound("x"),
    "overtaken": Overtaken("x"),
    "silently ignored": NotApplied("x"),
    "time is over": Exhausted("x"),
    "anything else": AirflowError("x"),
}
"""One error of each sort that a call can end in."""


def keys(kind: str, number: int, name: str = "n") -> list[Key]:
    return [Key(kind, f"{name}{at}") for at in range(number)]


def field(
    *path: str | int, cause: Cause = "manifest", secret: bool = False, written: bool = True
) -> FieldChange:
    return FieldChange(path, "old", "new", secret=secret, cause=cause, written=written)


def change(  # noqa: PLR0913 - as many as a change has parts
    action: Action,
    key: Key,
    reason: Reason = "manifest",
    *,
    fields: Iterable[FieldChange] = (),
    before: str | None = None,
    after: str | None = None,
) -> Change:
    return Change(action, key, reason, None, tuple(fields), before, after)


def updated(key: Key, *paths: Path, cause: Cause = "manifest", action: Action = Action.UPDATE) -> Change:
    return change(action, key, fields=[field(*path, cause=cause) for path in paths])


def deleted(*gone: Key, reason: Reason = "undeclared") -> list[Change]:
    return [change(Action.DELETE, key, reason) for key in gone]


def situation(  # noqa: PLR0913 - as many as a situation has parts
    changes: Iterable[Change] = (),
    *,
    declared: Collection[Key] = (),
    owned: Collection[Key] = (),
    living: Collection[Key] | None = None,
    settled: Collection[Key] | None = None,
    kinds: tuple[Kind, ...] = KINDS,
    has_ledger: bool = True,
    protected: Collection[Key] = (),
    edited: Collection[Key] = (),
    authoritative: Callable[[Key], bool] = lambda _key: False,
    limit: Limit = DEFAULT_LIMIT,
    adopt_always: bool = False,
) -> Situation:
    """A situation; unless told otherwise everything owned is alive and settled."""
    return Situation(
        tuple(changes),
        declared,
        owned if living is None else living,
        kinds,
        owned,
        owned if settled is None else settled,
        has_ledger,
        set(owned).__contains__,
        set(protected).__contains__,
        set(edited).__contains__,
        authoritative,
        limit,
        adopt_always,
    )


def plan(
    *changes: Change, target: str = "mwaa://eu-west-1/prod", version: str = "2.11.2", serial: int | None = 1
) -> Plan:
    return Plan("prod", target, version, Difference(changes, (), (), ()), (), Calls(1, 2, 3), serial)


def recorded(resource: Resource, marker: Marker = MARKER, before: Record | None = None) -> Record:
    """What the ledger says of a resource of which every field was just written."""
    return record_of(resource, marker, before, lambda _name: True)


def as_dict(value: Any) -> dict[str, Any]:
    assert isinstance(value, dict)
    return value
