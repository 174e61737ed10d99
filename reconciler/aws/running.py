"""One command of the program, run in this process: the same path that people and CIs take."""

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.cli.main import run

MOST_NAMED = 100


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and the document that it wrote, if it came to that."""

    code: int
    environments: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    @property
    def failed(self) -> Mapping[str, str]:
        """Why environments failed, by their names."""
        return {
            one["name"]: f"{one['error']['type']}: {one['error']['message']}"
            for one in self.environments
            if isinstance(one.get("error"), Mapping)
        }

    @property
    def changes(self) -> Sequence[str]:
        """What was planned or applied, as far as a line of a log holds it: no values."""
        named = [
            f"{change['action']} {change['kind']}/{change['id']}"
            for one in self.environments
            for change in one.get("changes", ())
        ]
        return [
            *named[:MOST_NAMED],
            *([f"and {len(named) - MOST_NAMED} more"] if len(named) > MOST_NAMED else []),
        ]

    @property
    def is_locked(self) -> bool:
        """Whether another run, which holds the ledger or was faster, is all that stood in the way."""
        errors = [one["error"]["type"] for one in self.environments if isinstance(one.get("error"), Mapping)]
        return bool(errors) and set(errors) <= {"Locked", "LedgerChanged"}


def ended(root: Path, command: str, *options: str, environments: Sequence[str]) -> Ended:
    """Runs ``command`` on environments below ``root``: logs go to stderr, numbers to stdout."""
    with _at(root) as scratch:
        file = scratch / "result.json"
        told = ("--log-format", "json", "--no-progress", "--format", f"json={file}")
        code = run([command, *told, *options, "--", *environments])
        return Ended(
            code, json.loads(file.read_text(encoding="utf-8"))["environments"] if file.exists() else ()
        )


@contextlib.contextmanager
def _at(root: Path) -> Iterator[Path]:
    """Makes ``root`` the working directory, which paths are shown relative to; gives a folder for results."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(root):
        yield Path(scratch)
