"""Environments to run against: the sandbox, and real Airflow directly and behind the gateway."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.backends import Backend, Request, Response
from reconciler.backends.around import Around
from reconciler.sandbox.emulator import Emulator
from tests.gateway.support import environment_variables, running
from tests.rig.airflow_server import Server
from tests.rig.direct import Direct

FAST = 1000
"""Requests a second: the gateway is no MWAA."""


@dataclass
class Recording(Around):
    """A backend that remembers what went through it."""

    requests: list[Request] = field(default_factory=list)

    at_once = 1

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self.backend.send(request)

    def forget(self) -> None:
        self.requests.clear()

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.requests if request.method != "GET"]


@dataclass(frozen=True)
class World:
    """One environment: how to name it, and everything that was asked of it."""

    target: str
    settings: dict[str, Any]
    version: str
    backend: Backend
    recorded: Recording | None = None

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def limits_paths(self) -> bool:
        return not self.target.startswith("http:")

    @property
    def probes(self) -> int:
        """Calls that the version takes: over HTTP Airflow 2 is found after Airflow 3 is not."""
        return 1 if self.limits_paths or self.major == 3 else 2


def sandbox(folder: Path, major: int) -> World:
    """``sandbox:`` as its own target."""
    version = Emulator.newest(major)
    emulator = Emulator(folder / "sandbox.json", version)
    return World(f"sandbox:sandbox.json?airflow={major}", {}, version, emulator)


@contextlib.contextmanager
def behind_gateway(backend: Backend, version: str) -> Iterator[World]:
    """``mwaa://`` over a gateway in front of ``backend``."""
    recorded = Recording(backend)
    with running(recorded) as url, environment_variables(url):
        os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "local"
        yield World("mwaa://eu-west-1/airflow", {"rate_limit": FAST}, version, backend, recorded)


@contextlib.contextmanager
def reached_directly(server: Server) -> Iterator[World]:
    """``http://`` straight to a real Airflow."""
    signed_in = {"basic": {"username": server.username, "password": {"$secret": "env:AIRFLOW_PASSWORD"}}}
    settings = {"auth": signed_in} if server.username else {}
    yield World(server.root_url, settings, server.version, Direct(server))
