"""What a run has to say, one thing after the other, each with its place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal

from reconciler.errors import Origin, Problem
from reconciler.model import Key
from reconciler.plan import Change, Plan
from reconciler.render.text import edit_texts, field_text, shown_fields
from reconciler.render.told import (
    Failed,
    Item,
    Sound,
    Told,
    changes_of,
    is_grave,
    name_of,
    reason,
    subject,
    with_way_out,
)
from reconciler.report import Outcome, Report

Level = Literal["error", "warning", "notice"]

MOST_FIELDS = 20
"""Fields of a change that are told."""

DRIFTED = {"drift", "missing"}


@dataclass(frozen=True)
class Finding:
    """One thing that somebody should know, and where it was written."""

    environment: str
    level: Level
    rule: str
    about: str
    """What stays the same as long as it is the same finding."""
    message: str
    origin: Origin


def findings(told: Told) -> Iterator[Finding]:
    """Everything: what stops an environment, what to mind, and what changes, the gravest changes first."""
    for item in told.environments:
        places = {change.key: change.origin for change in changes_of(item)}
        yield from _Reader(told, item, places).findings()


@dataclass(frozen=True)
class _Reader:
    told: Told
    item: Item
    places: Mapping[Key, Origin | None]

    def findings(self) -> Iterator[Finding]:
        item = self.item
        if isinstance(item, Failed):
            return self._failed(item)
        if isinstance(item, Sound):
            return self._problems("warning", item.warnings)
        if isinstance(item, Report):
            return chain(self._report(item), self._warnings(item.plan))
        changes = sorted(item.changes, key=lambda one: not is_grave(one))
        return chain(self._violations(item), self._warnings(item), map(self._change, changes))

    def _failed(self, item: Failed) -> Iterator[Finding]:
        if not item.problems:
            yield self._finding("error", "error", item.type, item.message)
        yield from self._problems("error", item.problems)

    def _problems(self, level: Level, problems: Sequence[Problem]) -> Iterator[Finding]:
        for one in problems:
            message = f"{one.what}; {one.fix}" if one.fix else one.what
            about = f"{one.origin.file}: {one.what}"
            yield self._finding(level, "problem", about, message, one.origin)

    def _report(self, item: Report) -> Iterator[Finding]:
        if item.trouble:
            yield self._finding("error", "error", "apply", item.trouble)
        for key in item.remaining:
            yield self._about("error", "not-converged", key, f"{key.kind} {key.id} is not as it should be")
        yield from chain.from_iterable(map(self._outcome, item.outcomes))

    def _outcome(self, outcome: Outcome) -> Iterator[Finding]:
        change = outcome.change
        error = f": {outcome.error}" if outcome.error else ""
        level: Level = "notice" if outcome.result == "done" else "error"
        yield self._about(
            level, f"outcome/{outcome.result}", change.key, f"{subject(change)} {outcome.result}{error}"
        )
        if outcome.warning:
            yield self._about("warning", "warning", change.key, outcome.warning)

    def _violations(self, plan: Plan) -> Iterator[Finding]:
        for one in plan.violations:
            origin = self.places.get(one.key) if one.key else None
            yield self._finding(
                "error", f"guard/{one.guard}", str(one.key or one.kind), with_way_out(one), origin
            )

    def _warnings(self, plan: Plan) -> Iterator[Finding]:
        for one in plan.warnings:
            yield self._about("warning", "warning", one.key, f"{one.key.kind} {one.key.id}: {one.message}")

    def _change(self, change: Change) -> Finding:
        is_drift = change.reason in DRIFTED or self.told.command == "drift"
        level: Level = "warning" if self.told.command == "drift" else "notice"
        fields = map(field_text, islice(shown_fields(change), MOST_FIELDS))
        message = "\n".join([f"{subject(change)} ({reason(change)})", *fields, *edit_texts(change)])
        rule = f"{'drift' if is_drift else 'change'}/{change.action.value}"
        return self._about(level, rule, change.key, message)

    def _about(self, level: Level, rule: str, key: Key, message: str) -> Finding:
        return self._finding(level, rule, str(key), message, self.places.get(key))

    def _finding(
        self, level: Level, rule: str, about: str, message: str, origin: Origin | None = None
    ) -> Finding:
        """What stands in no file of its own is told at the environment's."""
        name = name_of(self.item)
        home = Origin(f"{self.told.folders.get(name, name)}/environment.yaml", 1, 1)
        return Finding(name, level, rule, about, message, origin or home)
