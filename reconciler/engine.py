"""The path, told once: from files and a live state to a plan, and from there to a report."""

import secrets as randomness
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial

from reconciler.airflow import Airflow, Reading
from reconciler.backends import PATH_LIMIT, Backend
from reconciler.dialects import Dialect, dialect_for
from reconciler.errors import AirflowError, ManifestError, Origin, Problem, Refused, SecretError, UsageError
from reconciler.kinds import BY_NAME, KINDS, Kind
from reconciler.manifests import Environment
from reconciler.model import Key, Resource, State, keyed_digest
from reconciler.plan import Action, Calls, Change, Difference, Plan, Undeclared, Violation, diff
from reconciler.rate import pacer
from reconciler.report import Report
from reconciler.seal import Fingerprint, seal
from reconciler.secrets import Secrets
from reconciler.session import Call, Session, identify
from reconciler.targets import MwaaTarget, SandboxTarget
from reconciler.writer import Writer

NEWEST = {2: "2", 3: "3.99"}
"""What stands for a version of which only the major number is known: no release has fewer limits."""

WITHOUT_EFFECT = {"ledger", "fingerprint_key", "adopt"}
"""Settings that only mean something with a ledger, which this version does not keep: less is deleted."""

UNSAFE_TO_IGNORE = {"limits"}
"""Settings whose author counts on being kept from something."""


@dataclass(frozen=True)
class Selection:
    """Which resources a run is about: kinds, and patterns of ``kind/id``; empty means all."""

    kinds: frozenset[str] = frozenset()
    only: tuple[str, ...] = ()

    def chosen_kinds(self) -> tuple[Kind, ...]:
        """The kinds to read."""
        return tuple(kind for kind in KINDS if not self.kinds or kind.name in self.kinds)

    def __contains__(self, key: Key) -> bool:
        return (not self.kinds or key.kind in self.kinds) and (
            not self.only or any(fnmatchcase(str(key), pattern) for pattern in self.only)
        )


@dataclass(frozen=True)
class Planned:
    """A plan with what it takes to carry it out."""

    plan: Plan
    environment: Environment
    airflow: Airflow
    selection: Selection
    desired: State
    current: State
    fingerprint: Fingerprint


def fresh_fingerprint() -> Fingerprint:
    """Seals under a key that nobody keeps."""
    return partial(keyed_digest, randomness.token_bytes(32))


@dataclass(frozen=True)
class Run:
    """How to plan: what is selected, where secrets come from, who is told of calls."""

    selection: Selection = field(default_factory=Selection)
    secrets: Secrets = field(default_factory=Secrets)
    resend_secrets: bool = False
    observe: Callable[[Call], None] = lambda _call: None


def plan_environment(environment: Environment, backend: Backend, rate: float | None, run: Run) -> Planned:
    """Reads the live state and compares it with the declared one.

    Raises ManifestError for what this server cannot hold, AirflowError where it cannot be read,
    UsageError for a selection that matches nothing.
    """
    refuse_settings(environment)
    desired = run.secrets.resolved(
        {key: resource for key, resource in environment.desired.items() if key in run.selection}
    )
    session = Session(backend, pacer(environment.rate_limit or rate), run.observe)
    dialect = identify(session)
    _raise_refusals(_refusals(dialect, desired))
    airflow = Airflow(session, dialect)
    reading = airflow.read(run.selection.chosen_kinds(), desired)
    current = {key: resource for key, resource in reading.state.items() if key in run.selection}
    _check_selection(environment, run.selection, current)
    fingerprint = fresh_fingerprint()
    resend = desired.keys() if run.resend_secrets else ()
    undeclared = _undeclared(environment, run.selection)
    difference = diff(*seal(desired, current, fingerprint), undeclared, resend)
    _raise_refusals(_change_refusals(dialect, difference, desired, current, environment))
    plan = Plan(
        name=environment.name,
        target=str(environment.target),
        airflow_version=dialect.version,
        difference=difference,
        violations=tuple(_violations(difference, desired)),
        calls=_calls(session.reads, dialect, difference, desired, reading),
    )
    return Planned(plan, environment, airflow, run.selection, desired, current, fingerprint)


