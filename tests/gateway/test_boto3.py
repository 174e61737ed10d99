import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from reconciler.backends import NotJson, Response
from reconciler.errors import Unreachable
from reconciler.sandbox.assumptions import assume
from reconciler.sandbox.sigv4 import LOCAL, AccessKey
from tests.gateway.support import Scripted, boto3_client, http, running

LIST = {"Name": "prod", "Path": "/variables", "Method": "GET"}


def error_of(
    client: Any, operation: str = "invoke_rest_api", **arguments: Any
) -> tuple[str, int, dict[str, Any]]:
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**arguments)
    response: dict[str, Any] = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


def test_an_unmodified_client_gets_the_status_and_the_document() -> None:
    backend = Scripted(Response(201, {"key": "é漢", "value": "1"}))
    with running(backend) as url, boto3_client(url) as client:
        answer = client.invoke_rest_api(
            Name="prod", Path="/variables", Method="POST", Body={"key": "é漢", "value": "1"}
        )
    assert (answer["RestApiStatusCode"], answer["RestApiResponse"]) == (201, {"key": "é漢", "value": "1"})
    assert backend.requests[0].body == {"key": "é漢", "value": "1"}


def test_the_first_root_that_answers_is_put_before_every_path() -> None:
    paths = []

    def answer(request: Any) -> Response:
        paths.append(request.path)
        known = request.path.startswith("/api/v1")
        return Response(200, {"version": "2.11.2"}) if known else Response(404, NotJson("<html>"))

    backend = Scripted(answer, roots=("/api/v2", "/api/v1"))
    with running(backend) as url, boto3_client(url) as client:
        client.invoke_rest_api(**LIST)
        client.invoke_rest_api(**LIST)
    assert paths == ["/api/v2/version", "/api/v1/version", "/api/v1/variables", "/api/v1/variables"]


def test_airflows_own_refusal_is_the_client_exception_with_its_members() -> None:
    with (
        running(Scripted(Response(404, {"detail": "gone"}))) as url,
        boto3_client(url) as client,
        pytest.raises(client.exceptions.RestApiClientException) as error,
    ):
        client.invoke_rest_api(**LIST)
    assert error.value.response["RestApiStatusCode"] == 404
    assert error.value.response["RestApiResponse"] == {"detail": "gone"}
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_airflows_failure_is_the_server_exception_with_its_page() -> None:
    page = NotJson("<!doctype html>\n<title>500</title>")
    with (
        running(Scripted(Response(500, page))) as url,
        boto3_client(url) as client,
        pytest.raises(client.exceptions.RestApiServerException) as error,
    ):
        client.invoke_rest_api(**LIST)
    assert error.value.response["RestApiStatusCode"] == 500
    assert error.value.response["RestApiResponse"] == page.excerpt


@pytest.mark.parametrize(
    ("assumed", "expected"),
    [("null", "no key"), ("absent", "no key"), ("object", {}), ("text", "")],
)
def test_an_empty_answer_reaches_the_client_as_assumed(assumed: str, expected: Any) -> None:
    backend = Scripted(Response(204))
    with running(backend, assume([f"empty_body={assumed}"])) as url, boto3_client(url) as client:
        answer = client.invoke_rest_api(Name="prod", Path="/variables/a", Method="DELETE")
    assert answer["RestApiStatusCode"] == 204
    assert answer.get("RestApiResponse", "no key") == expected


@pytest.mark.usefixtures("once")
def test_a_path_too_long_and_a_malformed_name_are_refused_by_the_service() -> None:
    backend = Scripted()
    with running(backend) as url, boto3_client(url) as client:
        code, status, _ = error_of(client, Name="prod", Path="/" + "a" * 64, Method="GET")
        assert (code, status) == ("RestApiClientException", 400)
        code, status, _ = error_of(client, Name="a b/ü", Path="/variables", Method="GET")
        assert (code, status) == ("ValidationException", 400)
        code, status, _ = error_of(client, Name="prod", Path="/variables", Method="HEAD")
        assert (code, status) == ("ValidationException", 400)
    assert backend.requests == []


def test_only_the_named_environment_exists() -> None:
    with running(Scripted(), name="prod") as url, boto3_client(url) as client:
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.invoke_rest_api(**{**LIST, "Name": "dev"})
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_environment(Name="dev")
        assert client.invoke_rest_api(**LIST)["RestApiStatusCode"] == 200
        assert client.get_environment(Name="prod")["Environment"]["Name"] == "prod"
        assert client.list_environments()["Environments"] == ["prod"]


def test_an_environment_is_described_with_the_version_that_airflow_tells() -> None:
    with (
        running(Scripted(version="2.11.2")) as url,
        boto3_client(url, AWS_DEFAULT_REGION="eu-west-1") as client,
    ):
        environment = client.get_environment(Name="prod")["Environment"]
        assert client.list_environments(MaxResults=5)["Environments"] == ["local"]
    assert environment["AirflowVersion"] == "2.11.2"
    assert environment["Status"] == "AVAILABLE"
    assert environment["Arn"] == "arn:aws:airflow:eu-west-1:000000000000:environment/prod"
    assert environment["WebserverUrl"] == url.removeprefix("http://")
    assert environment["AirflowConfigurationOptions"] == {}


def test_an_environment_that_does_not_answer_is_unavailable() -> None:
    backend = Scripted(Unreachable("nobody there"), roots=("/api/v2",))
    with running(backend) as url, boto3_client(url) as client:
        environment = client.get_environment(Name="prod")["Environment"]
    assert environment["Status"] == "UNAVAILABLE"
    assert "AirflowVersion" not in environment


