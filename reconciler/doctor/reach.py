"""Airflow itself: its version, its health, what may be read, and how much there is."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace

from reconciler.airflow import Airflow, Reading
from reconciler.backends import Backend, Request
from reconciler.connect import default_rate, session_with
from reconciler.diagnosis import Finding, failed, failure, ok, skipped, warning
from reconciler.dialects import Dialect
from reconciler.doctor.means import Means
from reconciler.errors import AirflowError, EnvironmentNotFound, ReconcilerError, Unreachable
from reconciler.kinds import KINDS, Kind
from reconciler.manifests import Environment
from reconciler.model import Key
from reconciler.retry import Patience
from reconciler.session import HTTP_NOT_FOUND, Session, Watcher, identify

PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
HEALTHY = ("healthy", None)
"""The second for a part that is not in use."""

WAYS_OUT: dict[type[AirflowError], str] = {
    EnvironmentNotFound: "correct the region or the name in the target",
    Unreachable: "check the address and the network; a private web server answers inside its VPC alone",
}
"""What to do about errors that do not say it."""

HEALTH = {2: "/health", 3: "/monitor/health"}


@dataclass
class Readable:
    """Kinds that may be read, and what was read of them."""

    kinds: list[Kind] = field(default_factory=list)
    reading: Reading | None = None


def session_of(environment: Environment, backend: Backend, means: Means, watcher: Watcher) -> Session:
    """A session that keeps to the environment's rate."""
    patience = Patience(sleep=means.sleep, stopped=means.stopped)
    return session_with(backend, environment.target, environment.rate_limit, watcher, patience)


def version(session: Session, described: str | None) -> Generator[Finding, None, Airflow | None]:
    """Which Airflow answers, and which of its APIs it is spoken to through."""
    try:
        dialect = identify(session)
    except AirflowError as error:
        found = failure("version", error)
        yield replace(found, advice=found.advice or WAYS_OUT.get(type(error), ""))
        return None
    seen = f"Airflow {dialect.version}, spoken to as API v{dialect.major - 1}"
    if described and described.partition(".")[0] != str(dialect.major):
        yield warning("version", f"{seen}; GetEnvironment says {described}", "an upgrade may be under way")
    else:
        yield ok("version", seen)
    return Airflow(session, dialect)


def health(airflow: Airflow) -> Finding:
    """What Airflow says of its own parts, where the way to it is open."""
    try:
        answer = airflow.session.ask(Request("GET", HEALTH[airflow.dialect.major]))
    except AirflowError as error:
        return skipped("health", f"it cannot be asked: {error}")
    if answer.status == HTTP_NOT_FOUND or not isinstance(answer.body, dict):
        return skipped("health", "it cannot be asked this way")
    return _health(answer.body)


def _health(parts: dict[str, object]) -> Finding:
    told = {name: part for name in PARTS if isinstance(part := parts.get(name), dict)}
    sick = [name for name, part in told.items() if part.get("status") not in HEALTHY]
    seen = f"{', '.join(sick)} not healthy"
    if "metadatabase" in sick:
        return failed("health", seen, "the database has to answer first")
    if sick:
        return warning("health", seen, "reading and writing go on; DAGs may not")
    well = ", ".join(name for name, part in told.items() if part.get("status"))
    return ok("health", f"{well} healthy") if well else skipped("health", "Airflow tells of no part of it")


def reads(airflow: Airflow, readable: Readable) -> Iterator[Finding]:
    """Whether each kind may be read, by asking for one row."""
    for kind in KINDS:
        check = f"read {kind.collection}"
        try:
            answer = airflow.session.ask(airflow.dialect.list_request(kind, 0, 1), Key(kind.name, ""))
            total = airflow.dialect.page(kind, answer.body).total
        except AirflowError as error:
            yield failure(check, error)
            continue
        readable.kinds.append(kind)
        yield ok(check, f"{total} there")


def sizes(environment: Environment, airflow: Airflow, readable: Readable) -> Iterator[Finding]:
    """How large pages are, and how many calls a plan takes, by reading as a plan does."""
    if not readable.kinds:
        yield skipped("page size", "no kind can be read")
        yield skipped("plan", "no kind can be read")
        return
    try:
        readable.reading = airflow.read(readable.kinds, frozenset())
    except ReconcilerError as error:
        yield failure("page size", error)
        yield skipped("plan", "reading the whole state failed")
        return
    yield _page_size(readable.reading)
    yield _plan(environment, airflow, readable.reading)


def _page_size(reading: Reading) -> Finding:
    cut = {
        reading.first_pages[name]
        for name, total in reading.totals.items()
        if reading.first_pages[name] < total
    }
    if cut:
        return ok("page size", f"{min(cut)} rows where 1000 are asked for")
    most = max(reading.first_pages.values())
    return ok("page size", f"all {most} rows of the longest list came in one page")


def _plan(environment: Environment, airflow: Airflow, reading: Reading) -> Finding:
    dialect, probes = airflow.dialect, 1 + airflow.session.backend.roots.index(airflow.session.root)
    pages = sum(
        max(1, -(-total // dialect.page_size(reading.first_pages[name], total)))
        for name, total in reading.totals.items()
    )
    single = _asked_singly(environment, dialect, reading)
    rate = airflow.session.limit.per_second
    seen = f"{probes + pages + single} calls for {sum(reading.totals.values())} resources"
    return ok("plan", seen if rate is None else f"{seen}, at {rate:g} a second")


def _asked_singly(environment: Environment, dialect: Dialect, reading: Reading) -> int:
    cut = {kind.name for kind in KINDS if dialect.lacks_extra(kind)}
    return sum(
        key.kind in cut and "extra" in one.fields and key in reading.state
        for key, one in environment.desired.items()
    )


def rate(environment: Environment) -> Finding:
    """Whether the configured rate stays within the quota."""
    granted = default_rate(environment.target)
    asked = environment.rate_limit or granted
    if asked is None:
        return ok("rate", "no limit")
    if granted is not None and asked > granted:
        seen = f"{asked:g} a second are asked for, MWAA grants an environment {granted:g}"
        return warning("rate", seen, "lower rate_limit: all that talks to the environment shares the quota")
    return ok("rate", f"at most {asked:g} a second")


def fitting(environment: Environment, dialect: Dialect) -> Iterator[Finding]:
    """Whether this server can hold what git declares."""
    refusals = [why for one in environment.desired.values() if (why := dialect.refusal(one))]
    yield from (failed("ids", why, "choose another id or value") for why in refusals)
    long = [key for key in environment.desired if not dialect.fits_path(key)]
    if not refusals and long:
        yield ok("ids", f"{len(long)} too long for a path are changed by bulk calls and read by pattern")
    elif not refusals:
        yield ok("ids", "every declared resource can be kept and addressed")
