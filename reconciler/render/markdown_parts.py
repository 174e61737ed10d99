"""What stands in the fold of one environment, piece by piece, each of which can be left out as a whole."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from reconciler.errors import Problem
from reconciler.plan import Change, Plan
from reconciler.render.plain import clipped, many, one_line
from reconciler.render.text import dotted, edit_texts, field_text, shown_fields
from reconciler.render.told import Failed, Item, Sound, is_grave, reason
from reconciler.report import Outcome, Report

LONGEST_TEXT = 500
MOST_FIELDS = 20
"""Characters of a text, and fields of a change, that are shown."""

STOPS, GRAVE, TOLD, PENDING, SMALL, LEAST = range(6)
"""What is cut last comes first."""


@dataclass(frozen=True)
class Entry:
    """One piece: what one is called, what it is counted as where it is left out, and how soon it is."""

    noun: str
    html: str
    rank: int
    group: str = ""


def code(text: str) -> str:
    """Text from elsewhere, of which nothing takes effect."""
    return f"<code>{html.escape(clipped(one_line(text), LONGEST_TEXT))}</code>"


def place(item: Item) -> Iterator[str]:
    """Where the environment is."""
    plan = item.plan if isinstance(item, Report) else item
    if isinstance(plan, Plan):
        ledger = "no ledger" if plan.ledger_serial is None else f"ledger serial {plan.ledger_serial}"
        yield f"{code(plan.target)} · Airflow {code(plan.airflow_version)} · {ledger}<br>"
    elif isinstance(plan, Sound):
        yield f"{many(plan.resources, 'resource')}<br>"


def entries(item: Item) -> Iterator[Entry]:
    """All there is to tell, what is cut last first."""
    if isinstance(item, Failed):
        yield from (_error(line) for line in item.message.splitlines() if line.strip())
    elif isinstance(item, Sound):
        yield from (_warning(_problem(problem)) for problem in item.warnings)
    elif isinstance(item, Report):
        yield from map(_error, [item.trouble] if item.trouble else [])
        yield from (_error(f"not converged: {key.kind} {key.id}") for key in item.remaining)
        yield from sorted(map(_outcome, item.outcomes), key=lambda one: one.rank)
        yield from _notes(item.plan)
    else:
        yield from sorted(map(_change, item.changes), key=lambda one: one.rank)
        yield from chain(_violations(item), _notes(item), _unmanaged(item))


def _error(text: str) -> Entry:
    return Entry("error", _item(code(text)), STOPS)


def _warning(told: str) -> Entry:
    return Entry("warning", _item(told), TOLD)


def _problem(problem: Problem) -> str:
    return code(str(problem))


def _violations(plan: Plan) -> Iterator[Entry]:
    for one in plan.violations:
        way_out = f"; way out: {code(one.allow)}" if one.allow else ""
        yield Entry("violation", _item(f"{one.guard}: {code(one.message)}{way_out}"), STOPS)


def _notes(plan: Plan) -> Iterator[Entry]:
    for warned in plan.warnings:
        yield _warning(f"{warned.key.kind} {code(warned.key.id)}: {code(warned.message)}")
    for one in plan.difference.unverified:
        told = f"{one.key.kind} {code(one.key.id)}: {code(dotted(one.path))}, {one.why}"
        yield Entry("unverified value", _item(told), SMALL)


def _unmanaged(plan: Plan) -> Iterator[Entry]:
    for key in plan.difference.unmanaged:
        yield Entry("unmanaged resource", _item(f"{key.kind} {code(key.id)}"), LEAST)


def _change(change: Change) -> Entry:
    rank = GRAVE if is_grave(change) else PENDING
    return Entry("change", _item(_subject(change) + _fields(change)), rank, change.action.value)


def _outcome(outcome: Outcome) -> Entry:
    change = outcome.change
    told = [f"{_subject(change)}: {outcome.result}"]
    told += [code(text) for text in (outcome.error, outcome.warning) if text]
    rank = GRAVE if is_grave(change) or outcome.result != "done" else PENDING
    return Entry("change", _item(", ".join(told)), rank, change.action.value)


def _subject(change: Change) -> str:
    origin = change.origin and f"{change.origin.file}:{change.origin.line}"
    source = f", {code(origin)}" if origin else ""
    return f"<b>{change.action.value}</b> {change.key.kind} {code(change.key.id)} ({reason(change)}{source})"


def _fields(change: Change) -> str:
    fields = shown_fields(change)
    lines = [_item(code(field_text(field))) for field in islice(fields, MOST_FIELDS)]
    more = len(fields) - MOST_FIELDS
    lines += [_item(many(more, "more field"))] if more > 0 else []
    lines += [_item(code(text)) for text in edit_texts(change)]
    return _list(lines)


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(lines)}</ul>" if lines else ""


def _item(told: str) -> str:
    return f"<li>{told}</li>"
