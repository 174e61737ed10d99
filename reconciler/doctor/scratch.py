"""Objects of our own in the user's environment, which are removed whatever happens."""

import contextlib
import re
import secrets as randomness
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from reconciler.airflow import Airflow
from reconciler.backends import Response
from reconciler.diagnosis import Finding, failed, ok, warning
from reconciler.errors import AccessDenied, AirflowError
from reconciler.kinds import BY_NAME
from reconciler.model import Key, Resource
from reconciler.retry import Patience, Purpose
from reconciler.session import HTTP_NOT_FOUND, Session

PREFIX = "reconciler_doctor_"
OURS = re.compile(rf"{PREFIX}(?P<made>[0-9a-f]{{8}})_[0-9a-f]{{8}}(/s)?\Z")
"""The ids that are ours: when they were made, in seconds since 1970, and what no other run has drawn."""

LONGEST_RUN = 3600
"""Seconds after which a run that left something behind cannot be under way any more."""

PURPOSE = "Made by reconciler doctor, which removes it again"
FIELDS: dict[str, dict[str, object]] = {
    "pool": {"slots": 1, "description": PURPOSE, "include_deferred": False},
    "variable": {"value": "1", "description": PURPOSE},
    "connection": {"conn_type": "http", "host": "scratch.invalid", "description": PURPOSE},
}
CHANGED: dict[str, dict[str, object]] = {
    "pool": {"slots": 2, "description": f"{PURPOSE}, changed"},
    "variable": {"value": "2", "description": f"{PURPOSE}, changed"},
    "connection": {"host": "changed.invalid", "description": f"{PURPOSE}, changed"},
}


def scratch_name(now: float) -> str:
    """An id that nobody else has, whose form tells what it is and when it was made."""
    return f"{PREFIX}{int(now) & 0xFFFFFFFF:08x}_{randomness.token_hex(4)}"


def is_ours(key: Key) -> bool:
    """Whether an id has exactly the form that ours have: nothing else is ever touched."""
    return OURS.match(key.id) is not None


def made_at(key: Key) -> int:
    """The time that stands in one of our ids."""
    match = OURS.match(key.id)
    return int(match["made"], 16) if match else 0


@dataclass
class Scratch:
    """What has been made and not yet been seen to be gone."""

    airflow: Airflow
    clock: Callable[[], float]
    alive: list[Key] = field(default_factory=list)

    def resource(self, kind: str, suffix: str = "", **fields: object) -> Resource:
        """A resource that is still to be made."""
        return Resource(Key(kind, scratch_name(self.clock()) + suffix), {**FIELDS[kind], **fields})

    def create(self, resource: Resource) -> Response:
        """Makes it; unless that was surely refused, it counts as made from before the call."""
        _check_ours(resource.key)
        self.alive.append(resource.key)
        request = self.airflow.dialect.create_request(resource)
        try:
            return self.airflow.session.send(request, resource.key, tuple(resource.fields))
        except AirflowError as error:
            if error.executed is False:
                self.alive.remove(resource.key)
            raise

    def remove(self, key: Key, answered: Callable[[], None] = lambda: None) -> None:
        """Removes it and looks that it is gone; raises AirflowError, the object then being still ours.

        ``answered`` is called when the answer to the DELETE has come.
        """
        _check_ours(key)
        session = _unhurried(self.airflow.session)
        request = self.airflow.dialect.delete_request(key)
        session.patience.keep_trying(Purpose.DELETE, lambda: session.send(request, key))
        answered()
        self.check_gone(key, session)

    def check_gone(self, key: Key, session: Session) -> None:
        """Raises AirflowError where the object lives on; who may not read has the word of the removal."""
        with contextlib.suppress(AccessDenied):
            answer = session.ask(self.airflow.dialect.get_request(key), key)
            if answer.status != HTTP_NOT_FOUND:
                raise AirflowError(f"{key} is still there after its removal")
        if key in self.alive:
            self.alive.remove(key)

    def try_to_clear(self) -> None:
        """Removes what is left as far as it goes."""
        for key in tuple(self.alive):
            with contextlib.suppress(AirflowError):
                self.remove(key)

    def remove_all(self) -> Iterator[Finding]:
        """Removes what is left; a row for each object that stays."""
        for key in tuple(self.alive):
            yield from removed(self, key)


def removed(scratch: Scratch, key: Key) -> Iterator[Finding]:
    """Removes one object of ours; a row if it stays."""
    try:
        scratch.remove(key)
    except AirflowError as error:
        yield failed(
            "scratch",
            f"{key} is left behind: {error}",
            "delete it by hand, or run doctor --scratch again after an hour",
        )


def leftovers(scratch: Scratch, keys: Iterable[Key], *, remove: bool) -> Iterator[Finding]:
    """What an earlier run left behind; a run that may be under way keeps its own."""
    ours = sorted(key for key in keys if is_ours(key))
    old = [key for key in ours if scratch.clock() - made_at(key) > LONGEST_RUN]
    young = [key for key in ours if key not in old]
    if not ours:
        yield ok("leftovers", "nothing is left of earlier runs")
    if young:
        yield warning("leftovers", f"{_named(young)} may be of a run under way", "look again in an hour")
    if old and not remove:
        yield warning("leftovers", f"a dead run left {_named(old)}", "doctor --scratch removes it")
    if old and remove:
        wrong = [finding for key in old for finding in removed(scratch, key)]
        yield from wrong
        if len(wrong) < len(old):
            yield ok("leftovers", f"{len(old) - len(wrong)} objects that a dead run had left were removed")


def _named(keys: list[Key]) -> str:
    return ", ".join(map(str, keys))


def _check_ours(key: Key) -> None:
    if not is_ours(key) or key.kind not in BY_NAME:
        raise AssertionError(f"{key} is not ours to touch")


def _unhurried(session: Session) -> Session:
    """The same way to the environment for a removal: no lost call and no interrupt keeps it from trying."""
    return Session(session.backend, session.limit, session.watcher, Patience(), session.root)
