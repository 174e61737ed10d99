from typing import Any

import pytest

from reconciler.backends import NotJson, Request, Response
from reconciler.errors import Unreachable
from reconciler.sandbox.emulator import Emulator
from tests.gateway.support import Scripted, http, running

VERSIONS = {2: "2.11.2", 3: "3.3.2"}
PREFIX = {2: "/api/v1", 3: "/api/v2"}
ECHO = {"key": "a"}


def echoing(major: int, response: Response | None = None) -> Scripted:
    return Scripted(response or Response(200, ECHO), VERSIONS[major])


@pytest.mark.parametrize("major", [2, 3])
def test_method_raw_path_repeated_parameters_and_body_pass_through(major: int) -> None:
    backend = echoing(major, Response(201, ECHO))
    query = "update_mask=value&update_mask=description&empty=&q=%25a%2Fb+c"
    with running(backend) as url:
        answer = http("PATCH", f"{url}{PREFIX[major]}/variables/a%2Fb%252F%20c?{query}", {"value": "é"})
    assert (answer.status, answer.json) == (201, ECHO)
    assert backend.requests == [
        Request(
            "PATCH",
            "/variables/a%2Fb%252F%20c",
            {"update_mask": ("value", "description"), "empty": "", "q": "%a/b c"},
            {"value": "é"},
        )
    ]


def test_a_trailing_slash_reaches_airflow() -> None:
    backend = echoing(3)
    with running(backend) as url:
        http("GET", f"{url}/api/v2/variables/")
    assert backend.requests[0].path == "/variables/"


def test_a_head_request_is_a_get_without_its_body() -> None:
    backend = echoing(3)
    with running(backend) as url:
        answer = http("HEAD", f"{url}/api/v2/variables")
    assert (answer.status, answer.text) == (200, "")
    assert backend.requests[0].method == "GET"


def test_an_empty_answer_has_no_body() -> None:
    with running(echoing(3, Response(204))) as url:
        answer = http("DELETE", f"{url}/api/v2/variables/a")
    assert (answer.status, answer.text) == (204, "")


@pytest.mark.parametrize(
    ("response", "content_type"),
    [
        (Response(200, {"title": "a field of that name"}), "application/json"),
        (Response(404, {"title": "Not Found", "detail": None, "status": 404}), "application/problem+json"),
        (Response(404, {"detail": "no"}), "application/json"),
        (Response(500, NotJson("<!doctype html>")), "text/html; charset=utf-8"),
        (Response(500, NotJson("Internal Server Error")), "text/plain; charset=utf-8"),
    ],
)
def test_answers_have_airflows_content_types(response: Response, content_type: str) -> None:
    with running(echoing(2, response)) as url:
        answer = http("GET", f"{url}/api/v1/variables")
    assert (answer.status, answer.headers["content-type"]) == (response.status, content_type)


def test_airflow_3_says_that_v1_was_removed() -> None:
    with running(echoing(3)) as url:
        answer = http("GET", f"{url}/api/v1/variables")
    assert answer.status == 404
    assert answer.json["error"].startswith("/api/v1 has been removed in Airflow 3")


def test_airflow_2_answers_v2_with_a_page() -> None:
    with running(echoing(2)) as url:
        answer = http("GET", f"{url}/api/v2/variables")
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("major", "status", "said"),
    [(2, 400, "Request body is not valid JSON"), (3, 422, "json_invalid")],
)
def test_a_body_that_is_no_json_is_refused_as_airflow_does(major: int, status: int, said: str) -> None:
    backend = echoing(major)
    with running(backend) as url:
        answer = http("POST", f"{url}{PREFIX[major]}/variables", b"{'no': json}")
    assert (answer.status, said in answer.text, backend.requests) == (status, True, [])


@pytest.mark.parametrize(("major", "status"), [(2, 415), (3, 422)])
def test_another_content_type_is_refused_as_airflow_does(major: int, status: int) -> None:
    backend = echoing(major)
    with running(backend) as url:
        answer = http("POST", f"{url}{PREFIX[major]}/variables", b"{}", Content_Type="text/plain")
    assert (answer.status, backend.requests) == (status, [])


def test_a_content_type_with_a_charset_is_json() -> None:
    with running(echoing(3)) as url:
        answer = http("POST", f"{url}/api/v2/variables", {}, Content_Type="Application/JSON; charset=utf-8")
    assert answer.status == 200


@pytest.mark.parametrize("path", ["/auth/token", "/auth/token/cli"])
def test_whoever_asks_gets_a_token_on_airflow_3(path: str) -> None:
    with running(echoing(3)) as url:
        answer = http("POST", f"{url}{path}", {"username": "any", "password": "any"})
    assert answer.status == 201
    assert answer.json["access_token"].count(".") == 2


def test_no_token_is_given_on_airflow_2_nor_in_front_of_a_real_airflow() -> None:
    with running(echoing(2)) as url:
        assert http("POST", f"{url}/auth/token", {}).status == 404
    with running(echoing(3), signs_in=False) as url:
        assert http("POST", f"{url}/auth/token", {}).status == 404


def test_health_is_where_each_airflow_has_it() -> None:
    with running(Emulator(None, Emulator.newest(2))) as url:
        assert http("GET", f"{url}/health").json["metadatabase"] == {"status": "healthy"}
        assert http("GET", f"{url}/api/v1/health").status == 200
    with running(Emulator(None, Emulator.newest(3))) as url:
        assert http("GET", f"{url}/health").json["error"].startswith("Moved in Airflow 3")
        assert http("GET", f"{url}/api/v2/monitor/health").status == 200


def test_an_airflow_that_cannot_be_reached_is_a_bad_gateway() -> None:
    with running(Scripted(Unreachable("nobody there"), roots=("/api/v2",))) as url:
        answer = http("GET", f"{url}/api/v2/variables")
    assert (answer.status, answer.json) == (502, {"detail": "nobody there"})


def test_a_server_that_is_no_airflow_is_a_bad_gateway() -> None:
    backend = Scripted(Response(404, NotJson("<html>")), roots=("/api/v2", "/api/v1"))
    with running(backend) as url:
        assert http("GET", f"{url}/api/v2/variables").status == 502


@pytest.mark.parametrize("path", ["/", "/restapi", "/api/v3/variables", "/api/v2"])
def test_what_nobody_serves_is_not_found(path: str) -> None:
    with running(echoing(3)) as url:
        assert http("GET", f"{url}{path}").status in {404, 405}


def life_of_a_pool(url: str) -> list[Any]:
    pool = {"name": "p", "slots": 3, "description": "d", "include_deferred": True}
    answers = [
        http("POST", f"{url}/pools", pool),
        http("GET", f"{url}/pools/p"),
        http("PATCH", f"{url}/pools/p?update_mask=slots", {**pool, "slots": 4}),
        http("DELETE", f"{url}/pools/p"),
        http("GET", f"{url}/pools/p"),
    ]
    return [(answer.status, answer.text and answer.json.get("slots")) for answer in answers]


@pytest.mark.parametrize(("major", "created"), [(2, 200), (3, 201)])
def test_a_pool_lives_and_dies_over_the_sandboxs_plain_api(major: int, created: int) -> None:
    with running(Emulator(None, Emulator.newest(major))) as url:
        seen = life_of_a_pool(url + PREFIX[major])
    assert seen == [(created, 3), (200, 3), (200, 4), (204, ""), (404, None)]
