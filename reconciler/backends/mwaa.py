"""Amazon MWAA: every request is one ``InvokeRestApi`` call."""

from functools import partial
from typing import Any

from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from reconciler import amazon
from reconciler.backends import AT_ONCE, PATH_LIMIT, NotJson, RawAnswer, Request, Response, Witness, wire
from reconciler.errors import (
    AccessDenied,
    AirflowError,
    BadAnswer,
    EnvironmentNotFound,
    Rejected,
    ServiceFailed,
    Throttled,
    Unreachable,
    WrongAccount,
)
from reconciler.model import secrets_in
from reconciler.targets import MwaaTarget


class MwaaBackend:
    """Sends requests through boto3, each exactly once.

    Raises WrongAccount on construction if the target names another account than the credentials have,
    and AccessDenied if there are none.
    """

    roots = ("",)
    path_limit = PATH_LIMIT
    at_once = AT_ONCE

    def __init__(self, target: MwaaTarget, witness: Witness | None = None) -> None:
        self._target = target
        subject = "AWS STS" if target.account or target.role_arn else str(target)
        try:
            session = amazon.session(amazon.place_of(target))
            _check_account(session, target)
            subject = str(target)
            self._client = _client(session, target)
            if witness is not None:
                self._client.meta.events.register(ANSWERED, partial(_show, witness))
        except amazon.failures() as error:
            raise _translated(error, subject) from None

    def send(self, request: Request) -> Response:
        """What Airflow answered, also where boto3 makes an exception of it."""
        try:
            answer = self._client.invoke_rest_api(Name=self._target.name, **_arguments(request))
        except aws.ClientError as error:
            if "RestApiStatusCode" in error.response:
                return _response(error.response)
            quiet = any(True for _ in secrets_in(request.body))
            raise _service_error(error, str(self._target), quiet=quiet) from None
        except amazon.failures() as error:
            raise _translated(error, str(self._target)) from None
        if "RestApiStatusCode" not in answer:
            raise BadAnswer("InvokeRestApi answered without RestApiStatusCode: the answer was cut or no JSON")
        return _response(answer)


def names_at(target: MwaaTarget) -> list[str]:
    """The names of the environments in the region of ``target`` (MWAA API reference, ListEnvironments).

    Raises WrongAccount, AccessDenied, Throttled or another AirflowError.
    """
    subject = f"the environments in {target.region}"
    try:
        session = amazon.session(amazon.place_of(target))
        _check_account(session, target)
        pages = _client(session, target).get_paginator("list_environments").paginate()
        return sorted(name for page in pages for name in page["Environments"])
    except aws.ClientError as error:
        refusal, told = amazon.refusal(error), amazon.explained(error, subject)
        raise (AccessDenied(told) if refusal.denied else AirflowError(told)) from None
    except amazon.failures() as error:
        raise _translated(error, subject) from None


ANSWERED = "response-received.mwaa.InvokeRestApi"
"""The event by which botocore tells of an answer, errors included."""


def _show(witness: Witness, response_dict: dict[str, Any] | None = None, **_: Any) -> None:
    if response_dict is not None:
        headers = {name.lower(): value for name, value in response_dict["headers"].items()}
        witness(RawAnswer(response_dict["status_code"], headers, response_dict["body"]))


def _arguments(request: Request) -> dict[str, Any]:
    arguments: dict[str, Any] = {"Path": request.path, "Method": request.method}
    if request.query:
        arguments["QueryParameters"] = wire.encode(dict(request.query))
    if request.body is not None:
        arguments["Body"] = wire.encode(request.body)
    return arguments


def _response(answer: dict[str, Any]) -> Response:
    body = answer.get("RestApiResponse")
    if isinstance(body, str):
        body = NotJson(body[:80]) if body else None
    return Response(int(answer["RestApiStatusCode"]), body)


def _check_account(session: Any, target: MwaaTarget) -> None:
    if target.account is None:
        return
    account = amazon.client_in(session, "sts").get_caller_identity()["Account"]
    if account != target.account:
        belong = f"the credentials belong to account {account}, {target} is in {target.account}"
        raise WrongAccount(f"{belong}; use those of that account, or correct account= in the target")


def _client(session: Any, target: MwaaTarget) -> Any:
    """A client that prefixes the host only on the real service: ``env.127.0.0.1`` is nobody's name."""
    return amazon.client_in(session, "mwaa", target.endpoint_url, elsewhere={"inject_host_prefix": False})


def _translated(error: Exception, target: str) -> AirflowError:
    if isinstance(error, aws.ClientError):
        return _service_error(error, target, quiet=False)
    if amazon.lacks_credentials(error):
        return AccessDenied(f"no AWS credentials for {target}: {str(error).rstrip('.')}; {amazon.SIGN_IN}")
    if isinstance(error, aws.ParamValidationError):
        return Rejected("boto3 refused the request before sending it", 400)
    if isinstance(error, aws.ReadTimeoutError):
        return Unreachable(f"{target} did not answer within {amazon.READ_TIMEOUT} s")
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError):
        return Unreachable(f"{target} cannot be reached: {amazon.why(error)}; {VPC}")
    if isinstance(error, UnicodeDecodeError | ResponseParserError):
        return BadAnswer(f"{target} answered with something else than JSON")
    return AirflowError(f"{target}: {type(error).__name__}")


def _service_error(error: aws.ClientError, target: str, *, quiet: bool) -> AirflowError:
    """``quiet`` leaves AWS's own words out: they may repeat what was sent."""
    refusal = amazon.refusal(error)
    said = refusal.code if quiet else refusal.said
    if refusal.denied:
        return AccessDenied(f"AWS refused the call to {target}: {said}; {IAM_HINT}")
    if refusal.throttled:
        return Throttled(f"{target} is throttled by AWS; lower rate_limit or try again later")
    if refusal.code == "ResourceNotFoundException" or refusal.status == 404:  # noqa: PLR2004 - HTTP's own
        return EnvironmentNotFound(f"AWS knows no environment {target}: {said}; {NAME_OR_REGION}")
    if refusal.status >= 500 or refusal.code in FAILURES:  # noqa: PLR2004 - HTTP's own
        return ServiceFailed(f"{target}: AWS answered {refusal.code}")
    told = "" if quiet else f": {said}"
    return Rejected(f"{target}: AWS answered {refusal.code}{told}", refusal.status)


FAILURES = frozenset({"InternalServerException", "RestApiServerException"})
"""Errors of a server, whatever their HTTP status: the model gives the second one 400."""

VPC = f"{amazon.REGION_OR_NETWORK}: a private web server answers inside its VPC alone"
NAME_OR_REGION = "check its name, region and account"
IAM_HINT = (
    "check the credentials and that their policy allows airflow:InvokeRestApi on "
    "arn:aws:airflow:REGION:ACCOUNT:role/ENVIRONMENT/Op (the Airflow role, not the environment)"
)
