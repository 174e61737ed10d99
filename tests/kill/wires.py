"""The wires from the program to Airflow and to AWS: each request is counted, in one order, and dealt with."""

import contextlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.aws.support import OF_THE_WIRE, Forward, served
from tests.e2e.broken import Raw


@dataclass(frozen=True)
class Crossing:
    """One request on its way; to call it is to let it be answered."""

    number: int
    """How many there have been in this run, this one included."""
    service: str
    what: str
    """Method and path of a call to Airflow or S3, or the operation of another service."""
    forward: Forward

    def __call__(self) -> Raw:
        return self.forward()

    def __str__(self) -> str:
        return f"{self.number} {self.service} {self.what}"

    @property
    def told(self) -> str:
        """The same but for which of the reads of Airflow it is: those go side by side, in any order."""
        return "airflow GET" if self.reads else f"{self.service} {self.what}"

    @property
    def reads(self) -> bool:
        """Whether it is a call that reads from Airflow."""
        return self.service == "airflow" and self.what.startswith("GET ")

    @property
    def writes(self) -> bool:
        """Whether it is a call that changes Airflow."""
        return self.service == "airflow" and not self.what.startswith("GET ")

    @property
    def keeps(self) -> bool:
        """Whether it writes the ledger."""
        return self.service == "s3" and self.what.startswith("PUT ")


Deal = Callable[[Crossing], Raw | None]
"""Answers a request, perhaps with what is said when it is let through, or hangs up with ``None``."""


def passed(crossing: Crossing) -> Raw | None:
    """Nothing special happens."""
    return crossing()


@dataclass
class Wires:
    """Two wires, one to Airflow and one to AWS."""

    deal: Deal = passed
    crossings: list[Crossing] = field(default_factory=list)
    airflow: str = ""
    aws: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, deal: Deal) -> None:
        """Counts from 1 again, and deals with requests in this way from now on."""
        self.deal, self.crossings, self._numbers = deal, [], itertools.count(1)

    def answer(self, forward: Forward) -> Raw | None:
        with self._lock:
            crossing = Crossing(next(self._numbers), *_told(forward), forward)
            self.crossings.append(crossing)
        return self.deal(crossing)

    @property
    def writes(self) -> list[str]:
        """The calls of this run that change Airflow."""
        return [crossing.what for crossing in self.crossings if crossing.writes]


def _told(forward: Forward) -> tuple[str, str]:
    """The service of a request, and what it is."""
    if forward.path.startswith("/restapi/"):
        body = json.loads(forward.body)
        return "airflow", f"{body['Method']} {body['Path']}"
    headers = {name.lower(): value for name, value in forward.headers.items()}
    scope = headers.get("authorization", "").partition("Credential=")[2].split("/")
    service = scope[3] if len(scope) > 3 else "?"
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    return service, operation or f"{forward.method} {forward.path}"


@contextlib.contextmanager
def strung(airflow: str, aws: str) -> Iterator[Wires]:
    """Wires to these two, open until the block ends."""
    wires = Wires()
    with _listening(wires, airflow) as wires.airflow, _listening(wires, aws) as wires.aws:
        yield wires


@contextlib.contextmanager
def _listening(wires: Wires, to: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # with which it answers Expect: 100-continue

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            raw = wires.answer(Forward(to, self.command, self.path, dict(self.headers), body))
            self.close_connection = True
            if raw is not None:
                with contextlib.suppress(ConnectionError):  # the program may be dead by now
                    self._say(raw)

        def _say(self, raw: Raw) -> None:
            self.send_response_only(raw.status)
            for name, value in raw.headers.items():
                if name.lower() not in OF_THE_WIRE:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(raw.body)

        do_GET = do_PUT = do_POST = do_HEAD = _pass  # noqa: N815 - http.server's own names

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with served(server):
        yield f"http://127.0.0.1:{server.server_port}"
