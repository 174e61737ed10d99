"""What only writing tells, on scratch objects: permissions, masks, and how the service passes answers on."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from reconciler.airflow import Airflow
from reconciler.diagnosis import Finding, failure, ok, skipped, warning
from reconciler.doctor.means import Wire, all_skipped
from reconciler.doctor.questions import can_be_removed, no_slashes
from reconciler.doctor.scratch import CHANGED, Scratch
from reconciler.errors import AirflowError, NotApplied, ServerFailed
from reconciler.kinds import KINDS, Kind
from reconciler.manifests import Environment
from reconciler.model import Resource

MASKS = "masks"
EMPTY, SERVER_ERRORS, REQUEST_SIZE = "empty answers", "server errors", "request size"
WRITTEN_SLASHES = "slashes in written ids"
CHECKS = (
    *(f"write {kind.collection}" for kind in KINDS),
    MASKS,
    EMPTY,
    WRITTEN_SLASHES,
    SERVER_ERRORS,
    REQUEST_SIZE,
)

SIZES = tuple(2**power * 1024 for power in range(6, 11))
"""Bytes of the values that are tried, from 64 KB to 1 MB."""

UNSTORABLE = "\ud800"
"""Half a character: every version of Airflow fails to store it, with 500, and goes on."""

EMPTINESS = {text: text for text in ("null", "{}", '""')} | {'"absent"': "absent"}
"""How nothing is written, and how it is told."""


@dataclass(frozen=True)
class Writer:
    """What is written with, and where its answers are seen."""

    scratch: Scratch
    wire: Wire

    @property
    def airflow(self) -> Airflow:
        """The environment."""
        return self.scratch.airflow

    def changed(self, made: Resource, names: tuple[str, ...]) -> set[str]:
        """Which of the fields that one PATCH names its answer shows changed; raises AirflowError."""
        wanted = Resource(made.key, {**made.fields, **CHANGED[made.key.kind]})
        request = self.airflow.dialect.update_request(wanted, names)
        answer = self.airflow.expect(request, made.key, names)
        shown = self.airflow.dialect.written(made.key, answer.body)
        fields = {} if shown is None else shown.fields
        return {name for name in names if fields.get(name) == wanted.fields[name]}


def writes(writer: Writer, environment: Environment, *, is_service: bool) -> Iterator[Finding]:
    """Everything that scratch objects tell; each is removed before the next row.

    After one that stays no more are made.
    """
    for checks, step in _steps(writer, environment, is_service=is_service):
        if writer.scratch.alive:
            yield from all_skipped(checks, "what was made before could not be removed, so no more is made")
            continue
        found = step()
        writer.scratch.try_to_clear()
        yield from found


Step = tuple[tuple[str, ...], Callable[[], list[Finding]]]


def _steps(writer: Writer, environment: Environment, *, is_service: bool) -> Iterator[Step]:
    for kind in KINDS:
        more = (MASKS, EMPTY) if kind.name == "variable" else ()
        yield (f"write {kind.collection}", *more), partial(_kind, writer, kind, is_service=is_service)
    yield (WRITTEN_SLASHES,), lambda: [_slashes(writer, environment)]
    if is_service:
        yield (SERVER_ERRORS,), lambda: [_server_error(writer)]
        yield (REQUEST_SIZE,), lambda: [_request_size(writer)]
    else:
        absent = [*all_skipped((SERVER_ERRORS, REQUEST_SIZE), "only InvokeRestApi stands between")]
        yield (SERVER_ERRORS, REQUEST_SIZE), lambda: absent


def _kind(writer: Writer, kind: Kind, *, is_service: bool) -> list[Finding]:
    """Makes, changes and removes an object of a kind; of a variable the answers themselves tell more."""
    check, made = f"write {kind.collection}", writer.scratch.resource(kind.name)
    more: list[Finding] = []
    try:
        writer.scratch.create(made)
        more.append(_masks(writer, made))
        writer.scratch.remove(made.key, lambda: more.append(_empty(writer.wire)))
        found = ok(check, "created, changed and removed")
    except AirflowError as error:
        found = failure(check, error)
    return [found, *(_told(more, is_service=is_service) if kind.name == "variable" else ())]


def _told(more: list[Finding], *, is_service: bool) -> Iterator[Finding]:
    """A row for each of the two questions, whatever became of them."""
    answers = {one.check: one for one in more}
    yield answers.get(MASKS, skipped(MASKS, "no update got so far"))
    if is_service:
        yield answers.get(EMPTY, skipped(EMPTY, "no removal got so far"))
    else:
        yield skipped(EMPTY, "only InvokeRestApi stands between")


def _masks(writer: Writer, made: Resource) -> Finding:
    """A mask of two fields, and of each alone where that is not enough; raises NotApplied."""
    names = tuple(CHANGED[made.key.kind])
    changed = writer.changed(made, names)
    if changed == set(names):
        return ok(MASKS, "of an update of two fields both arrive")
    lost = [name for name in names if name not in changed]
    if any(not writer.changed(made, (name,)) for name in lost):
        raise NotApplied(f"an update of {made.key} answers 2xx and changes nothing")
    seen = f"of an update of {' and '.join(names)} {' and '.join(sorted(changed)) or 'nothing'} arrives"
    advice = "apply sends each lost field again alone, which takes more calls than planned"
    return warning(MASKS, f"{seen}; alone, each does", advice)


def _empty(wire: Wire) -> Finding:
    """What stands in place of an answer that has no body, such as that to a DELETE."""
    try:
        members = json.loads(wire.last.body if wire.last else b"")
    except ValueError:
        return skipped(EMPTY, "the answer is no JSON")
    shown = json.dumps(members.get("RestApiResponse", "absent")) if isinstance(members, dict) else ""
    if shown not in EMPTINESS:
        return skipped(EMPTY, "the answer is not empty")
    return ok(EMPTY, f"RestApiResponse is {EMPTINESS[shown]} where Airflow answers nothing")


def _slashes(writer: Writer, environment: Environment) -> Finding:
    """An id with a slash made, read and removed, where a read has shown that it can be removed."""
    made = writer.scratch.resource("variable", "/s")
    try:
        if not can_be_removed(writer.airflow, made.key):
            return skipped(WRITTEN_SLASHES, "what was made could not be removed")
        writer.scratch.create(made)
        found = writer.airflow.find(made.key)
        writer.scratch.remove(made.key)
    except AirflowError as error:
        return failure(WRITTEN_SLASHES, error)
    if found is None:
        return no_slashes(
            WRITTEN_SLASHES, environment, "a variable with a slash in its id was made and not found"
        )
    return ok(WRITTEN_SLASHES, "a variable with one was made, found and removed")


def _server_error(writer: Writer) -> Finding:
    """How the service passes on that Airflow fails, which it does of itself at half a character."""
    try:
        writer.scratch.create(writer.scratch.resource("variable", value=UNSTORABLE))
    except ServerFailed:
        return ok(SERVER_ERRORS, f"Airflow's 500 arrives {writer.wire.arrived_as}")
    except AirflowError as error:
        return skipped(SERVER_ERRORS, f"no answer: {error}")
    return skipped(SERVER_ERRORS, "Airflow has stored what it was not expected to")


def _request_size(writer: Writer) -> Finding:
    """How large a value may be, up to 1 MB."""
    made = writer.scratch.resource("variable")
    try:
        writer.scratch.create(made)
    except AirflowError as error:
        return skipped(REQUEST_SIZE, f"no answer: {error}")
    return _largest(writer, made)


def _largest(writer: Writer, made: Resource) -> Finding:
    for size in SIZES:
        grown = replace(made, fields={"value": "x" * size})
        request = writer.airflow.dialect.update_request(grown, ("value",))
        try:
            writer.airflow.expect(request, made.key, ("value",))
        except AirflowError as error:
            seen = f"a value of {size // 1024} KB is refused {writer.wire.arrived_as}: {error}"
            return warning(REQUEST_SIZE, seen, "keep values smaller, or in a place that a variable names")
    return ok(REQUEST_SIZE, f"a value of {SIZES[-1] // 1024} KB arrives; larger ones are not tried")
