import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.sandbox.emulator import Emulator
from tests.e2e.tool import CANARY, Tool
from tests.e2e.worlds import World, behind_gateway, reached_directly, sandbox
from tests.rig.airflow_server import Server, running
from tests.rig.direct import Direct
from tests.rig.versions import RELEASES

EMBEDDED = ["sandbox 2", "sandbox 3", "gateway 2", "gateway 3"]
REAL = [
    pytest.param(f"{way} {version}", marks=[pytest.mark.slow, pytest.mark.xdist_group(version)])
    for version in RELEASES
    for way in ("mwaa", "http")
    if way == "mwaa" or version in {"2.11.2", "3.3.1"}
]


@pytest.fixture(scope="session")
def airflow() -> Iterator[Callable[[str], Server]]:
    """Starts each release once."""
    started: dict[str, Server] = {}
    with contextlib.ExitStack() as stack:

        def start(version: str) -> Server:
            if version not in started:
                started[version] = stack.enter_context(running(version))
            return started[version]

        yield start


@pytest.fixture(params=[*EMBEDDED, *REAL])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, airflow: Callable[[str], Server]
) -> Iterator[World]:
    way, version = request.param.split()
    folder = tmp_path / "env"
    folder.mkdir()
    if way == "sandbox":
        yield sandbox(folder, int(version))
    elif way == "gateway":
        release = Emulator.newest(int(version))
        with behind_gateway(Emulator(None, release), release) as made:
            yield made
    else:
        server = airflow(version)
        server.reset()
        with behind_gateway(Direct(server), version) if way == "mwaa" else reached_directly(server) as made:
            yield made


@pytest.fixture
def tool(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Tool:
    monkeypatch.setenv("PASSWORD", CANARY)
    monkeypatch.setenv("AIRFLOW_PASSWORD", "admin")
    made = Tool(tmp_path / "env", capsys)
    made.configure(world.target, **world.settings)
    return made
