"""Which versions of Airflow there are to run, and what each is installed from."""

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

PYTHON = "3.11"
"""The newest Python that all of them support."""


@dataclass(frozen=True)
class Release:
    """One version of Airflow and the pins that make its installation reproducible."""

    version: str
    exclude_newer: str
    beside: tuple[str, ...] = ()

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def requirements(self) -> tuple[str, ...]:
        return (f"apache-airflow=={self.version}", *self.beside)

    @property
    def digest(self) -> str:
        """Changes whenever the installation would."""
        pins = json.dumps([PYTHON, self.exclude_newer, self.requirements])
        return hashlib.sha256(pins.encode()).hexdigest()[:12]


def _releases() -> dict[str, Release]:
    table = tomllib.loads(Path(__file__).with_name("versions.toml").read_text(encoding="utf-8"))
    return {
        version: Release(version, pins["exclude_newer"], tuple(pins.get("beside", ())))
        for version, pins in table.items()
    }


RELEASES = _releases()
"""By version, oldest first."""
