"""Secrets looked for, in every spelling, in all that every command writes, also when it fails."""

import base64
import html
import itertools
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml

from reconciler.backends import Backend, NotJson, Request, Response, wire
from reconciler.cli.main import run
from reconciler.connect import connect
from reconciler.model import Secret
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.faults import Faulty, parse_fault
from reconciler.targets import Target
from tests.canaries.tally import BYTES

SECRETS = (
    "canary-4f1d9c-plain",
    'canary"quoted\\and\nsplit over\tlines-77',
    "kanärie-Ünïcode-漢字-8812",
    "Y2FuYXJ5IHRoYXQgbG9va3MgZW5jb2RlZA==",
    "can/ary?a=1&b=<2>%20#+'x'",
    "c4n4r7",
)
FORMATS = ((), ("--format", "json"), ("--format", "text=report.txt", "--format", "json=report.json"))
LEVELS = ((), ("-v",), ("--log-format", "json"), ("--progress",))
FAULTS = (
    "*=status:500",
    "POST=drop_after",
    "POST=status:409",
    "PATCH=status:422",
    "PATCH=not_applied",
    "PATCH=truncate",
    "3-=expire",
    "5=status_after:503",
    "*=empty",
)
KEPT_AS_THEY_ARE = {"sandbox.json", "ledger.json.key"}
"""Airflow's database, and the key of fingerprints."""


