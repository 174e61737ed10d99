"""What each mode of a fault does with a call: what of it reaches Airflow, and what its client gets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.backends import Request, Response
from reconciler.sandbox.fault_answers import failure, first_rows, with_total

Send = Callable[[Request], Response]


class Injected(Exception):
    """A call whose client gets no answer of Airflow's; it never leaves the sandbox."""


class Dropped(Injected):
    """The connection closes without an answer."""


class Failed(Injected):
    """The service answers an error of its own; ``error`` is ``None`` where it throttles."""

    def __init__(self, error: str | None) -> None:
        self.error = error
        super().__init__(error)


class Cut(Injected):
    """The answer ends after ``length`` bytes, or half-way where that is ``None``."""

    def __init__(self, response: Response, length: int | None) -> None:
        self.response = response
        self.length = length
        super().__init__(length)


@dataclass(frozen=True)
class Stage:
    """What a fault can reach: Airflow below its REST root, the clock, the process that called, the log."""

    send: Send
    rehearse: Send
    major: Callable[[], int]
    kill: Callable[[], None]
    sleep: Callable[[float], None]
    tell: Callable[[str], None] = lambda _text: None


Play = Callable[[Stage, Request, Any], Response]


def _pass(stage: Stage, request: Request, _argument: Any) -> Response:
    return stage.send(request)


def _drop_before(_stage: Stage, _request: Request, _argument: Any) -> Response:
    raise Dropped


def _drop_after(stage: Stage, request: Request, _argument: Any) -> Response:
    stage.send(request)
    raise Dropped


def _status(stage: Stage, _request: Request, status: int) -> Response:
    return failure(stage.major(), status)


def _status_after(stage: Stage, request: Request, status: int) -> Response:
    stage.send(request)
    return failure(stage.major(), status)


def _throttle(_stage: Stage, _request: Request, _argument: Any) -> Response:
    raise Failed(None)


def _error(_stage: Stage, _request: Request, error: str) -> Response:
    raise Failed(error)


def _expire(_stage: Stage, _request: Request, _argument: Any) -> Response:
    raise Failed("ExpiredTokenException")


def _delay(stage: Stage, request: Request, seconds: float) -> Response:
    stage.sleep(seconds)
    return stage.send(request)


def _truncate(stage: Stage, request: Request, length: int | None) -> Response:
    raise Cut(stage.send(request), length)


def _not_applied(stage: Stage, request: Request, _argument: Any) -> Response:
    """Where a path names no single resource, as of a bulk PATCH, there is nothing before to show."""
    if request.method == "DELETE":
        return Response(204)
    if request.method == "PATCH" and request.path.count("/") > 1:
        return stage.send(Request("GET", request.path))
    return _not_committed(stage, request, None)


def _not_committed(stage: Stage, request: Request, _argument: Any) -> Response:
    return stage.send(request) if request.method == "GET" else stage.rehearse(request)


def _mutate(stage: Stage, request: Request, mutation: Request) -> Response:
    stage.tell(f"somebody else's call {stage.send(mutation).status}")
    return stage.send(request)


def _rows(stage: Stage, request: Request, count: int) -> Response:
    return first_rows(stage.send(request), count)


def _total(stage: Stage, request: Request, total: int) -> Response:
    return with_total(stage.send(request), total)


def _empty(stage: Stage, request: Request, _argument: Any) -> Response:
    return with_total(first_rows(stage.send(request), 0), 0)


def _kill_before(stage: Stage, _request: Request, _argument: Any) -> Response:
    stage.kill()
    raise Dropped


def _kill_after(stage: Stage, request: Request, _argument: Any) -> Response:
    stage.send(request)
    stage.kill()
    raise Dropped


PLAYS: dict[str, Play] = {
    "drop_before": _drop_before,
    "drop_after": _drop_after,
    "status": _status,
    "status_after": _status_after,
    "throttle": _throttle,
    "error": _error,
    "expire": _expire,
    "delay": _delay,
    "truncate": _truncate,
    "not_applied": _not_applied,
    "not_committed": _not_committed,
    "mutate": _mutate,
    "mask": _pass,
    "rows": _rows,
    "total": _total,
    "empty": _empty,
    "kill_before": _kill_before,
    "kill_after": _kill_after,
}
