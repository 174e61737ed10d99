"""What somebody who watches for drift is to be told: only what is new, has changed, or is gone."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reconciler.model import canonical_digest
from reconciler.plan import Plan
from reconciler.render.json import plan_entry
from reconciler.render.plain import clipped, many, one_line
from reconciler.render.text import drift_text
from reconciler.render.told import Failed

FORMAT = "reconciler.notices/1"

MOST_LINES, LONGEST = 40, 3500
"""Lines and characters of a notice's body: what chats and mails show without folding it themselves."""

State = Literal["drift", "failed"]
Event = Literal["new", "changed", "gone"]


class BadMemory(ValueError):
    """What was remembered cannot be understood."""


@dataclass(frozen=True)
class Condition:
    """What is wrong with an environment, as far as telling it again would tell something."""

    state: State
    digest: str


Memory = Mapping[str, Mapping[str, Condition]]
"""What each destination was told last, by environment; an environment that is well has no condition."""


@dataclass(frozen=True)
class Notice:
    """One message about one environment."""

    environment: str
    event: Event
    condition: Condition | None
    title: str
    body: str


def notices(known: Mapping[str, Condition], items: Iterable[Plan | Failed]) -> Iterator[Notice]:
    """What is to be told of environments of which ``known`` has been told before."""
    for item in items:
        before, now = known.get(item.name), condition_of(item)
        if now == before:
            continue
        event: Event = "gone" if now is None else "new" if before is None else "changed"
        yield Notice(item.name, event, now, _title(item, event, before), _body(item, event))


def condition_of(item: Plan | Failed) -> Condition | None:
    """What is wrong, if anything is; where something stands in a file, and who did it, changes nothing."""
    if isinstance(item, Failed):
        return Condition("failed", canonical_digest(item.type))
    if not item.changes:
        return None
    changes = [
        {name: value for name, value in change.items() if name not in {"origin", "edit"}}
        for change in plan_entry(item)["changes"]
    ]
    return Condition("drift", canonical_digest(changes))


def _title(item: Plan | Failed, event: Event, before: Condition | None) -> str:
    name = one_line(item.name)
    if isinstance(item, Failed):
        return f"{name}: drift cannot be looked for"
    if event == "gone":
        return f"{name}: {'no drift any more' if before and before.state == 'drift' else 'can be read again'}"
    return f"{name}: {'other ' if event == 'changed' else ''}drift, {many(len(item.changes), 'change')}"


def _body(item: Plan | Failed, event: Event) -> str:
    if isinstance(item, Failed):
        return _fitted(item.message)
    return "It is what git says." if event == "gone" else _fitted(drift_text(item))


def _fitted(text: str) -> str:
    """So much of a text as a message has room for; its last line, which sums it up, always is in it."""
    *lines, last = text.rstrip("\n").split("\n")
    kept = lines[:MOST_LINES]
    while kept and sum(map(len, kept)) > LONGEST:
        kept.pop()
    left = len(lines) - len(kept)
    return "\n".join([*kept, *([f"… {many(left, 'more line')}"] if left else []), clipped(last, LONGEST)])


def dump(memory: Memory) -> str:
    """The text in which a memory is kept."""
    told = {
        place: {name: vars(condition) for name, condition in sorted(some.items())}
        for place, some in sorted(memory.items())
    }
    return json.dumps({"format": FORMAT, "told": told}, indent=1) + "\n"


def parse(text: str) -> Memory:
    """The memory in a text; raises BadMemory."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise BadMemory
        return {
            place: {name: _condition(kept) for name, kept in some.items()}
            for place, some in document["told"].items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadMemory(f"this is not what was told ({FORMAT})") from error


def _condition(kept: Any) -> Condition:
    if kept["state"] not in {"drift", "failed"} or not isinstance(kept["digest"], str):
        raise BadMemory
    return Condition(kept["state"], kept["digest"])


def told(memory: Memory, place: str, notice: Notice) -> Memory:
    """The memory once ``place`` has been told something."""
    others = {name: one for name, one in memory.get(place, {}).items() if name != notice.environment}
    now = {notice.environment: notice.condition} if notice.condition else {}
    return {**memory, place: {**others, **now}}
