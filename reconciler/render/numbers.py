"""What can be counted about each environment of a run: the same for every system that keeps numbers."""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.plan import Action
from reconciler.render.told import Failed, Item, Told, name_of, plan_of
from reconciler.report import Report


@dataclass(frozen=True)
class Number:
    """A number of one environment; ``labels`` tell it from others of its name."""

    name: str
    value: int
    labels: tuple[tuple[str, str], ...] = ()


MEANINGS = {
    "success": "Whether the environment could be read, and after an apply is what git says (1) or not (0).",
    "changes": "Changes that a plan found, a drift found, or an apply had to make, by action.",
    "unchanged": "Resources that are what git says.",
    "unmanaged": "Resources that live and are nobody's business.",
    "unverified": "Values that Airflow hides, so that nobody can tell whether they are what git says.",
    "violations": "Guards that stand against the plan.",
    "reads": "Read calls to Airflow.",
    "writes": "Write calls to Airflow.",
}
"""The names of all numbers, and what they tell."""


def numbers(told: Told) -> Iterator[tuple[str, list[Number]]]:
    """Every environment with its numbers, in their order."""
    for item in told.environments:
        yield name_of(item), [*_numbers(item)]


def _numbers(item: Item) -> Iterator[Number]:
    plan = plan_of(item)
    succeeded = item.succeeded if isinstance(item, Report) else not isinstance(item, Failed)
    yield Number("success", int(succeeded))
    if plan is None:
        return
    difference = plan.difference
    for action in Action:
        yield Number("changes", plan.count(action), (("action", action.value),))
    yield Number("unchanged", len(difference.unchanged))
    yield Number("unmanaged", len(difference.unmanaged))
    yield Number("unverified", len(difference.unverified))
    yield Number("violations", len(plan.violations))
    reads, writes = (item.reads, item.writes) if isinstance(item, Report) else (plan.calls.read, 0)
    yield Number("reads", reads)
    yield Number("writes", writes)
