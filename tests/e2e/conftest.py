from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox.emulator import Emulator
from tests.e2e.tool import CANARY, Tool
from tests.e2e.worlds import World, behind_gateway, sandbox

SANDBOXES = ["sandbox 2", "sandbox 3", "gateway 2", "gateway 3"]


@pytest.fixture(params=SANDBOXES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    way, major = request.param.split()
    folder = tmp_path / "env"
    folder.mkdir()
    if way == "sandbox":
        yield sandbox(folder, int(major))
        return
    version = Emulator.newest(int(major))
    with behind_gateway(Emulator(None, version), version) as made:
        yield made


@pytest.fixture
def tool(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Tool:
    monkeypatch.setenv("PASSWORD", CANARY)
    made = Tool(tmp_path / "env", capsys)
    made.configure(world.target, **world.settings)
    return made
