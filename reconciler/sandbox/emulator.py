"""A backend that answers as Airflow's REST API would, on state of its own."""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from reconciler.backends import PATH_LIMIT, Request, Response, wire
from reconciler.errors import UsageError
from reconciler.sandbox import assets, event_log, runs, v1, v2
from reconciler.sandbox.answers import Refusal, page_of_html, plain_failure
from reconciler.sandbox.masking import Masker
from reconciler.sandbox.personality import PERSONALITIES, Personality
from reconciler.sandbox.store import State, Store

_APIS = {"v1": v1.answer, "v2": v2.answer}
_FAILED = 400
_CHANGING = frozenset({"POST", "PATCH", "DELETE"})

Transaction = Callable[[], AbstractContextManager[State]]


class Emulator:
    """One Airflow of the given version; its state lives in ``file``, or only here where that is ``None``.

    It behaves as one server process, which remembers the secrets that it has seen and hides them from then
    on. ``user`` is who calls it, as its event log has it. Calls from several threads are answered one after
    the other. ``send`` raises StoreError where the state cannot be read or written.
    """

    VERSIONS: ClassVar[tuple[str, ...]] = tuple(PERSONALITIES)
    """The versions that it can be, oldest first."""

    roots = ("",)
    path_limit = PATH_LIMIT
    at_once = 1

    def __init__(
        self, file: Path | None, version: str, *, enforce_path_limit: bool = False, user: str = "reconciler"
    ) -> None:
        if version not in PERSONALITIES:
            raise UsageError(f"the sandbox knows no Airflow {version}, use {', '.join(PERSONALITIES)}")
        self._personality = PERSONALITIES[version]
        self._masker = Masker(self._personality.masks)
        self._log = event_log.Log(self._personality, user)
        self._store = Store(file)
        self._enforces_path_limit = enforce_path_limit
        self._lock = threading.Lock()

    @classmethod
    def newest(cls, major: int) -> str:
        """The newest version of a major one; raises UsageError where it knows none."""
        for version in reversed(cls.VERSIONS):
            if version.startswith(f"{major}."):
                return version
        raise UsageError(f"the sandbox knows no Airflow {major}")

    def send(self, request: Request) -> Response:
        """Answer one request as Airflow would."""
        return self._respond(request, self._store.change)

    def rehearse(self, request: Request) -> Response:
        """Answer as ``send`` would, and leave the state as it is: a transaction that is never committed."""
        return self._respond(request, self._store.rehearsal)

    def _respond(self, request: Request, opened: Transaction) -> Response:
        if self._enforces_path_limit and len(request.path) > PATH_LIMIT:
            return _too_long(request.path)
        body = wire.encode(request.body)
        with self._lock:
            try:
                return self._answer(request, body, opened)
            except Refusal as refusal:
                return refusal.response

    def _answer(self, request: Request, body: Any, opened: Transaction) -> Response:
        if not _is_text(body):
            raise Refusal(page_of_html(500) if self._personality.api == "v1" else plain_failure())
        if request.path == event_log.PATH:
            return self._log.answer(request, self._store.read())
        api = _api(self._personality, request.path)
        if request.method not in _CHANGING:
            return api(self._personality, self._masker, request, body, self._store.read())
        with opened() as state:
            response = api(self._personality, self._masker, request, body, state)
            if response.status < _FAILED:
                self._log.note(state, request, body)
            return response


def _api(personality: Personality, path: str) -> Callable[..., Response]:
    """What answers below a path."""
    if path.startswith("/dags/"):
        return runs.answer
    return assets.answer if path in assets.PATHS[personality.api] else _APIS[personality.api]


def _too_long(path: str) -> Response:
    """InvokeRestApi refuses such a path itself (Amazon MWAA API reference, ``Path``)."""
    text = f"Path has {len(path)} characters, InvokeRestApi takes at most {PATH_LIMIT}"
    return Response(400, {"title": "Bad Request", "status": 400, "detail": text})


def _is_text(body: Any) -> bool:
    """Whether all strings can be stored: a lone surrogate makes every version fail."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
