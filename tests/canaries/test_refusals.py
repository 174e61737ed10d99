"""Whatever is refused, broken, missing or interrupted: what is said of it holds no secret."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Backend, Request, Response
from reconciler.cli.options import FORMATS as ALL_FORMATS
from reconciler.sandbox.store import read_state, write_state
from tests.canaries.watch import SECRETS, Watch

FORMATS = (
    ("--format", "text"),
    tuple(word for name in ALL_FORMATS for word in ("--format", f"{name}=result.{name}")),
)
EMPTY: dict[str, Any] = {"variables": {}, "connections": {}}

MANIFESTS = (
    "connections: {c: {conn_type: http, password: %s}}",
    "connections: {c: {conn_type: http, port: %s}}",
    "connections: {c: {conn_type: http, extra: %s}}",
    "connections: {c: {conn_type: http, extra: {token: %s}}}",
    "connections: {c: {conn_type: http, extra: {a: [{token: [%s]}]}}}",
    "connections: {c: {conn_type: http, host: [%s]}}",
    "variables: {a: {value: {$secret: %s}}}",
    "variables: {a: {value: {$secret: [%s]}}}",
    "variables: {a: {value: {$secret: 'env:A', other: %s}}}",
    "variables: {a: {value: 1, description: [%s]}}",
    "variables: {a: {value: 1, protect: %s, secret_version: %s, ignore: %s}}",
    "pools: {p: {slots: %s, include_deferred: %s}}",
    "pools: %s",
    "absent: %s",
    "unknown: %s",
    "%s",
    "variables: {a: 1, a: %s}",
    "variables: {a: %s",
    "variables:\n\ta: %s",
    "variables: {a: !tag %s}",
    "variables: {a: [%s}",
    "a: %s: %s",
    "--- %s\n--- %s",
)
ENVIRONMENTS: tuple[dict[str, Any], ...] = (
    {"auth": {"basic": {"username": "u", "password": "%s"}}},
    {"auth": {"token": {"$secret": "%s"}}, "target": "http://127.0.0.1:1"},
    {"target": "http://user:%s@host"},
    {"target": "%s"},
    {"fingerprint_key": "%s"},
    {"fingerprint_key": {"$secret": "%s"}},
    {"rate_limit": "%s"},
    {"limits": {"deletes": "%s"}},
    {"adopt": "%s"},
    {"authoritative": "%s"},
    {"secrets": {"allow": "%s"}},
    {"parameters": "%s"},
)


def filled(item: Any, secret: str) -> Any:
    """The secret in each of its places."""
    if isinstance(item, dict):
        return {name: filled(inner, secret) for name, inner in item.items()}
    return item.replace("%s", secret) if isinstance(item, str) else item


@pytest.mark.parametrize("secret", SECRETS)
def test_no_broken_manifest_is_quoted_where_it_may_hold_a_secret(watch: Watch, secret: str) -> None:
    watch.forbids(secret)
    for text in MANIFESTS:
        (watch.configure() / "m.yaml").write_text(text.replace("%s", json.dumps(secret, ensure_ascii=False)))
        for command in ("validate", "plan", "drift"):
            for options in FORMATS:
                assert watch.run(command, "dev", *options) == 1, text


@pytest.mark.parametrize("secret", SECRETS)
def test_no_broken_environment_is_quoted_where_it_may_hold_a_secret(watch: Watch, secret: str) -> None:
    watch.forbids(secret)
    for settings in ENVIRONMENTS:
        watch.configure(**filled(settings, secret))
        for command in ("validate", "plan", "apply"):
            for options in FORMATS:
                assert watch.run(command, "dev", *options) == 1, settings
        watch.run("ledger", "show", "dev")


@pytest.mark.parametrize("secret", SECRETS)
def test_no_guard_and_no_stale_plan_shows_a_secret(watch: Watch, secret: str) -> None:
    watch.declare(secret)
    watch.run("apply", "dev", "--yes")
    watch.declare(secret, **EMPTY)
    for options in FORMATS:
        watch.run("plan", "dev", *options)
        assert watch.run("apply", "dev", "--yes", "-v", *options) == 3
    watch.run("plan", "dev", "--out", "plan.json", "--allow-deletes", "variable=2")
    watch.declare(secret, pools={"p": {"slots": 1}})
    assert watch.run("apply", "dev", "--plan", "plan.json", "-v") == 3
    Path("plan.json").write_text("{}")
    assert watch.run("apply", "dev", "--plan", "plan.json") == 1


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_that_is_missing_is_not_remembered_by_anything(watch: Watch, secret: str) -> None:
    watch.declare(secret)
    watch.run("apply", "dev", "--yes")
    watch.loses()
    for options in FORMATS:
        watch.run("plan", "dev", *options)
        watch.run("drift", "dev", *options)
        assert watch.run("apply", "dev", "--yes", *options) in {0, 1}
        assert watch.run("apply", "dev", "--yes", "--resend-secrets", *options) in {0, 1}


@pytest.mark.parametrize("secret", SECRETS)
def test_no_ledger_that_cannot_be_used_is_quoted(watch: Watch, secret: str) -> None:
    watch.declare(secret)
    ledger = Path("dev/broken.json")
    watch.kept.add(ledger.name)
    watch.declare(secret, {"ledger": f"file:{ledger.name}"})
    bound = {"format": "reconciler.ledger/1", "environment": {"name": secret, "target": secret}}
    for text in (secret, json.dumps({"format": secret}), json.dumps({**bound, "serial": secret})):
        ledger.write_text(text)
        assert watch.run("plan", "dev", "-v") == 3
        assert watch.run("apply", "dev", "--yes", "--format", "json") == 3
        for command in (["show"], ["show", "--format", "json"], ["rebind"]):
            assert watch.run("ledger", command[0], "dev", *command[1:]) == 3
    ledger.unlink()
    ledger.mkdir()
    assert watch.run("apply", "dev", "--yes") == 1


class Answering:
    """An Airflow whose answers to reads are bent."""

    def __init__(self, backend: Backend, bend: Callable[[Any], Any]) -> None:
        self._backend, self._bend = backend, bend
        self.roots, self.path_limit, self.at_once = backend.roots, backend.path_limit, 1

    def send(self, request: Request) -> Response:
        answer = self._backend.send(request)
        if request.method == "GET" and request.path != "/version":
            return Response(answer.status, self._bend(answer.body))
        return answer


def _rows(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The rows of a list changed, and one object as it is."""

    def bend(body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        return {name: change(item) if isinstance(item, list) else item for name, item in body.items()}

    return bend


BENDS: tuple[Callable[[Any], Any], ...] = (
    lambda body: [body],
    str,
    lambda _body: None,
    _rows(lambda rows: rows[:-1]),
    _rows(lambda rows: rows + rows),
    _rows(lambda rows: {"0": rows}),
    _rows(lambda rows: [{**row, "key": 1, "connection_id": None} for row in rows]),
    _rows(
        lambda rows: [{**row, "value": [row.get("value")], "extra": {"e": row.get("extra")}} for row in rows]
    ),
    _rows(lambda rows: [{**row, "host": row.get("value"), "description": {"d": row}} for row in rows]),
)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_answer_of_another_shape_is_quoted(watch: Watch, secret: str) -> None:
    watch.declare(secret)
    watch.run("apply", "dev", "--yes")
    for bend in BENDS:
        watch.reach(lambda backend, bend=bend: Answering(backend, bend))  # type: ignore[misc]
        for options in FORMATS:
            watch.run("plan", "dev", *options)
            watch.run("drift", "dev", "-v", *options)
            watch.run("apply", "dev", "--yes", "--log-format", "json", *options)


class Interrupting:
    """Ctrl-C or SIGTERM arrives with the call of this number."""

    def __init__(self, backend: Backend, at: int, what: signal.Signals | None) -> None:
        self._backend, self._left, self._what = backend, at, what
        self.roots, self.path_limit, self.at_once = backend.roots, backend.path_limit, 1

    def send(self, request: Request) -> Response:
        self._left -= 1
        if self._left == 0:
            if self._what is None:
                raise KeyboardInterrupt
            signal.raise_signal(self._what)
        return self._backend.send(request)


def interruptions() -> Iterator[tuple[int, signal.Signals | None]]:
    """While it plans only by itself: a signal would end this process, too."""
    yield from ((at, None) for at in range(1, 12))
    yield from ((at, signal.SIGINT) for at in range(6, 12))


@pytest.mark.parametrize("secret", SECRETS)
def test_no_interrupted_run_shows_a_secret(watch: Watch, secret: str) -> None:
    watch.declare(secret)
    for at, what in interruptions():
        watch.reach(lambda backend, at=at, what=what: Interrupting(backend, at, what))  # type: ignore[misc]
        watch.run("apply", "dev", "--yes", "-v")
        watch.run("ledger", "show", "dev", "--format", "json")
        watch.reach()
        watch.run("plan", "dev", "--format", "json")


@pytest.mark.parametrize("secret", SECRETS)
def test_what_lives_in_clear_beside_a_secret_is_not_shown(watch: Watch, secret: str) -> None:
    """Such as an extra that is no JSON, and an URL that names a password."""
    watch.declare(secret)
    watch.run("apply", "dev", "--yes")
    theirs = f"{secret}-theirs"
    watch.forbids(theirs)
    file = watch.folder / "dev" / "sandbox.json"
    for text in (f"Bearer {theirs}", json.dumps({"token": theirs, "other": {"token": [theirs]}})):
        state = read_state(file)
        state["connections"]["wh"] = {**state["connections"]["wh"], "extra": text}
        state["variables"]["cfg"] = {**state["variables"]["cfg"], "value": text}
        write_state(file, state)
        for options in FORMATS:
            watch.run("plan", "dev", *options)
            watch.run("drift", "dev", *options)
    assert watch.run("apply", "dev", "--yes", "-v") == 0


@pytest.mark.parametrize("name", ["manifest", "environment", "plan", "ledger"])
def test_no_schema_shows_a_secret(watch: Watch, name: str) -> None:
    watch.declare(SECRETS[0])
    assert watch.run("schema", name) == 0
