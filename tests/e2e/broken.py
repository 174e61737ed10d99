"""A server that answers whatever it is told, byte for byte."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Raw:
    """An answer: ``announced`` may promise more bytes than ``body`` has."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None


Answers = Callable[[str, str, bytes], Raw]


def said(body: Any, status: int = 200, **headers: str) -> Raw:
    """A JSON answer."""
    return Raw(status, json.dumps(body).encode(), headers)


@contextlib.contextmanager
def answering(answers: Answers) -> Iterator[str]:
    """The URL of a server that asks ``answers`` with method, path and body."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = answers(self.command, self.path, self.rfile.read(length))
            self.send_response(raw.status)
            for name, value in raw.headers.items():
                self.send_header(name.replace("_", "-"), value)
            announced = len(raw.body) if raw.announced is None else raw.announced
            self.send_header("Content-Length", str(announced))
            self.end_headers()
            self.wfile.write(raw.body)
            self.close_connection = True

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's own names

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
