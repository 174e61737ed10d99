"""What Amazon MWAA's InvokeRestApi does where nothing documents it: each point a switch."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from reconciler.backends import PATH_LIMIT
from reconciler.errors import UsageError

RESPONSE_LIMIT = 6 * 1024 * 1024
"""Bytes; "6 MB" in the MWAA user guide, "Using the Apache Airflow REST API"."""

TIMEOUT = 10
"""Seconds until the service ends a call (same page)."""

NUMBER = "NUMBER"
"""Stands among a switch's values for any whole number from 1."""

SERVICE_ERRORS = ("InternalServerException", "RestApiServerException", "RestApiClientException")


def _switch(default: str | int | None, meaning: str, *values: str) -> Any:
    return field(default=default, metadata={"values": values, "meaning": meaning})


@dataclass(frozen=True)
class Assumptions:
    """One value for each open question; the defaults are the most plausible ones."""

    query_lists: str = _switch(
        "repeat", "how a list in QueryParameters becomes a query", "repeat", "comma", "json", "first"
    )
    query_booleans: str = _switch("json", "true or True, in a query", "json", "python")
    empty_body: str = _switch(
        "null", "RestApiResponse where Airflow answers nothing", "null", "absent", "object", "text"
    )
    encoded_slash: str = _switch("kept", "whether %2F in Path reaches Airflow", "kept", "decoded")
    server_error_status: int = _switch(
        400, "HTTP status of RestApiServerException", "400", "500", "502", "503", "504"
    )
    throttle_status: int = _switch(429, "HTTP status when throttled", "429", "400")
    throttle_error: str = _switch(
        "ThrottlingException", "error code when throttled", "ThrottlingException", "TooManyRequestsException"
    )
    path_limit: int | None = _switch(PATH_LIMIT, "longest Path, in characters", NUMBER, "none")
    path_counted: str = _switch("encoded", "which form of Path is counted", "encoded", "decoded")
    path_error: str = _switch(
        "RestApiClientException",
        "error code of a Path too long",
        "RestApiClientException",
        "ValidationException",
    )
    request_limit: int | None = _switch(None, "largest request, in bytes", NUMBER, "none")
    response_limit: int | None = _switch(RESPONSE_LIMIT, "largest response, in bytes", NUMBER, "none")
    response_error: str = _switch(
        "InternalServerException", "error code of a response too large", *SERVICE_ERRORS
    )
    timeout: int | None = _switch(TIMEOUT, "seconds that Airflow may take", NUMBER, "none")
    timeout_error: str = _switch(
        "InternalServerException", "error code of an Airflow too slow", *SERVICE_ERRORS
    )


SWITCHES = {switch.name: switch for switch in fields(Assumptions)}


def assume(settings: Iterable[str]) -> Assumptions:
    """The defaults changed by ``NAME=VALUE`` texts; raises UsageError with what is possible."""
    return replace(Assumptions(), **dict(map(_setting, settings)))


def possible(name: str) -> str:
    """The values of a switch, as help and errors list them."""
    return ", ".join(SWITCHES[name].metadata["values"])


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--assume {text}: write NAME=VALUE; the names are {', '.join(SWITCHES)}")
    if name not in SWITCHES:
        raise UsageError(f"--assume {text}: nothing is called '{name}'; the names are {', '.join(SWITCHES)}")
    return name, _value(name, value)


def _value(name: str, text: str) -> str | int | None:
    values = SWITCHES[name].metadata["values"]
    if text == "none" and "none" in values:
        return None
    if NUMBER in values and text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    if text not in values or text == NUMBER:
        raise UsageError(f"--assume {name}={text}: the values of {name} are {possible(name)}")
    return int(text) if text.isdigit() else text
