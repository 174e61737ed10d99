"""A plan told from the other side: what was written is ``before``, what lives now is ``after``."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from reconciler.compare import NOTHING, FieldChange
from reconciler.model import Key
from reconciler.plan import Action, Change, Plan

TOMBSTONES = frozenset({"absent", "authoritative"})


def drift_of(plan: Plan, is_changed: Callable[[Key], bool]) -> Plan:
    """What changed behind git's back.

    With a ledger that is what is owned and neither what was last written nor what git says now, or gone;
    ``is_changed`` tells of an owned resource whether it is what was written. Without one the manifests
    are the record of what was written, and remain the reason of an update. Undeclared ids that live
    although git rules them are drift either way.
    """
    find = _without_ledger if plan.ledger_serial is None else _with_ledger
    changes = tuple(one for change in plan.changes for one in find(change, is_changed))
    return replace(plan, difference=replace(plan.difference, changes=changes))


def _without_ledger(change: Change, _is_changed: Callable[[Key], bool]) -> Iterator[Change]:
    if change.action is Action.CREATE:
        yield replace(change, reason="missing", fields=())
    else:
        yield _turned(change, change.fields)


def _with_ledger(change: Change, is_changed: Callable[[Key], bool]) -> Iterator[Change]:
    if change.action is Action.CREATE and change.reason == "missing":
        yield replace(change, fields=())
    elif change.action is Action.DELETE:
        if change.reason in TOMBSTONES:
            yield _turned(change, ())
        elif is_changed(change.key):
            yield replace(_turned(change, ()), reason="drift")
    elif change.action in {Action.UPDATE, Action.REPLACE}:
        drifted = tuple(field for field in change.fields if field.cause == "drift")
        if drifted:
            yield replace(_turned(change, drifted), action=Action.UPDATE, reason="drift")


def _turned(change: Change, fields: tuple[FieldChange, ...]) -> Change:
    return replace(
        change,
        fields=tuple(
            replace(one, before=one.after if one.written else NOTHING, after=one.before) for one in fields
        ),
        digest_before=change.digest_after,
        digest_after=change.digest_before,
    )
