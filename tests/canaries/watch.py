"""Runs commands and looks for secrets in whatever comes of them: output, files, errors, children."""

import base64
import hashlib
import html
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml

from reconciler.backends import Backend, Request
from reconciler.cli.main import run
from reconciler.connect import connect
from reconciler.errors import ReconcilerError
from reconciler.model import Secret
from reconciler.sandbox.emulator import Emulator
from reconciler.targets import Target

SECRETS = (
    "canary-4f1d9c-plain",
    'canary"quoted\\and\nsplit over\tlines-77',
    "kanärie-Ünïcode-漢字-8812",
    "Y2FuYXJ5IHRoYXQgbG9va3MgZW5jb2RlZA==",
    "can/ary?a=1&b=<2>%20#+'x'",
    '{"user": "canary", "password": "canary-in-json-5d1e"}',
    "c4n4r7",
    "§7¤Z",
)
"""The last is too short for the second net, which scrubs texts; the first holds it all the same."""

ENCODINGS: tuple[Callable[[str], str], ...] = (
    str,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: repr(text)[1:-1],
    quote,
    lambda text: quote(text, safe=""),
    quote_plus,
    html.escape,
    lambda text: text.encode().hex(),
    lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    lambda text: _inner(b"_" + text.encode()),
    lambda text: _inner(b"__" + text.encode()),
    lambda text: hashlib.sha256(text.encode()).hexdigest(),
    lambda text: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(),
    lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
)
"""The spellings in which a secret might slip out, digests that anybody could make among them."""

SHORTEST = 4
KEPT_AS_THEY_ARE = {"sandbox.json", "ledger.json.key"}
"""Airflow's database, and the key of fingerprints."""

CHILDREN: list[str] = []
"""Processes that this one has started, as Python's audit tells of them."""

STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty")


def _inner(data: bytes) -> str:
    """Base64 of what stands behind other bytes: the digits that only depend on it."""
    return base64.b64encode(data).decode()[4 : -4 if len(data) % 3 else None]


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in STARTS:
        CHILDREN.append(repr(arguments))


sys.addaudithook(_audit)


def spellings(secret: str) -> frozenset[str]:
    """A secret in every encoding, whole and line by line."""
    texts = {secret, *secret.splitlines()}
    found = {encode(text) for text in texts for encode in ENCODINGS}
    return frozenset(one for one in found if len(one) >= SHORTEST)


class Watch:
    """Runs commands in a folder and holds all that they write against the secrets."""

    def __init__(
        self, folder: Path, major: int, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
    ) -> None:
        self.folder, self.major, self._capsys, self._patch = folder, major, capsys, patch
        self.tells: list[int] = []
        """What the test's report says: the bytes come last."""
        self.kept = set(KEPT_AS_THEY_ARE)
        """Files that hold secrets because the test has put them there."""
        self._forbidden: frozenset[str] = frozenset()
        self._errors: list[ReconcilerError] = []
        self._listen()

    def _listen(self) -> None:
        """Remembers every error that the program raises on purpose, shown or not."""
        made, errors = ReconcilerError.__init__, self._errors

        def noting(error: ReconcilerError, *arguments: Any) -> None:
            errors.append(error)
            made(error, *arguments)

        self._patch.setattr(ReconcilerError, "__init__", noting, raising=False)

    def holds(self, secret: str) -> None:
        """From now on this secret must not turn up."""
        self.forbids(secret)
        self._patch.setenv("CANARY", secret)

    def forbids(self, secret: str) -> None:
        """Nor must this one, which is nobody's reference."""
        self._forbidden |= spellings(secret)

    def loses(self) -> None:
        """The secret is in no source any more."""
        self._patch.delenv("CANARY")

    def configure(self, **settings: Any) -> Path:
        """The environment's own file; returns its folder."""
        target = f"sandbox:sandbox.json?airflow={self.major}"
        place = self.folder / "dev"
        place.mkdir(exist_ok=True)
        made = {"name": "dev", "target": target, "ledger": "file:ledger.json", **settings}
        (place / "environment.yaml").write_text(yaml.safe_dump(made))
        return place

    def declare(self, secret: str, settings: dict[str, Any] | None = None, **changes: Any) -> None:
        """An environment in whose every secret place the secret stands."""
        reference = {"$secret": "env:CANARY"}
        manifest = {
            "variables": {"api_key": {"value": reference}, "cfg": {"value": {"token": reference, "n": 1}}},
            "connections": {
                "wh": {"conn_type": "http", "host": "h", "password": reference, "extra": {"token": reference}}
            },
            **changes,
        }
        (self.configure(**(settings or {})) / "m.yaml").write_text(
            yaml.safe_dump(manifest, allow_unicode=True)
        )
        self.holds(secret)

    def neighbour(self, secret: str) -> None:
        """Another environment where the secret lives and git knows of none."""
        place = self.folder / "prod"
        place.mkdir(exist_ok=True)
        made = {"name": "prod", "target": f"sandbox:sandbox.json?airflow={self.major}"}
        (place / "environment.yaml").write_text(yaml.safe_dump(made))
        emulator = Emulator(place / "sandbox.json", Emulator.newest(self.major))
        token = json.dumps({"token": secret})
        wh = {"connection_id": "wh", "conn_type": "http", "password": secret, "extra": token}
        emulator.send(Request("POST", "/variables", body={"key": "api_key", "value": secret}))
        emulator.send(Request("POST", "/variables", body={"key": "cfg", "value": token}))
        emulator.send(Request("POST", "/connections", body=wh))

    def reach(self, change: Callable[[Backend], Backend] = lambda backend: backend) -> None:
        """Puts something between the program and its environment."""

        def reached(target: Target, resolve: Callable[[Secret], Secret], *_: object) -> Backend:
            return change(connect(target, resolve))

        for module in ("cli.planning", "cli.reaching", "doctor.examination"):
            self._patch.setattr(f"reconciler.{module}.connect", reached)

    def run(self, *arguments: str) -> int:
        self._capsys.readouterr()
        self._errors.clear()
        CHILDREN.clear()
        with suppress(SystemExit):
            code = run(list(arguments))
        out, err = self._capsys.readouterr()
        self._check(f"output of {' '.join(arguments)}", out + err)
        self._check(f"errors of {' '.join(arguments)}", "\n".join(self._texts_of_errors()))
        self.check_files()
        assert CHILDREN == []
        return code

    def _texts_of_errors(self) -> Iterator[str]:
        for error in self._errors:
            yield from (str(error), repr(error), repr(error.args), repr(vars(error)))

    def check_files(self) -> None:
        for file in self.folder.rglob("*"):
            if file.is_file() and file.name not in self.kept and file.suffix != ".yaml":
                self._check(file.name, file.read_text(errors="replace"))

    def _check(self, place: str, text: str) -> None:
        self.tells[-1] += len(text.encode("utf-8", "backslashreplace"))
        leaked = [one for one in self._forbidden if one in text]
        assert not leaked, f"{len(leaked)} spellings of a secret stand in the {place}"
