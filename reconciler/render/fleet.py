"""What a run over several environments has come to, in a line."""

from collections.abc import Sequence

from reconciler.render.plain import many, one_line
from reconciler.render.told import Failed, Item, name_of, plan_of
from reconciler.report import Report

NAMED = ("not done", "failed")
"""States of which a reader has to know whose they are."""


def fleet_text(items: Sequence[Item]) -> str:
    """How many environments are in which state, those in trouble by name."""
    states: dict[str, list[str]] = {}
    for item in items:
        states.setdefault(_state(item), []).append(name_of(item))
    told = ", ".join(_told(state, states[state]) for state in STATES if state in states)
    return one_line(f"{many(len(items), 'environment')}: {told}.") + "\n"


STATES = ("sound", "in sync", "with changes", "done", *NAMED)


def _state(item: Item) -> str:
    if isinstance(item, Failed):
        return "failed"
    if isinstance(item, Report):
        return ("done" if item.outcomes else "in sync") if item.succeeded else "not done"
    plan = plan_of(item)
    if plan is None:
        return "sound"
    return "with changes" if plan.changes else "in sync"


def _told(state: str, names: Sequence[str]) -> str:
    whose = f" ({', '.join(names)})" if state in NAMED else ""
    return f"{len(names):,} {state}{whose}"
