"""The gateway in a thread, backends that do as they are told, and boto3 as a user has it."""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import urllib3
from starlette.applications import Starlette

from reconciler.backends import Request, Response
from reconciler.sandbox.assumptions import Assumptions
from reconciler.sandbox.gateway import Server, create_app, exports, listen
from reconciler.sandbox.sigv4 import LOCAL

VERSION = Request("GET", "/version")


@dataclass
class Scripted:
    """A backend that answers everything but the version with ``answer``, and remembers what it was asked."""

    answer: Response | Exception | Callable[[Request], Response] = field(
        default_factory=lambda: Response(200, {})
    )
    version: str = "3.3.2"
    roots: tuple[str, ...] = ("",)
    path_limit: int | None = None
    at_once: int = 1
    requests: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        if request == VERSION:
            return Response(200, {"version": self.version, "git_version": None})
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(request) if callable(self.answer) else self.answer


@contextlib.contextmanager
def running(backend: Any, assumptions: Assumptions | None = None, **options: Any) -> Iterator[str]:
    """The URL of a gateway that runs in this process until the block ends."""
    app = create_app(backend, assumptions or Assumptions(), options.pop("credentials", LOCAL), **options)
    with served(app) as url:
        yield url


@contextlib.contextmanager
def served(app: Starlette) -> Iterator[str]:
    """The URL of ``app``, which runs in a thread until the block ends."""
    listener = listen(0)
    ready = threading.Event()
    server = Server(app, ready.set)
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}).start()
    assert ready.wait(10)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True  # it closes the listener itself, while the next test already runs


@contextlib.contextmanager
def environment_variables(url: str, **changes: str) -> Iterator[None]:
    """The process environment as the gateway's own output tells a user to set it."""
    before = dict(os.environ)
    told = dict(line.split("=", 1) for line in exports(url))
    os.environ.update(
        {**told, "AWS_CONFIG_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", **changes}
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def boto3_client(url: str, **changes: str) -> Iterator[Any]:
    """An unmodified client: nothing but environment variables leads it to the gateway."""
    with environment_variables(url, **changes):
        client = boto3.Session().client("mwaa")
    try:
        yield client
    finally:
        client.close()


@dataclass(frozen=True)
class Plain:
    """What a plain HTTP request was answered."""

    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def http(method: str, url: str, body: Any = None, **headers: str) -> Plain:
    """One plain HTTP request; a body that is not bytes is sent as JSON."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if data is not None:
        named.setdefault("Content-Type", "application/json")
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request(method, url, body=data, headers=named)
        return Plain(answer.status, answer.headers, answer.data.decode())
