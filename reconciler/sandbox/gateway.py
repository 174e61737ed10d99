"""Amazon MWAA's API on this machine: InvokeRestApi, GetEnvironment, ListEnvironments; signatures checked."""

import functools
import signal
import socket
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType
from typing import Any
from urllib.parse import unquote

import anyio
import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from reconciler.backends import Backend, Request, Response
from reconciler.errors import ReconcilerError, UsageError
from reconciler.sandbox import rest
from reconciler.sandbox.assumptions import Assumptions
from reconciler.sandbox.environment import Environment
from reconciler.sandbox.fault_grammar import Fault
from reconciler.sandbox.fault_http import HangUp, Protocol, caller_of, cut, service_error
from reconciler.sandbox.fault_plays import Cut, Failed, Injected
from reconciler.sandbox.invoke import (
    HTTP_BAD,
    HTTP_NOT_FOUND,
    HTTP_OK,
    Answer,
    ServiceError,
    answer_of,
    check_name,
    encoded,
    internal_answer,
    request_of,
    throttle_answer,
    timeout_answer,
)
from reconciler.sandbox.request_log import Log, RequestLog
from reconciler.sandbox.sigv4 import Credentials, Signed, verify
from reconciler.sandbox.throttle import Throttle

LOOPBACK = "127.0.0.1"
HOSTS = [LOOPBACK, "localhost", "*.localhost"]
"""Hosts that a request may name, so that no web page reaches the gateway by rebinding its own name."""

ANY_NAME = "local"
"""What ListEnvironments shows where every name is taken for the one environment."""

ACCOUNT = "000000000000"
GRACE = 5
"""Seconds that a request in flight has when the gateway is stopped."""


@dataclass(frozen=True)
class Shown:
    """What GetEnvironment shows beside what Airflow itself tells."""

    status: str = "AVAILABLE"
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """What every call of the service is answered with."""

    environment: Environment
    assumptions: Assumptions
    credentials: Credentials
    name: str | None
    throttle: Throttle
    now: Callable[[], datetime]
    shown: Shown


@dataclass(frozen=True)
class Call:
    """A call whose signature holds: the name in its path, its region, and the request as it came."""

    name: str
    region: str
    body: bytes
    request: HttpRequest


Operation = Callable[[Service, Call], Awaitable[Answer]]


def create_app(  # noqa: PLR0913 - each is one decision of the caller's
    backend: Backend,
    assumptions: Assumptions,
    credentials: Credentials,
    *,
    name: str | None = None,
    rate: float | None = None,
    signs_in: bool = True,
    faults: Iterable[Fault] = (),
    log: Log = lambda _line: None,
    shown: Shown = Shown(),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Starlette:
    """The gateway in front of ``backend``.

    ``name`` is the one environment that exists, ``None`` takes every name; ``rate`` is calls per second;
    ``signs_in`` hands a token to whoever asks, which suits the emulator only; ``faults`` is what goes wrong
    on purpose; ``log`` gets a line a request; ``shown`` is what GetEnvironment adds. Raises UsageError for
    a fault that ``backend`` cannot show.
    """
    environment = Environment(backend, faults)
    service = Service(environment, assumptions, credentials, name, Throttle(rate), now, shown)
    app = Starlette(
        routes=[*_routes(service), *rest.routes(environment, signs_in=signs_in)],
        middleware=[Middleware(RequestLog, log=log), Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)],
        exception_handlers={
            HTTP_NOT_FOUND: _no_route,
            ClientDisconnect: _gone,
            Injected: functools.partial(_faulted_page, assumptions),
        },
    )
    app.router.redirect_slashes = False
    return app


def _routes(service: Service) -> list[Route]:
    return [
        Route("/restapi/{name:path}", _endpoint(service, _invoke), methods=["POST"]),
        Route("/environments", _endpoint(service, _list_environments), methods=["GET"]),
        Route("/environments/{name:path}", _endpoint(service, _get_environment), methods=["GET"]),
    ]


async def _no_route(_request: HttpRequest, _error: Exception) -> HttpResponse:
    return _http(Answer(HTTP_NOT_FOUND, rest.NO_ROUTE, "UnknownOperationException"))


async def _gone(_request: HttpRequest, _error: Exception) -> HttpResponse:
    return HttpResponse(status_code=HTTP_BAD)


def _faulted(assumptions: Assumptions, injected: Injected) -> HttpResponse:
    if isinstance(injected, Failed):
        return _http(service_error(injected.error, assumptions))
    if isinstance(injected, Cut):
        return cut(_http(answer_of(injected.response, assumptions)), injected.length)
    return HangUp()


async def _faulted_page(assumptions: Assumptions, _request: HttpRequest, error: Exception) -> HttpResponse:
    """The same to a client of the plain REST API, which knows nothing of the service's errors."""
    if isinstance(error, Failed):
        answer = service_error(error.error, assumptions)
        return rest.shown(Response(answer.status, {"detail": answer.body["message"]}))
    return cut(rest.shown(error.response), error.length) if isinstance(error, Cut) else HangUp()


