"""InvokeRestApi, without a server: documents to requests, responses to answers.

Shapes and constraints are those of botocore's model ``mwaa/2020-07-01``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast
from urllib.parse import parse_qsl, unquote

from reconciler.backends import Method, NotJson, Request, Response
from reconciler.sandbox.assumptions import Assumptions

METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")
NAME = re.compile(r"[a-zA-Z][0-9a-zA-Z\-_]*")
LONGEST_NAME = 80

CLIENT_ERROR, SERVER_ERROR = "RestApiClientException", "RestApiServerException"
INTERNAL_ERROR = "InternalServerException"
HTTP_OK, HTTP_BAD, HTTP_NOT_FOUND, HTTP_TOO_LARGE, HTTP_SERVER_ERROR = 200, 400, 404, 413, 500


@dataclass(frozen=True)
class Answer:
    """What the service answers: an HTTP status, a JSON body, and the code where it is an error."""

    status: int
    body: Any
    error: str | None = None


class ServiceError(Exception):
    """An error of the service itself; it is answered to the client and never leaves the gateway."""

    def __init__(self, status: int, error: str, message: str) -> None:
        self.answer = Answer(status, {"message": message}, error)
        super().__init__(message)


def request_of(name: str, document: bytes, assumptions: Assumptions, known: str | None = None) -> Request:
    """The request to Airflow that a call of InvokeRestApi stands for.

    ``known`` is the one environment there is; ``None`` takes any name. Raises ServiceError as the
    service does where a member is missing, malformed or out of bounds.
    """
    members = _members(document, assumptions)
    check_name(name, known, tuple(_constraints(members)))
    _check_length(members["Path"], assumptions)
    path, _, query = _slashes(members["Path"], assumptions).partition("?")
    parameters = [*parse_qsl(query, keep_blank_values=True), *_parameters(members, assumptions)]
    path = path if path.startswith("/") else f"/{path}"
    return Request(cast("Method", members["Method"]), path, grouped(parameters), members.get("Body"))


def check_name(name: str, known: str | None, others: tuple[str, ...] = ()) -> None:
    """Raises ServiceError where ``name`` breaks the model's constraints, or is not ``known``."""
    broken = [*_name_constraints(name), *others]
    if broken:
        count = f"{len(broken)} validation error{'s' if len(broken) > 1 else ''} detected: "
        raise ServiceError(HTTP_BAD, "ValidationException", count + "; ".join(broken))
    if known is not None and name != known:
        raise ServiceError(
            HTTP_NOT_FOUND, "ResourceNotFoundException", f"Environment not found. Name: {name}"
        )


def _name_constraints(name: str) -> Iterator[str]:
    if not NAME.fullmatch(name):
        yield _broken("name", name, r"satisfy regular expression pattern: ^[a-zA-Z][0-9a-zA-Z\-_]*$")
    if len(name) > LONGEST_NAME:
        yield _broken("name", name, f"have length less than or equal to {LONGEST_NAME}")