def refuse_settings(environment: Environment) -> None:
    """Raises UsageError for settings that it would be dangerous to leave without effect."""
    unsafe = sorted(environment.settings & UNSAFE_TO_IGNORE)
    if unsafe:
        raise UsageError(f"{environment.name} sets {', '.join(unsafe)}, which this version does not know")


def check_offline(environment: Environment) -> Environment:
    """The environment itself, if nothing is wrong that can be known without asking it.

    Raises as ``plan_environment``: UsageError for settings, and ManifestError for what the server cannot
    hold where the target itself names its major version.
    """
    refuse_settings(environment)
    target = environment.target
    if not isinstance(target, MwaaTarget) and target.airflow is not None:
        limit = PATH_LIMIT if isinstance(target, SandboxTarget) else None
        dialect = dialect_for(NEWEST[target.airflow], limit)
        if dialect is not None:
            _raise_refusals(_refusals(dialect, environment.desired))
    return environment


def setting_warnings(environment: Environment) -> list[str]:
    """What to say about settings that this version leaves without effect."""
    idle = sorted(environment.settings & WITHOUT_EFFECT)
    what = "this version keeps no ledger, so only absent and authoritative ids are deleted"
    return [f"{environment.name} sets {', '.join(idle)}: {what}"] if idle else []


def drift_of(planned: Planned) -> Plan:
    """The plan told from the other side: what was written is ``before``, what lives now is ``after``.

    Without a ledger the manifests are the record of what was written, and remain the reason of an update.
    """
    difference = planned.plan.difference
    changes = tuple(_as_drift(change) for change in difference.changes)
    return replace(planned.plan, difference=replace(difference, changes=changes))


def _as_drift(change: Change) -> Change:
    if change.action is Action.CREATE:
        return replace(change, reason="missing", fields=())
    turned = tuple(replace(one, before=one.after, after=one.before) for one in change.fields)
    return replace(
        change,
        fields=turned,
        digest_before=change.digest_after,
        digest_after=change.digest_before,
    )


def _undeclared(environment: Environment, selection: Selection) -> Undeclared:
    absent = {key: origin for key, origin in environment.absent.items() if key in selection}
    return Undeclared(absent, environment.authoritative)


def _refusals(dialect: Dialect, desired: State) -> Iterator[tuple[Origin | None, str]]:
    for resource in desired.values():
        if what := dialect.refusal(resource):
            yield resource.origin, what


def _change_refusals(
    dialect: Dialect, difference: Difference, desired: State, current: State, environment: Environment
) -> Iterator[tuple[Origin | None, str]]:
    nowhere = Origin(str(environment.folder / "environment.yaml"), 1, 1)
    for change in difference.changes:
        what = dialect.change_refusal(change, desired.get(change.key), current.get(change.key))
        if what:
            yield change.origin or nowhere, what


def _raise_refusals(found: Iterator[tuple[Origin | None, str]]) -> None:
    problems = [
        Problem(origin or Origin("", 1, 1), what, "choose another id or value") for origin, what in found
    ]
    if problems:
        raise ManifestError(problems)


def _check_selection(environment: Environment, selection: Selection, current: State) -> None:
    known = [key for key in (*environment.desired, *environment.absent, *current) if key in selection]
    for pattern in selection.only:
        if not any(fnmatchcase(str(key), pattern) for key in known):
            raise UsageError(f"--only {pattern} matches nothing in {environment.name}; it is KIND/ID")
    if selection.kinds and not known:
        kinds = ", ".join(sorted(selection.kinds))
        raise UsageError(f"--kind {kinds} matches nothing in {environment.name}")


