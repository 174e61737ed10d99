"""Carries a plan out: secrets first, then the ledger, the calls, a look at the result, the ledger again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from reconciler import forecast, keeper
from reconciler.engine import Planned
from reconciler.errors import AirflowError, Guarded, ReconcilerError, SecretError, Unexpected
from reconciler.ledger import Intended, Lease, Ledger, Pending, Settled, begun, ended
from reconciler.model import Key, Resource, Secret, State, secrets_in
from reconciler.plan import Action, Change
from reconciler.records import Marker, Record, secret_places, top
from reconciler.report import Outcome, Report
from reconciler.writer import Writer

NOT_VERIFIED = "the result could not be verified"
INTERRUPTED = f"interrupted: {NOT_VERIFIED[4:]}"


@dataclass(frozen=True)
class Application:
    """A plan that may be carried out: no guard stands against it, and every secret is at hand."""

    planned: Planned
    desired: State
    """What is declared, with the plaintext of every secret that is to be sent."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What there is to do, in order."""
        return self.planned.plan.changes

    @cached_property
    def marker(self) -> Marker:
        """Makes the marks of what is written; a file ledger gets its own key now, if it has none."""
        comparison, key = self.planned.comparison, self.planned.key
        sent = [secret for change in self.changes for secret in self._secrets_of(change)]
        if key is None or comparison.marker.key is not None or all(one.version for one in sent):
            return comparison.marker
        return replace(comparison.marker, key=key(create=True))

    def _secrets_of(self, change: Change) -> Iterable[Secret]:
        resource = self.desired.get(change.key)
        return secrets_in(resource.fields) if resource else ()

    def intended(self) -> Intended:
        """What is going to be done to what is ours or will be."""
        records = self.planned.comparison.claims.records
        return {
            change.key: self._pending(change)
            for change in self.changes
            if not change.action.only_ledger and (change.key in records or change.action is not Action.DELETE)
        }

    def _pending(self, change: Change) -> Pending:
        if change.action is Action.DELETE:
            return Pending(change.action)
        resource = self.desired[change.key]
        compared = tuple(resource.compared())
        names = change.changed if change.action is Action.UPDATE else compared
        places = secret_places(resource)
        return Pending(
            change.action,
            self.marker.marks(resource, names),
            {place: ref for place, ref in places.items() if top(place) in names},
            resource.protect,
        )

    def known(self) -> Mapping[Key, Record]:
        """What is ours before the first call.

        Of an update's fields that it need not send, for git has caught up with what lives, that is what a
        completed apply would record.
        """
        records = self.planned.comparison.claims.records
        updates = {one.key: one for one in self.changes if one.action is Action.UPDATE and one.key in records}
        return {**records, **{key: self._caught_up(change) for key, change in updates.items()}}

    def _caught_up(self, change: Change) -> Record:
        record = self.planned.comparison.claims.records[change.key]
        wanted = self.planned.comparison.wanted(change.key, marker=self.marker)
        sent = frozenset(change.changed)
        return replace(
            record,
            marks={
                **{place: mark for place, mark in record.marks.items() if top(place) in sent},
                **{place: mark for place, mark in wanted.marks.items() if top(place) not in sent},
            },
            secrets={**wanted.secrets, **record.secrets},
        )

    def settled(self, change: Change) -> Settled:
        """What is certain of a resource once its change is done and verified."""
        if change.action in {Action.DELETE, Action.FORGET}:
            return Settled(change.key, None)
        fields = frozenset(self.desired[change.key].fields)
        sent = {Action.ADOPT: frozenset[str](), Action.UPDATE: frozenset(change.changed)}
        record = self.planned.comparison.wanted(change.key, sent.get(change.action, fields), self.marker)
        return Settled(change.key, record)


def check_applicable(planned: Planned) -> Application:
    """The plan ready to be carried out.

    Raises Guarded for a violation, and SecretError for a secret that has to be sent and is missing.
    """
    violations = planned.plan.violations
    if violations:
        told = "; ".join(f"{one.message}" + (f" ({one.allow})" if one.allow else "") for one in violations)
        raise Guarded(f"{told}; nothing was written")
    return Application(planned, _with_secrets(planned))


def _with_secrets(planned: Planned) -> State:
    """What is declared, every secret that some change sends looked up."""
    desired, changes, dialect = planned.comparison.desired, planned.plan.changes, planned.airflow.dialect
    writes = [(change.key, dialect.writes(change, desired.get(change.key))) for change in changes]
    sending = {
        key: desired[key]
        for key, requests in writes
        if any(True for request in requests for _ in secrets_in(request.body))
    }
    found = {**desired, **planned.run.secrets.fetched(sending)}
    sent = (
        secret
        for change in changes
        for request in dialect.writes(change, found.get(change.key))
        for secret in secrets_in(request.body)
    )
    missing = sorted({secret.ref for secret in sent if not secret.known})
    if missing:
        raise SecretError(
            f"secrets to be sent are missing: {', '.join(missing)}; nothing was written; "
            "create them, or correct the references"
        )
    return found


