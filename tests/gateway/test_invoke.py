import json
from typing import Any

import pytest

from reconciler.backends import NotJson, Request, Response
from reconciler.sandbox.assumptions import Assumptions, assume
from reconciler.sandbox.invoke import Answer, ServiceError, answer_of, encoded, request_of, timeout_answer

DEFAULT = Assumptions()


def request(assumptions: Assumptions = DEFAULT, **members: Any) -> Request:
    document = json.dumps({"Path": "/variables", "Method": "GET", **members}).encode()
    return request_of("prod", document, assumptions)


def refused(
    name: str, document: bytes, assumptions: Assumptions = DEFAULT, known: str | None = None
) -> Answer:
    with pytest.raises(ServiceError) as error:
        request_of(name, document, assumptions, known)
    return error.value.answer


def test_a_document_becomes_a_request() -> None:
    body = {"key": "a/b", "value": "1"}
    assert request(Path="/variables/a%2Fb", Method="PATCH", Body=body) == Request(
        "PATCH", "/variables/a%2Fb", {}, body
    )


def test_an_empty_body_and_no_body_differ() -> None:
    assert request(Body={}).body == {}
    assert request().body is None


def test_a_path_without_a_leading_slash_gets_one() -> None:
    assert request(Path="variables").path == "/variables"


def test_a_query_in_the_path_joins_the_parameters() -> None:
    assert request(Path="/variables?limit=5&x=", QueryParameters={"offset": 2}).query == {
        "limit": "5",
        "x": "",
        "offset": "2",
    }


@pytest.mark.parametrize(
    ("flattening", "expected"),
    [
        ("repeat", ("value", "description")),
        ("comma", "value,description"),
        ("json", '["value", "description"]'),
        ("first", "value"),
    ],
)
def test_a_list_in_the_query_is_flattened_as_assumed(
    flattening: str, expected: str | tuple[str, ...]
) -> None:
    sent = request(
        assume([f"query_lists={flattening}"]), QueryParameters={"update_mask": ["value", "description"]}
    )
    assert sent.query == {"update_mask": expected}


def test_a_list_of_one_is_that_one() -> None:
    assert request(QueryParameters={"update_mask": ["description"]}).query == {"update_mask": "description"}


@pytest.mark.parametrize(("spelling", "expected"), [("json", "true"), ("python", "True")])
def test_a_boolean_in_the_query_is_spelled_as_assumed(spelling: str, expected: str) -> None:
    sent = request(assume([f"query_booleans={spelling}"]), QueryParameters={"paused": True})
    assert sent.query == {"paused": expected}


def test_numbers_are_written_out_and_nulls_are_left_out() -> None:
    sent = request(QueryParameters={"limit": 10, "ratio": 0.5, "nothing": None, "deep": {"a": 1}})
    assert sent.query == {"limit": "10", "ratio": "0.5", "deep": '{"a": 1}'}


@pytest.mark.parametrize(
    ("assumed", "expected"), [("kept", "/variables/a%2Fb%20c"), ("decoded", "/variables/a/b%20c")]
)
def test_an_encoded_slash_survives_or_not_as_assumed(assumed: str, expected: str) -> None:
    assert request(assume([f"encoded_slash={assumed}"]), Path="/variables/a%2Fb%20c").path == expected


def test_a_path_of_64_characters_is_taken_and_one_of_65_is_not() -> None:
    assert request(Path="/" + "a" * 63).path == "/" + "a" * 63
    answer = refused("prod", json.dumps({"Path": "/" + "a" * 64, "Method": "GET"}).encode())
    assert (answer.status, answer.error) == (400, "RestApiClientException")
    assert "less than or equal to 64" in answer.body["message"]


def test_the_path_limit_counts_what_is_assumed_and_raises_what_is_assumed() -> None:
    long_when_encoded = "/" + "%20" * 30
    document = json.dumps({"Path": long_when_encoded, "Method": "GET"}).encode()
    assert request(assume(["path_counted=decoded"]), Path=long_when_encoded).path == long_when_encoded
    assert request(assume(["path_limit=none"]), Path=long_when_encoded).path == long_when_encoded
    assert (
        refused("prod", document, assume(["path_error=ValidationException"])).error == "ValidationException"
    )


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"Method": "GET"}, "Value null at 'path'"),
        ({"Path": "", "Method": "GET"}, "Value '' at 'path'"),
        ({"Path": "/x"}, "Value null at 'method'"),
        ({"Path": "/x", "Method": "get"}, "enum value set: [GET, PUT, POST, PATCH, DELETE]"),
        ({}, "2 validation errors detected: "),
    ],
)
def test_missing_and_malformed_members_are_validation_errors(members: dict[str, str], said: str) -> None:
    answer = refused("prod", json.dumps(members).encode())
    assert (answer.status, answer.error) == (400, "ValidationException")
    assert said in answer.body["message"]