def _endpoint(service: Service, operation: Operation) -> rest.Endpoint:
    async def endpoint(request: HttpRequest) -> HttpResponse:
        body = await request.body()
        try:
            answer = await operation(service, _call(service, request, body))
        except ServiceError as error:
            answer = error.answer
        except Injected as injected:
            return _faulted(service.assumptions, injected)
        return _http(answer)

    return endpoint


def _call(service: Service, request: HttpRequest, body: bytes) -> Call:
    query = request.scope["query_string"].decode("latin-1")
    path = rest.raw_path(request)
    headers = {name.lower(): ",".join(request.headers.getlist(name)) for name in request.headers}
    signed = Signed(request.method, f"{path}?{query}" if query else path, headers, body)
    region = verify(signed, service.credentials, service.now())
    return Call(unquote(path.partition("/")[2].partition("/")[2]), region, body, request)


def _http(answer: Answer) -> HttpResponse:
    headers = {"x-amzn-RequestId": str(uuid.uuid4())}
    if answer.error:
        headers["x-amzn-ErrorType"] = answer.error
    return HttpResponse(encoded(answer.body), answer.status, headers, "application/json")


async def _invoke(service: Service, call: Call) -> Answer:
    if not service.throttle.admits():
        return throttle_answer(service.assumptions)
    request = request_of(call.name, call.body, service.assumptions, service.name)
    asked = f"{request.method} {'?'.join([request.path, *request.query])}"
    call.request.state.note = asked
    answer = await _sent(service, request, call.request)
    call.request.state.note = f"{asked} {answer.body.get('RestApiStatusCode', answer.error)}"
    return answer


async def _sent(service: Service, request: Request, http_request: HttpRequest) -> Answer:
    over = threading.Event()
    work = functools.partial(service.environment.send, request, caller_of(http_request, over.is_set))
    with anyio.move_on_after(service.assumptions.timeout):
        try:
            response = await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
        except ReconcilerError as error:
            return internal_answer(str(error))
        return answer_of(response, service.assumptions)
    over.set()
    return timeout_answer(service.assumptions)


async def _get_environment(service: Service, call: Call) -> Answer:
    check_name(call.name, service.name)
    try:
        version = await anyio.to_thread.run_sync(service.environment.version, abandon_on_cancel=True)
    except ReconcilerError:
        version = None
    return Answer(HTTP_OK, {"Environment": _environment(call, version, service.shown)})


def _environment(call: Call, version: str | None, shown: Shown) -> dict[str, Any]:
    state: Mapping[str, str] = {"AirflowVersion": version} if version else {}
    return {
        "Name": call.name,
        "Arn": f"arn:aws:airflow:{call.region}:{ACCOUNT}:environment/{call.name}",
        "Status": shown.status if version else "UNAVAILABLE",
        "WebserverUrl": call.request.headers["host"],
        "WebserverAccessMode": "PUBLIC_ONLY",
        "AirflowConfigurationOptions": dict(shown.options),
        "Tags": {},
        **state,
    }


async def _list_environments(service: Service, _call: Call) -> Answer:
    return Answer(HTTP_OK, {"Environments": [service.name or ANY_NAME]})


def listen(port: int) -> socket.socket:
    """A loopback socket on ``port``, 0 for any that is free; raises UsageError if it is taken."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio turns Nagle's delay off for this only
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise UsageError(f"port {port} cannot be had ({error.strerror}); --port 0 takes a free one") from None
    return listener


def exports(url: str) -> tuple[str, ...]:
    """The environment variables with which an unmodified boto3 client reaches ``url``."""
    return (
        f"AWS_ENDPOINT_URL_MWAA={url}",
        "AWS_DISABLE_HOST_PREFIX_INJECTION=true",
        "AWS_ACCESS_KEY_ID=local",
        "AWS_SECRET_ACCESS_KEY=local",
        "AWS_SESSION_TOKEN=",
        "AWS_DEFAULT_REGION=us-east-1",
        f"NO_PROXY={LOOPBACK}",
    )


class Server(uvicorn.Server):
    """Announces itself when it listens, remembers the signal that stopped it, and lets the caller decide."""

    def __init__(self, app: Starlette, announce: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                lifespan="off",
                log_level="error",
                access_log=False,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._announce = announce
        self.stopped_by: int | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to serve, then announces it."""
        await super().startup(sockets=sockets)
        if self.started:
            self._announce()

    def handle_exit(self, sig: int, _frame: FrameType | None) -> None:
        """Ends gracefully at the first signal, at once at a second."""
        self.force_exit = self.stopped_by is not None
        self.stopped_by = sig
        self.should_exit = True


def serve(app: Starlette, listener: socket.socket, announce: Callable[[], None]) -> signal.Signals | None:
    """Serves until SIGINT or SIGTERM, which it returns; calls ``announce`` when requests are accepted."""
    server = Server(app, announce)
    server.run(sockets=[listener])
    return signal.Signals(server.stopped_by) if server.stopped_by is not None else None
