"""The one Airflow behind the gateway: its REST root, its version, and one request at a time."""

import threading
from collections.abc import Callable
from dataclasses import replace

from reconciler.backends import Backend, Request, Response
from reconciler.errors import AirflowError

HTTP_OK = 200


class Abandoned(Exception):
    """Nobody waits for the answer any more; nothing was sent."""


class Environment:
    """Sends requests below the REST root, which it finds out when first asked.

    One at a time: the emulator has one state, and Airflow on SQLite stalls on two writers.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._root: str | None = None
        self._major: int | None = None

    def send(self, request: Request, is_abandoned: Callable[[], bool] = lambda: False) -> Response:
        """Airflow's response; raises AirflowError, and Abandoned if that is so when its turn has come."""
        with self._lock:
            if is_abandoned():
                raise Abandoned
            root = self._find_root()[0] if self._root is None else self._root
            return self._backend.send(replace(request, path=root + request.path))

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
