"""One environment being talked to: every call counted, paced, observed, and its answer judged."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reconciler.backends import Backend, NotJson, Request, Response
from reconciler.dialects import Dialect, dialect_for
from reconciler.errors import (
    AccessDenied,
    AirflowError,
    BadAnswer,
    Exhausted,
    Rejected,
    ServerFailed,
    ServiceFailed,
    Throttled,
)
from reconciler.model import Key, secrets_in
from reconciler.rate import RateLimit
from reconciler.retry import Fate, Patience, Purpose, fate

HTTP_OK, HTTP_MULTIPLE, HTTP_UNAUTHORISED, HTTP_FORBIDDEN, HTTP_NOT_FOUND = 200, 300, 401, 403, 404
HTTP_TOO_MANY, HTTP_SERVER_ERROR, HTTP_TOO_SLOW = 429, 500, 504

MOST_LOST = 10
"""Calls in a row that may come to nothing before the run gives up; of reads, each of those side by side."""

LONGEST_DETAIL = 300
"""Characters of a server's own explanation that are passed on."""


@dataclass(frozen=True)
class Call:
    """One request to Airflow as logs tell it: never values."""

    method: str
    path: str
    kind: str | None
    id: str | None
    fields: tuple[str, ...]
    status: int | None
    milliseconds: float
    attempt: int = 1


@dataclass(frozen=True)
class Watcher:
    """Who is told how a run goes on, one event at a time whatever thread it happens in."""

    called: Callable[[Call], None] = lambda _call: None
    """A call has been made."""
    coming: Callable[[int], None] = lambda _calls: None
    """At least so many more calls are going to be made."""
    waiting: Callable[[str], None] = lambda _holder: None
    """Somebody else's run holds the lease, and this one waits for it."""


@dataclass
class Session:
    """Sends requests through a backend below its REST root.

    ``limit`` is the environment's rate; ``watcher`` is told of every call; ``patience`` ends the run in time.
    Threads may share a session.
    """

    backend: Backend
    limit: RateLimit = field(default_factory=RateLimit)
    watcher: Watcher = field(default_factory=Watcher)
    patience: Patience = field(default_factory=Patience)
    root: str = ""
    reads: int = field(default=0, init=False)
    writes: int = field(default=0, init=False)
    effects: int = field(default=0, init=False)
    """Writes that took effect, or may have."""
    lost: int = field(default=0, init=False)
    """Calls in a row of which nobody knows what became."""
    _failures: Counter[tuple[str, str, Key | None]] = field(default_factory=Counter, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)

    def announce(self, calls: int) -> None:
        """Tells the watcher of calls to come, as far as anybody foresees them."""
        with self._lock:
            self.watcher.coming(calls)

    def ask(self, request: Request, key: Key | None = None) -> Response:
        """The answer to a read, tried again as long as that makes sense; raises as ``send``."""
        return self.patience.keep_trying(Purpose.READ, lambda: self.send(request, key))

    def send(self, request: Request, key: Key | None = None, fields: tuple[str, ...] = ()) -> Response:
        """The answer to one request where it is 2xx or 404; anything else raises an AirflowError.

        ``key`` is what the request is about, for the log; its id is empty where it is about a whole kind.
        Raises Exhausted where the run's time is over, or too many calls in a row came to nothing.
        """
        self._check_hope(1 if request.method != "GET" else self.backend.at_once)
        try:
            answer = self._exchanged(request, key, fields)
        except AirflowError as error:
            if isinstance(error, Throttled):
                self.limit.throttled()
            self._note(request, took_effect=error.executed is not False, lost=fate(error) is Fate.UNKNOWN)
            with self._lock:
                self._failures[request.method, request.path, key] += 1
            raise
        except Exception:
            self._note(request, took_effect=True, lost=True)
            raise
        self.limit.answered()
        self._note(request, took_effect=answer.status != HTTP_NOT_FOUND, lost=False)
        with self._lock:
            self._failures.pop((request.method, request.path, key), None)
        return answer

    def _check_hope(self, at_once: int) -> None:
        if self.patience.is_over:
            raise Exhausted("the run's time is over; run again, or raise --deadline")
        if self.lost >= MOST_LOST * at_once:
            raise Exhausted(f"{self.lost} calls in a row came to nothing; run again when the server is well")

    def _note(self, request: Request, *, took_effect: bool, lost: bool) -> None:
        with self._lock:
            self.effects += took_effect and request.method != "GET"
            self.lost = self.lost + 1 if lost else 0

    def _exchanged(self, request: Request, key: Key | None, fields: tuple[str, ...]) -> Response:
        self.limit.wait()
        attempt = self._counted(request, key)
        started = time.monotonic()
        status = None
        try:
            response = self.backend.send(_below(self.root, request))
            status = response.status
        finally:
            elapsed = (time.monotonic() - started) * 1000
            kind, id_ = key or (None, None)
            call = Call(request.method, request.path, kind, id_ or None, fields, status, elapsed, attempt)
            with self._lock:
                self.watcher.called(call)
        return judged(request, response)

    def _counted(self, request: Request, key: Key | None) -> int:
        """The number of this attempt, itself counted."""
        with self._lock:
            self.reads += request.method == "GET"
            self.writes += request.method != "GET"
            return self._failures[request.method, request.path, key] + 1


