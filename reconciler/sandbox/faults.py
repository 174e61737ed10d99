"""An Airflow with faults on purpose: calls that get lost, are refused, half done, or answered wrongly."""

import functools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from reconciler.backends import Backend, Request, Response
from reconciler.errors import (
    AccessDenied,
    AirflowError,
    BadAnswer,
    EnvironmentNotFound,
    Rejected,
    ServiceFailed,
    Throttled,
    Unreachable,
    UsageError,
)
from reconciler.sandbox.fault_answers import echo, masked
from reconciler.sandbox.fault_grammar import Fault, Mode, When, parse_fault
from reconciler.sandbox.fault_plays import PLAYS, Cut, Failed, Injected, Send, Stage

__all__ = ["Fault", "Faulty", "Mode", "When", "parse_fault"]


@runtime_checkable
class Rehearsing(Protocol):
    """What can answer to a write without carrying it out: of all backends, the emulator."""

    def rehearse(self, request: Request) -> Response:
        """The answer that the request would get."""


@dataclass(frozen=True)
class Turn:
    """One call, its number and the fault that it meets; ``masks`` hide words in what Airflow answers."""

    number: int
    request: Request
    fault: Fault | None
    masks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"call {self.number}: {self.fault}" if self.fault else f"call {self.number}"

    def play(self, stage: Stage) -> Response:
        """Carries the call out as its fault has it; raises Injected where no answer of Airflow's is left."""
        if self.masks:
            send, rehearse = self._masking(stage.send), self._masking(stage.rehearse)
            stage = replace(stage, send=send, rehearse=rehearse)
        if self.fault is None:
            return stage.send(self.request)
        mode = self.fault.mode
        return PLAYS[mode.name](stage, self.request, mode.argument)

    def _masking(self, send: Send) -> Send:
        return lambda request: functools.reduce(masked, self.masks, send(request))


class Script:
    """The faults of one environment; it counts the calls and knows which fault is whose.

    Raises UsageError for a fault that ``backend`` cannot show.
    """

    def __init__(self, faults: Iterable[Fault], backend: Backend) -> None:
        self._faults = tuple(faults)
        for fault in self._faults:
            if fault.mode.name == "not_committed" and not isinstance(backend, Rehearsing):
                raise UsageError(f"{fault}: only the sandbox can undo what it has answered to")
        self._lock = threading.Lock()
        self._matched = [0] * len(self._faults)
        self._expired: Fault | None = None
        self._masks: tuple[str, ...] = ()
        self.calls = 0

    def take(self, request: Request) -> Turn:
        """Counts a call, its path below the REST root, and tells the first fault that fits it."""
        with self._lock:
            self.calls += 1
            fitting = [fault for index, fault in enumerate(self._faults) if self._fits(index, request)]
            fault = self._expired or next(iter(fitting), None)
            return Turn(self.calls, request, fault, self._remembered(fault))

    def _fits(self, index: int, request: Request) -> bool:
        when = self._faults[index].when
        if not when.matches(request):
            return False
        self._matched[index] += 1
        return when.holds(self._matched[index])

    def _remembered(self, fault: Fault | None) -> tuple[str, ...]:
        """The words to hide in this call's answer; later ones learn of a mask whose WHEN does not end."""
        if fault and fault.mode.name == "expire":
            self._expired = fault
        if not fault or fault.mode.name != "mask":
            return self._masks
        masks = tuple(dict.fromkeys((*self._masks, fault.mode.argument)))
        if fault.when.last is None:
            self._masks = masks
        return masks


def rehearsal(backend: Backend, major: Callable[[], int]) -> Send:
    """What answers to a write that is not carried out; a real Airflow cannot, so the request is echoed."""
    return backend.rehearse if isinstance(backend, Rehearsing) else lambda request: echo(major(), request)


def _kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Faulty:
    """A backend that passes calls on to another and does to them what ``faults`` say.

    Calls are counted from 1 in the order in which they come, those of GET /version included. Raises
    UsageError where a fault needs the sandbox and ``backend`` is something else.
    """

    def __init__(
        self,
        backend: Backend,
        faults: Iterable[Fault],
        kill: Callable[[], None] = _kill_this_process,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._backend = backend
        self._script = Script(faults, backend)
        self._kill = kill
        self._sleep = sleep

    @property
    def roots(self) -> tuple[str, ...]:
        """The roots of the backend behind it."""
        return self._backend.roots

    @property
    def path_limit(self) -> int | None:
        """The limit of the backend behind it."""
        return self._backend.path_limit

    @property
    def at_once(self) -> int:
        """One: faults are told by the number of the call."""
        return 1

    @property
    def calls(self) -> int:
        """How many calls have come so far."""
        return self._script.calls

    def send(self, request: Request) -> Response:
        """The answer that the call's fault leaves of Airflow's; raises AirflowError as the service would."""
        root = next((root for root in self.roots if request.path.startswith(f"{root}/")), "")
        turn = self._script.take(replace(request, path=request.path.removeprefix(root)))
        try:
            return turn.play(self._stage(root))
        except Injected as injected:
            raise seen(injected, f"injected fault, {turn}") from None

    def _stage(self, root: str) -> Stage:
        major = functools.partial(_major, self._backend, root)

        def below(send: Send) -> Send:
            return lambda request: send(replace(request, path=root + request.path))

        echoing = below(rehearsal(self._backend, major))
        return Stage(below(self._backend.send), echoing, major, self._kill, self._sleep)


def _major(backend: Backend, root: str) -> int:
    body = backend.send(Request("GET", f"{root}/version")).body
    return int(str(body["version"]).partition(".")[0]) if isinstance(body, dict) and "version" in body else 3


def seen(injected: Injected, message: str) -> AirflowError:
    """The error that a backend raises for what its client gets instead of an answer."""
    if isinstance(injected, Failed):
        return _ERRORS[injected.error](message)
    return BadAnswer(message) if isinstance(injected, Cut) else Unreachable(message)


_rejected = functools.partial(Rejected, status=400)

_ERRORS: dict[str | None, Callable[[str], AirflowError]] = {
    None: Throttled,
    "InternalServerException": ServiceFailed,
    "RestApiServerException": ServiceFailed,
    "RestApiClientException": _rejected,
    "AccessDeniedException": AccessDenied,
    "ExpiredTokenException": AccessDenied,
    "ThrottlingException": Throttled,
    "ResourceNotFoundException": EnvironmentNotFound,
    "ValidationException": _rejected,
}
"""What ``backends.mwaa`` makes of each error of the service."""