@pytest.mark.usefixtures("once")
def test_an_airflow_that_cannot_be_reached_is_an_internal_error() -> None:
    with running(Scripted(Unreachable("it cannot be reached"))) as url, boto3_client(url) as client:
        code, status, response = error_of(client, **LIST)
    assert (code, status) == ("InternalServerException", 500)
    assert response["Error"]["Message"] == "it cannot be reached"


@pytest.mark.usefixtures("once")
def test_a_call_that_waits_too_long_for_another_is_never_sent() -> None:
    started, released = threading.Event(), threading.Event()

    def slow(request: Any) -> Response:
        started.set()
        if request.method == "GET":
            released.wait(10)
        return Response(200, {})

    backend = Scripted(slow)
    with running(backend, assume(["timeout=1"])) as url, boto3_client(url) as client:
        first = threading.Thread(target=lambda: error_of(client, **LIST))
        first.start()
        assert started.wait(10)
        code, status, response = error_of(client, Name="prod", Path="/variables", Method="POST", Body={})
        first.join(10)
        released.set()
        client.invoke_rest_api(Name="prod", Path="/variables", Method="PATCH", Body={})
    assert (code, status) == ("InternalServerException", 500)
    assert response["Error"]["Message"] == "The request timed out"
    assert [request.method for request in backend.requests] == ["GET", "PATCH"]


@pytest.mark.usefixtures("once")
@pytest.mark.parametrize("status", [429, 400])
@pytest.mark.parametrize("code", ["ThrottlingException", "TooManyRequestsException"])
def test_calls_over_the_rate_are_throttled_as_assumed(status: int, code: str) -> None:
    backend = Scripted()
    assumed = assume([f"throttle_status={status}", f"throttle_error={code}"])
    with running(backend, assumed, rate=0.001) as url, boto3_client(url) as client:
        assert client.invoke_rest_api(**LIST)["RestApiStatusCode"] == 200
        assert error_of(client, **LIST)[:2] == (code, status)
    assert len(backend.requests) == 1


@pytest.mark.usefixtures("once")
def test_a_large_response_is_the_assumed_error() -> None:
    backend = Scripted(Response(200, {"value": "x" * 200}))
    assumed = assume(
        ["response_limit=100", "response_error=RestApiServerException", "server_error_status=502"]
    )
    with running(backend, assumed) as url, boto3_client(url) as client:
        assert error_of(client, **LIST)[:2] == ("RestApiServerException", 502)


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "InvalidSignatureException"),
        ({"AWS_ACCESS_KEY_ID": "AKOTHER"}, "UnrecognizedClientException"),
        ({"AWS_SESSION_TOKEN": "left over"}, "UnrecognizedClientException"),
    ],
)
def test_wrong_credentials_are_refused_with_awss_own_codes(variables: dict[str, str], code: str) -> None:
    backend = Scripted()
    with running(backend) as url, boto3_client(url, **variables) as client:
        assert error_of(client, **LIST)[:2] == (code, 403)
        assert error_of(client, "list_environments")[:2] == (code, 403)
    assert backend.requests == []


def test_the_gateways_own_key_is_accepted_with_its_session_token() -> None:
    keys = {**LOCAL, "AKID": AccessKey("secret", "to/k+en==")}
    variables = {
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "to/k+en==",
    }
    with running(Scripted(), credentials=keys) as url, boto3_client(url, **variables) as client:
        assert client.invoke_rest_api(**LIST)["RestApiStatusCode"] == 200


@pytest.mark.parametrize(("minutes", "said"), [(16, "Signature expired"), (-16, "Signature not yet current")])
def test_a_clock_that_is_off_is_an_invalid_signature(minutes: int, said: str) -> None:
    def now() -> datetime:
        return datetime.now(UTC) + timedelta(minutes=minutes)

    with running(Scripted(), now=now) as url, boto3_client(url) as client:
        code, status, response = error_of(client, **LIST)
    assert (code, status) == ("InvalidSignatureException", 403)
    assert response["Error"]["Message"].startswith(said)


def test_an_unsigned_call_is_refused() -> None:
    with running(Scripted()) as url:
        answer = http("POST", f"{url}/restapi/prod", {"Path": "/variables", "Method": "GET"})
    assert answer.status == 403
    assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


def test_another_operation_is_unknown() -> None:
    with running(Scripted()) as url, boto3_client(url) as client:
        assert error_of(client, "create_cli_token", Name="prod")[:2] == ("UnknownOperationException", 404)


def test_a_host_that_is_not_this_machine_is_refused_even_with_a_path_that_needs_no_signature() -> None:
    with running(Scripted()) as url:
        assert http("GET", f"{url}/api/v2/variables", Host="rebound.example.org").status == 400
        assert http("GET", f"{url}/api/v2/variables", Host="localhost:1").status == 200


def test_the_log_tells_method_path_and_status_and_no_value() -> None:
    lines: list[str] = []
    body = {"key": "k", "value": "s3cr3t-body"}
    with running(Scripted(Response(409, {"detail": "s3cr3t-answer"})), log=lines.append) as url:
        with boto3_client(url) as client:
            error_of(client, Name="prod", Path="/x%0A\n?filter=s3cr3t-a", Method="POST", Body=body)
        http("GET", f"{url}/api/v2/variables?filter=s3cr3t-b")
    assert lines == [
        r"POST /restapi/prod 400 (POST /x%0A\n?filter 409)",
        "GET /api/v2/variables 409",
    ]
    assert "s3cr3t" not in json.dumps(lines)
