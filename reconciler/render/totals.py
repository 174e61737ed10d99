"""Numbers over a run and over each of its environments, in words that several formats share."""

from collections import Counter
from collections.abc import Sequence

from reconciler.render.plain import many
from reconciler.render.told import Item, Told, changes_of, has_trouble, plan_of
from reconciler.report import Report


def total(told: Told) -> str:
    """Numbers over all environments; nobody knows that nothing changes where one could not be asked."""
    items = told.environments
    troubled = sum(map(has_trouble, items))
    counts = counted([change.action.value for item in items for change in changes_of(item)])
    nothing = "" if troubled or told.command == "validate" else "no changes"
    changes = f"{counts or nothing} in " if counts or nothing else ""
    trouble = f", {troubled:,} with trouble" if troubled else ""
    return f"{changes}{many(len(items), 'environment')}{trouble}"


def summary(item: Item) -> str:
    """One environment in a few words."""
    plan = plan_of(item)
    if plan is None:
        return state(item)
    found = [counted([change.action.value for change in plan.changes]) or "no changes"]
    found += [many(len(plan.violations), "violation")] if plan.violations else []
    found += ["not converged"] if isinstance(item, Report) and not item.converged else []
    return ", ".join(found)


def state(item: Item) -> str:
    """Whether an environment that has no plan is sound."""
    return "error" if has_trouble(item) else "ok"


def calls(item: Item) -> str:
    """The calls that were made, and those that an apply needs."""
    if isinstance(item, Report):
        return f"{many(item.reads, 'read')}, {many(item.writes, 'write')}"
    plan = plan_of(item)
    made = plan and plan.calls
    if not made:
        return ""
    needs = f"; apply {made.apply_read:,} + {made.apply_write:,}"
    return many(made.read, "read") + (needs if changes_of(item) else "")


def counted(groups: Sequence[str]) -> str:
    """How many there are of each, the most first."""
    counts = Counter(groups)
    return ", ".join(many(number, group) for group, number in counts.most_common())
