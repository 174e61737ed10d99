"""The program as a user runs it, and folders as a user writes them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.cli.main import run

CANARY = "canary-4f1d9c-password"
"""A secret that no output may ever show."""


@dataclass(frozen=True)
class Ran:
    """One command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def environment(self) -> dict[str, Any]:
        environment: dict[str, Any] = self.document["environments"][0]
        return environment

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls to Airflow that the log tells."""
        events = [json.loads(line) for line in self.err.splitlines() if line.startswith('{"time"')]
        return [event for event in events if "method" in event]

    @property
    def writes(self) -> list[dict[str, Any]]:
        return [call for call in self.calls if call["method"] != "GET"]


@dataclass(frozen=True)
class Tool:
    """Runs commands in this process and writes environment folders."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, command: str, *arguments: str) -> Ran:
        """``command`` on the environment, its output captured; secrets in it fail the test."""
        self.capsys.readouterr()
        code = run([command, str(self.folder), *arguments])
        out, err = self.capsys.readouterr()
        assert CANARY not in out + err
        assert "Traceback" not in err
        return Ran(code, out, err)

    def json(self, command: str, *arguments: str) -> Ran:
        """The same, with JSON results and logs."""
        return self(command, "--format", "json", "--log-format", "json", *arguments)

    def declare(self, **manifest: Any) -> None:
        """The manifest of the environment, as a whole."""
        (self.folder / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))

    def configure(self, target: str, **settings: Any) -> None:
        """The environment's own file."""
        self.folder.mkdir(exist_ok=True)
        settings = {"name": self.folder.name, "target": target, **settings}
        (self.folder / "environment.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
