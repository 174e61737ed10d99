"""Somebody who runs apply with care: no flag without need, exactly those that a refusal prints.

Two refusals want a judgement. Something that is there already and differs is taken over in no world but
those where the operator always does so; otherwise it is left alone, and the rest applied with ``--only``.
Something that was changed since we wrote it is looked at before it is given free: an edited resource of
ours may go, a person's own that took its place is left alone. What is protected is left alone, too.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from reconciler.applying import Application, check_applicable
from reconciler.errors import SecretError, UsageError
from reconciler.guards import Allowed
from reconciler.model import Key
from reconciler.plan import Violation
from reconciler.selection import Selection
from tests.protocol.machine import Machine
from tests.protocol.world import Git, Rows

ROUNDS = 6
"""More refusals in a row than one apply can meet in so small a world."""

NOTHING = "nothing/at-all"


@dataclass(frozen=True)
class Order:
    """What the next try of apply is given."""

    allowed: Allowed = field(default_factory=Allowed)
    left_alone: frozenset[str] = frozenset()
    """Resources, as ``kind/id``."""


def application(
    machine: Machine, rows: Rows, ledger: str, git: Git, strangers: Iterable[bool]
) -> Application | None:
    """What is carried out in the end; ``None`` where there is nothing to do, or nothing that may be done.

    ``strangers`` says which of the ids that live a person has made.
    """
    theirs = {str(key) for key, is_theirs in zip(machine.keys, strangers, strict=True) if is_theirs}
    order = Order()
    for _ in range(ROUNDS):
        selection = _selection(machine, order, rows, ledger, git)
        try:
            planned = machine.plan(rows, ledger, git, order.allowed, selection)
            if not planned.plan.violations:
                return check_applicable(planned) if planned.plan.changes else None
        except (UsageError, SecretError):
            return None
        order = _amended(order, planned.plan.violations, theirs, adopts=machine.world.adopts)
    raise AssertionError(f"refused {ROUNDS} times in a row: {planned.plan.violations}")


def _selection(machine: Machine, order: Order, rows: Rows, ledger: str, git: Git) -> Selection:
    if not order.left_alone:
        return Selection()
    known = zip(machine.keys, rows, git, strict=True)
    named = [str(key) for key, row, wish in known if row or wish or f'"{key.id}"' in ledger]
    return Selection(only=tuple(one for one in named if one not in order.left_alone) or (NOTHING,))


def _amended(order: Order, violations: Iterable[Violation], theirs: set[str], *, adopts: bool) -> Order:
    """The order with what the refusals print, and without what is to be left alone."""
    for one in violations:
        option, value = shlex.split(one.allow) if one.allow else ("", one.message.split()[0])
        left_alone = (
            not option
            or (option == "--adopt" and not adopts)
            or (option == "--allow-delete" and value in theirs)
        )
        order = (
            replace(order, left_alone=order.left_alone | {value})
            if left_alone
            else replace(order, allowed=_widened(order.allowed, option, value))
        )
    return order


def _widened(allowed: Allowed, option: str, value: str) -> Allowed:
    kind, _, rest = value.replace("/", "=", 1).partition("=")
    match option:
        case "--allow-deletes":
            return replace(allowed, deletes={**allowed.deletes, kind: int(rest)})
        case "--allow-missing":
            return replace(allowed, missing={**allowed.missing, kind: int(rest)})
        case "--adopt":
            return replace(allowed, adopt=allowed.adopt | {Key(kind, rest)})
    return replace(allowed, delete=allowed.delete | {Key(kind, rest)})
