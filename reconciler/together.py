"""Changes that one call carries out for many; what it leaves open is left to be carried out one by one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.airflow import Airflow
from reconciler.batches import Batch
from reconciler.compare import FieldChange, Finding, same
from reconciler.errors import AirflowError, Rejected
from reconciler.forecast import Listings
from reconciler.kinds import BY_NAME
from reconciler.model import Key, Resource, State, may_be_one
from reconciler.plan import Action, Change
from reconciler.report import Outcome
from reconciler.retry import Fate, Next, Purpose, fate, next_step

PURPOSES = {
    Action.CREATE: Purpose.CREATE,
    Action.UPDATE: Purpose.UPDATE,
    Action.DELETE: Purpose.DELETE,
}
"""What a shared call is for."""


@dataclass(frozen=True)
class Attempt:
    """What is known of a shared call: what it has done for sure, and what it may still have done."""

    done: frozenset[Key] = frozenset()
    in_doubt: frozenset[Key] = frozenset()
    error: str | None = None
    """Why nobody can tell what became of those in doubt, where even a look was to no avail."""

    def outcome(self, change: Change) -> Outcome | None:
        """The outcome of a change that the call has carried out."""
        return Outcome(change, "done") if change.key in self.done else None

    def judged(self, outcome: Outcome) -> Outcome:
        """What became of a change that was left open: it is unknown unless it is done after all."""
        if self.error is None or outcome.change.key not in self.in_doubt or outcome.result == "done":
            return outcome
        return replace(outcome, result="unknown", error=self.error, attempts=outcome.attempts + 1)


@dataclass(frozen=True)
class Together:
    """Carries batches out against the states from which they were planned.

    ``findings`` tells what speaks against one field of a living resource being what was meant.
    """

    airflow: Airflow
    desired: State
    current: State
    listings: Listings
    findings: Callable[[Resource, Resource, str], tuple[Finding, ...]]

    def attempt(self, batch: Batch, before: Sequence[Change]) -> Attempt:
        """Sends ``batch`` in one call, once ``before`` is carried out."""
        try:
            ready = self._ready(batch, before)
        except AirflowError:
            return Attempt()
        return self._sent(batch, ready) if ready else Attempt()

    def _ready(self, batch: Batch, before: Sequence[Change]) -> tuple[Change, ...]:
        """What may be sent: of deletes what still is as the plan saw it, by a look at all of them."""
        if batch.action is not Action.DELETE:
            return batch.changes
        kind, keys = BY_NAME[batch.kind], [change.key for change in batch.changes]
        each = self.listings.asks_each(kind, len(keys), before)
        living = self.airflow.find_all(keys) if each else self.airflow.read((kind,), ()).state
        return tuple(change for change in batch.changes if self._is_as_seen(living.get(change.key)))

    def _is_as_seen(self, now: Resource | None) -> bool:
        return now is not None and is_as_seen(self.current[now.key], now)

    def _sent(self, batch: Batch, ready: tuple[Change, ...]) -> Attempt:
        purpose, keys = PURPOSES[batch.action], frozenset(change.key for change in ready)

        def sent() -> AirflowError | None:
            try:
                self._send(ready)
            except AirflowError as error:
                if next_step(purpose, error) is Next.LOOK:
                    return error
                raise
            return None

        try:
            error = self.airflow.session.patience.keep_trying(purpose, sent)
        except AirflowError as caught:
            error = caught
        if error is None:
            return Attempt(keys)
        in_doubt = fate(error) is Fate.UNKNOWN or next_step(purpose, error) is Next.LOOK
        return self._looked_after(batch, ready, error) if in_doubt else Attempt()

    def _looked_after(self, batch: Batch, ready: tuple[Change, ...], error: AirflowError) -> Attempt:
        """What a listing shows of a call of which nobody knows what became."""
        keys = frozenset(change.key for change in ready)
        try:
            done = self._found_done(batch, ready)
        except AirflowError:
            return Attempt(in_doubt=keys, error=str(error))
        return Attempt(done, keys - done)

    def _send(self, changes: tuple[Change, ...]) -> None:
        dialect, session = self.airflow.dialect, self.airflow.session
        kind, names = changes[0].key.kind, changes[0].changed
        answer = self.airflow.expect(dialect.bulk_request(changes, self.desired), Key(kind, ""), names)
        try:
            dialect.check_bulk([change.key for change in changes], answer.body)
        except Rejected:
            session.effects -= 1  # a 200 that tells of a failure: nothing of the action is executed
            raise

    def _found_done(self, batch: Batch, ready: tuple[Change, ...]) -> frozenset[Key]:
        living = self.airflow.read((BY_NAME[batch.kind],), ()).state
        return frozenset(change.key for change in ready if self._is_done(change, living.get(change.key)))

    def _is_done(self, change: Change, now: Resource | None) -> bool:
        if now is None or change.action is Action.DELETE:
            return now is None and change.action is Action.DELETE
        desired = self.desired[change.key]
        if change.action is Action.UPDATE:  # what is hidden may be what was there before
            return not any(self.findings(desired, now, name) for name in change.changed)
        found = (one for name in desired.fields for one in self.findings(desired, now, name))
        return not any(isinstance(one, FieldChange) for one in found)


def is_as_seen(seen: Resource, now: Resource, ignored: frozenset[str] = frozenset()) -> bool:
    """Whether a resource still is what the plan saw, in every field that both readings show."""
    shared = (seen.fields.keys() & now.fields.keys()) - ignored
    return all(_looks_same(seen.fields[name], now.fields[name]) for name in shared)


def _looks_same(seen: Any, now: Any) -> bool:
    if isinstance(seen, str) and isinstance(now, str):
        return may_be_one(seen, now)
    return same(seen, now)
