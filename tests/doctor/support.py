"""An environment folder, a look at it, and what the look has found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from reconciler.backends import Backend, Request, Response
from reconciler.backends.around import Around
from reconciler.diagnosis import Diagnosis, Finding
from reconciler.doctor import Means, examine
from reconciler.manifests import load_environment
from reconciler.sandbox.emulator import Emulator
from reconciler.secrets import Schemes, Secrets

CANARY = "canary-8a31f0-plaintext"


def write(folder: Path, target: str, *, settings: Mapping[str, Any] | None = None, **manifest: Any) -> Path:
    folder.mkdir(exist_ok=True)
    configured = {"name": folder.name, "target": target, **(settings or {})}
    (folder / "environment.yaml").write_text(yaml.safe_dump(configured))
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    return folder


@dataclass(frozen=True)
class Looked:
    """A diagnosis, its findings by check."""

    diagnosis: Diagnosis

    def all(self, check: str) -> list[Finding]:
        return [one for one in self.diagnosis.findings if one.check == check]

    def __getitem__(self, check: str) -> Finding:
        (one,) = self.all(check)
        return one

    def state(self, check: str) -> str:
        return self[check].state

    @property
    def failed(self) -> set[str]:
        return {one.check for one in self.diagnosis.findings if one.state == "failed"}

    @property
    def order(self) -> list[str]:
        return [one.check for one in self.diagnosis.findings]


def look(folder: Path, *, scratch: bool = False, **means: Any) -> Looked:
    environment = load_environment(folder, Schemes())
    diagnosis = examine(environment, Means(Secrets(), scratch, **means))
    assert CANARY not in str(diagnosis)
    return Looked(diagnosis)


@dataclass
class Watched(Around):
    """A backend that remembers what changed something, and may do something of its own instead."""

    instead: Any = None
    writes: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        if request.method != "GET":
            self.writes.append(request)
        answer = self.instead(self.backend, request) if self.instead else None
        return answer if answer is not None else self.backend.send(request)

    @property
    def ids(self) -> set[str]:
        """What the writes were about."""
        return {_id_in(request) for request in self.writes}


def _id_in(request: Request) -> str:
    body = request.body if isinstance(request.body, dict) else {}
    named = (body.get(name) for name in ("key", "connection_id", "name"))
    return next((str(one) for one in named if one), request.path.rpartition("/")[2])


def emulator(major: int = 3) -> Emulator:
    return Emulator(None, Emulator.newest(major))


def contents(backend: Backend) -> dict[str, Any]:
    """Everything that lives, as a list shows it."""
    return {
        name: backend.send(Request("GET", f"/{name}", {"limit": "100"})).body[name]
        for name in ("variables", "connections", "pools")
    }


def add(backend: Backend, path: str, **body: Any) -> None:
    assert backend.send(Request("POST", path, body=body)).status in {200, 201}
