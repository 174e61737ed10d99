"""DAG runs, and events of datasets (Airflow 2) and assets (Airflow 3): what sets an environment going.

    airflow = open_environment("environments/prod")
    run = wait(airflow, trigger(airflow, "etl_daily", conf={"day": "2026-11-25"}))
    emit(airflow, "s3://acme/in/orders", extra={"rows": 500})

Each call of ``trigger`` and ``emit`` makes one run or one event, also where answers get lost: a run goes
under an id of our own, an event carries a mark in its ``extra``, and one whose fate is unknown is looked for
before it is sent again. Everything raises AirflowError where the environment cannot be asked.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from reconciler.airflow import Airflow
from reconciler.amazon import place_of
from reconciler.backends import Request
from reconciler.connect import connect, session_with
from reconciler.dialects.runs import MARK, Asset, AssetEvent, Dag, DagRun, Rows
from reconciler.errors import AirflowError, Exhausted, NotThere, Rejected, Undecided, UsageError
from reconciler.manifests import Environment, load_environment
from reconciler.model import Key
from reconciler.retry import Fate, Patience, Purpose, fate
from reconciler.secrets import Schemes, Secrets
from reconciler.session import HTTP_NOT_FOUND, Watcher, identify

__all__ = [
    "MARK",
    "Asset",
    "AssetEvent",
    "Dag",
    "DagRun",
    "emit",
    "find_asset",
    "find_dag",
    "find_run",
    "new_run_id",
    "open_environment",
    "reach",
    "trigger",
    "wait",
]

T = TypeVar("T")

UNWATCHED, PATIENT = Watcher(), Patience()

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 1.0, 15.0, 1.5
"""Seconds between two looks at a run that goes on, and how they grow: others need the quota of calls too."""

WAIT_SECONDS = 3600.0
"""How long ``wait`` waits unless told otherwise."""

MOST_SEARCHED = 1000
"""So many of the newest runs or events are searched for one whose fate is unknown: it was the newest seconds
ago, and nothing adds a thousand in that time."""

DAG_ID = re.compile(r"[\w.-]{1,250}")
"""What Airflow lets a DAG be called (``validate_key`` of both versions)."""

RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]{1,250}")
"""What Airflow lets a run be called unless it is told otherwise (``allowed_run_id_pattern``)."""

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Letters and digits that nobody takes for each other."""


def open_environment(
    folder: Path | str, *, watcher: Watcher = UNWATCHED, patience: Patience = PATIENT
) -> Airflow:
    """The Airflow of an environment's folder, its version asked for.

    Raises ManifestError where the files are wrong, and as ``reach``.
    """
    environment = load_environment(Path(folder), Schemes())
    return reach(environment, Secrets(), watcher=watcher, patience=patience)


def reach(
    environment: Environment, known: Secrets, *, watcher: Watcher = UNWATCHED, patience: Patience = PATIENT
) -> Airflow:
    """The Airflow of an environment that has been loaded; ``known`` signs in.

    Raises WrongAccount, SecretError or AirflowError.
    """
    backend = connect(environment.target, known.at(place_of(environment.target)))
    session = session_with(backend, environment.target, environment.rate_limit, watcher, patience)
    return Airflow(session, identify(session))


def new_run_id() -> str:
    """An id for a run that no other run has: 60 random bits, and short, for it stands in paths."""
    return "reconciler__" + "".join(secrets.choice(ALPHABET) for _ in range(12))


def find_dag(airflow: Airflow, dag_id: str) -> Dag:
    """A DAG; raises NotThere where Airflow knows none of that id."""
    _check_dag(airflow, dag_id)
    answer = airflow.session.ask(airflow.dialect.dag_request(dag_id), Key("dag", dag_id))
    if answer.status == HTTP_NOT_FOUND:
        raise _no_dag(dag_id)
    return airflow.dialect.dag(dag_id, answer.body)


