"""Airflow's plain REST API in front of an environment, for Airflow's own clients."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import parse_qsl

import anyio.to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from reconciler.backends import Method, NotJson, Request, Response
from reconciler.errors import ReconcilerError
from reconciler.sandbox.environment import Environment
from reconciler.sandbox.fault_http import caller_of
from reconciler.sandbox.invoke import encoded, grouped

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
PREFIXES = {2: "/api/v1", 3: "/api/v2"}
JSON_TYPE, PROBLEM_TYPE = "application/json", "application/problem+json"
TYPE_URL = "https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html"
HTTP_CREATED, HTTP_NO_CONTENT, HTTP_BAD, HTTP_NOT_FOUND = 201, 204, 400, 404
HTTP_UNSUPPORTED, HTTP_UNPROCESSABLE, HTTP_BAD_GATEWAY = 415, 422, 502

REMOVED = {"error": "/api/v1 has been removed in Airflow 3, please use its upgraded version /api/v2 instead."}
MOVED = {"error": "Moved in Airflow 3. Please change config to check /api/v2/monitor/health"}
NO_ROUTE = {"error": "API route not found"}
NO_PAGE = NotJson("<!doctype html>\n<title>404</title>\n<h1>Airflow 404: page not found</h1>\n")

Endpoint = Callable[[HttpRequest], Awaitable[HttpResponse]]


def routes(environment: Environment, *, signs_in: bool) -> list[Route]:
    """The REST API of whichever Airflow there is; with ``signs_in`` any login gets a token."""
    api = _api(environment)
    found = [Route(f"/api/v{number}/{{path:path}}", api, methods=METHODS) for number in (1, 2)]
    found.append(Route("/health", _health(environment), methods=["GET"]))
    if signs_in:
        paths = ("/auth/token", "/auth/token/cli")
        found += [Route(path, _sign_in(environment), methods=["GET", "POST"]) for path in paths]
    return found


def raw_path(request: HttpRequest) -> str:
    """The path as the client sent it, still percent-encoded, without the query."""
    return cast("bytes", request.scope["raw_path"]).decode("latin-1")


def _api(environment: Environment) -> Endpoint:
    async def api(request: HttpRequest) -> HttpResponse:
        body = await request.body()
        return await _answered(lambda: _forwarded(environment, request, body))

    return api


def _health(environment: Environment) -> Endpoint:
    async def health(_request: HttpRequest) -> HttpResponse:
        return await _answered(lambda: _health_of(environment))

    return health


def _health_of(environment: Environment) -> HttpResponse:
    if environment.major() == max(PREFIXES):
        return shown(Response(HTTP_NOT_FOUND, MOVED))
    return shown(environment.send(Request("GET", "/health")))


def _sign_in(environment: Environment) -> Endpoint:
    async def sign_in(request: HttpRequest) -> HttpResponse:
        await request.body()
        return await _answered(lambda: _token_of(environment))

    return sign_in


def _token_of(environment: Environment) -> HttpResponse:
    if environment.major() != max(PREFIXES):
        return shown(Response(HTTP_NOT_FOUND, NO_PAGE))
    return shown(Response(HTTP_CREATED, {"access_token": TOKEN}))


def _part(value: dict[str, Any] | bytes) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


HEADER, CLAIMS = {"alg": "none", "typ": "JWT"}, {"sub": "local", "exp": 4102444800}
TOKEN = ".".join((_part(HEADER), _part(CLAIMS), _part(b"not a signature")))
"""Shaped as Airflow's tokens are, valid to the end of 2099; nothing here looks at it."""


async def _answered(work: Callable[[], HttpResponse]) -> HttpResponse:
    """What ``work``, which blocks, answers; 502 where no Airflow does."""
    try:
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
    except ReconcilerError as error:
        return shown(Response(HTTP_BAD_GATEWAY, {"detail": str(error)}))


def _forwarded(environment: Environment, request: HttpRequest, body: bytes) -> HttpResponse:
    major = environment.major()
    path = raw_path(request).removeprefix(PREFIXES[major])
    if not path.startswith("/") or path == raw_path(request):
        return shown(_absent(major))
    refusal = _refusal(major, request.headers.get("content-type", ""), body)
    return shown(refusal or environment.send(_request(request, path, body), caller_of(request)))


def _request(request: HttpRequest, path: str, body: bytes) -> Request:
    query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    method = cast("Method", "GET" if request.method == "HEAD" else request.method)
    return Request(method, path, grouped(query), json.loads(body) if body else None)


def _absent(major: int) -> Response:
    return Response(HTTP_NOT_FOUND, REMOVED if major == max(PREFIXES) else NO_PAGE)


def _refusal(major: int, content_type: str, body: bytes) -> Response | None:
    """What both Airflows say to a body that no handler of theirs gets to see."""
    if not body:
        return None
    if content_type.partition(";")[0].strip().lower() != JSON_TYPE:
        return _wrong_type(major, content_type)
    try:
        json.loads(body)
    except ValueError:
        return _bad_json(major)
    return None


def _wrong_type(major: int, content_type: str) -> Response:
    if major == max(PREFIXES):
        return _unprocessable("model_attributes_type", "Input should be a valid dictionary")
    detail = f"Invalid Content-type ({content_type}), expected JSON data"
    return _problem(HTTP_UNSUPPORTED, "Unsupported Media Type", detail)


def _bad_json(major: int) -> Response:
    if major == max(PREFIXES):
        return _unprocessable("json_invalid", "JSON decode error")
    return _problem(HTTP_BAD, "Bad Request", "Request body is not valid JSON")


def _unprocessable(kind: str, message: str) -> Response:
    return Response(HTTP_UNPROCESSABLE, {"detail": [{"type": kind, "loc": ["body"], "msg": message}]})


def _problem(status: int, title: str, detail: str) -> Response:
    return Response(status, {"detail": detail, "status": status, "title": title, "type": TYPE_URL})


def shown(response: Response) -> HttpResponse:
    """Airflow's response as HTTP, with the content type that Airflow gives it."""
    body = response.body
    if isinstance(body, NotJson):
        html = body.excerpt.lstrip().startswith("<")
        return HttpResponse(body.excerpt, response.status, media_type="text/html" if html else "text/plain")
    if body is None:
        return HttpResponse(status_code=response.status)
    problem = response.status >= HTTP_BAD and isinstance(body, dict) and "title" in body
    return HttpResponse(encoded(body), response.status, media_type=PROBLEM_TYPE if problem else JSON_TYPE)
