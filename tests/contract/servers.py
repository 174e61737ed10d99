"""What the contract is held against: anything that claims to answer as some version of Airflow."""

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.backends import Backend, Request, Response
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.store import ASSETS, DAGS
from tests.contract.cases import Case, mismatches
from tests.rig.airflow_server import Server
from tests.rig.direct import Direct


@dataclass(frozen=True)
class System:
    """One Airflow, or what stands in for it."""

    version: str
    fresh: Callable[[], Backend]
    """A backend to an Airflow that is as it was after its installation."""


class Seeded(Emulator):
    """The sandbox's emulator, its state in memory, with the DAGs and assets of ``tests/rig/dags``."""

    def __init__(self, version: str) -> None:
        super().__init__(None, version)
        with self._store.change() as state:
            for number, name in enumerate(("etl", "paused", "aware"), 1):
                state[DAGS][name] = {"id": number, "is_paused": name == "paused", "state": "queued"}
            for number, uri in enumerate(("a.csv", "a.csv.gz", "A_csv"), 1):
                state[ASSETS][f"s3://acme/in/{uri}"] = {"id": number}


def emulated(version: str) -> System:
    """The stand-in for a server without a scheduler."""
    return System(version, lambda: Seeded(version))


def real(server: Server, backend: Callable[[Server], Backend] = Direct) -> System:
    """A running Airflow, reached through ``backend``: directly, or through something that forwards to it."""

    def fresh() -> Backend:
        server.reset()
        return backend(server)

    return System(server.version, fresh)


def hold(system: System, case: Case) -> None:
    """Runs a case; raises AssertionError with the first answer that is not as the case says."""
    backend = system.fresh()
    for number, step in enumerate(case.steps_on(system.version), 1):
        expected = step.answer(system.version)
        for request in step.requests():
            response = backend.send(request)
            problems = mismatches(expected, response, system.version)
            assert not problems, _report(number, request, response, problems)


def _report(number: int, request: Request, response: Response, problems: tuple[str, ...]) -> str:
    query = f" {dict(request.query)}" if request.query else ""
    asked = f"step {number}: {request.method} {request.path}{query} {request.body!r}"
    return "\n".join((asked, *problems, f"the answer was {response.status}: {response.body!r}"))