def apply_plan(
    application: Application,
    lease: Lease,
    stopped: Callable[[], bool] = lambda: False,
    landed: Callable[[Outcome], None] = lambda _outcome: None,
) -> Report:
    """Carries the plan out and reads again: what is left then has not converged.

    ``stopped`` is asked between two calls, ``landed`` told what became of each change as soon as that is
    known. Raises LedgerChanged or LedgerUnavailable, before any write.
    """
    planned = application.planned
    planned.airflow.session.patience = planned.airflow.session.patience.started()
    if all(change.action.only_ledger for change in application.changes):
        return _record_only(application)
    intended = application.intended()
    started = planned.kept and keeper.write(
        planned.kept, begun(planned.kept.ledger, intended, lease, application.known())
    )
    outcomes = _carried_out(application, stopped, landed)
    remaining, error = _verified(application, outcomes, stopped)
    if started is not None:
        error = _finish(application, started, outcomes, None if error else remaining) or error
    return _report(application, outcomes, remaining, error)


def _carried_out(
    application: Application, stopped: Callable[[], bool], landed: Callable[[Outcome], None]
) -> tuple[Outcome, ...]:
    """What became of each change, in the plan's order, whatever the order in which they were carried out."""
    planned, comparison = application.planned, application.planned.comparison
    writer = Writer(
        planned.airflow,
        application.desired,
        comparison.current,
        comparison.fingerprint,
        planned.listings,
        stopped,
    )
    calls = planned.plan.calls
    planned.airflow.session.announce(calls.apply_read - calls.read + calls.apply_write)
    outcomes = dict[Key, Outcome]()
    for outcome in writer.carry_out(application.changes):
        landed(outcome)
        outcomes[outcome.change.key] = outcome
    return tuple(outcomes[change.key] for change in application.changes)


def _record_only(application: Application) -> Report:
    """Nothing of Airflow's changes: one write of the ledger is the whole of it."""
    kept, changes = application.planned.kept, application.changes
    if kept is not None and changes:
        settled = [application.settled(change) for change in changes]
        keeper.write(kept, ended(kept.ledger, kept.ledger, settled, ()))
    return _report(application, tuple(Outcome(change, "done", attempts=0) for change in changes), (), None)


def _verified(
    application: Application, outcomes: tuple[Outcome, ...], stopped: Callable[[], bool]
) -> tuple[tuple[Key, ...], str | None]:
    """What has not converged among what was touched, and why that cannot be told."""
    if not any(
        outcome.result in {"done", "unknown"} and not outcome.change.action.only_ledger
        for outcome in outcomes
    ):
        return (), None
    if stopped():
        return (), INTERRUPTED
    try:
        return _remaining(application), None
    except AirflowError as error:
        return (), f"{NOT_VERIFIED}: {error}"
    except Exception as error:  # noqa: BLE001 - a mistake here must not keep the ledger from being written
        return (), f"{NOT_VERIFIED}: {Unexpected(error)}"


def _remaining(application: Application) -> tuple[Key, ...]:
    comparison = application.planned.comparison
    writing = [change for change in application.changes if not change.action.only_ledger]
    living = _seen(application, writing)
    return tuple(
        change.key
        for change in writing
        if (
            change.key in living
            if change.action is Action.DELETE
            else change.key not in living
            or comparison.still_differs(_verifiable(application, change), living[change.key])
        )
    )


def _seen(application: Application, writing: Sequence[Change]) -> State:
    """What lives now of the kinds that were written to, in the fewest calls."""
    planned, desired = application.planned, application.desired
    each, kinds = forecast.verification(planned.listings, writing, desired)
    detailed = {change.key for change in forecast.detailed(planned.airflow.dialect, writing, desired)}
    listed = planned.airflow.read(kinds, detailed).state if kinds else {}
    return {**listed, **planned.airflow.find_all(each)}


def _verifiable(application: Application, change: Change) -> Resource:
    """What must live now: of what was not sent no more is asked than the plan could see."""
    planned, sent = application.planned.comparison.desired[change.key], application.desired[change.key]
    if change.action is not Action.UPDATE:
        return sent
    return replace(planned, fields={**planned.fields, **{name: sent.fields[name] for name in change.changed}})


def _finish(
    application: Application,
    started: keeper.Kept,
    outcomes: tuple[Outcome, ...],
    remaining: tuple[Key, ...] | None,
) -> str | None:
    """Writes the ledger for the second time; an error here leaves pending what the next run then mends."""
    verified = [
        outcome.change
        for outcome in outcomes
        if outcome.result == "done"
        and (
            outcome.change.action.only_ledger
            or (remaining is not None and outcome.change.key not in remaining)
        )
    ]
    untouched = [one.change.key for one in outcomes if one.result in {"refused", "skipped"}]
    before: Ledger = application.planned.kept.ledger if application.planned.kept else started.ledger
    try:
        keeper.write(started, ended(before, started.ledger, map(application.settled, verified), untouched))
    except ReconcilerError as error:
        return f"the ledger could not be written at the end: {error}"
    return None


def _report(
    application: Application, outcomes: tuple[Outcome, ...], remaining: tuple[Key, ...], error: str | None
) -> Report:
    session = application.planned.airflow.session
    converged = all(outcome.result == "done" for outcome in outcomes) and not remaining and error is None
    plan = application.planned.plan
    return Report(plan, outcomes, session.reads, session.writes, converged, remaining, error)
