"""Plans and reports as people read them at a terminal."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.compare import NOTHING, FieldChange
from reconciler.model import Path
from reconciler.plan import Action, Change, Plan
from reconciler.render.plain import clipped
from reconciler.report import Outcome, Report

SYMBOLS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.DELETE: "-",
    Action.ADOPT: "»",
    Action.FORGET: "«",
}
LONGEST_VALUE = 80
"""Characters of a value that a line shows."""

PENDING = {
    Action.CREATE: "to create",
    Action.UPDATE: "to update",
    Action.REPLACE: "to replace",
    Action.DELETE: "to delete",
    Action.ADOPT: "to adopt",
    Action.FORGET: "to forget",
}
DRIFTED = {
    Action.CREATE: "missing",
    Action.UPDATE: "changed",
    Action.REPLACE: "changed for good",
    Action.DELETE: "not to be there",
    Action.ADOPT: "to adopt",
    Action.FORGET: "to forget",
}


def plan_text(plan: Plan) -> str:
    """A plan: one line for each change, its fields below, and a summary that counts calls."""
    calls = plan.calls
    needs = f"; apply needs {_many(calls.apply_read, 'read')} and {_many(calls.apply_write, 'write')}"
    summary = (
        f"Plan: {_counts(plan, PENDING) or 'no changes'}; {_found(plan)}{needs if plan.changes else ''}."
    )
    lines = [_header(plan), "", *_changes(plan.changes), *_notes(plan), summary]
    return "\n".join(lines) + "\n"


def drift_text(plan: Plan) -> str:
    """What changed behind git's back, in the plan's shape."""
    summary = f"Drift: {_counts(plan, DRIFTED) or 'none'}; {_found(plan)}."
    lines = [_header(plan), "", *_changes(plan.changes), *_notes(plan), summary]
    return "\n".join(lines) + "\n"


def report_text(report: Report) -> str:
    """What an apply did, one line for each change."""
    lines = [_header(report.plan), ""]
    lines += [line for outcome in report.outcomes for line in _outcome(outcome)]
    lines += [""] if report.outcomes else []
    lines += [f"  not converged: {key.kind} {key.id}" for key in report.remaining]
    lines += [f"  {report.error}"] if report.error else []
    return "\n".join([*lines, _result(report)]) + "\n"


def validation_text(name: str, resources: int) -> str:
    """An environment whose files are sound."""
    return f"{name}: ok, {_many(resources, 'resource')}\n"


def error_text(name: str, message: str) -> str:
    """The place of an environment that failed."""
    lines = [f"  {line}" for line in message.splitlines()]
    return "\n".join([f"{name}  error", "", *lines]) + "\n"


def _header(plan: Plan) -> str:
    ledger = "no ledger" if plan.ledger_serial is None else f"ledger serial {plan.ledger_serial}"
    return f"{plan.name}  {plan.target} · Airflow {plan.airflow_version} · {ledger}"


def _changes(changes: Sequence[Change]) -> Iterator[str]:
    rows = [(_subject(change), _source(change), change.reason.replace("_", " ")) for change in changes]
    subjects = max((len(subject) for subject, _, _ in rows), default=0)
    sources = max((len(source) for _, source, _ in rows), default=0)
    for change, (subject, source, reason) in zip(changes, rows, strict=True):
        told = "" if change.action is Action.DELETE else reason
        yield f"{subject:<{subjects}}  {source:<{sources}}  {told}".rstrip()
        yield from (f"      {field_text(field)}" for field in shown_fields(change))
    if changes:
        yield ""


def shown_fields(change: Change) -> Sequence[FieldChange]:
    """The fields that tell a reader something: a new resource is read where it is declared."""
    telling = change.action in {Action.UPDATE, Action.REPLACE} or change.reason == "missing"
    return change.fields if telling else ()


def _subject(change: Change) -> str:
    id_ = change.key.id.replace("\n", "\\n")
    return f"  {SYMBOLS[change.action]} {change.key.kind} {id_}"


def _source(change: Change) -> str:
    place = f"{change.origin.file}:{change.origin.line}" if change.origin else ""
    if change.action is Action.DELETE:
        return ", ".join(part for part in (change.reason, place) if part)
    return place


def field_text(field: FieldChange) -> str:
    """What becomes of one field; of a secret no more than that it changes."""
    if field.secret:
        what = f"(secret {field.ref})" if field.ref else "(looks secret, not shown)"
        return f"{dotted(field.path)}: {what} changed"
    return f"{dotted(field.path)}: {value_text(field.before)} → {value_text(field.after)}"


def value_text(value: Any) -> str:
    """A value as JSON, or so much of it as a line has room for."""
    if value is NOTHING:
        return "(none)"
    text = json.dumps(value, ensure_ascii=False)
    return clipped(text, LONGEST_VALUE)


def dotted(path: Path) -> str:
    """A path in one word, such as ``value.hosts[0]``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _notes(plan: Plan) -> Iterator[str]:
    for one in plan.difference.unverified:
        yield f"  ? {one.key.kind} {one.key.id}: {dotted(one.path)} is unverified, {one.why}"
    for warned in plan.warnings:
        yield f"  ! {warned.key.kind} {warned.key.id}: {warned.message}"
    for violation in plan.violations:
        allow = f" ({violation.allow})" if violation.allow else ""
        yield f"  ! {violation.guard}: {violation.message}{allow}"
    if plan.difference.unverified or plan.warnings or plan.violations:
        yield ""


def _counts(plan: Plan, words: dict[Action, str]) -> str:
    return ", ".join(f"{plan.count(action)} {word}" for action, word in words.items() if plan.count(action))


def _found(plan: Plan) -> str:
    difference = plan.difference
    return (
        f"{len(difference.unchanged)} unchanged, {len(difference.unmanaged)} unmanaged, "
        f"{len(difference.unverified)} unverified. {_many(plan.calls.read, 'read')}"
    )


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _outcome(outcome: Outcome) -> Iterator[str]:
    yield f"{_subject(outcome.change)}: {outcome.result}" + (f", {outcome.error}" if outcome.error else "")
    if outcome.warning:
        yield f"      warning: {outcome.warning}"


def _result(report: Report) -> str:
    done = [outcome for outcome in report.outcomes if outcome.result == "done"]
    calls = f"{_many(report.reads, 'read')} and {_many(report.writes, 'write')}"
    if report.converged and not report.outcomes:
        return f"Nothing to apply. {calls}."
    if report.converged:
        return f"Applied and verified: {_many(len(done), 'change')}. {calls}."
    state = "Partly applied" if report.touched else "Nothing was written"
    return f"{state}: {len(done)} of {_many(len(report.outcomes), 'change')} done. {calls}. Run again."
