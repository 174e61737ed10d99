"""Airflow 2 hashes the password of each call that brings one; the cookie of an answer spares it that."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from reconciler.backends import Request
from reconciler.backends.http import HttpBackend
from reconciler.model import Secret
from reconciler.targets import HttpTarget

BASIC = "Basic YWRtaW46czNjcmV0"
GET = Request("GET", "/api/v1/pools")


@contextlib.contextmanager
def airflow_2(*, sets_cookies: bool = True) -> Iterator[tuple[str, list[str], set[str]]]:
    """An URL, the credentials of each call, and the cookies that are known; more are made on signing in."""
    credentials: list[str] = []
    known: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            cookie = self.headers.get("Cookie")
            credentials.append(cookie or self.headers.get("Authorization") or "none")
            self.send_response(200 if cookie in known or (not cookie and credentials[-1] == BASIC) else 401)
            if credentials[-1] == BASIC and sets_cookies:
                known.add(f"session=s{len(credentials)}")
                self.send_header("Set-Cookie", "other=1; Path=/")
                self.send_header("Set-Cookie", f"session=s{len(credentials)}; HttpOnly; Path=/")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", credentials, known
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def backend(url: str, password: str = "s3cret") -> HttpBackend:  # noqa: S107 - a test's own
    return HttpBackend(HttpTarget(url, 2, username="admin", password=Secret("env:P", password)))


def test_the_password_is_sent_once_and_the_cookie_from_then_on() -> None:
    with airflow_2() as (url, credentials, _):
        airflow = backend(url)
        assert [airflow.send(GET).status for _ in range(3)] == [200] * 3
    assert credentials == [BASIC, "session=s1", "session=s1"]


def test_a_cookie_that_is_not_known_any_more_is_made_anew() -> None:
    with airflow_2() as (url, credentials, known):
        airflow = backend(url)
        airflow.send(GET)
        known.clear()
        assert airflow.send(GET).status == 200
    assert credentials == [BASIC, "session=s1", BASIC]


def test_a_wrong_password_is_asked_about_once() -> None:
    with airflow_2() as (url, credentials, _):
        assert backend(url, "wrong").send(GET).status == 401
    assert len(credentials) == 1


def test_a_server_without_cookies_gets_the_password_each_time() -> None:
    with airflow_2(sets_cookies=False) as (url, credentials, _):
        airflow = backend(url)
        assert [airflow.send(GET).status for _ in range(2)] == [200] * 2
    assert credentials == [BASIC] * 2
