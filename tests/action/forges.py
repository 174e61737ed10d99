"""GitHub and GitLab on 127.0.0.1: the few answers that a job needs, and what it has written."""

import contextlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.aws.support import served

BOT = {"user": {"login": "github-actions[bot]", "type": "Bot"}, "author_association": "NONE"}
STRANGER = {"user": {"login": "someone", "type": "User"}, "author_association": "CONTRIBUTOR"}
OWN_ID = 7
"""Whose token a job of GitLab has."""


@dataclass(frozen=True)
class Call:
    """One request, as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Fake:
    """A forge: answers by path, each a document or bytes; what is written lands in lists."""

    answers: dict[str, Any] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    """Methods that the token may not use."""
    redirects: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    url: str = ""

    @property
    def writes(self) -> list[str]:
        return [str(call) for call in self.calls if call.method != "GET"]

    @property
    def written(self) -> list[Any]:
        return [call.body for call in self.calls if call.method != "GET"]

    def answer(self, call: Call) -> tuple[int, Any]:
        self.calls.append(call)
        if call.method in self.denied:
            return 403, {"message": "Resource not accessible\nby integration"}
        if call.method != "GET":
            return 201, {}
        if call.path not in self.answers:
            return 404, {"message": "Not Found"}
        found = self.answers[call.path]
        return 200, _page(found, call.query) if isinstance(found, list) else found


def _page(entries: list[Any], query: dict[str, str]) -> list[Any]:
    size, number = int(query.get("per_page", 20)), int(query.get("page", 1))
    return entries[(number - 1) * size : number * size]


@contextlib.contextmanager
def listening(fake: Fake) -> Iterator[Fake]:
    """The forge at ``fake.url``, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            url = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(content) if content else None
            status, answer = fake.answer(Call(self.command, url.path, query, headers, body))
            if url.path in fake.redirects:
                self._say(302, b"", {"Location": fake.redirects[url.path]})
            else:
                self._say(status, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), {})

        def _say(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response_only(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = _take  # noqa: N815 - http.server's own names

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    with served(server):
        yield fake


def zipped(name: str, content: bytes) -> bytes:
    """An archive with one file."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(name, content)
    return archive.getvalue()