def trigger(
    airflow: Airflow,
    dag_id: str,
    *,
    conf: Mapping[str, Any] | None = None,
    logical_date: str | None = None,
    run_id: str | None = None,
) -> DagRun:
    """Starts one run of a DAG and returns it as it is then, ``queued`` as a rule.

    ``logical_date`` is ISO 8601 with an offset; without one the run gets the present time on Airflow 2 and no
    date on Airflow 3. With a ``run_id`` of the caller's a second call for it raises Rejected with status 409.
    The runs of a paused DAG stay queued until it goes on: ``find_dag`` tells.

    Raises NotThere for an unknown DAG, UsageError for an id that cannot be sent, and Undecided where nobody
    can tell whether the run has been started.
    """
    _check_dag(airflow, dag_id)
    named = _checked("run", RUN_ID, run_id or new_run_id())
    request = airflow.dialect.trigger_request(dag_id, named, conf or {}, logical_date)
    key = Key("dag_run", f"{dag_id}/{named}")

    def send() -> DagRun:
        try:
            answer = airflow.session.send(request, key, tuple(request.body))
        except Rejected as error:
            raise _told_apart(error, dag_id, named) from error
        if answer.status == HTTP_NOT_FOUND:
            raise _no_dag(dag_id)
        return airflow.dialect.run(dag_id, named, answer.body)

    return _once(airflow, f"run {named} of DAG {dag_id}", send, lambda: find_run(airflow, dag_id, named))


def find_run(airflow: Airflow, dag_id: str, run_id: str) -> DagRun | None:
    """A run as it is now; ``None`` where there is none of that id.

    One whose path is too long for the service is looked for among the newest thousand of its DAG.
    """
    dialect, key = airflow.dialect, Key("dag_run", f"{dag_id}/{run_id}")
    if not dialect.fits_run_path(dag_id, run_id):
        runs = _rows(airflow, key, lambda offset: dialect.runs_request(dag_id, run_id, offset), dialect.runs)
        return next((run for run in islice(runs, MOST_SEARCHED) if run.run_id == run_id), None)
    answer = airflow.session.ask(dialect.run_request(dag_id, run_id), key)
    return None if answer.status == HTTP_NOT_FOUND else dialect.run(dag_id, run_id, answer.body)


def wait(
    airflow: Airflow,
    run: DagRun,
    *,
    seconds: float = WAIT_SECONDS,
    tell: Callable[[DagRun], None] = lambda _run: None,
) -> DagRun:
    """The run when it has ended, or as it was last seen when the time is over or the session is to stop.

    ``tell`` gets the run whenever its state is another one. Whatever becomes of the wait, the run goes on.
    Raises NotThere where somebody has deleted it, and Undecided where it can no longer be looked at.
    """
    patience = airflow.session.patience
    end, pause = patience.clock() + seconds, FIRST_PAUSE
    while not run.has_ended and not patience.stopped() and (left := end - patience.clock()) > 0:
        patience.sleep(min(pause, left))
        pause = min(pause * GROWTH, LONGEST_PAUSE)
        if patience.stopped():
            break
        now = _seen_again(airflow, run)
        if now.state != run.state:
            tell(now)
        run = now
    return run


def _seen_again(airflow: Airflow, run: DagRun) -> DagRun:
    what = f"run {run.run_id} of DAG {run.dag_id}"
    try:
        now = find_run(airflow, run.dag_id, run.run_id)
    except AirflowError as error:
        raise Undecided(f"{what} was {run.state} when it was last seen, and goes on: {error}") from error
    if now is None:
        raise NotThere(f"{what} has been deleted while it was waited for")
    return now


def find_asset(airflow: Airflow, uri: str) -> Asset:
    """The dataset or asset of exactly that URI; raises NotThere where Airflow knows none."""
    dialect = airflow.dialect
    key = Key(dialect.words.one, uri)
    alike = _rows(airflow, key, lambda offset: dialect.assets_request(uri, offset), dialect.assets)
    found = next((asset for asset in alike if asset.uri == uri), None)
    if found is None:
        raise _no_asset(dialect.words.one, uri)
    return found


