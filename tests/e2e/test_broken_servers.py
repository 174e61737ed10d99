"""Servers that fail: one sentence, exit 1, no traceback, nothing written, no secret shown."""

import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler import amazon
from reconciler.airflow import ATTEMPTS_TO_LIST
from reconciler.backends.http import HOST_OR_SERVER
from reconciler.backends.mwaa import VPC
from reconciler.kinds import KINDS
from reconciler.retry import TRIES
from tests.e2e.broken import Raw, answering, said
from tests.e2e.tool import CANARY, Tool

VERSION = {"version": "3.3.1", "git_version": None}
EMPTY = {"variables": [], "connections": [], "pools": [], "total_entries": 0}
HTML = Raw(200, b"<html>Sign in</html>", {"Content_Type": "text/html"})
CUT = Raw(200, b'{"variables": [], "total', {})


@pytest.fixture
def tool(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Tool:
    monkeypatch.setenv("PASSWORD", CANARY)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_MWAA"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = Tool(tmp_path / "env", capsys)
    made.folder.mkdir()
    connection = {"conn_type": "http", "password": {"$secret": "env:PASSWORD"}}
    made.declare(variables={"a": "1"}, connections={"c": connection})
    return made


def after_version(answer: Raw) -> Callable[[str, str, bytes], Raw]:
    """A v2 server that knows its version and answers everything else the same."""

    def answers(method: str, path: str, body: bytes) -> Raw:
        del method, body
        if path.startswith("/api/v2"):
            return said(VERSION) if path.endswith("/version") else answer
        return said({"detail": "Not Found"}, 404)

    return answers


FORBIDDEN_HINT = (
    "reading variables and connections takes the Airflow role Op or Admin; on MWAA the IAM policy allows "
    "airflow:InvokeRestApi on arn:aws:airflow:REGION:ACCOUNT:role/ENVIRONMENT/Op, not on the environment"
)
AIRFLOW_ANSWERS = {
    "401": (
        said({"detail": "Not authenticated"}, 401),
        "GET /pools answered 401: Not authenticated; check the credentials",
    ),
    "403": (said({"detail": "Forbidden"}, 403), f"GET /pools answered 403: Forbidden; {FORBIDDEN_HINT}"),
    "429": (
        said({"detail": "slow down"}, 429),
        "GET /pools answered 429: slow down; lower rate_limit or try again later",
    ),
    "500": (
        Raw(500, b"Internal Server Error"),
        "GET /pools answered 500; a pool with -1 slots does that before Airflow 3.2",
    ),
    "404": (said({"detail": "gone"}, 404), "GET /pools answered 404: it is not there"),
    "HTML": (HTML, "GET /pools answered 200, but not with JSON"),
    "truncated JSON": (CUT, "GET /pools answered 200, but not with JSON"),
    "another shape": (said([1, 2]), "the list of pools has no rows or no total_entries"),
    "no total": (said({"pools": []}), "the list of pools has no rows or no total_entries"),
    "fewer rows than announced": (
        said({"pools": [], "total_entries": 3}),
        "3 pools are announced, 0 are listed",
    ),
}
TRIED_AGAIN = {"429": TRIES, "500": TRIES, "HTML": TRIES, "truncated JSON": TRIES}
LISTED_AGAIN = dict.fromkeys(("another shape", "no total", "fewer rows than announced"), ATTEMPTS_TO_LIST)


@pytest.mark.parametrize("command", ["plan", "drift", "apply"])
@pytest.mark.parametrize("name", AIRFLOW_ANSWERS)
def test_airflow_answers_that_are_no_use_are_one_sentence(tool: Tool, name: str, command: str) -> None:
    answer, sentence = AIRFLOW_ANSWERS[name]
    asked: list[str] = []

    def answers(method: str, path: str, body: bytes) -> Raw:
        asked.append(f"{method} {path.partition('?')[0]}")
        return after_version(answer)(method, path, body)

    with answering(answers) as url:
        tool.configure(url)
        ran = tool(command, *(["--yes"] if command == "apply" else []))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"error: env: {sentence}\n"
    times = {**TRIED_AGAIN, **LISTED_AGAIN}.get(name, 1)
    assert asked[0] == "GET /api/v2/version"
    lists = Counter(asked[1:])
    assert lists["GET /api/v2/pools"] == times
    assert lists <= Counter({f"GET /api/v2/{kind.collection}": times for kind in KINDS})


def test_an_answer_cut_by_the_network_is_no_empty_list(tool: Tool) -> None:
    cut = Raw(200, b'{"pools": [], "tot', announced=4000)
    with answering(after_version(cut)) as url:
        tool.configure(url)
        ran = tool("plan")
    assert ran.code == 1
    assert ran.err == f"error: env: {url} broke off before its answer was complete\n"


def test_an_unreachable_server_is_one_sentence(tool: Tool) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    tool.configure(url)
    ran = tool("plan")
    assert ran.code == 1
    assert ran.err == f"error: env: {url} cannot be reached: Connection refused; {HOST_OR_SERVER}\n"


def test_an_unknown_host_is_one_sentence(tool: Tool) -> None:
    tool.configure("http://airflow.invalid")
    ran = tool("plan")
    assert ran.code == 1
    assert ran.err.startswith("error: env: http://airflow.invalid cannot be reached: ")


def test_a_server_without_a_rest_api_is_one_sentence(tool: Tool) -> None:
    with answering(lambda *_: said({"detail": "Not Found"}, 404)) as url:
        tool.configure(url)
        ran = tool("plan")
    assert ran.code == 1
    expected = "no Airflow REST API answers there; does the target's URL need a prefix?"
    assert ran.err == f"error: env: {expected}\n"


def test_an_unknown_major_version_is_refused(tool: Tool) -> None:
    with answering(lambda *_: said({"version": "4.0.0"})) as url:
        tool.configure(url)
        ran = tool("plan")
    assert ran.code == 1
    assert ran.err == "error: env: Airflow 4.0.0 is not known; versions 2 and 3 are\n"


def service_error(code: str, status: int, **body: Any) -> Raw:
    return said(body, status, x_amzn_ErrorType=code)


def rest_error(code: str, status: int, inner: int, answer: Any) -> Raw:
    return service_error(code, status, RestApiStatusCode=inner, RestApiResponse=answer)


IAM_HINT = (
    "check the credentials and that their policy allows airflow:InvokeRestApi on "
    "arn:aws:airflow:REGION:ACCOUNT:role/ENVIRONMENT/Op (the Airflow role, not the environment)"
)
TARGET = "mwaa://eu-west-1/prod"
SERVICE_ANSWERS = {
    "no permission": (
        service_error("AccessDeniedException", 403, Message="User is not authorized: Airflow role"),
        f"AWS refused the call to {TARGET}: User is not authorized: Airflow role; {IAM_HINT}",
    ),
    "bad signature": (
        service_error("InvalidSignatureException", 403, message="does not match"),
        f"AWS refused the call to {TARGET}: does not match; {IAM_HINT}",
    ),
    "expired token": (
        service_error("ExpiredTokenException", 403, message="expired"),
        f"AWS refused the call to {TARGET}: expired; {IAM_HINT}",
    ),
    "no such environment": (
        service_error("ResourceNotFoundException", 404, message="Environment not found"),
        f"AWS knows no environment {TARGET}: Environment not found; check its name, region and account",
    ),
    "throttled": (
        service_error("ThrottlingException", 429, message="Rate exceeded"),
        f"{TARGET} is throttled by AWS; lower rate_limit or try again later",
    ),
    "throttled with 400": (
        service_error("ThrottlingException", 400, message="Rate exceeded"),
        f"{TARGET} is throttled by AWS; lower rate_limit or try again later",
    ),
    "service failure": (
        service_error("InternalServerException", 500, message="oops"),
        f"{TARGET}: AWS answered InternalServerException",
    ),
    "failure without Airflow's status": (
        service_error("RestApiServerException", 400, message="oops"),
        f"{TARGET}: AWS answered RestApiServerException",
    ),
    "refusal without Airflow's status": (
        service_error("RestApiClientException", 400, message="oops"),
        f"{TARGET}: AWS answered RestApiClientException: oops",
    ),
    "validation": (
        service_error("ValidationException", 400, message="Path too long"),
        f"{TARGET}: AWS answered ValidationException: Path too long",
    ),
    "Airflow's 401": (
        rest_error("RestApiClientException", 400, 401, {"detail": None, "title": "Unauthorized"}),
        "GET /version answered 401: Unauthorized; check the credentials",
    ),
    "Airflow's 403": (
        rest_error("RestApiClientException", 400, 403, {"title": "Forbidden"}),
        f"GET /version answered 403: Forbidden; {FORBIDDEN_HINT}",
    ),
    "Airflow's 429": (
        rest_error("RestApiClientException", 400, 429, {}),
        "GET /version answered 429; lower rate_limit or try again later",
    ),
    "Airflow's 500": (
        rest_error("RestApiServerException", 400, 500, {"title": "Internal"}),
        "GET /version answered 500: Internal",
    ),
    "HTML": (HTML, "InvokeRestApi answered without RestApiStatusCode: the answer was cut or no JSON"),
    "truncated JSON": (
        Raw(200, b'{"RestApiStatusCode": 200, "RestApiRe'),
        "InvokeRestApi answered without RestApiStatusCode: the answer was cut or no JSON",
    ),
    "no status": (
        said({"RestApiResponse": EMPTY}),
        "InvokeRestApi answered without RestApiStatusCode: the answer was cut or no JSON",
    ),
    "text for JSON": (
        said({"RestApiStatusCode": 200, "RestApiResponse": "<html>"}),
        "GET /version answered 200, but not with JSON",
    ),
}
FINAL = {"no permission", "bad signature", "expired token", "no such environment", "validation"}
FINAL |= {"Airflow's 401", "Airflow's 403", "refusal without Airflow's status"}


@pytest.mark.parametrize("name", SERVICE_ANSWERS)
def test_answers_of_the_service_that_are_no_use_are_one_sentence(tool: Tool, name: str) -> None:
    answer, sentence = SERVICE_ANSWERS[name]
    asked: list[bytes] = []

    def answers(method: str, path: str, body: bytes) -> Raw:
        del method, path
        asked.append(body)
        return answer

    with answering(answers) as url:
        tool.configure(f"{TARGET}?endpoint_url={url}")
        ran = tool("plan")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"error: env: {sentence}\n"
    times = 1 if name in FINAL else TRIES
    assert [json.loads(body)["Method"] for body in asked] == ["GET"] * times


def test_an_unreachable_service_is_one_sentence(tool: Tool) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    tool.configure(f"{TARGET}?endpoint_url=http://127.0.0.1:{port}")
    ran = tool("plan")
    assert ran.code == 1
    assert ran.err == f"error: env: {TARGET} cannot be reached: Connection refused; {VPC}\n"


def test_missing_aws_credentials_are_one_sentence(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with answering(lambda *_: said({})) as url:
        tool.configure(f"{TARGET}?endpoint_url={url}")
        ran = tool("plan")
    assert ran.code == 1
    assert (
        ran.err
        == f"error: env: no AWS credentials for {TARGET}: Unable to locate credentials; {amazon.SIGN_IN}\n"
    )


def test_an_unknown_profile_is_one_sentence(tool: Tool) -> None:
    tool.configure(f"{TARGET}?profile=nobody")
    ran = tool("plan")
    assert ran.code == 1
    assert ran.err.startswith(f"error: env: no AWS credentials for {TARGET}: The config profile (nobody)")


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import moto

    with moto.mock_aws():
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield "123456789012"


@pytest.mark.parametrize("command", ["plan", "apply", "drift"])
def test_credentials_of_another_account_are_refused_before_any_call(
    tool: Tool, sts: str, command: str
) -> None:
    asked: list[str] = []

    def answers(method: str, path: str, body: bytes) -> Raw:
        del method, body
        asked.append(path)
        return said({})

    with answering(answers) as url:
        tool.configure(f"{TARGET}?account=999999999999&endpoint_url={url}")
        ran = tool(command)
    assert ran.code == 3
    told = f"the credentials belong to account {sts}, {TARGET} is in 999999999999"
    assert ran.err == f"error: env: {told}; use those of that account, or correct account= in the target\n"
    assert asked == []


SIGNED_IN = {"basic": {"username": "admin", "password": {"$secret": "env:PASSWORD"}}}


def test_a_wrong_user_name_or_password_is_one_sentence(tool: Tool) -> None:
    def answers(method: str, path: str, body: bytes) -> Raw:
        if path == "/auth/token":
            return said({"detail": "Invalid credentials"}, 401)
        return after_version(said(EMPTY))(method, path, body)

    with answering(answers) as url:
        tool.configure(url, auth=SIGNED_IN)
        ran = tool("plan")
    assert ran.code == 1
    assert ran.err == f"error: env: {url} does not know this user name and password\n"


def test_a_missing_secret_for_signing_in_is_one_sentence(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PASSWORD")
    tool.configure("http://127.0.0.1:9", auth=SIGNED_IN)
    ran = tool("plan")
    assert ran.code == 1
    assert ran.err == "error: env: the secret env:PASSWORD is missing, and signing in takes it\n"


def test_a_refusal_that_echoes_the_body_shows_no_secret(tool: Tool) -> None:
    def answers(method: str, path: str, body: bytes) -> Raw:
        if method == "POST":
            sent = json.loads(body)
            return said({"detail": [{"type": "missing", "loc": ["body", "x"], "input": sent}]}, 422)
        name = path.partition("?")[0].rpartition("/")[2]
        return after_version(said({name: [], "total_entries": 0}))(method, path, body)

    with answering(answers) as url:
        tool.configure(url)
        ran = tool.json("apply", "--yes")
    assert ran.code == 1
    assert {change["outcome"] for change in ran.environment["changes"]} == {"refused"}
    assert ran.environment["changes"][-1]["error"] == "POST /connections answered 422: body.x: missing"


def test_a_write_that_gets_no_answer_is_unknown_and_exits_4(tool: Tool) -> None:
    def answers(method: str, path: str, body: bytes) -> Raw:
        if method == "POST":
            return Raw(200, b"", announced=50)
        name = path.partition("?")[0].rpartition("/")[2]
        return after_version(said({name: [], "total_entries": 0}))(method, path, body)

    with answering(answers) as url:
        tool.configure(url)
        ran = tool.json("apply", "--yes")
    assert ran.code == 4
    assert {change["outcome"] for change in ran.environment["changes"]} == {"unknown"}
    assert ran.environment["converged"] is False
    assert {one["id"] for one in ran.environment["remaining"]} == {"a", "c"}


def test_a_write_that_failed_at_the_service_is_unknown_and_exits_4(tool: Tool) -> None:
    def answers(method: str, path: str, body: bytes) -> Raw:
        del method, path
        asked = json.loads(body)
        if asked["Method"] != "GET":
            return service_error("RestApiServerException", 400, message="oops")
        answer = VERSION if asked["Path"] == "/version" else EMPTY
        if asked["Path"].count("/") > 1:
            return rest_error("RestApiClientException", 400, 404, {"title": "Not found"})
        return said({"RestApiStatusCode": 200, "RestApiResponse": answer})

    with answering(answers) as url:
        tool.configure(f"{TARGET}?endpoint_url={url}", rate_limit=1000)
        ran = tool.json("apply", "--yes")
    assert ran.code == 4
    assert {change["outcome"] for change in ran.environment["changes"]} == {"unknown"}
