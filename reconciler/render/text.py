"""Plans and reports as people read them at a terminal."""

from collections.abc import Iterable, Iterator, Sequence

from reconciler.compare import FieldChange, Unverified
from reconciler.kinds import BY_NAME
from reconciler.model import Path
from reconciler.plan import Action, Change, Edit, Plan
from reconciler.render.folding import Folded, folded, kind_of_change
from reconciler.render.page import INDENT, WHOLE, Page, json_text, pair_lines, pair_text, rows, wrapped
from reconciler.render.plain import moment, one_line
from reconciler.report import Followed, Outcome, Report

SYMBOLS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.DELETE: "-",
    Action.ADOPT: "»",
    Action.FORGET: "«",
}
TO_SEE_ALL = " (--full shows all)"

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


def plan_text(plan: Plan, page: Page = WHOLE) -> str:
    """A plan: one line for each change, its fields below, and a summary that counts calls."""
    calls = plan.calls
    needs = f"; apply needs {_many(calls.apply_read, 'read')} and {_many(calls.apply_write, 'write')}"
    counts = _counts(plan, PENDING) or "no changes"
    return _told(plan, page, f"Plan: {counts}; {_found(plan)}{needs if plan.changes else ''}.")


def drift_text(plan: Plan, page: Page = WHOLE) -> str:
    """What changed behind git's back, in the plan's shape."""
    return _told(plan, page, f"Drift: {_counts(plan, DRIFTED) or 'none'}; {_found(plan)}.")


def question(plans: Sequence[Plan]) -> str:
    """What an apply asks before it writes: how many changes of each sort, and to which environments."""
    counts = [(sum(plan.count(action) for plan in plans), action.value) for action in Action]
    told = [_many(number, noun) for number, noun in counts if number]
    names = [plan.name for plan in plans]
    where = names[0] if len(names) == 1 else f"{len(names)} environments ({', '.join(names)})"
    return f"Apply {_listed(told)} to {where}?"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _told(plan: Plan, page: Page, summary: str) -> str:
    told = [*_changes(plan.changes, page), *_notes(plan, page)]
    lines = [*wrapped(header(plan), page), "", *told, *wrapped(summary, page)]
    return "\n".join(lines) + "\n"


def report_text(report: Report, page: Page = WHOLE) -> str:
    """What an apply did, one line for each change; where that is no news, what was not done."""
    outcomes = [one for one in report.outcomes if not (page.is_news and one.result == "done")]
    lines = [header(report.plan), ""]
    lines += [line for outcome in outcomes for line in outcome_lines(outcome)]
    lines += [""] if outcomes else []
    lines += [one_line(f"  not converged: {key.kind} {key.id}") for key in report.remaining]
    lines += [one_line(f"  {report.error}")] if report.error else []
    lines += [] if page.is_news else [followed_line(one) for one in report.followed]
    lines += [""] if report.followed else []
    lines += [_result(report)]
    return "\n".join(part for line in lines for part in wrapped(line, page)) + "\n"


def validation_text(name: str, resources: int) -> str:
    """An environment whose files are sound."""
    return f"{name}: ok, {_many(resources, 'resource')}\n"


def error_text(name: str, message: str) -> str:
    """The place of an environment that failed."""
    lines = [f"  {line}" for line in message.splitlines()]
    return "\n".join([f"{one_line(name)}  error", "", *lines]) + "\n"


def header(plan: Plan) -> str:
    """Which environment this is."""
    ledger = "no ledger" if plan.ledger_serial is None else f"ledger serial {plan.ledger_serial}"
    return one_line(f"{plan.name}  {plan.target} · Airflow {plan.airflow_version} · {ledger}")


def _changes(changes: Sequence[Change], page: Page) -> Iterator[str]:
    shown = list(changes) if page.full else list(folded(changes, kind_of_change))
    for one, row in zip(shown, rows([*map(_cells, shown)], page), strict=True):
        yield from row
        if isinstance(one, Change):
            yield from _fields(one, page)
            yield from (part for text in edit_texts(one) for part in wrapped(f"{INDENT}{text}", page))
    if changes:
        yield ""


def _cells(one: Change | Folded[Change]) -> tuple[str, str, str]:
    """What a change is about, where that comes from, and why."""
    if isinstance(one, Folded):
        return _more(one), "", _words(one.first.reason)
    told = "" if one.action is Action.DELETE else _words(one.reason)
    return _subject(one), _source(one), told


def _more(some: Folded[Change]) -> str:
    kind = BY_NAME[some.first.key.kind]
    noun = kind.name if some.number == 1 else kind.collection
    return f"  {SYMBOLS[some.first.action]} … {some.number:,} more {noun}{TO_SEE_ALL}"


def _words(reason: str) -> str:
    return reason.replace("_", " ")


