"""AWS on 127.0.0.1, a wire to it that can be cut, and a process environment that knows of nothing else."""

import contextlib
import functools
import http.client
import itertools
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.client
import botocore.loaders
import pytest
from moto.core.authorization import enable_iam_authentication
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from tests.e2e.broken import Raw

ACCOUNT = "123456789012"
REGION = "eu-west-1"
CANARY = "canary-7f3a9c-plaintext"

_numbers = itertools.count(1)


def fresh(name: str) -> str:
    """A name that no other test has, of the length that real ones have."""
    return f"acme-gitops-{name}-{next(_numbers):04}"


@contextlib.contextmanager
def aws_server() -> Iterator[str]:
    """The URL of moto, which takes requests one after the other: unlike S3 it looks, then writes."""
    turn = threading.Lock()
    moto = DomainDispatcherApplication(create_backend_app)

    def one_at_a_time(environ: Any, start_response: Any) -> Any:
        with turn:
            return moto(environ, start_response)

    server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True, request_handler=MotoRequestHandler)
    with served(server):
        yield f"http://127.0.0.1:{server.server_port}"


@contextlib.contextmanager
def served(server: HTTPServer) -> Iterator[None]:
    """Lets a server run in a thread until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def use(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Makes the process environment lead boto3 to ``url`` and nowhere else."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    settings = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
        "NO_PROXY": "127.0.0.1,localhost",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.session.create_loader", _models)


_models = functools.cache(botocore.loaders.create_loader)
"""Reads botocore's models of AWS once for all sessions: nothing takes these tests longer."""


@contextlib.contextmanager
def client(service: str, region: str = REGION) -> Iterator[Any]:
    """boto3 as whoever may do everything."""
    made = _session().client(service, region, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    with contextlib.closing(made):
        yield made


@functools.cache
def _session() -> boto3.Session:
    """One for all tests, since each takes long to read its models of AWS."""
    return boto3.Session("testing", "testing")


def bucket() -> str:
    """The name of a new bucket."""
    name = fresh("ledgers")
    with client("s3") as s3:
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets botocore try again at once."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None))


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Mapping[str, Any]]]:
    """Every operation that boto3 is asked for from now on, with its arguments."""
    asked: list[tuple[str, Mapping[str, Any]]] = []
    real = botocore.client.BaseClient._make_api_call

    def note(self: Any, operation: str, arguments: Mapping[str, Any]) -> Any:
        asked.append((operation, arguments))
        return real(self, operation, arguments)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", note)
    return asked


def role_allowed(*actions: str) -> str:
    """The ARN of a new role that may do nothing but ``actions``."""
    name = fresh("role")
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    everybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    with client("iam") as iam:
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(everybody))["Role"]
        if actions:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=_policy(statement))
    return str(role["Arn"])


@contextlib.contextmanager
def permissions_count(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes moto ask IAM, as a user who may only assume roles."""
    user = fresh("user")
    with client("iam") as iam:
        iam.create_user(UserName=user)
        allowed = _policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=allowed)
        key = iam.create_access_key(UserName=user)["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    with enable_iam_authentication():
        yield


def _policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass(frozen=True)
class Forward:
    """A request on its way; to call it is to let AWS answer it."""

    to: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def __call__(self) -> Raw:
        kept = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        with contextlib.closing(http.client.HTTPConnection(urlsplit(self.to).netloc, timeout=10)) as wire:
            wire.request(self.method, self.path, self.body, kept)
            answer = wire.getresponse()
            return Raw(answer.status, answer.read(), dict(answer.getheaders()))


Fault = Callable[[Forward], Raw | None]
"""Answers a request, perhaps with what AWS says when it is passed on, or hangs up with ``None``."""


def dropped_before(_forward: Forward) -> None:
    """The request never arrives."""


def dropped_after(forward: Forward) -> None:
    """The request is carried out, and its answer is lost."""
    forward()


def refused(status: int, code: str, said: str = "said so") -> Fault:
    """S3's form of an error."""
    body = f"<Error><Code>{code}</Code><Message>{said}</Message></Error>".encode()
    return lambda _forward: Raw(status, body, {"Content-Type": "application/xml"})


def json_refused(status: int, code: str, said: str = "said so") -> Fault:
    """The form of an error that the other services have."""
    body = json.dumps({"__type": code, "message": said}).encode()
    return lambda _forward: Raw(status, body, {"Content-Type": "application/x-amz-json-1.1"})


@dataclass
class Link:
    """A wire to AWS; requests of the method ``faulty`` meet ``fault``, all others pass."""

    to: str
    fault: Fault | None = None
    faulty: str = "PUT"
    seen: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, request: Forward) -> Raw | None:
        self.seen.append(request.method)
        return self.fault(request) if self.fault and request.method == self.faulty else request()


OF_THE_WIRE = {"content-length", "connection", "transfer-encoding"}


@contextlib.contextmanager
def linked(url: str, fault: Fault | None = None, faulty: str = "PUT") -> Iterator[Link]:
    """A link to ``url``, open until the block ends."""
    link = Link(url, fault, faulty)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # with which it answers Expect: 100-continue

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            raw = link.answer(Forward(link.to, self.command, self.path, dict(self.headers), body))
            self.close_connection = True
            if raw is not None:
                self._say(raw)

        def _say(self, raw: Raw) -> None:
            self.send_response_only(raw.status)
            for name, value in raw.headers.items():
                if name.lower() not in OF_THE_WIRE:
                    self.send_header(name, value)
            announced = len(raw.body) if raw.announced is None else raw.announced
            self.send_header("Content-Length", str(announced))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(raw.body)

        do_GET = do_PUT = do_POST = do_HEAD = _pass  # noqa: N815 - http.server's own names

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    link.url = f"http://127.0.0.1:{server.server_port}"
    with served(server):
        yield link
