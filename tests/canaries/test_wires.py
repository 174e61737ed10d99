"""Servers that repeat what they were sent, behind the real clients: plain HTTP, and MWAA's InvokeRestApi."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.canaries.watch import SECRETS, Watch
from tests.e2e.broken import Answers, Raw, answering, said

STATUSES = (400, 401, 403, 409, 422, 429, 500, 503)
VERSIONS = {2: "2.11.2", 3: "3.3.1"}

Shape = Callable[[str], bytes]

SHAPES: tuple[Shape, ...] = (
    lambda body: json.dumps({"detail": body, "title": "Wrong", "message": body}).encode(),
    lambda body: json.dumps({"detail": [{"type": "missing", "loc": ["body"], "input": body}]}).encode(),
    lambda body: json.dumps({"detail": {"reason": "Conflict", "statement": body}}).encode(),
    lambda body: json.dumps([body]).encode(),
    lambda body: f"<html>{body}</html>".encode(),
    lambda body: body.encode()[: len(body) // 2],
)


def listing(major: int, path: str) -> Raw:
    """What an empty Airflow answers to a read."""
    if path.endswith("/version"):
        return said({"version": VERSIONS[major], "git_version": None})
    if path.partition("?")[0].count("/") > 3:
        return said({"detail": "not found", "title": "Not Found"}, 404)
    collection = path.partition("?")[0].rpartition("/")[2]
    return said({collection: [], "total_entries": 0})


def repeating(major: int, status: int, shape: Shape) -> Answers:
    """Plain HTTP: reads are answered, and whatever is sent comes back in an error."""

    def answers(method: str, path: str, body: bytes) -> Raw:
        if path == "/auth/token" and status not in {401, 500}:
            return said({"access_token": "t"}, 201)
        return listing(major, path) if method == "GET" else Raw(status, shape(body.decode()))

    return answers


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("status", STATUSES)
def test_no_web_server_that_repeats_what_it_was_sent_gives_a_secret_away(
    watch: Watch, secret: str, status: int
) -> None:
    for shape in SHAPES:
        with answering(repeating(watch.major, status, shape)) as url:
            auth = {"basic": {"username": "admin", "password": {"$secret": "env:CANARY"}}}
            target = f"{url}?airflow={watch.major}"
            watch.declare(
                secret, {"target": target, "auth": auth, "ledger": f"file:{url.rpartition(':')[2]}.json"}
            )
            assert watch.run("apply", "dev", "--yes", "-v") in {1, 4}
            watch.run("apply", "dev", "--yes", "--format", "json", "--log-format", "json")


def invoked(major: int, status: int, shape: Shape, error: str | None) -> Answers:
    """InvokeRestApi: Airflow's refusals come as exceptions, and the service has its own."""

    def answers(_method: str, _path: str, body: bytes) -> Raw:
        call = json.loads(body)
        if call["Method"] == "GET":
            read = listing(major, f"/api/v{major}{call['Path']}")
            return said({"RestApiStatusCode": read.status, "RestApiResponse": json.loads(read.body)})
        return failed(status, shape(json.dumps(call.get("Body"))).decode(errors="replace"), error)

    return answers


def failed(status: int, text: str, error: str | None) -> Raw:
    if error is not None:
        return said({"message": text, "Message": text}, 400, x_amzn_ErrorType=error)
    kind = "RestApiServerException" if status >= 500 else "RestApiClientException"
    body: dict[str, Any] = {"message": text, "RestApiStatusCode": status, "RestApiResponse": text}
    return said(body, 400, x_amzn_ErrorType=kind)


@pytest.mark.parametrize("secret", SECRETS[1::2])
@pytest.mark.parametrize(
    "error", [None, "ValidationException", "AccessDeniedException", "InternalServerException"]
)
def test_no_service_that_repeats_what_it_was_sent_gives_a_secret_away(
    watch: Watch, secret: str, error: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for status in (400, 422, 500) if error is None else (400,):
        for shape in SHAPES:
            with answering(invoked(watch.major, status, shape, error)) as url:
                target = f"mwaa://eu-west-1/airflow?endpoint_url={url}"
                watch.declare(secret, {"target": target, "rate_limit": 10000})
                assert watch.run("apply", "dev", "--yes", "-v") in {1, 4}