def _violations(difference: Difference, desired: State) -> Iterator[Violation]:
    for change in difference.changes:
        resource = desired.get(change.key)
        if change.action is Action.REPLACE and resource is not None and resource.protect:
            message = f"{change.key} is protected, and replacing it deletes it first"
            yield Violation("protect", change.key.kind, 1, 0, message, None)


def _calls(reads: int, dialect: Dialect, difference: Difference, desired: State, reading: Reading) -> Calls:
    changes = difference.changes
    writes = sum(len(dialect.writes(change, desired.get(change.key))) for change in changes)
    looks = sum(_looks_first(dialect, change) for change in changes)
    checks = sum(_verification(dialect, kind, changes, desired, reading) for kind in touched_kinds(changes))
    return Calls(reads, reads + looks + checks, writes)


def _looks_first(dialect: Dialect, change: Change) -> bool:
    """Whether the resource is read again before the write: deletes always, upserting creates too."""
    if change.action is Action.CREATE:
        return dialect.upserts(BY_NAME[change.key.kind])
    return change.action in {Action.DELETE, Action.REPLACE}


def _verification(
    dialect: Dialect, kind: Kind, changes: tuple[Change, ...], desired: State, reading: Reading
) -> int:
    """Reads that verify one kind: its pages as they will be, and details of what was touched."""
    mine = [change for change in changes if change.key.kind == kind.name]
    created = sum(change.action is Action.CREATE for change in mine)
    deleted = sum(change.action is Action.DELETE for change in mine)
    total = reading.totals[kind.name] + created - deleted
    page = dialect.page_size(reading.first_pages[kind.name], reading.totals[kind.name])
    details = sum(
        change.key in desired and "extra" in desired[change.key].fields and dialect.lacks_extra(kind)
        for change in mine
    )
    return max(1, -(-total // page)) + details


def touched_kinds(changes: tuple[Change, ...]) -> tuple[Kind, ...]:
    """The kinds that some change is about."""
    names = {change.key.kind for change in changes}
    return tuple(kind for kind in KINDS if kind.name in names)


def check_applicable(planned: Planned) -> Writer:
    """A writer for the plan; raises Refused for a violation, SecretError for a missing secret."""
    violations = planned.plan.violations
    if violations:
        raise Refused("; ".join(violation.message for violation in violations) + "; nothing was written")
    writer = Writer(planned.airflow, planned.desired, planned.current, planned.fingerprint)
    missing = writer.secrets_missing(planned.plan.changes)
    if missing:
        raise SecretError(f"secrets to be sent are missing: {', '.join(missing)}; nothing was written")
    return writer


def apply_plan(planned: Planned, stopped: Callable[[], bool] = lambda: False) -> Report:
    """Carries the plan out and reads again: what is left then has not converged.

    ``stopped`` is asked between two calls. Raises as ``check_applicable``, before any write.
    """
    writer = replace(check_applicable(planned), stopped=stopped)
    outcomes = tuple(writer.carry_out(planned.plan.changes))
    session = planned.airflow.session
    remaining: tuple[Key, ...] = ()
    error = None
    if any(outcome.result in {"done", "unknown"} for outcome in outcomes):
        try:
            remaining = _remaining(planned)
        except AirflowError as caught:
            error = f"the result could not be verified: {caught}"
    converged = all(outcome.result == "done" for outcome in outcomes) and not remaining and error is None
    return Report(planned.plan, outcomes, session.reads, session.writes, converged, remaining, error)


def _remaining(planned: Planned) -> tuple[Key, ...]:
    """What still differs among the touched kinds."""
    changes = planned.plan.changes
    touched = {change.key for change in changes}
    wanted = {key: resource for key, resource in planned.desired.items() if key in touched}
    state = planned.airflow.read(touched_kinds(changes), wanted).state
    living: dict[Key, Resource] = {key: state[key] for key in touched if key in state}
    undeclared = _undeclared(planned.environment, planned.selection)
    left = diff(*seal(wanted, living, planned.fingerprint), undeclared)
    return tuple(change.key for change in left.changes)
