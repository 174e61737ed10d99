"""The one Airflow behind the gateway: its REST root, its version, its faults, and one request at a time."""

import functools
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from reconciler.backends import Backend, Request, Response
from reconciler.errors import AirflowError
from reconciler.sandbox.fault_grammar import Fault
from reconciler.sandbox.fault_plays import Send, Stage
from reconciler.sandbox.faults import Script, rehearsal

HTTP_OK = 200


class Abandoned(Exception):
    """Nobody waits for the answer any more; nothing was sent."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Caller:
    """Who made a call: whether it has given up, how it is told of a fault and what kills its process."""

    is_abandoned: Callable[[], bool] = _never
    tell: Callable[[str], None] = lambda _text: None
    kill: Callable[[], None] = lambda: None


NOBODY = Caller()


class Environment:
    """Sends requests below the REST root, which it finds out when first asked.

    One at a time: the emulator has one state, and Airflow on SQLite stalls on two writers. Raises
    UsageError for a fault that ``backend`` cannot show.
    """

    def __init__(
        self,
        backend: Backend,
        faults: Iterable[Fault] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._backend = backend
        self._rehearse = rehearsal(backend, self.major)
        self._script = Script(faults, backend)
        self._sleep = sleep
        self._lock = threading.RLock()  # an echo asks for the version within its turn
        self._root: str | None = None
        self._major: int | None = None

    def send(self, request: Request, caller: Caller = NOBODY) -> Response:
        """Airflow's response, as a fault leaves it; raises AirflowError, and Injected where none is left.

        Raises Abandoned if the caller has given up when its turn has come. A call with a fault is carried
        out all the same: that is what a call too slow does.
        """
        turn = self._script.take(request)
        if turn.fault is None:
            return turn.play(self._stage(caller.is_abandoned, caller))
        caller.tell(str(turn))
        return turn.play(self._stage(_never, caller))

    def _stage(self, is_abandoned: Callable[[], bool], caller: Caller) -> Stage:
        send = functools.partial(self._in_turn, self._backend.send, is_abandoned)
        rehearse = functools.partial(self._in_turn, self._rehearse, is_abandoned)
        return Stage(send, rehearse, self.major, caller.kill, self._sleep, caller.tell)

    def _in_turn(self, send: Send, is_abandoned: Callable[[], bool], request: Request) -> Response:
        with self._lock:
            if is_abandoned():
                raise Abandoned
            root = self._find_root()[0] if self._root is None else self._root
            return send(replace(request, path=root + request.path))

    def version(self) -> str:
        """Airflow's version, such as ``2.11.2``; raises AirflowError where none answers."""
        with self._lock:
            return self._find_root()[1]

    def major(self) -> int:
        """2 or 3, asked for once; raises AirflowError where none answers."""
        if self._major is None:
            self._major = int(self.version().partition(".")[0])
        return self._major

    def _find_root(self) -> tuple[str, str]:
        for root in self._backend.roots if self._root is None else (self._root,):
            response = self._backend.send(Request("GET", f"{root}/version"))
            version = response.body.get("version") if isinstance(response.body, dict) else None
            if response.status == HTTP_OK and isinstance(version, str):
                self._root = root
                return root, version
        raise AirflowError("no Airflow REST API answers there")
