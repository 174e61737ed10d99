"""How a fault looks to an HTTP client: no answer, half an answer, or an error of the service."""

import functools
from asyncio import Transport
from collections.abc import Callable

from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.sandbox.assumptions import Assumptions
from reconciler.sandbox.environment import Caller
from reconciler.sandbox.invoke import HTTP_BAD, HTTP_NOT_FOUND, HTTP_SERVER_ERROR, Answer, throttle_answer
from reconciler.sandbox.peers import kill_peer

HANG_UP, FAULTS = "hang_up", "faults"
"""Names in the ``state`` of a scope: what closes its connection, and the texts about its faults."""

HTTP_FORBIDDEN = 403


class Protocol(H11Protocol):
    """HTTP whose requests can close the connection that they came by."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Tells every request of the connection how to hang up."""
        self.app_state = {**self.app_state, HANG_UP: transport.close}
        super().connection_made(transport)


class HangUp(HttpResponse):
    """No response at all: the connection closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Returns when the server knows that nobody waits, or it would answer that the app failed."""
        scope["state"][HANG_UP]()
        while (await receive())["type"] != "http.disconnect":
            pass


def caller_of(request: HttpRequest, is_abandoned: Callable[[], bool] = lambda: False) -> Caller:
    """Who made a request: faults are noted in its scope, and its process can be killed."""
    tell = functools.partial(_note, request.scope)
    return Caller(is_abandoned, tell, functools.partial(_kill, request.scope))


def _note(scope: Scope, text: str) -> None:
    scope["state"].setdefault(FAULTS, []).append(text)


def _kill(scope: Scope) -> None:
    if not kill_peer(scope["client"], scope["server"]):
        _note(scope, "its process is unknown and lives on")


def cut(response: HttpResponse, length: int | None) -> HttpResponse:
    """A complete HTTP response, of which the body is only the beginning of what it was."""
    body = bytes(response.body)
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return HttpResponse(body[: len(body) // 2 if length is None else length], response.status_code, headers)


def service_error(error: str | None, assumptions: Assumptions) -> Answer:
    """The service's answer of that type; ``None`` is the one with which it throttles."""
    throttled = throttle_answer(assumptions)
    if error is None:
        return throttled
    statuses = {**_STATUSES, "RestApiServerException": assumptions.server_error_status}
    message = _MESSAGES.get(error, error)
    return Answer(statuses.get(error, throttled.status), {"message": message}, error)


_STATUSES = {
    "InternalServerException": HTTP_SERVER_ERROR,
    "RestApiClientException": HTTP_BAD,
    "AccessDeniedException": HTTP_FORBIDDEN,
    "ExpiredTokenException": HTTP_FORBIDDEN,
    "ResourceNotFoundException": HTTP_NOT_FOUND,
    "ValidationException": HTTP_BAD,
}
_MESSAGES = {
    "ExpiredTokenException": "The security token included in the request is expired",
    "ThrottlingException": "Rate exceeded",
}
