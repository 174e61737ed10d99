"""The program, run as a command."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from action.settings import HIDDEN, Settings

PROGRAM = Path(sys.executable).with_name("reconciler")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    document: dict[str, Any] | None
    """Its result; ``None`` where it got nowhere."""
    markdown: str

    @property
    def environments(self) -> list[dict[str, Any]]:
        """Each with its changes or its error."""
        return self.document["environments"] if self.document else []

    @property
    def changed(self) -> list[str]:
        """The names of those that have changes."""
        return [one["name"] for one in self.environments if one.get("changes")]

    @property
    def failed(self) -> bool:
        """Whether nobody knows of some environment what it has."""
        return self.document is None or any("error" in one for one in self.environments)


def reconcile(settings: Settings, log_format: str, command: str, *arguments: str) -> Done:
    """Runs a command on the job's environments, its results in files and its log in this one."""
    settings.results.mkdir(parents=True, exist_ok=True)
    files = {name: settings.file(f"{command}.{name}") for name in ("json", "md", "sarif", "xml")}
    for file in files.values():
        file.unlink(missing_ok=True)
    saved = ["--out", str(files["json"])] if command == "plan" else ["--format", f"json={files['json']}"]
    formats = [log_format, f"markdown={files['md']}", f"sarif={files['sarif']}", f"junit={files['xml']}"]
    options = [*saved, *(word for one in formats for word in ("--format", one))]
    code = ran([str(PROGRAM), command, *settings.environments, *arguments, *options])
    return Done(code, json.loads(_text(files["json"]) or "null"), _text(files["md"]))


def ran(command: Sequence[str]) -> int:
    """The exit code of a command, which gets the signals that were meant for this process.

    A job that is cancelled must not kill an apply: it ends by itself, its ledger written.
    """
    sys.stdout.flush()
    variables = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    with subprocess.Popen(command, env=variables) as process, _passed_on(process):  # noqa: S603 - no shell
        return process.wait()


@contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    before = {number: signal.signal(number, lambda one, _: process.send_signal(one)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""
