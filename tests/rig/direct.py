"""Airflow without any of the program in between: what the contract is measured through."""

import json
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import urllib3

from reconciler.backends import NotJson, Request, Response
from tests.rig.airflow_server import Server

TIMEOUT = 60.0
EXCERPT = 2000
HTTP_FAILURE = 500


class Direct:
    """A backend that sends each request once, its path untouched, over one kept connection."""

    roots = ("",)
    path_limit = None
    at_once = 1

    def __init__(self, server: Server) -> None:
        self._headers = {"Accept": "application/json"}
        if server.username is not None:
            self._headers |= urllib3.make_headers(basic_auth=f"{server.username}:{server.password}")
        self._server = server
        self._pool = self._connected()

    def _connected(self) -> urllib3.HTTPConnectionPool:
        return urllib3.connection_from_url(
            self._server.root_url, maxsize=1, block=True, retries=False, timeout=TIMEOUT
        )

    def send(self, request: Request) -> Response:
        query = f"?{urlencode(request.query, doseq=True)}" if request.query else ""
        answer = self._pool.urlopen(
            request.method,
            self._server.api_prefix + request.path + query,
            redirect=False,
            **self._payload(request),
        )
        if answer.status >= HTTP_FAILURE:
            self._pool.close()  # uvicorn drops the connection after a failure, a moment too late to be seen
            self._pool = self._connected()
        return Response(answer.status, _decoded(answer.data))

    def _payload(self, request: Request) -> dict[str, Any]:
        if request.body is None:
            return {"headers": self._headers}  # Airflow 2.9 wants a body where a content type is announced
        return {
            "headers": {**self._headers, "Content-Type": "application/json"},
            "body": json.dumps(request.body).encode(),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()


def _decoded(data: bytes) -> Any:
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError:
        return NotJson(data[:EXCERPT].decode(errors="replace"))
