"""Backends that answer fast and in a known way: what is measured is the program, not the server.

They wrap each other: ``Counting(Slow(Quota(Shelf(…))))``. Several threads may send at once.
"""

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from benchmarks.manifests import Size, row
from reconciler.backends import AT_ONCE, PATH_LIMIT, Request, Response
from reconciler.backends.around import Around
from reconciler.errors import Throttled
from reconciler.kinds import Kind, kind_named
from reconciler.sandbox.throttle import Throttle

CLAMP = 100
"""Rows of a page, whatever is asked for, on every version but 3.0."""

MOST_ASKED = 1000
"""Rows of a page on 3.0, which gives what is asked for; the program asks for so many."""


def page_size(version: str) -> int:
    """The rows of a full page on that version of Airflow."""
    return MOST_ASKED if version.startswith("3.0.") else CLAMP


def floor(size: Size, version: str) -> int:
    """The fewest calls of a no-change plan: the version, every page, and on v1 each declared ``extra``."""
    page = page_size(version)
    pages = sum(max(1, -(-count // page)) for count in (size.variables, size.connections, size.pools))
    return 1 + pages + (size.extra_count if version.startswith("2.") else 0)


@dataclass
class Shelf:
    """An Airflow that can only be read and holds just what the manifests of ``size`` declare.

    Answers are made anew, out of JSON text as a network would bring it; the time that takes is counted
    in ``seconds``, so that a measurement of the program can leave it out.
    """

    size: Size
    version: str
    seconds: float = 0.0
    """CPU time of the answers."""
    roots: tuple[str, ...] = ("",)
    path_limit: int | None = PATH_LIMIT
    at_once: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def send(self, request: Request) -> Response:
        """Answers a GET; everything else is a mistake of the benchmark."""
        started = time.thread_time()
        try:
            answer = self._answer(request)
            return Response(answer.status, json.loads(json.dumps(answer.body)))
        finally:
            with self._lock:
                self.seconds += time.thread_time() - started

    def _answer(self, request: Request) -> Response:
        if request.method != "GET":
            raise AssertionError(f"a plan sent {request.method} {request.path}")
        if request.path == "/version":
            return Response(200, {"version": self.version, "git_version": None})
        collection, _, id_ = request.path[1:].partition("/")
        kind = kind_named(collection)
        return self._one(kind, unquote(id_)) if id_ else self._page(kind, request)

    def _one(self, kind: Kind, id_: str) -> Response:
        number = int(id_.split("_")[1])
        if number >= self.size.count(kind):
            return Response(404, {"title": "Not found", "status": 404})
        return Response(200, self._shown(kind, number, whole=True))

    def _page(self, kind: Kind, request: Request) -> Response:
        limit, offset = (int(str(request.query.get(name, 0))) for name in ("limit", "offset"))
        total = self.size.count(kind)
        numbers = range(offset, min(offset + min(limit, page_size(self.version)), total))
        rows = [self._shown(kind, number, whole=False) for number in numbers]
        return Response(200, {kind.collection: rows, "total_entries": total})

    def _shown(self, kind: Kind, number: int, *, whole: bool) -> dict[str, Any]:
        made = row(self.size, kind, number)
        hidden = {"password"} if whole else {"password", "extra"}
        old = kind.name == "connection" and self.version.startswith("2.")
        return {name: value for name, value in made.items() if name not in hidden} if old else made


@dataclass
class Replaying(Around):
    """Makes each answer once and repeats it at no cost, so that time on the clock is the program's."""

    _answers: dict[tuple[str, str], Response] = field(default_factory=dict, repr=False)

    def send(self, request: Request) -> Response:
        """The answer to a read, as it was the first time."""
        asked = (request.path, repr(sorted(request.query.items())))
        if asked not in self._answers:
            self._answers[asked] = super().send(request)
        return self._answers[asked]


@dataclass
class Counting(Around):
    """Counts what passes, by method."""

    calls: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def send(self, request: Request) -> Response:
        """Counts the request and passes it on."""
        with self._lock:
            self.calls[request.method] += 1
        return super().send(request)

    @property
    def reads(self) -> int:
        """GETs so far."""
        return self.calls["GET"]

    @property
    def writes(self) -> int:
        """Everything else."""
        return self.calls.total() - self.reads


@dataclass
class Slow(Around):
    """Answers after a network's latency; calls that are sent at once wait at once."""

    latency: float = 0.08

    @property
    def at_once(self) -> int:
        """As over any network."""
        return AT_ONCE

    def send(self, request: Request) -> Response:
        """Passes the request on and hands the answer out late."""
        started = time.monotonic()
        answer = super().send(request)
        time.sleep(max(0.0, started + self.latency - time.monotonic()))
        return answer


@dataclass
class Quota(Around):
    """Refuses what exceeds a token bucket of one second's calls, as MWAA does, and counts that."""

    rate: float = 10.0
    throttled: int = 0
    admitted: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        """Fills the bucket."""
        self._bucket = Throttle(self.rate)

    def send(self, request: Request) -> Response:
        """Passes the request on; raises Throttled, as the MWAA backend does, where the bucket is empty."""
        admitted = self._bucket.admits()
        with self._lock:
            self.admitted += admitted
            self.throttled += not admitted
        if not admitted:
            raise Throttled("the benchmark's quota is used up")
        return super().send(request)
