"""Secrets looked for, in every spelling, in all that every command writes, also when it fails."""

import base64
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.backends import Backend, NotJson, Request, Response, wire
from reconciler.cli.options import FORMATS as ALL_FORMATS
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.faults import Faulty, parse_fault
from tests.canaries.watch import SECRETS, Watch, spellings

FORMATS = (
    (),
    ("--format", "json"),
    tuple(word for name in ALL_FORMATS for word in ("--format", f"{name}=report.{name}")),
)
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


class Echoing:
    """A server that repeats what it was sent in each of its refusals, as Airflow does (422, 400, 409)."""

    def __init__(self, backend: Backend, status: int, wrap: Callable[[Any], Any]) -> None:
        self._backend, self._status, self._wrap = backend, status, wrap
        self.roots, self.path_limit, self.at_once = backend.roots, backend.path_limit, 1

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


def every_command(watch: Watch, *options: str) -> None:
    watch.run("validate", "dev")
    watch.run("plan", "dev", "--out", "plan.json", *options)
    watch.run("apply", "dev", "--yes", *options)
    watch.run("apply", "dev", "--plan", "plan.json", *options)
    watch.run("plan", "dev", "--resend-secrets", *options)
    watch.run("drift", "dev", *options)
    for shape in ((), ("--format", "json")):
        watch.run("compare", "dev", "prod", *shape)
        watch.run("compare", "dev", "prod", "--live", *shape)
        watch.run("compare", "prod", "dev", "--live", *shape)
        watch.run("ledger", "show", "dev", *shape)
        watch.run("doctor", "dev", "--scratch", *shape)
    watch.run("ledger", "rebind", "dev")
    watch.run("ledger", "unlock", "dev", "--id", "nobody")


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_that_succeeds_shows_a_secret(watch: Watch, secret: str) -> None:
    watch.declare(secret)
    watch.neighbour(secret + "-theirs")
    for shape, level in itertools.product(FORMATS, LEVELS):
        every_command(watch, *shape, *level)
    assert watch.run("plan", "dev", "--detailed-exitcode") == 0


@pytest.mark.parametrize("secret", SECRETS)
def test_no_failing_call_shows_a_secret(watch: Watch, secret: str) -> None:
    watch.neighbour(secret + "-theirs")
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
    watch.neighbour(secret + "-theirs")
    watch.declare(secret, variables={}, connections={})
    watch.run("plan", "dev", "--format", "json")
    watch.run("compare", "dev", "prod", "--live")
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
        roots, path_limit, at_once = ("",), 64, 1

        def send(self, request: Request) -> Response:
            raise RuntimeError(secret, wire.encode(request.body))

    watch.declare(secret)
    watch.reach(lambda _backend: Broken())
    assert watch.run("plan", "dev", "--format", "json") == 1
    assert watch.run("apply", "dev", "--yes", "-v") == 1


def test_the_net_is_not_empty() -> None:
    assert all(len(spellings(secret)) >= 3 for secret in SECRETS)
    assert {base64.b64encode(b"c4n4r7").decode(), b"c4n4r7".hex()} <= spellings("c4n4r7")
    assert any(
        one in base64.b64encode(b"admin:canary-4f1d9c-plain").decode() for one in spellings(SECRETS[0])
    )
