"""Changes carried out, each answer held against the intention, and those without one against a listing."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from reconciler.airflow import Airflow
from reconciler.backends import Request
from reconciler.batches import batches
from reconciler.compare import FieldChange, Finding, compare_resources
from reconciler.errors import (
    AccessDenied,
    AirflowError,
    EnvironmentNotFound,
    Exhausted,
    NotApplied,
    Overtaken,
    Rejected,
    ServerFailed,
    Unexpected,
)
from reconciler.forecast import Listings
from reconciler.kinds import BY_NAME
from reconciler.model import Key, Resource, State, secrets_in
from reconciler.plan import Action, Change
from reconciler.report import Outcome, Result
from reconciler.retry import Fate, Next, Purpose, fate, next_step
from reconciler.seal import Fingerprint, seal_pair
from reconciler.session import HTTP_NOT_FOUND
from reconciler.together import Attempt, Together, is_as_seen

T = TypeVar("T")

DELETING = frozenset({Action.DELETE, Action.REPLACE})
AFTER_A_FAILURE = "nothing is deleted after a failure"

HOPELESS = (AccessDenied, EnvironmentNotFound, Exhausted)
TURNED_AWAY = "the environment turned this run away"
OUT_OF_TIME = "the run had to end"


@dataclass(frozen=True)
class Writer:
    """Carries changes out against the states from which they were planned.

    ``stopped`` is asked before every change: an interrupted run ends between two calls.
    """

    airflow: Airflow
    desired: State
    current: State
    fingerprint: Fingerprint
    listings: Listings
    stopped: Callable[[], bool] = lambda: False

    def carry_out(self, changes: Iterable[Change]) -> Iterator[Outcome]:
        """One outcome for each change, in their order.

        Independent changes go on after a failure, those that delete do not, and nothing does once the
        environment has turned the credentials away.
        """
        course = _Course(self.stopped)
        before: list[Change] = []
        for batch in batches(self.airflow.dialect, tuple(changes), self.desired, self.current):
            shared = batch.is_shared and course.obstacle(batch.changes[0]) is None
            together = self._together.attempt(batch, before) if shared else Attempt()
            for change in batch.changes:
                yield together.outcome(change) or together.judged(self._tried(change, course, together))
            before += batch.changes

    def _tried(self, change: Change, course: "_Course", together: Attempt) -> Outcome:
        if obstacle := course.obstacle(change):
            return Outcome(change, "skipped", obstacle, attempts=0)
        outcome, error = self._attempt(change, in_doubt=change.key in together.in_doubt)
        course.note(error)
        return outcome

    @property
    def _together(self) -> Together:
        return Together(self.airflow, self.desired, self.current, self.listings, self._findings)

    def _attempt(self, change: Change, *, in_doubt: bool) -> tuple[Outcome, AirflowError | None]:
        session = self.airflow.session
        writes, effects = session.writes, session.effects
        error: AirflowError
        try:
            warning = self._carry_out(change, in_doubt=in_doubt)
            return Outcome(change, "done", None, session.writes - writes, warning), None
        except AirflowError as caught:
            error = caught
        except Exception as caught:  # noqa: BLE001 - a mistake here must not hide what has been written
            error = ServerFailed(str(Unexpected(caught)))
        result: Result = "refused" if session.effects == effects else "unknown"
        return Outcome(change, result, str(error), session.writes - writes), error

    def _carry_out(self, change: Change, *, in_doubt: bool) -> str | None:
        match change.action:
            case Action.CREATE:
                return self._create(change, in_doubt=in_doubt)
            case Action.UPDATE:
                return self._update(change)
            case Action.REPLACE:
                return self._replace(change)
            case Action.DELETE:
                self._delete(change)
            case Action.ADOPT | Action.FORGET:
                """Airflow is left alone."""
        return None

    def _create(self, change: Change, *, in_doubt: bool = False) -> str | None:
        key = change.key
        if self.airflow.dialect.upserts(BY_NAME[key.kind]) and self.airflow.find(key) is not None:
            raise Overtaken(f"{key} has appeared since the plan was made")
        desired = self.desired[key]

        def create_once() -> str | None:
            nonlocal in_doubt
            try:
                return self._create_once(desired)
            except AirflowError as error:
                step = next_step(Purpose.CREATE, error, in_doubt=in_doubt)
                in_doubt = in_doubt or fate(error) is Fate.UNKNOWN
                now = self.airflow.find(key) if step is Next.LOOK else None
                if now is None:
                    raise
                return self._completed(desired, now)

        return self._keep_trying(Purpose.CREATE, create_once)

    def _create_once(self, desired: Resource) -> str | None:
        names = tuple(desired.fields)
        answer = self._send(self.airflow.dialect.create_request(desired), desired.key, names)
        return self._settle(desired, names, answer, self.airflow.dialect.forgotten(desired))

    def _completed(self, desired: Resource, now: Resource) -> str | None:
        """What a creation of unknown fate left behind, if it is ours: its secrets are sent once more.

        Raises Overtaken where it differs in what can be read: then somebody else was faster.
        """
        forgotten = self.airflow.dialect.forgotten(desired)
        if self._lost(desired, tuple(name for name in desired.fields if name not in forgotten), now):
            raise Overtaken(
                f"{desired.key} has appeared since the plan was made, and is not what git declares"
            )
        secret = tuple(name for name, value in desired.fields.items() if any(True for _ in secrets_in(value)))
        names = tuple(dict.fromkeys((*secret, *forgotten)))
        return self._updated(desired, names) if names else None

    def _keep_trying(self, purpose: Purpose, work: Callable[[], T]) -> T:
        return self.airflow.session.patience.keep_trying(purpose, work)

    def _updated(self, desired: Resource, names: tuple[str, ...]) -> str | None:
        request = self.airflow.dialect.update_request(desired, names)
        answer = self._keep_trying(Purpose.UPDATE, lambda: self._send(request, desired.key, names))
        return self._settle(desired, names, answer)

    def _update(self, change: Change) -> str | None:
        desired, names = self.desired[change.key], change.changed
        request = self.airflow.dialect.update_request(desired, names)
        answer = self._keep_trying(Purpose.UPDATE, lambda: self._send(request, change.key, names))
        for name in self._overwritten(request, names, desired, answer):
            raise NotApplied(f"the update of {change.key} overwrote its {name}, which was not to be changed")
        return self._settle(desired, names, answer)

    def _replace(self, change: Change) -> str | None:
        desired = self.desired[change.key]
        self._keep_trying(Purpose.DELETE, lambda: self._make_way(desired))
        try:
            return self._create(change)
        except AirflowError as error:
            raise NotApplied(f"{change.key} is deleted, and creating it again failed: {error}") from error

    def _make_way(self, desired: Resource) -> None:
        now = self._unchanged(desired.key, desired.ignore)
        if now is not None:
            self._check_loss(desired, now)
            self._remove(desired.key)

    def _delete(self, change: Change) -> None:
        self._keep_trying(Purpose.DELETE, lambda: self._delete_once(change.key))

    def _delete_once(self, key: Key) -> None:
        """Looks first, so that a try of unknown fate is looked after before it is repeated."""
        if self._unchanged(key) is not None:
            self._remove(key)

    def _unchanged(self, key: Key, ignored: frozenset[str] = frozenset()) -> Resource | None:
        """What lives now, ``None`` for nothing; raises Overtaken where it is not what the plan saw."""
        now = self.airflow.find(key)
        if now is not None and not is_as_seen(self.current[key], now, ignored):
            raise Overtaken(f"{key} has changed since the plan was made")
        return now

    def _check_loss(self, desired: Resource, now: Resource) -> None:
        """Raises Overtaken for what a new row would lack and the plan could not show: v1 lists no extra."""
        unseen = now.fields.keys() - self.current[desired.key].fields.keys() - desired.fields.keys()
        for name in sorted(unseen):
            if BY_NAME[desired.key.kind].field(name).pair(None, now.fields[name])[1] is not None:
                raise Overtaken(
                    f"replacing {desired.key} would lose its {name}, which no plan showed: declare it"
                )

    def _remove(self, key: Key) -> None:
        request = self.airflow.dialect.delete_request(key)
        if request.method == "DELETE":
            self.airflow.session.send(request, key)
            return
        try:
            self._send(request, key, ())
        except Rejected as error:
            if error.status != HTTP_NOT_FOUND:
                raise

    def _send(self, request: Request, key: Key, names: tuple[str, ...]) -> Resource | None:
        answer = self.airflow.expect(request, key, names)
        try:
            return self.airflow.dialect.written(key, answer.body)
        except Rejected:
            self.airflow.session.effects -= 1  # a bulk call's 200 that tells of a failure
            raise

    def _settle(
        self,
        desired: Resource,
        names: tuple[str, ...],
        answer: Resource | None,
        forgotten: tuple[str, ...] = (),
    ) -> str | None:
        """Sends each field again, alone, that the answer does not show as intended or that is forgotten.

        How MWAA flattens a mask of several names is not documented, and Airflow 3 answers 200 to a mask
        it does not understand. Raises NotApplied if that does not help either.
        """
        lost = self._lost(desired, names, answer)
        again = dict.fromkeys((*lost, *forgotten))
        kept_out = [name for name in again if self._lost(desired, (name,), self._send_alone(desired, name))]
        if kept_out:
            raise NotApplied(
                f"Airflow answers 2xx and does not change {', '.join(kept_out)} of {desired.key}"
            )
        return f"{', '.join(lost)} of {desired.key} had to be sent again, alone" if lost else None

    def _send_alone(self, desired: Resource, name: str) -> Resource | None:
        request = self.airflow.dialect.update_request(desired, (name,))
        return self._keep_trying(Purpose.UPDATE, lambda: self._send(request, desired.key, (name,)))

    def _lost(self, desired: Resource, names: tuple[str, ...], answer: Resource | None) -> tuple[str, ...]:
        if answer is None:
            return ()
        return tuple(name for name in names if self._differs(desired, answer, name))

    def _differs(self, desired: Resource, live: Resource, name: str) -> bool:
        return any(isinstance(one, FieldChange) for one in self._findings(desired, live, name))

    def _findings(self, desired: Resource, live: Resource, name: str) -> tuple[Finding, ...]:
        default = BY_NAME[desired.key.kind].field(name).default
        value = desired.fields.get(name, default)
        alone = replace(desired, fields={name: value}, ignore=frozenset())
        return tuple(compare_resources(*seal_pair(alone, live, self.fingerprint)))

    def _overwritten(
        self, request: Request, names: tuple[str, ...], desired: Resource, answer: Resource | None
    ) -> Iterator[str]:
        """Fields carried only on demand, which lived with another value and now have the carried one."""
        live = self.current[desired.key]
        for name in BY_NAME[desired.key.kind].field_names:
            carried = name in request.body and name not in names
            if (
                answer is not None
                and carried
                and self._differs(desired, live, name)
                and not self._differs(desired, answer, name)
            ):
                yield name


@dataclass
class _Course:
    """What keeps a run from going on."""

    stopped: Callable[[], bool]
    halted: str | None = None
    failed: bool = False

    def obstacle(self, change: Change) -> str | None:
        """Why a change is not even tried, or ``None``."""
        if self.halted is None and self.stopped():
            self.halted = "interrupted"
        return self.halted or (AFTER_A_FAILURE if self.failed and change.action in DELETING else None)

    def note(self, error: AirflowError | None) -> None:
        """What a change that was tried has ended in."""
        self.failed = self.failed or error is not None
        self.halted = self.halted or _halt(error)


def _halt(error: AirflowError | None) -> str | None:
    """Why no further change is tried after this one, or ``None``."""
    found = next((one for one in (error, error and error.__cause__) if isinstance(one, HOPELESS)), None)
    if found is None:
        return None
    return OUT_OF_TIME if isinstance(found, Exhausted) else TURNED_AWAY
