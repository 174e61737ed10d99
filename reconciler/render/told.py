"""What one command has to tell of all its environments, for the formats that show a whole run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from reconciler.errors import Problem
from reconciler.plan import Action, Change, Plan, Violation
from reconciler.report import Report

Command = Literal["validate", "plan", "drift", "apply"]


@dataclass(frozen=True)
class Sound:
    """An environment whose files are sound."""

    name: str
    resources: int
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Failed:
    """The place of an environment that failed; ``problems`` are those of its files."""

    name: str
    type: str
    message: str
    problems: tuple[Problem, ...] = ()


Item = Plan | Report | Sound | Failed


@dataclass(frozen=True)
class Told:
    """A run: its command, and every environment in its place."""

    command: Command
    environments: Sequence[Item]
    folders: Mapping[str, str] = field(default_factory=dict)
    """Where the files of each environment are, by its name."""
    at: float = 0.0
    """When it was, in seconds since 1970."""


def name_of(item: Item) -> str:
    """The environment's name."""
    return item.plan.name if isinstance(item, Report) else item.name


def plan_of(item: Item) -> Plan | None:
    """The plan, or the one that was carried out."""
    if isinstance(item, Report):
        return item.plan
    return item if isinstance(item, Plan) else None


def changes_of(item: Item) -> Sequence[Change]:
    """What there is to change, or was."""
    plan = plan_of(item)
    return plan.changes if plan else ()


def has_trouble(item: Item) -> bool:
    """Whether a reader should look at the environment at once."""
    if isinstance(item, Report):
        return not item.succeeded
    return isinstance(item, Failed) or (isinstance(item, Plan) and bool(item.violations))


def is_grave(change: Change) -> bool:
    """Whether something is lost by it, if only for a moment."""
    return change.action in {Action.DELETE, Action.REPLACE}


def subject(change: Change) -> str:
    """What happens to what, in a line."""
    return f"{change.action.value} {change.key.kind} {change.key.id}"


def reason(change: Change) -> str:
    """Why it happens, in words."""
    return change.reason.replace("_", " ")


def with_way_out(violation: Violation) -> str:
    """What stands against the plan, and what would lift it, where something would."""
    return f"{violation.message}; way out: {violation.allow}" if violation.allow else violation.message
