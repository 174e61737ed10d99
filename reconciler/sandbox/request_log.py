"""The gateway's log: a line for each request, without any value."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.sandbox.fault_http import FAULTS, HANG_UP

Log = Callable[[str], None]

NOTE = "note"
"""What a request asked of Airflow, in the ``state`` of its scope."""

CLOSED = "closed"
"""Stands for the status where the connection was closed without one."""


class RequestLog:
    """Reports each request: method, path without query, status, what it asked of Airflow, and its faults."""

    def __init__(self, app: ASGIApp, log: Log) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of the server, which is passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        if HANG_UP in state:
            state[HANG_UP] = self._noted(scope, state[HANG_UP])

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._log(_line(scope, message["status"]))
            await send(message)

        await self._app(scope, receive, observed)

    def _noted(self, scope: Scope, close: Callable[[], None]) -> Callable[[], None]:
        """Logs first, as a response is logged before the client can see it."""

        def hang_up() -> None:
            self._log(_line(scope, CLOSED))
            close()

        return hang_up


def _line(scope: Scope, outcome: int | str) -> str:
    state = scope["state"]
    notes = "; ".join([*([state[NOTE]] if NOTE in state else []), *state.get(FAULTS, [])])
    path = scope["raw_path"].decode("latin-1")
    line = f"{scope['method']} {path} {outcome}" + (f" ({notes})" if notes else "")
    return line.encode("unicode_escape").decode("ascii")