def _below(root: str, request: Request) -> Request:
    return Request(request.method, root + request.path, request.query, request.body) if root else request


def identify(session: Session) -> Dialect:
    """Asks for the version below each root of the backend, settles on the first, and returns its dialect.

    Raises AirflowError where no REST API answers or its major version is unknown.
    """
    session.announce(1)
    for root in session.backend.roots:
        session.root = root
        answer = session.ask(Request("GET", "/version"))
        if answer.status != HTTP_NOT_FOUND:
            return _dialect(answer.body, session.backend.path_limit)
    raise AirflowError("no Airflow REST API answers there; does the target's URL need a prefix?")


def _dialect(body: Any, path_limit: int | None) -> Dialect:
    version = body.get("version") if isinstance(body, dict) else None
    if not isinstance(version, str):
        raise BadAnswer("the answer to GET /version holds no version")
    dialect = dialect_for(version, path_limit)
    if dialect is None:
        raise AirflowError(f"Airflow {version} is not known; versions 2 and 3 are")
    return dialect


def judged(request: Request, response: Response) -> Response:
    """``response`` if it is a usable answer, 404 included; raises the AirflowError that fits otherwise."""
    what = f"{request.method} {request.path}"
    status = response.status
    if status == HTTP_NOT_FOUND:
        return response
    if HTTP_OK <= status < HTTP_MULTIPLE:
        if isinstance(response.body, NotJson):
            raise BadAnswer(f"{what} answered {status}, but not with JSON")
        return response
    said = explain(response.body, quiet=status >= HTTP_SERVER_ERROR or carries_secrets(request))
    if status == HTTP_UNAUTHORISED:
        raise AccessDenied(f"{what} answered 401{said}; check the credentials")
    if status == HTTP_FORBIDDEN:
        raise AccessDenied(f"{what} answered 403{said}; {_forbidden_hint(request)}")
    if status == HTTP_TOO_MANY:
        raise Throttled(f"{what} answered 429{said}; lower rate_limit or try again later")
    if status >= HTTP_SERVER_ERROR:
        failure = ServiceFailed if status == HTTP_TOO_SLOW else ServerFailed
        raise failure(f"{what} answered {status}{said}{_likely_cause(request)}")
    raise Rejected(f"{what} answered {status}{said}", status)


def _forbidden_hint(request: Request) -> str:
    """The least role that may do it, as Airflow's own roles are (FAB provider, ``security_manager``)."""
    is_about_runs = request.path.startswith(("/dags", "/datasets", "/assets"))
    needs = "starting runs and creating events" if is_about_runs else "reading variables and connections"
    role, more = ("User", "Op") if is_about_runs else ("Op", "Admin")
    arn = f"arn:aws:airflow:REGION:ACCOUNT:role/ENVIRONMENT/{role}"
    return (
        f"{needs} takes the Airflow role {role} or {more}; "
        f"on MWAA the IAM policy allows airflow:InvokeRestApi on {arn}, not on the environment"
    )


def _likely_cause(request: Request) -> str:
    if request.method == "GET" and request.path == "/pools":
        return "; a pool with -1 slots does that before Airflow 3.2"
    if request.method == "GET" and request.path.startswith(("/connections", "/variables")):
        return "; rows that another Fernet key encrypted do that"
    return ""


def carries_secrets(request: Request) -> bool:
    """Whether a request body holds any secret."""
    return any(True for _ in secrets_in(request.body))


def explain(body: Any, *, quiet: bool) -> str:
    """What a server says about its refusal, as ``: text`` or nothing.

    Airflow echoes request bodies in its errors (v2 a missing field's whole ``input``, v1 an offending
    ``extra``) and, where its own answer breaks the schema, what is stored. So only titles, places and
    kinds of error pass; free text does unless ``quiet``, which callers set for requests that carry
    secrets and for failures of the server.
    """
    if not isinstance(body, dict):
        return ""
    detail = body.get("detail")
    if isinstance(detail, list):
        text = ", ".join(_placed(item) for item in detail if isinstance(item, dict))
    elif isinstance(detail, dict):
        text = _word(detail.get("reason"))
    elif isinstance(detail, str) and not quiet:
        text = detail
    else:
        text = _word(body.get("title"))
    return f": {text[:LONGEST_DETAIL]}" if text else ""


def _placed(item: dict[str, Any]) -> str:
    loc, kind = item.get("loc"), _word(item.get("type")) or "wrong"
    place = (
        ".".join(str(step) for step in loc if isinstance(step, str | int)) if isinstance(loc, list) else ""
    )
    return f"{place}: {kind}" if place else kind


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
