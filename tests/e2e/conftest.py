from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox.emulator import Emulator
from tests.e2e.tool import CANARY, Tool
from tests.e2e.worlds import World, behind_gateway, reached_directly, sandbox
from tests.rig.airflow_server import Server
from tests.rig.direct import Direct
from tests.rig.versions import RELEASES

EMBEDDED = [
    pytest.param(None, f"{way} {major}", id=f"{way} {major}", marks=marks)
    for way, marks in (("sandbox", []), ("gateway", [pytest.mark.slow]))
    for major in (2, 3)
]
NEWEST = {"2.11.2", "3.3.1"}
REAL = [
    pytest.param(
        version,
        f"{way} {version}",
        id=f"{way} {version}",
        marks=[pytest.mark.slow, pytest.mark.xdist_group(version)],
    )
    for version in RELEASES
    for way in ("mwaa", "http")
    if way == "mwaa" or version in NEWEST
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs what asks for a ``world`` on every one of them, or on the newest where a module says so."""
    if "world" in metafunc.fixturenames:
        newest_only = getattr(metafunc.module, "NEWEST_ONLY", False)
        real = [one for one in REAL if not newest_only or str(one.values[0]) in NEWEST]
        metafunc.parametrize(("airflow", "world"), [*EMBEDDED, *real], indirect=True)


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path, airflow: Server | None) -> Iterator[World]:
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
        assert airflow is not None
        airflow.reset()
        reach = reached_directly(airflow) if way == "http" else behind_gateway(Direct(airflow), version)
        with reach as made:
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
