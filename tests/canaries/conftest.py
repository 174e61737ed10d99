from pathlib import Path

import pytest

from tests.canaries.tally import BYTES
from tests.canaries.watch import ENCODINGS, SECRETS, Watch


@pytest.fixture(params=[2, 3], ids=["v1", "v2"])
def watch(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Watch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    made = Watch(tmp_path, request.param, capsys, monkeypatch)
    made.reach()
    request.node.user_properties.append((BYTES, [len(SECRETS), len(ENCODINGS), 0]))
    made.tells = request.node.user_properties[-1][1]
    return made