def emit(airflow: Airflow, asset: Asset | str, *, extra: Mapping[str, Any] | None = None) -> AssetEvent:
    """Creates one event of a dataset or asset, given as such or by its URI, which is looked up first.

    ``extra`` is stored with the event, where DAGs can read it, and so is a mark under ``reconciler_event``.

    Raises NotThere for a URI that Airflow does not know, UsageError for an ``extra`` that has a mark already
    or an Airflow before 2.9, and Undecided where nobody can tell whether the event has been created.
    """
    if refusal := airflow.dialect.event_refusal():
        raise UsageError(refusal)
    if extra and MARK in extra:
        raise UsageError(f"the extra of an event may not have '{MARK}', by which events are recognised")
    known = find_asset(airflow, asset) if isinstance(asset, str) else asset
    mark = secrets.token_hex(16)
    request = airflow.dialect.event_request(known, {**(extra or {}), MARK: mark})
    key = Key(f"{airflow.dialect.words.one}_event", known.uri)

    def send() -> AssetEvent:
        answer = airflow.session.send(request, key, ("extra",))
        if answer.status == HTTP_NOT_FOUND:
            raise _no_asset(airflow.dialect.words.one, known.uri)
        return airflow.dialect.asset_event(known, answer.body)

    what = f"event {mark} of {known.uri}"
    return _once(airflow, what, send, lambda: _find_event(airflow, known, mark))


def _find_event(airflow: Airflow, asset: Asset, mark: str) -> AssetEvent | None:
    """The event of that mark among the newest ones of its asset."""
    dialect = airflow.dialect
    events = _rows(
        airflow,
        Key(f"{dialect.words.one}_event", asset.uri),
        lambda offset: dialect.asset_events_request(asset, offset),
        lambda body: dialect.asset_events(asset, body),
    )
    return next((event for event in islice(events, MOST_SEARCHED) if event.mark == mark), None)


def _rows(
    airflow: Airflow, key: Key, request: Callable[[int], Request], read: Callable[[Any], Rows[T]]
) -> Iterator[T]:
    """The rows of a listing, page by page, as far as anybody wants to know them."""
    offset = 0
    while True:
        page = read(airflow.expect_read(request(offset), key).body)
        yield from page.rows
        offset += len(page.rows)
        if not page.rows or offset >= page.total:
            return


def _once(airflow: Airflow, what: str, send: Callable[[], T], look: Callable[[], T | None]) -> T:
    """What ``send`` makes, once: a try of unknown fate is looked after before the next and at the end."""
    in_doubt = False

    def attempt() -> T:
        nonlocal in_doubt
        if in_doubt and (found := look()) is not None:
            return found
        if airflow.session.patience.stopped():
            raise Exhausted(f"asked to stop; {what} is not sent{' again' if in_doubt else ''}")
        try:
            return send()
        except AirflowError as error:
            in_doubt = in_doubt or fate(error) is Fate.UNKNOWN
            raise

    try:
        return airflow.session.patience.keep_trying(Purpose.CREATE, attempt)
    except AirflowError as error:
        if not in_doubt:
            raise
        return _settled(what, error, look)


def _settled(what: str, error: AirflowError, look: Callable[[], T | None]) -> T:
    """What a last look finds; raises Undecided, for what a server is still at, nobody sees yet."""
    seen = "cannot be looked for"
    with suppress(AirflowError):
        if (found := look()) is not None:
            return found
        seen = "is not there so far"
    raise Undecided(f"{error}; {what} {seen}, and may yet appear: see before you try again") from error


def _check_dag(airflow: Airflow, dag_id: str) -> None:
    refusal = airflow.dialect.run_refusal(_checked("DAG", DAG_ID, dag_id))
    if refusal is not None:
        raise UsageError(refusal)


def _checked(what: str, pattern: re.Pattern[str], id_: str) -> str:
    """An id that Airflow may have given; one of dots alone would lead a path elsewhere."""
    if pattern.fullmatch(id_) is None or not id_.strip("."):
        raise UsageError(
            f"'{id_}' is no id of a {what}; it has letters, digits and a few marks such as _ . -"
        )
    return id_


def _told_apart(error: Rejected, dag_id: str, run_id: str) -> Rejected:
    """A conflict in words that both versions do not find."""
    if error.status != HTTPStatus.CONFLICT:
        return error
    return Rejected(
        f"DAG {dag_id} has a run {run_id}, or one of that logical date, already ({error})", error.status
    )


def _no_dag(dag_id: str) -> NotThere:
    return NotThere(
        f"Airflow knows no DAG '{dag_id}': see that its file is in the DAGs folder, that it has been parsed "
        "without an error, and that the role may read it"
    )


def _no_asset(one: str, uri: str) -> NotThere:
    return NotThere(
        f"Airflow knows no {one} '{uri}': it learns of one from a DAG that has it as schedule or outlet; "
        "deploy that first, and write the URI as it stands there"
    )
