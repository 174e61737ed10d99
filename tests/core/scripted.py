"""The one seam, faked: a backend that gives prepared answers and remembers what it was asked."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from reconciler.airflow import Airflow
from reconciler.backends import Request, Response, wire
from reconciler.dialects import dialect_for
from reconciler.errors import AirflowError
from reconciler.retry import Patience
from reconciler.session import Call, Session, Watcher

Answer = Response | AirflowError


@dataclass
class Scripted:
    """Gives its answers one after the other; an error among them is raised."""

    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    roots: tuple[str, ...] = ("",)
    path_limit: int | None = 64
    at_once: int = 1

    def send(self, request: Request) -> Response:
        wire.encode(request.body)
        self.requests.append(request)
        assert self.answers, f"nobody expected {request.method} {request.path}"
        answer = self.answers.pop(0)
        if isinstance(answer, AirflowError):
            raise answer
        return answer

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(request.method, request.path) for request in self.requests]


IMPATIENT = Patience(stopped=lambda: True)
"""Sends everything once: what one call comes to is one thing, whether it is made again another."""


def scripted(
    version: str, *answers: Answer, observed: list[Call] | None = None, patience: Patience = IMPATIENT
) -> tuple[Airflow, Scripted]:
    """An Airflow of ``version`` that will answer so."""
    backend = Scripted(list(answers))
    dialect = dialect_for(version, backend.path_limit)
    assert dialect
    watcher = Watcher() if observed is None else Watcher(observed.append)
    session = Session(backend, watcher=watcher, patience=patience)
    return Airflow(session, dialect), backend


def ok(**body: Any) -> Response:
    return Response(200, body)


def gone() -> Response:
    return Response(404, {"detail": "not found"})


def page(collection: str, rows: Iterable[dict[str, Any]], total: int | None = None) -> Response:
    listed = list(rows)
    return Response(200, {collection: listed, "total_entries": len(listed) if total is None else total})


def pools(*names: str, total: int | None = None) -> Response:
    return page("pools", [{"name": name, "slots": 1} for name in names], total)
