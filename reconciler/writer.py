"""Changes carried out one by one, each answer held against the intention."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from reconciler.airflow import Airflow
from reconciler.backends import Request
from reconciler.compare import FieldChange, compare_resources
from reconciler.errors import AccessDenied, AirflowError, EnvironmentNotFound, NotApplied, Overtaken
from reconciler.kinds import BY_NAME
from reconciler.model import Key, Resource, State, fits_mask, secrets_in
from reconciler.plan import Action, Change
from reconciler.report import Outcome, Result
from reconciler.seal import Fingerprint, seal_pair


@dataclass(frozen=True)
class Writer:
    """Carries changes out against the states from which they were planned.

    ``stopped`` is asked before every change: an interrupted run ends between two calls.
    """

    airflow: Airflow
    desired: State
    current: State
    fingerprint: Fingerprint
    stopped: Callable[[], bool] = lambda: False

    def carry_out(self, changes: Iterable[Change]) -> Iterator[Outcome]:
        """One outcome for each change, in their order.

        Independent changes go on after a failure, deletes do not, and nothing does once the
        environment has turned the credentials away.
        """
        skip_deletes: str | None = None
        skip_all: str | None = None
        for change in changes:
            if self.stopped():
                skip_all = skip_all or "interrupted"
            reason = skip_all or (skip_deletes if change.action is Action.DELETE else None)
            if reason:
                yield Outcome(change, "skipped", reason, attempts=0)
                continue
            outcome, error = self._attempt(change)
            if error:
                skip_deletes = "nothing is deleted after a failure"
            if isinstance(error, AccessDenied | EnvironmentNotFound):
                skip_all = "the environment refused the credentials"
            yield outcome

    def secrets_missing(self, changes: Iterable[Change]) -> tuple[str, ...]:
        """References that some change has to send and that nobody could look up."""
        bodies = (request.body for change in changes for request in self._writes(change))
        return tuple(
            sorted({secret.ref for body in bodies for secret in secrets_in(body) if not secret.known})
        )

    def _writes(self, change: Change) -> list[Request]:
        """The writes that a change takes when all goes well."""
        dialect, key = self.airflow.dialect, change.key
        match change.action:
            case Action.CREATE:
                return [dialect.create_request(self.desired[key])]
            case Action.UPDATE:
                return [dialect.update_request(self.desired[key], change.changed)]
            case Action.REPLACE:
                return [dialect.delete_request(key), dialect.create_request(self.desired[key])]
            case Action.DELETE:
                return [dialect.delete_request(key)]
        return []

    def _attempt(self, change: Change) -> tuple[Outcome, AirflowError | None]:
        before = self.airflow.session.writes
        warning = None
        error: AirflowError | None = None
        result: Result = "done"
        try:
            warning = self._carry_out(change)
        except AirflowError as caught:
            error = caught
            result = "refused" if caught.executed is False else "unknown"
        attempts = self.airflow.session.writes - before
        return Outcome(change, result, str(error) if error else None, attempts, warning), error

    def _carry_out(self, change: Change) -> str | None:
        match change.action:
            case Action.CREATE:
                return self._create(change)
            case Action.UPDATE:
                return self._update(change)
            case Action.REPLACE:
                return self._replace(change)
            case Action.DELETE:
                self._delete(change)
        return None

    def _create(self, change: Change) -> str | None:
        kind = BY_NAME[change.key.kind]
        if self.airflow.dialect.upserts(kind) and self.airflow.find(change.key) is not None:
            raise Overtaken(f"{change.key} has appeared since the plan was made")
        desired = self.desired[change.key]
        names = tuple(desired.fields)
        answer = self._send(self.airflow.dialect.create_request(desired), change.key, names)
        return self._settle(desired, names, answer)

    def _update(self, change: Change) -> str | None:
        desired = self.desired[change.key]
        answer = self._send(self._writes(change)[0], change.key, change.changed)
        warning = self._settle(desired, change.changed, answer)
        if answer is not None and self._overwritten(desired, answer):
            raise NotApplied(f"the update of {change.key} overwrote a field that is to be ignored")
        return warning

    def _replace(self, change: Change) -> str | None:
        self._delete(change)
        try:
            return self._create(change)
        except AirflowError as error:
            raise NotApplied(f"{change.key} is deleted, but not created again: {error}") from error

    def _delete(self, change: Change) -> None:
        now = self.airflow.find(change.key)
        if now is None:
            return
        if not is_as_seen(self.current[change.key], now):
            raise Overtaken(f"{change.key} has changed since the plan was made")
        request = self.airflow.dialect.delete_request(change.key)
        answer = self.airflow.session.send(request, change.key)
        if request.method == "PATCH":
            self.airflow.dialect.written(change.key, answer.body)

    def _send(self, request: Request, key: Key, names: tuple[str, ...]) -> Resource | None:
        answer = self.airflow.expect(request, key, names)
        return self.airflow.dialect.written(key, answer.body)

    def _settle(self, desired: Resource, names: tuple[str, ...], answer: Resource | None) -> str | None:
        """Sends each field again, alone, that the answer does not show as intended.

        How MWAA flattens a mask of several names is not documented, and Airflow 3 answers 200 to a mask
        it does not understand. Raises NotApplied if that does not help either.
        """
        lost = self._lost(desired, names, answer)
        for name in lost:
            request = self.airflow.dialect.update_request(desired, (name,))
            if self._lost(desired, (name,), self._send(request, desired.key, (name,))):
                raise NotApplied(f"Airflow answers 2xx and does not change {name} of {desired.key}")
        return f"{', '.join(lost)} of {desired.key} had to be sent again, alone" if lost else None

    def _lost(self, desired: Resource, names: tuple[str, ...], answer: Resource | None) -> tuple[str, ...]:
        if answer is None:
            return ()
        return tuple(name for name in names if self._differs(desired, answer, name))

    def _differs(self, desired: Resource, live: Resource, name: str) -> bool:
        alone = replace(desired, fields={name: desired.fields[name]}, ignore=frozenset())
        findings = compare_resources(*seal_pair(alone, live, self.fingerprint))
        return any(isinstance(one, FieldChange) for one in findings)

    def _overwritten(self, desired: Resource, answer: Resource) -> bool:
        """Whether an ignored field now holds the declared value where it lived with another."""
        live = self.current[desired.key]
        ignored = [name for name in desired.fields if name in desired.ignore and name in live.fields]
        return any(
            self._differs(desired, live, name) and not self._differs(desired, answer, name)
            for name in ignored
        )


def is_as_seen(seen: Resource, now: Resource) -> bool:
    """Whether a resource still is what the plan saw, in every field that both readings show."""
    shared = seen.fields.keys() & now.fields.keys()
    return all(_looks_same(seen.fields[name], now.fields[name]) for name in shared)


def _looks_same(seen: object, now: object) -> bool:
    """Equal, or equal where neither reading is masked: what Airflow masks changes from request to request."""
    if isinstance(seen, str) and isinstance(now, str):
        return fits_mask(seen, now) or fits_mask(now, seen)
    return seen == now
