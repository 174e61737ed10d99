"""An Airflow web server reached directly over HTTP."""

import json
import threading
from typing import Any
from urllib.parse import urlencode

import urllib3

from reconciler.backends import AT_ONCE, NotJson, RawAnswer, Request, Response, Witness, wire
from reconciler.errors import AccessDenied, AirflowError, BadAnswer, Unreachable, why_unreachable
from reconciler.model import Secret
from reconciler.targets import HttpTarget

TIMEOUT = urllib3.Timeout(connect=5, read=30)
"""Seconds; Airflow 2 takes some for a page of large variables."""

ROOTS = {2: ("/api/v1",), 3: ("/api/v2",), None: ("/api/v2", "/api/v1")}
HOST_OR_SERVER = "check the target's host and port, and that the server runs"
JSON = {"Accept": "application/json", "Content-Type": "application/json"}
"""Airflow 2 answers 400 to a DELETE that announces JSON and has no body."""

HTTP_UNAUTHORISED, HTTP_MULTIPLE = 401, 300
SESSION_COOKIE = "session"


class HttpBackend:
    """Sends requests with urllib3, each exactly once, redirects not followed.

    With a user name and a password, Airflow 2 gets them as HTTP Basic, and from then on the cookie that it
    answers with, which spares it 45 ms of hashing a call; Airflow 3 is signed in to once, at ``/auth/token``.
    """

    path_limit = None
    at_once = AT_ONCE

    def __init__(self, target: HttpTarget, witness: Witness | None = None) -> None:
        self._target = target
        self._witness = witness
        self.roots = ROOTS[target.airflow]
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False, maxsize=AT_ONCE)
        self._token = target.token
        self._signing_in = threading.Lock()
        self._cookie: str | None = None

    def send(self, request: Request) -> Response:
        """What Airflow answered; raises Unreachable if nothing did."""
        path = request.path + (f"?{urlencode(request.query, doseq=True)}" if request.query else "")
        body = None if request.body is None else json.dumps(wire.encode(request.body)).encode()
        answer = self._exchange(request.method, path, body, self._headers(request, body))
        if answer.status == HTTP_UNAUTHORISED and self._cookie is not None:
            self._cookie = None
            answer = self._exchange(request.method, path, body, self._headers(request, body))
        if self._witness is not None:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            self._witness(RawAnswer(answer.status, headers, answer.data))
        if request.path.startswith("/api/v1"):
            self._cookie = _session_cookie(answer) or self._cookie
        return Response(answer.status, _decoded(answer.data))

    def _headers(self, request: Request, body: bytes | None) -> dict[str, str]:
        kinds = JSON if body else {"Accept": JSON["Accept"]}
        return {**self._credentials(request.path), **kinds}

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(method, self._target.url + path, body=body, headers=headers)
        except urllib3.exceptions.LocationValueError:
            raise AirflowError(f"{self._target} is not an URL") from None
        except urllib3.exceptions.ProtocolError:
            raise Unreachable(f"{self._target} broke off before its answer was complete") from None
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(
                f"{self._target} cannot be reached: {why_unreachable(error)}; {HOST_OR_SERVER}"
            ) from None

    def _credentials(self, path: str) -> dict[str, str]:
        if path.startswith("/api/v2") and not path.endswith("/version"):
            with self._signing_in:
                self._sign_in()
        if self._token is not None:
            return {"Authorization": f"Bearer {wire.encode(self._token)}"}
        if self._target.username is not None and path.startswith("/api/v1"):
            return self._basic() if self._cookie is None else {"Cookie": self._cookie}
        return {}

    def _basic(self) -> dict[str, str]:
        username, password = wire.encode([self._target.username, self._target.password])
        return urllib3.make_headers(basic_auth=f"{username}:{password}")

    def _sign_in(self) -> None:
        if self._token is not None or self._target.username is None:
            return
        credentials = {"username": self._target.username, "password": self._target.password}
        body = json.dumps(wire.encode(credentials)).encode()
        answer = self._exchange("POST", "/auth/token", body, JSON)
        if answer.status == HTTP_UNAUTHORISED:
            raise AccessDenied(f"{self._target} does not know this user name and password")
        token = _access_token(_decoded(answer.data)) if answer.status < HTTP_MULTIPLE else None
        if token is None:
            raise BadAnswer(
                f"signing in at {self._target}/auth/token answered {answer.status} without a token"
            )
        self._token = Secret("the access token", token)


def _session_cookie(answer: urllib3.BaseHTTPResponse) -> str | None:
    """The cookie under which Airflow 2 knows a user again, as it is sent back."""
    for text in answer.headers.getlist("Set-Cookie"):
        name, _, rest = text.partition("=")
        if name == SESSION_COOKIE:
            return f"{name}={rest.partition(';')[0]}"
    return None


def _access_token(body: Any) -> str | None:
    token = body.get("access_token") if isinstance(body, dict) else None
    return token if isinstance(token, str) else None


def _decoded(data: bytes) -> Any:
    if not data:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return NotJson(data[:80].decode(errors="replace"))
