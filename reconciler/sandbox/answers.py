"""The shapes of Airflow's answers, errors above all."""

from collections.abc import Collection, Iterable, Sequence
from http import HTTPStatus
from typing import Any

from reconciler.backends import NotJson, Response
from reconciler.sandbox.personality import Personality

_LINKS = {
    400: "BadRequest",
    403: "PermissionDenied",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "AlreadyExists",
    500: "Unknown",
}
_NO_ROUTE = (
    "The requested URL was not found on the server. If you entered the URL manually please check your "
    "spelling and try again."
)

Error = dict[str, Any]
"""One entry of a 422's ``detail``: ``type``, ``loc``, ``msg``, the offending ``input``, perhaps ``ctx``."""


class Refusal(Exception):
    """An error answer; what the request has changed until then is rolled back."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(response.status)


def problem(
    personality: Personality, status: int, detail: str | None = None, title: str | None = ""
) -> Response:
    """An error of the v1 API (RFC 7807); the title is the status's own phrase unless another is given."""
    page = f"https://airflow.apache.org/docs/apache-airflow/{personality.version}/stable-rest-api-ref.html"
    body = {
        "detail": detail,
        "status": status,
        "title": HTTPStatus(status).phrase if title == "" else title,
        "type": f"{page}#section/Errors/{_LINKS[status]}",
    }
    return Response(status, body)


def routing_problem(status: int) -> Response:
    """The v1 API's answer where no handler was reached: 404 or 405."""
    detail = (
        _NO_ROUTE if status == HTTPStatus.NOT_FOUND else "The method is not allowed for the requested URL."
    )
    body = {"detail": detail, "status": status, "title": HTTPStatus(status).phrase, "type": "about:blank"}
    return Response(status, body)


def check_parameters(personality: Personality, query: Iterable[str], known: Collection[str]) -> None:
    """Raises Refusal for a query parameter that the v1 API does not know; the v2 API ignores such."""
    extra = sorted(name for name in query if name not in known)
    if extra and personality.api == "v1":
        text = f"Extra query parameter(s) {', '.join(extra)} not in spec"
        raise Refusal(problem(personality, 400, text, title=None))


def page_of_html(status: int) -> Response:
    """What Flask shows where a handler of the v1 API fails or redirects."""
    title = "Redirecting..." if status == HTTPStatus.PERMANENT_REDIRECT else "Internal Server Error"
    return Response(status, NotJson(f"<!doctype html>\n<title>{title}</title>"))


def plain_failure() -> Response:
    """What Starlette answers where a handler of the v2 API fails."""
    return Response(500, NotJson("Internal Server Error"))


def detail(status: int, text: str) -> Response:
    """An error of the v2 API."""
    return Response(status, {"detail": text})


def unprocessable(errors: Sequence[Error], *, twice: bool = False) -> Response:
    """A body or query that fails validation: it echoes the input, secrets included."""
    return Response(422, {"detail": [dict(error) for error in (*errors, *(errors if twice else ()))]})


def not_unique(statement: str | None, constraint: str | None) -> Response:
    """The v2 API's answer to a violated unique constraint; ``None`` stands for what newer versions hide."""
    body = {
        "reason": "Unique constraint violation",
        "statement": statement or "hidden",
        "orig_error": f"UNIQUE constraint failed: {constraint}" if constraint else "hidden",
        "message": (
            "Serious error when handling your request. Check logs for more details - "
            "you will find it in api server when you look for ID sandbox1"
        ),
    }
    return Response(409, {"detail": body})
