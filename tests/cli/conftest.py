from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.backends import Backend, Method, Request
from reconciler.cli.main import run
from reconciler.connect import connect
from reconciler.model import Secret
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.faults import Faulty, parse_fault
from reconciler.targets import Target
from tests.e2e.tool import Ran, Tool

Write = Callable[..., Path]
Run = Callable[..., Ran]
Airflow = Callable[..., Any]
Break = Callable[..., None]

LEDGER = {"ledger": "file:ledger.json"}


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
        made.mkdir(exist_ok=True)
        configured = {"name": name, "target": "sandbox:sandbox.json", **(settings or {})}  # type: ignore[dict-item]
        (made / "environment.yaml").write_text(yaml.safe_dump(configured))
        (made / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
        return made

    return write


@pytest.fixture
def owned(environment: Write) -> Write:
    """The same with a ledger."""

    def write(name: str = "dev", *, settings: object = None, **manifest: object) -> Path:
        return environment(name, settings={**LEDGER, **(settings or {})}, **manifest)  # type: ignore[dict-item]

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


@pytest.fixture
def airflow() -> Airflow:
    """Asks the sandbox of ``dev`` behind the program's back."""

    def ask(method: Method, path: str, **body: Any) -> Any:
        return Emulator(Path("dev/sandbox.json"), "3.3.1").send(Request(method, path, body=body or None)).body

    return ask


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Break:
    """Lets calls of later commands fail as ``gateway --fault`` does; without faults none does any more."""

    def use(*faults: str) -> None:
        def faulty(target: Target, resolve: Callable[[Secret], Secret]) -> Backend:
            return Faulty(connect(target, resolve), map(parse_fault, faults))

        monkeypatch.setattr("reconciler.cli.planning.connect", faulty if faults else connect)

    return use


__all__ = ["Tool"]
