"""A saved plan as a permit: what an apply of it may do, and what has left it since."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.errors import StalePermit, UsageError
from reconciler.model import Key, canonical_digest
from reconciler.plan import Action, Change, Plan

FORMAT = "reconciler.plan/1"
WRITES = frozenset({"create", "update", "replace"})
TEXTS = ("kinds", "only", "adopt", "allow_delete")
NUMBERS = ("allow_deletes", "allow_missing")


@dataclass(frozen=True)
class Permitted:
    """What a saved plan says of one change."""

    action: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Permit:
    """One environment of a saved plan."""

    target: str
    major: str
    changes: Mapping[Key, Permitted]
    options: Mapping[str, Any] = field(default_factory=dict)

    def check(self, plan: Plan, pending: Collection[Key]) -> None:
        """Raises StalePermit with everything that ``plan`` has and this does not permit.

        ``pending`` names what a broken apply was about to do: there the rest of a permitted change counts
        as permitted.
        """
        wrong = [*self._misfits(plan), *self._trespasses(plan, pending)]
        if wrong:
            raise StalePermit(f"the saved plan does not permit this: {'; '.join(wrong)}; nothing was written")

    def _misfits(self, plan: Plan) -> Iterator[str]:
        major = plan.airflow_version.partition(".")[0]
        if self.target != plan.target:
            yield f"it is for {self.target}, not {plan.target}"
        if self.major != major:
            yield f"it is for Airflow {self.major}, and this is Airflow {major}"

    def _trespasses(self, plan: Plan, pending: Collection[Key]) -> Iterator[str]:
        for change in plan.changes:
            permitted = self.changes.get(change.key)
            what = f"{change.action.value} {change.key}"
            if permitted is None:
                yield f"{what} is not in it"
            elif not _is_permitted(change, permitted, resumed=change.key in pending):
                yield f"{what} is not what it shows: {_difference(change, permitted)}"


def _is_permitted(change: Change, permitted: Permitted, *, resumed: bool) -> bool:
    arrives = change.leads_to(permitted.after)
    if arrives and (change.action.value, change.digest_before) == (permitted.action, permitted.before):
        return True
    if change.action is Action.FORGET:
        return permitted.action in {"delete", "forget"}
    if change.digest_after is None or not arrives:
        return False
    if change.action is Action.CREATE:
        return permitted.action == "replace" or (resumed and permitted.action in WRITES)
    return resumed and permitted.action in WRITES and change.action is not Action.REPLACE


def _difference(change: Change, permitted: Permitted) -> str:
    if change.action.value != permitted.action:
        return f"there it is to {permitted.action}"
    if not change.leads_to(permitted.after):
        return "git or the secret has changed since"
    return "Airflow has changed since"


def permits(text: str) -> dict[str, Permit]:
    """The permits in a saved plan, by environment.

    Raises UsageError for what is no plan, and StalePermit for one that was altered or that failed.
    """
    try:
        document = json.loads(text)
        digest = document.pop("digest")
        format_, environments = document["format"], document["environments"]
        found = canonical_digest(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError("the saved plan is no plan: make one with plan --out FILE") from None
    if format_ != FORMAT:
        raise StalePermit(f"the saved plan is of another format than {FORMAT}; plan again")
    if digest != found:
        raise StalePermit(
            "the saved plan does not have the digest that it states: it was altered; plan again"
        )
    try:
        return {one["name"]: _permit(one) for one in environments if "error" not in one}
    except (KeyError, TypeError, AttributeError, ValueError):
        raise StalePermit("the saved plan is not as this version writes it; plan again") from None


def _permit(environment: Mapping[str, Any]) -> Permit:
    return Permit(
        target=environment["target"],
        major=environment["airflow_version"].partition(".")[0],
        changes={
            Key(one["kind"], one["id"]): Permitted(one["action"], one["digest_before"], one["digest_after"])
            for one in environment["changes"]
        },
        options=_options(environment.get("options", {})),
    )


def _options(found: Any) -> Mapping[str, Any]:
    """What shaped the saved plan; raises ValueError for what ``plan --out`` does not write."""
    options = dict(found)
    texts = {name: options.get(name, []) for name in TEXTS}
    numbers = {name: options.get(name, {}) for name in NUMBERS}
    sound = (
        all(isinstance(texts[name], list) for name in TEXTS)
        and all(isinstance(text, str) for name in TEXTS for text in texts[name])
        and all("/" in text for name in ("adopt", "allow_delete") for text in texts[name])
        and all(type(number) is int for name in NUMBERS for number in numbers[name].values())
    )
    if not sound:
        raise ValueError
    return options