def spellings(secret: str) -> frozenset[str]:
    """A secret as it is, and in the encodings in which it might slip out; whole, and line by line."""
    found = set()
    for text in {secret, *secret.splitlines()}:
        data = text.encode()
        found |= {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
        found |= {quote(text), quote(text, safe=""), quote_plus(text), html.escape(text), data.hex()}
        found |= {base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()}
    return frozenset(one for one in found if len(one) >= len(min(SECRETS, key=len)))


ENCODINGS = 10


class Echoing:
    """A server that repeats what it was sent in each of its refusals, as Airflow does (422, 400, 409)."""

    def __init__(self, backend: Backend, status: int, wrap: Callable[[Any], Any]) -> None:
        self._backend, self._status, self._wrap = backend, status, wrap
        self.roots, self.path_limit = backend.roots, backend.path_limit

    def send(self, request: Request) -> Response:
        if request.method == "GET":
            return self._backend.send(request)
        return Response(self._status, self._wrap(wire.encode(request.body)))


ECHOES: tuple[Callable[[Any], Any], ...] = (
    lambda body: {"detail": [{"type": "missing", "loc": ["body", "x"], "msg": str(body), "input": body}]},
    lambda body: {"detail": f"wrong: {body}", "title": "Bad Request", "status": 400},
    lambda body: {"detail": {"reason": "Unique constraint violation", "statement": str(body)}},
    lambda body: NotJson(str(body)),
)


class Watch:
    """Runs commands in a folder and holds all that they write against the secrets."""

    def __init__(
        self, folder: Path, major: int, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
    ) -> None:
        self.folder, self.major, self._capsys, self._patch = folder, major, capsys, patch
        self.tells: list[int] = []
        """What the test's report says: the bytes come last."""
        self._forbidden: frozenset[str] = frozenset()

    def holds(self, secret: str) -> None:
        """From now on this secret must not turn up."""
        self._forbidden |= spellings(secret)
        self._patch.setenv("CANARY", secret)

    def declare(self, secret: str, **changes: Any) -> None:
        """An environment in whose every secret place the secret stands."""
        reference = {"$secret": "env:CANARY"}
        manifest = {
            "variables": {"api_key": {"value": reference}, "cfg": {"value": {"token": reference, "n": 1}}},
            "connections": {
                "wh": {"conn_type": "http", "host": "h", "password": reference, "extra": {"token": reference}}
            },
            **changes,
        }
        settings = {
            "name": "dev",
            "target": f"sandbox:sandbox.json?airflow={self.major}",
            "ledger": "file:ledger.json",
        }
        place = self.folder / "dev"
        place.mkdir(exist_ok=True)
        (place / "environment.yaml").write_text(yaml.safe_dump(settings))
        (place / "m.yaml").write_text(yaml.safe_dump(manifest, allow_unicode=True))
        self.holds(secret)

    def reach(self, change: Callable[[Backend], Backend] = lambda backend: backend) -> None:
        """Puts something between the program and its environment."""

        def reached(target: Target, resolve: Callable[[Secret], Secret]) -> Backend:
            return change(connect(target, resolve))

        self._patch.setattr("reconciler.cli.planning.connect", reached)

    def run(self, *arguments: str) -> int:
        self._capsys.readouterr()
        with suppress(SystemExit):
            code = run(list(arguments))
        out, err = self._capsys.readouterr()
        self._check(f"output of {' '.join(arguments)}", out + err)
        self.check_files()
        return code

    def check_files(self) -> None:
        for file in self.folder.rglob("*"):
            if file.is_file() and file.name not in KEPT_AS_THEY_ARE and file.suffix != ".yaml":
                self._check(file.name, file.read_text(errors="replace"))

    def _check(self, place: str, text: str) -> None:
        self.tells[-1] += len(text.encode())
        leaked = [one for one in self._forbidden if one in text]
        assert not leaked, f"{len(leaked)} spellings of a secret stand in the {place}"


@pytest.fixture(params=[2, 3], ids=["v1", "v2"])
def watch(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Watch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    made = Watch(tmp_path, request.param, capsys, monkeypatch)
    made.reach()
    request.node.user_properties.append((BYTES, [len(SECRETS), ENCODINGS, 0]))
    made.tells = request.node.user_properties[-1][1]
    return made


def every_command(watch: Watch, *options: str) -> None:
    watch.run("validate", "dev")
    watch.run("plan", "dev", "--out", "plan.json", *options)
    watch.run("apply", "dev", "--yes", *options)
    watch.run("apply", "dev", "--plan", "plan.json", *options)
    watch.run("plan", "dev", "--resend-secrets", *options)
    watch.run("drift", "dev", *options)
    watch.run("ledger", "show", "dev")
    watch.run("ledger", "show", "dev", "--format", "json")
    watch.run("ledger", "rebind", "dev")
    watch.run("ledger", "unlock", "dev", "--id", "nobody")


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_that_succeeds_shows_a_secret(watch: Watch, secret: str) -> None:
    watch.declare(secret)
    for shape, level in itertools.product(FORMATS, LEVELS):
        every_command(watch, *shape, *level)
    assert watch.run("plan", "dev", "--detailed-exitcode") == 0


@pytest.mark.parametrize("secret", SECRETS)
def test_no_failing_call_shows_a_secret(watch: Watch, secret: str) -> None:
    for fault in FAULTS:
        watch.declare(secret)
        watch.reach(lambda backend, fault=fault: Faulty(backend, [parse_fault(fault)], sleep=lambda _s: None))  # type: ignore[misc]
        every_command(watch, "-v", "--format", "json")
        watch.holds(secret + "-rotated")
        every_command(watch, "--log-format", "json")


@pytest.mark.parametrize("status", [400, 401, 403, 409, 422, 429, 500])
@pytest.mark.parametrize("secret", SECRETS)
def test_no_server_that_repeats_what_it_was_sent_gives_a_secret_away(
    watch: Watch, secret: str, status: int
) -> None:
    watch.declare(secret)
    for echo in ECHOES:
        watch.reach(lambda backend, echo=echo: Echoing(backend, status, echo))  # type: ignore[misc]
        assert watch.run("apply", "dev", "--yes", "-v") in {1, 4}
        assert watch.run("apply", "dev", "--yes", "--format", "json") in {1, 3, 4}
        watch.run("ledger", "show", "dev")


@pytest.mark.parametrize("secret", SECRETS)
def test_what_once_was_a_secret_is_never_shown_again(watch: Watch, secret: str) -> None:
    watch.declare(secret)
    assert watch.run("apply", "dev", "--yes") == 0
    watch.declare(
        secret,
        variables={"api_key": {"value": "plain"}, "cfg": {"value": {"n": 2}}},
        connections={"wh": {"conn_type": "http", "host": "h", "extra": {"token": None, "other": 1}}},
    )
    for shape in FORMATS:
        watch.run("plan", "dev", *shape)
        watch.run("drift", "dev", *shape)
    assert watch.run("apply", "dev", "--yes") == 0
    assert watch.run("plan", "dev", "--detailed-exitcode") == 0
    watch.declare(secret, variables={}, connections={})
    watch.run("plan", "dev", "--format", "json")
    watch.run("apply", "dev", "--yes")


@pytest.mark.parametrize("secret", SECRETS)
def test_a_living_value_in_a_secrets_place_is_never_shown(watch: Watch, secret: str) -> None:
    """Airflow 2 shows variables in clear; what somebody put where git has a reference may be one, too."""
    version = Emulator.newest(watch.major)
    watch.declare(secret)
    emulator = Emulator(watch.folder / "dev" / "sandbox.json", version)
    emulator.send(Request("POST", "/variables", body={"key": "api_key", "value": secret + "-theirs"}))
    for shape in FORMATS:
        watch.run("plan", "dev", *shape)
        watch.run("plan", "dev", "--adopt", "variable/api_key", *shape)
    watch.run("apply", "dev", "--yes", "--adopt", "variable/api_key")


@pytest.mark.parametrize("secret", [one for one in SECRETS if len(one) > 6])
def test_a_secret_written_in_clear_is_refused_without_being_quoted(watch: Watch, secret: str) -> None:
    watch.declare(
        secret, connections={"wh": {"conn_type": "http", "password": secret, "extra": {"token": secret}}}
    )
    for command in ("validate", "plan", "apply", "drift"):
        assert watch.run(command, "dev", *(["--yes"] if command == "apply" else [])) == 1


@pytest.mark.parametrize("secret", SECRETS)
def test_a_mistake_in_the_program_shows_no_secret(watch: Watch, secret: str) -> None:
    class Broken:
        roots, path_limit = ("",), 64

        def send(self, request: Request) -> Response:
            raise RuntimeError(secret, wire.encode(request.body))

    watch.declare(secret)
    watch.reach(lambda _backend: Broken())
    assert watch.run("plan", "dev", "--format", "json") == 1
    assert watch.run("apply", "dev", "--yes", "-v") == 1


def test_the_net_is_not_empty() -> None:
    assert all(len(spellings(secret)) >= 3 for secret in SECRETS)
    assert {base64.b64encode(b"c4n4r7").decode(), b"c4n4r7".hex()} <= spellings("c4n4r7")