def _fields(change: Change, page: Page) -> Iterator[str]:
    fields = shown_fields(change)
    for field in fields if page.full else folded(fields, lambda _field: "field"):
        if isinstance(field, Folded):
            yield f"{INDENT}… {field.number:,} more fields{TO_SEE_ALL}"
        else:
            yield from _field_lines(field, page)


def _field_lines(field: FieldChange, page: Page) -> list[str]:
    if field.secret:
        return wrapped(f"{INDENT}{field_text(field)}", page)
    return pair_lines(dotted(field.path), json_text(field.before), json_text(field.after), page)


def shown_fields(change: Change) -> Sequence[FieldChange]:
    """The fields that tell a reader something: a new resource is read where it is declared."""
    telling = change.action in {Action.UPDATE, Action.REPLACE} or change.reason == "missing"
    return change.fields if telling else ()


def _subject(change: Change) -> str:
    return f"  {SYMBOLS[change.action]} {change.key.kind} {one_line(change.key.id)}"


def _source(change: Change) -> str:
    place = f"{one_line(change.origin.file)}:{change.origin.line}" if change.origin else ""
    if change.action is Action.DELETE:
        return ", ".join(part for part in (change.reason, place) if part)
    return place


def field_text(field: FieldChange) -> str:
    """What becomes of one field, in a line; of a secret no more than that it changes."""
    if field.secret:
        return f"{dotted(field.path)}: {secret_text(field)}"
    return pair_text(dotted(field.path), json_text(field.before), json_text(field.after))


def secret_text(field: FieldChange) -> str:
    """What there is to tell of a secret one."""
    what = f"(secret {one_line(field.ref)})" if field.ref else "(looks secret, not shown)"
    return f"{what} changed"


def edit_texts(change: Change) -> list[str]:
    """Who edited it last, where that is known."""
    return [edit_text(change.edit)] if change.edit else []


def edit_text(edit: Edit) -> str:
    """Who edited something last, as Airflow's event log has it."""
    return one_line(f"last edit that Airflow logged: {edit.owner}, {moment(edit.when)}, {edit.event}")


def dotted(path: Path) -> str:
    """A path in one word, such as ``value.hosts[0]``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return one_line(text.removeprefix("."))


def _notes(plan: Plan, page: Page) -> Iterator[str]:
    notes = [*_unverified(plan.difference.unverified, page), *_remarks(plan)]
    yield from (line for note in notes for line in wrapped(one_line(note), page))
    if notes:
        yield ""


def _remarks(plan: Plan) -> Iterator[str]:
    for warned in plan.warnings:
        yield f"  ! {warned.key.kind} {warned.key.id}: {warned.message}"
    for violation in plan.violations:
        allow = f" ({violation.allow})" if violation.allow else ""
        yield f"  ! {violation.guard}: {violation.message}{allow}"


def _unverified(found: Sequence[Unverified], page: Page) -> Iterator[str]:
    shown: Iterable[Unverified | Folded[Unverified]]
    shown = found if page.full else folded(found, lambda one: (one.key.kind, one.why))
    for one in shown:
        if isinstance(one, Folded):
            where = f"{one.number:,} more of {BY_NAME[one.first.key.kind].collection}"
            yield f"  ? … {where} are unverified, {one.first.why}{TO_SEE_ALL}"
        else:
            yield f"  ? {one.key.kind} {one.key.id}: {dotted(one.path)} is unverified, {one.why}"


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


def outcome_lines(outcome: Outcome) -> Iterator[str]:
    """What became of one change."""
    error = f", {outcome.error}" if outcome.error else ""
    yield one_line(f"{_subject(outcome.change)}: {outcome.result}{error}")
    if outcome.warning:
        yield one_line(f"{INDENT}warning: {outcome.warning}")


def followed_line(one: Followed) -> str:
    """What became of one thing that followed an apply."""
    run = f" (run {one.run_id})" if one.run_id else ""
    error = f", {one.error}" if one.error else ""
    return one_line(f"  then {one.what} {one.subject}{run}: {one.result}{error}")


def _result(report: Report) -> str:
    done = [outcome for outcome in report.outcomes if outcome.result == "done"]
    calls = f"{_many(report.reads, 'read')} and {_many(report.writes, 'write')}"
    if report.converged and not report.outcomes:
        return f"Nothing to apply. {calls}."
    if report.converged and report.trouble:
        return f"Applied and verified: {_many(len(done), 'change')}; what was to follow failed. {calls}."
    if report.converged:
        return f"Applied and verified: {_many(len(done), 'change')}. {calls}."
    state = "Partly applied" if report.touched else "Nothing was written"
    return f"{state}: {len(done)} of {_many(len(report.outcomes), 'change')} done. {calls}. Run again."
