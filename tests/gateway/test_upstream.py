import base64
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from botocore.exceptions import ClientError
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from reconciler.backends import Request
from reconciler.errors import Unreachable, UsageError
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.gateway import listen
from reconciler.sandbox.upstream import Upstream, parse_upstream
from tests.gateway.sample import variables_sample
from tests.gateway.support import boto3_client, http, running, served

Judge = Callable[[HttpRequest], Response | None]


@dataclass
class Web:
    """A web server with a user named ``me@x`` whose password is ``p:/w``; tokens hold for two calls."""

    version: str
    paths: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST"])])

    async def answer(self, request: HttpRequest) -> Response:
        path = request.scope["raw_path"].decode().removeprefix("/prefix")
        self.paths.append(path)
        if path == "/auth/token":
            return self.sign_in(await request.json())
        root = "/api/v1" if self.version.startswith("2.") else "/api/v2"
        if not path.startswith(root):
            return HTMLResponse("<h1>404", 404)
        if path == f"{root}/version":
            return JSONResponse({"version": self.version})
        if path.endswith("/broken"):
            return HTMLResponse("<h1>Something bad has happened", 500)
        known = self.knows(request.headers.get("authorization", ""))
        return JSONResponse({"path": path, "query": request.url.query}, 200 if known else 401)

    def sign_in(self, credentials: dict[str, str]) -> Response:
        if credentials != {"username": "me@x", "password": "p:/w"}:
            return JSONResponse({"detail": "Invalid credentials"}, 401)
        token = f"token{len(self.left)}"
        self.left[token] = 2
        return JSONResponse({"access_token": token}, 201)

    def knows(self, authorization: str) -> bool:
        kind, _, value = authorization.partition(" ")
        if kind == "Basic":
            return base64.b64decode(value) == b"me@x:p:/w"
        self.left[value] = self.left.get(value, 0) - 1
        return self.left[value] >= 0


def with_user(url: str) -> str:
    return url.replace("http://", "http://me%40x:p%3A%2Fw@") + "/prefix/"


def test_airflow_2_is_found_behind_v2s_absence_and_gets_the_user_as_basic_credentials() -> None:
    web = Web("2.11.2")
    with served(web.app()) as url, running(Upstream(parse_upstream(with_user(url)))) as gateway:
        answer = http("GET", f"{gateway}/api/v1/variables/a%2Fb?limit=1&limit=2")
    assert answer.json == {"path": "/api/v1/variables/a%2Fb", "query": "limit=1&limit=2"}
    assert web.paths == ["/api/v2/version", "/api/v1/version", "/api/v1/variables/a%2Fb"]


def test_a_given_major_version_is_not_asked_for() -> None:
    web = Web("2.11.2")
    with served(web.app()) as url, running(Upstream(parse_upstream(with_user(url), 2))) as gateway:
        http("GET", f"{gateway}/api/v1/variables")
    assert web.paths == ["/api/v1/version", "/api/v1/variables"]


def test_airflow_3_is_signed_in_to_and_again_when_the_token_has_expired() -> None:
    web = Web("3.3.1")
    with served(web.app()) as url, running(Upstream(parse_upstream(with_user(url)))) as gateway:
        answers = [http("GET", f"{gateway}/api/v2/pools").status for _ in range(5)]
    assert answers == [200] * 5
    assert web.paths.count("/auth/token") == 3


def test_without_a_user_nothing_is_sent_as_credentials_and_a_401_stays_one() -> None:
    web = Web("3.3.1")
    with served(web.app()) as url, running(Upstream(parse_upstream(url))) as gateway:
        assert http("GET", f"{gateway}/api/v2/pools").status == 401
    assert web.paths == ["/api/v2/version", "/api/v2/pools"]


def test_a_wrong_password_is_a_service_error_that_does_not_repeat_it() -> None:
    with served(Web("3.3.1").app()) as url:
        target = parse_upstream(url.replace("http://", "http://me:s3cr3t@"))
        with running(Upstream(target)) as gateway:
            answer = http("GET", f"{gateway}/api/v2/pools")
    assert answer.status == 502
    assert "does not know this user name" in answer.text
    assert "s3cr3t" not in answer.text


def test_a_page_instead_of_json_is_the_server_exception() -> None:
    with (
        served(Web("2.10.3").app()) as url,
        running(Upstream(parse_upstream(url))) as gateway,
        boto3_client(gateway) as client,
        pytest.raises(client.exceptions.RestApiServerException) as error,
    ):
        client.invoke_rest_api(Name="e", Path="/broken", Method="GET")
    assert error.value.response["RestApiStatusCode"] == 500
    assert error.value.response["RestApiResponse"].startswith("<h1>Something bad")


def nobodys_port() -> int:
    listener = listen(0)
    port: int = listener.getsockname()[1]
    listener.close()
    return port


def test_an_upstream_that_is_down_is_a_service_error_until_it_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    backend = Upstream(parse_upstream(f"http://127.0.0.1:{nobodys_port()}"))
    with running(backend) as gateway, boto3_client(gateway) as client:
        with pytest.raises(ClientError) as error:
            client.invoke_rest_api(Name="e", Path="/pools", Method="GET")
        assert client.get_environment(Name="e")["Environment"]["Status"] == "UNAVAILABLE"
    assert error.value.response["Error"]["Code"] == "InternalServerException"


def test_the_backend_itself_raises_what_callers_know() -> None:
    with pytest.raises(Unreachable):
        Upstream(parse_upstream(f"http://127.0.0.1:{nobodys_port()}")).send(Request("GET", "/api/v2/version"))


@pytest.mark.parametrize("major", [2, 3])
def test_a_gateway_in_front_of_a_gateway_is_as_good_as_one(major: int) -> None:
    with (
        running(Emulator(None, Emulator.newest(major))) as sandbox,
        running(Upstream(parse_upstream(sandbox))) as gateway,
        boto3_client(gateway) as client,
    ):
        assert variables_sample(client, "prod")["gone"][0] == 404


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8080",
        "ftp://127.0.0.1",
        "http://",
        "http://h:port",
        "http://h?airflow=2",
        "http://user@h",
        "http://:pw@h",
        "http://[::1",
    ],
)
def test_a_malformed_upstream_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError, match="--upstream"):
        parse_upstream(url)


def test_user_and_password_leave_the_url_and_are_decoded() -> None:
    target = parse_upstream("https://me%40x:p%3Aw@[::1]:8443/a/b/", 2)
    assert (target.url, target.username, target.airflow) == ("https://[::1]:8443/a/b", "me@x", 2)
    assert "p:w" not in repr(target)
