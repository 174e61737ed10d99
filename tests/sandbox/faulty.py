"""Faults in front of the emulator or of a server that remembers, and the calls that meet them."""

from typing import Any

import pytest

from reconciler.backends import Backend, Method, Request, Response
from reconciler.errors import AirflowError
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.faults import Faulty, parse_fault
from tests.sandbox.support import get

both = pytest.mark.parametrize("version", ["2.11.2", "3.3.1"])


def faulty(airflow: Backend, *faults: str, **doubles: Any) -> Faulty:
    return Faulty(airflow, map(parse_fault, faults), **doubles)


def send(backend: Backend, method: Method, path: str, body: Any = None) -> Response:
    return backend.send(Request(method, path, {}, body))


def create(backend: Backend) -> Response:
    return send(backend, "POST", "/variables", {"key": "k", "value": "new"})


def replace(backend: Backend) -> Response:
    return send(backend, "PATCH", "/variables/k", {"key": "k", "value": "new"})


def keys(airflow: Emulator) -> list[str]:
    return [row["key"] for row in get(airflow, "/variables")["variables"]]


def outcome(backend: Backend, method: Method = "GET", path: str = "/version") -> int | str:
    try:
        return send(backend, method, path).status
    except AirflowError as error:
        return type(error).__name__


class Recording:
    """A server below a root of its own that remembers what it was asked."""

    path_limit = None
    at_once = 1

    def __init__(self, version: str, root: str = "/api/v1") -> None:
        self.roots = ("/api/v2", "/api/v1")
        self.asked: list[str] = []
        self._version = version
        self._root = root

    def send(self, request: Request) -> Response:
        self.asked.append(f"{request.method} {request.path}")
        if not request.path.startswith(self._root):
            return Response(404)
        return Response(200, {"version": self._version} if request.path.endswith("/version") else {})
