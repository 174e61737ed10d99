import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pyte
import pytest
import yaml

ROWS = 60
START = "from reconciler.cli import main; main()"


@dataclass
class Session:
    """The program at a terminal: what it has written, and what the screen then shows."""

    child: pexpect.spawn
    columns: int
    raw: str = ""

    def expect(self, text: str) -> None:
        """Reads on until a text is there."""
        self.child.expect_exact(text)
        self.raw += self.child.before + self.child.after

    def say(self, line: str) -> None:
        self.child.sendline(line)

    def end(self) -> int:
        """Reads to the end; the exit code."""
        self.child.expect(pexpect.EOF)
        self.raw += self.child.before
        self.child.close()
        code = self.child.exitstatus
        assert isinstance(code, int)
        return code

    @property
    def screen(self) -> list[str]:
        """The lines that are left to be read."""
        screen = pyte.Screen(self.columns, ROWS)
        pyte.Stream(screen).feed(self.raw)
        return [line.rstrip() for line in screen.display if line.strip()]

    def colour_of(self, text: str) -> str:
        """The colour of the first line that holds a text."""
        screen = pyte.Screen(self.columns, ROWS)
        pyte.Stream(screen).feed(self.raw)
        row = next(number for number, line in enumerate(screen.display) if text in line)
        colour: str = screen.buffer[row][2].fg
        return colour


@dataclass(frozen=True)
class Place:
    """A folder with an environment in it, and a terminal to work at."""

    folder: Path

    def declare(self, **manifest: object) -> None:
        (self.folder / "prod" / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))

    def __call__(self, *arguments: str, columns: int = 80, **variables: str) -> Session:
        plain = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS"}}
        child = pexpect.spawn(
            sys.executable,
            ["-c", START, *arguments],
            cwd=str(self.folder),
            env={**plain, "TERM": "xterm-256color", **variables},
            dimensions=(ROWS, columns),
            encoding="utf-8",
            timeout=60,
        )
        return Session(child, columns)


@pytest.fixture
def at_terminal(tmp_path: Path) -> Place:
    (tmp_path / "prod").mkdir()
    configured = {"name": "prod", "target": "sandbox:sandbox.json", "ledger": "file:ledger.json"}
    (tmp_path / "prod" / "environment.yaml").write_text(yaml.safe_dump(configured))
    return Place(tmp_path)