@pytest.mark.parametrize("name", ["", "1prod", "a b", "a/b", "é", "a\n", "a" * 81])
def test_a_name_outside_the_pattern_is_a_validation_error(name: str) -> None:
    answer = refused(name, b'{"Path": "/x", "Method": "GET"}')
    assert (answer.status, answer.error) == (400, "ValidationException")


def test_an_unknown_environment_is_not_found_unless_every_name_is_taken() -> None:
    document = b'{"Path": "/x", "Method": "GET"}'
    answer = refused("dev", document, known="prod")
    assert (answer.status, answer.error) == (404, "ResourceNotFoundException")
    assert request_of("prod", document, DEFAULT, "prod").path == "/x"


@pytest.mark.parametrize(
    "document",
    [
        b"no json",
        b"[]",
        b'"text"',
        b"\xff",
        b'{"Path": 5, "Method": "GET"}',
        b'{"Path": "/x", "Method": ["GET"]}',
        b'{"Path": "/x", "Method": "GET", "QueryParameters": ["a"]}',
        b'{"Path": "/x", "Method": "POST", "Body": {"value": NaN}}',
    ],
)
def test_what_is_no_document_is_a_serialization_error(document: bytes) -> None:
    answer = refused("prod", document)
    assert (answer.status, answer.error) == (400, "SerializationException")


def test_a_request_over_the_assumed_limit_is_refused() -> None:
    document = json.dumps({"Path": "/x", "Method": "POST", "Body": "y" * 100}).encode()
    answer = refused("prod", document, assume(["request_limit=100"]))
    assert (answer.status, answer.error) == (413, "RequestEntityTooLargeException")


def test_a_success_carries_status_and_document() -> None:
    assert answer_of(Response(201, {"key": "a"}), DEFAULT) == Answer(
        200, {"RestApiStatusCode": 201, "RestApiResponse": {"key": "a"}}
    )


@pytest.mark.parametrize("status", [400, 404, 409, 422, 429])
def test_an_airflow_4xx_is_a_client_exception(status: int) -> None:
    answer = answer_of(Response(status, {"detail": "no"}), DEFAULT)
    assert (answer.status, answer.error) == (400, "RestApiClientException")
    assert answer.body == {"RestApiStatusCode": status, "RestApiResponse": {"detail": "no"}}


@pytest.mark.parametrize("assumed", [400, 500, 502, 503, 504])
def test_an_airflow_5xx_is_a_server_exception_with_the_assumed_status(assumed: int) -> None:
    answer = answer_of(Response(503, NotJson("<h1>oops")), assume([f"server_error_status={assumed}"]))
    assert (answer.status, answer.error) == (assumed, "RestApiServerException")
    assert answer.body == {"RestApiStatusCode": 503, "RestApiResponse": "<h1>oops"}


@pytest.mark.parametrize(
    ("assumed", "expected"),
    [
        ("null", {"RestApiStatusCode": 204, "RestApiResponse": None}),
        ("absent", {"RestApiStatusCode": 204}),
        ("object", {"RestApiStatusCode": 204, "RestApiResponse": {}}),
        ("text", {"RestApiStatusCode": 204, "RestApiResponse": ""}),
    ],
)
def test_an_empty_answer_is_shown_as_assumed(assumed: str, expected: dict[str, Any]) -> None:
    assert answer_of(Response(204), assume([f"empty_body={assumed}"])).body == expected


@pytest.mark.parametrize(
    ("error", "status"),
    [("InternalServerException", 500), ("RestApiServerException", 400), ("RestApiClientException", 400)],
)
def test_a_response_over_the_limit_is_the_assumed_error(error: str, status: int) -> None:
    assumed = assume(["response_limit=50", f"response_error={error}"])
    answer = answer_of(Response(200, {"value": "é" * 25}), assumed)
    assert (answer.status, answer.error) == (status, error)
    assert "RestApiResponse" not in answer.body


@pytest.mark.parametrize(
    ("error", "status"),
    [("InternalServerException", 500), ("RestApiServerException", 504), ("RestApiClientException", 400)],
)
def test_an_airflow_too_slow_is_the_assumed_error(error: str, status: int) -> None:
    answer = timeout_answer(assume([f"timeout_error={error}", "server_error_status=504"]))
    assert answer == Answer(status, {"message": "The request timed out"}, error)


def test_six_megabytes_are_too_much_unless_the_limit_is_off() -> None:
    large = Response(200, {"value": "x" * (6 * 1024 * 1024)})
    assert answer_of(large, DEFAULT).error == "InternalServerException"
    assert answer_of(large, assume(["response_limit=none"])).status == 200


def test_text_travels_as_utf_8_and_lone_surrogates_as_escapes() -> None:
    assert encoded({"a": "漢"}) == '{"a": "漢"}'.encode()
    assert encoded("\ud800") == b'"\\ud800"'
