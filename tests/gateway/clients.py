"""Airflow's own clients, each in a virtual environment of its own, made once and cached."""

import os
import shutil
import sys
import tomllib
from pathlib import Path

from tests.rig.install import locked, run, uv

PINS = Path(__file__).with_name("clients.toml")


def binaries(name: str) -> Path:
    """The ``bin`` folder of a client's environment, installed now if it is missing or was cut short."""
    pins = tomllib.loads(PINS.read_text(encoding="utf-8"))[name]
    folder = _cache() / f"{name}-{pins['version']}"
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not (folder / ".complete").exists():
            _make(folder, f"{name}=={pins['version']}", pins["exclude_newer"])
    return folder / "bin"


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "reconciler" / "clients"


def _make(folder: Path, requirement: str, exclude_newer: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    run([uv(), "venv", "--quiet", "--no-config", "--python", sys.executable, str(folder)], os.environ)
    python = str(folder / "bin" / "python")
    install = [uv(), "pip", "install", "--quiet", "--python", python, "--exclude-newer", exclude_newer]
    run([*install, requirement], os.environ)
    (folder / ".complete").touch()
