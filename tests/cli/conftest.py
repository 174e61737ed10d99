from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from reconciler.cli.main import run
from tests.e2e.tool import Ran, Tool

Write = Callable[..., Path]
Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def environment(tmp_path: Path) -> Write:
    """Writes an environment on a sandbox of its own: its name, and sections of its manifest."""

    def write(
        name: str = "dev", *, folder: str | None = None, settings: object = None, **manifest: object
    ) -> Path:
        made = tmp_path / (folder or name)
        made.mkdir()
        configured = {"name": name, "target": "sandbox:sandbox.json", **(settings or {})}  # type: ignore[dict-item]
        (made / "environment.yaml").write_text(yaml.safe_dump(configured))
        (made / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
        return made

    return write


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process."""

    def run_command(*arguments: str) -> Ran:
        capsys.readouterr()
        code = run(list(arguments))
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run_command


__all__ = ["Tool"]
