"""The contract through InvokeRestApi: boto3, the gateway, and the emulator or a real Airflow behind it."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Backend, Request, Response
from reconciler.backends.mwaa import MwaaBackend
from reconciler.sandbox.assumptions import Assumptions
from reconciler.sandbox.emulator import Emulator
from reconciler.targets import MwaaTarget
from tests.contract.cases import Case, load
from tests.contract.servers import Seeded, System, hold
from tests.gateway.support import environment_variables, running
from tests.rig.airflow_server import Server
from tests.rig.direct import Direct
from tests.rig.versions import RELEASES

pytestmark = pytest.mark.slow

ANY_PATH = Assumptions(path_limit=None)
"""Cases are about Airflow; the limit of the path is the gateway's own, and tested there."""

CASES = load(Path(__file__).with_name("cases"))
PAIRS = [
    pytest.param(version, version, case, id=f"{version}-{case.name}", marks=pytest.mark.xdist_group(version))
    for version in RELEASES
    for case in CASES
    if version in case.versions
]
EMULATED = [
    pytest.param(version, case, id=f"{version}-{case.name}")
    for version in (Emulator.newest(2), Emulator.newest(3))
    for case in CASES
    if case.emulated and version in case.versions
]


@dataclass(frozen=True)
class Forwarded:
    """A client of a gateway, whose upstream can be exchanged."""

    client: MwaaBackend
    put: Callable[[Backend], None]


@dataclass(frozen=True)
class Respelled:
    """Sends other secrets than the cases hold and reads them back.

    Airflow remembers the passwords it has seen until it is restarted, and this server has seen them.
    """

    backend: Backend
    roots = ("",)
    path_limit = None
    at_once = 1

    def send(self, request: Request) -> Response:
        query, body = _respelled([dict(request.query), request.body], "zq-", "zg-")
        response = self.backend.send(Request(request.method, request.path, query, body))
        return Response(response.status, _respelled(response.body, "zg-", "zq-"))


def _respelled(value: Any, old: str, new: str) -> Any:
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, dict):
        return {name: _respelled(item, old, new) for name, item in value.items()}
    return [_respelled(item, old, new) for item in value] if isinstance(value, list) else value


class Exchangeable:
    """A backend that forwards to whatever was put into it last."""

    roots = ("",)
    path_limit = None
    at_once = 1
    behind: Backend

    def put(self, backend: Backend) -> None:
        self.behind = backend

    def send(self, request: Request) -> Response:
        return self.behind.send(request)


@pytest.fixture(scope="module")
def forwarded() -> Iterator[Forwarded]:
    upstream = Exchangeable()
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(running(upstream, ANY_PATH))
        stack.enter_context(environment_variables(url))
        client = MwaaBackend(MwaaTarget("eu-west-1", "contract", endpoint_url=url))
        yield Forwarded(client, upstream.put)


def behind_gateway(forwarded: Forwarded, version: str, fresh: Callable[[], Backend]) -> System:
    def start() -> Backend:
        forwarded.put(fresh())
        return Respelled(forwarded.client)

    return System(version, start)


@pytest.mark.parametrize(("version", "case"), EMULATED)
def test_the_emulator_behind_the_gateway_holds_the_contract(
    forwarded: Forwarded, version: str, case: Case
) -> None:
    hold(behind_gateway(forwarded, version, lambda: Seeded(version)), case)


@pytest.mark.parametrize(("airflow", "version", "case"), PAIRS, indirect=["airflow"])
def test_real_airflow_behind_the_gateway_holds_the_contract(
    airflow: Server, forwarded: Forwarded, version: str, case: Case
) -> None:
    def fresh() -> Backend:
        airflow.reset()
        return Direct(airflow)

    hold(behind_gateway(forwarded, version, fresh), case)
