"""The program's own command line in this process, before an Airflow and a ledger in memory."""

import contextlib
import io
import json
import re
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from reconciler.backends import Backend
from reconciler.cli import planning
from reconciler.cli.main import run
from reconciler.doctor import examination
from tests.properties.world import Memory, opened, yaml_text

COMMANDS_OF_CI = re.compile(r"^\s*(::|##\[)", re.MULTILINE)
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@dataclass(frozen=True)
class Said:
    """What one command has written."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        """Whatever could command a terminal or a CI."""
        text = self.out + "\n" + self.err
        strange = {char for char in text if char != "\n" and unicodedata.category(char) in UNSEEN}
        lines = [line for line in text.splitlines() if COMMANDS_OF_CI.match(line)]
        return [*map(repr, sorted(strange)), *lines]


@dataclass
class Console:
    """One environment's folder; whatever it is told is written as it is."""

    backend: Backend
    store: Memory = field(default_factory=Memory)

    def __call__(self, files: Mapping[str, Any], settings: Mapping[str, Any], *arguments: str) -> Said:
        """Runs ``COMMAND [OPTIONS]`` on the folder."""
        with tempfile.TemporaryDirectory() as folder:
            written = {"environment.yaml": {"name": "e", "ledger": "file:l", **settings}, **files}
            for name, document in written.items():
                Path(folder, name).write_text(yaml_text(document), encoding="utf-8")
            return self._ran([*arguments, folder])

    def _ran(self, arguments: list[str]) -> Said:
        out, err = io.StringIO(), io.StringIO()
        told = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
        with opened(self.store), self._reached(), told[0], told[1]:
            code = run(arguments)
        return Said(code, out.getvalue(), err.getvalue())

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        with contextlib.ExitStack() as patches:
            for module in (planning, examination):
                patches.enter_context(patch.object(module, "connect", lambda *_: self.backend))
            yield


def lines_of_json(text: str) -> Iterator[Any]:
    """What stands in a log of one event a line."""
    for line in text.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