def _broken(member: str, value: str | None, rule: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{member}' failed to satisfy constraint: Member must {rule}"


def _members(document: bytes, assumptions: Assumptions) -> dict[str, Any]:
    if assumptions.request_limit is not None and len(document) > assumptions.request_limit:
        raise ServiceError(HTTP_TOO_LARGE, "RequestEntityTooLargeException", "Request Entity Too Large")
    try:
        members = json.loads(document or b"{}", parse_constant=_not_json)
    except ValueError:
        members = None
    if not isinstance(members, dict) or not all(_fits(members, name) for name in TYPES):
        raise ServiceError(HTTP_BAD, "SerializationException", "The request cannot be read as JSON members")
    return members


TYPES = {"Path": str, "Method": str, "QueryParameters": dict}


def _fits(members: dict[str, Any], name: str) -> bool:
    value = members.get(name)
    return value is None or isinstance(value, TYPES[name])


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def _constraints(members: Mapping[str, Any]) -> Iterator[str]:
    path, method = members.get("Path"), members.get("Method")
    if path is None:
        yield _broken("path", None, "not be null")
    if path == "":
        yield _broken("path", "", "have length greater than or equal to 1")
    if method is None:
        yield _broken("method", None, "not be null")
    elif method not in METHODS:
        yield _broken("method", method, f"satisfy enum value set: [{', '.join(METHODS)}]")


def _check_length(path: str, assumptions: Assumptions) -> None:
    limit = assumptions.path_limit
    counted = path if assumptions.path_counted == "encoded" else unquote(path)
    if limit is not None and len(counted) > limit:
        rule = _broken("path", path, f"have length less than or equal to {limit}")
        raise ServiceError(HTTP_BAD, assumptions.path_error, f"1 validation error detected: {rule}")


def _slashes(path: str, assumptions: Assumptions) -> str:
    return path if assumptions.encoded_slash == "kept" else re.sub("%2f", "/", path, flags=re.IGNORECASE)


def _parameters(members: Mapping[str, Any], assumptions: Assumptions) -> Iterator[tuple[str, str]]:
    for name, value in (members.get("QueryParameters") or {}).items():
        for text in _texts(value, assumptions):
            yield name, text


def _texts(value: Any, assumptions: Assumptions) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        return [_text(value, assumptions)]
    if assumptions.query_lists == "json":
        return [json.dumps(value)]
    items = [_text(item, assumptions) for item in value]
    if assumptions.query_lists == "comma":
        return [",".join(items)]
    return items[:1] if assumptions.query_lists == "first" else items


def _text(value: Any, assumptions: Assumptions) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) and assumptions.query_booleans == "python":
        return str(value)
    return json.dumps(value)


def grouped(parameters: list[tuple[str, str]]) -> dict[str, str | tuple[str, ...]]:
    """Query parameters by name, those that stand more than once as tuples, in order."""
    values: dict[str, tuple[str, ...]] = {}
    for name, value in parameters:
        values[name] = (*values.get(name, ()), value)
    return {name: texts[0] if len(texts) == 1 else texts for name, texts in values.items()}


def answer_of(response: Response, assumptions: Assumptions) -> Answer:
    """What the service makes of Airflow's response: a success, or one of its two REST exceptions."""
    body = {"RestApiStatusCode": response.status, **_document(response.body, assumptions)}
    if _too_large(body, assumptions):
        return _limit_answer(assumptions.response_error, "The response exceeds the size limit", assumptions)
    if response.status >= HTTP_SERVER_ERROR:
        return Answer(assumptions.server_error_status, body, SERVER_ERROR)
    if response.status >= HTTP_BAD:
        return Answer(HTTP_BAD, body, CLIENT_ERROR)
    return Answer(HTTP_OK, body)


def timeout_answer(assumptions: Assumptions) -> Answer:
    """What the service says when Airflow takes too long; the call may yet be executed."""
    return _limit_answer(assumptions.timeout_error, "The request timed out", assumptions)


def throttle_answer(assumptions: Assumptions) -> Answer:
    """What the service says when calls come too fast; nothing was executed."""
    return Answer(assumptions.throttle_status, {"message": "Rate exceeded"}, assumptions.throttle_error)


def internal_answer(message: str) -> Answer:
    """What the service says when it reaches no Airflow."""
    return Answer(HTTP_SERVER_ERROR, {"message": message}, INTERNAL_ERROR)


def _limit_answer(error: str, message: str, assumptions: Assumptions) -> Answer:
    statuses = {INTERNAL_ERROR: HTTP_SERVER_ERROR, SERVER_ERROR: assumptions.server_error_status}
    return Answer(statuses.get(error, HTTP_BAD), {"message": message}, error)


def _document(body: Any, assumptions: Assumptions) -> dict[str, Any]:
    if isinstance(body, NotJson):
        return {"RestApiResponse": body.excerpt}
    if body is not None:
        return {"RestApiResponse": body}
    values: dict[str, dict[str, Any]] = {
        "null": {"RestApiResponse": None},
        "absent": {},
        "object": {"RestApiResponse": {}},
        "text": {"RestApiResponse": ""},
    }
    return values[assumptions.empty_body]


def _too_large(body: Any, assumptions: Assumptions) -> bool:
    return assumptions.response_limit is not None and len(encoded(body)) > assumptions.response_limit


def encoded(body: Any) -> bytes:
    """``body`` as UTF-8 JSON; a lone surrogate, which UTF-8 has no form for, as its escape."""
    text = json.dumps(body, ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(body).encode()
