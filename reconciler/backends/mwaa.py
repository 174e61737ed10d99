"""Amazon MWAA: every request is one ``InvokeRestApi`` call."""

import functools
from typing import Any

import boto3
from botocore import exceptions as aws
from botocore.config import Config

from reconciler.backends import PATH_LIMIT, NotJson, Request, Response, why_unreachable, wire
from reconciler.errors import (
    AccessDenied,
    AirflowError,
    BadAnswer,
    EnvironmentNotFound,
    Rejected,
    ServerFailed,
    Throttled,
    Unreachable,
    WrongAccount,
)
from reconciler.targets import MwaaTarget

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 20
"""Seconds; the service itself ends a call after 10 (MWAA user guide), and its answer must still arrive."""

ROLE_SESSION = "reconciler"
THROTTLED = {"ThrottlingException", "TooManyRequestsException", "Throttling", "429"}
DENIED = {
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
}
NO_CREDENTIALS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.TokenRetrievalError,
    aws.SSOTokenLoadError,
    aws.ProfileNotFound,
)


class MwaaBackend:
    """Sends requests through boto3, each exactly once.

    Raises WrongAccount on construction if the target names another account than the credentials have,
    and AccessDenied if there are none.
    """

    roots = ("",)
    path_limit = PATH_LIMIT

    def __init__(self, target: MwaaTarget) -> None:
        self._target = target
        subject = "AWS STS" if target.account or target.role_arn else str(target)
        try:
            session = _session(target)
            _check_account(session, target)
            subject = str(target)
            self._client = _client(session, target)
        except (aws.BotoCoreError, aws.ClientError) as error:
            raise _translated(error, subject) from None

    def send(self, request: Request) -> Response:
        """What Airflow answered, also where boto3 makes an exception of it."""
        try:
            answer = self._client.invoke_rest_api(Name=self._target.name, **_arguments(request))
        except aws.ClientError as error:
            if "RestApiStatusCode" in error.response:
                return _response(error.response)
            raise _translated(error, str(self._target)) from None
        except (aws.BotoCoreError, UnicodeDecodeError) as error:
            raise _translated(error, str(self._target)) from None
        if "RestApiStatusCode" not in answer:
            raise BadAnswer("InvokeRestApi answered without RestApiStatusCode: the answer was cut or no JSON")
        return _response(answer)


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


def _session(target: MwaaTarget) -> boto3.Session:
    session = boto3.Session(profile_name=target.profile, region_name=target.region)
    if not target.role_arn:
        return session
    answer = session.client("sts", config=_config()).assume_role(
        RoleArn=target.role_arn, RoleSessionName=ROLE_SESSION
    )
    credentials = answer["Credentials"]
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=target.region,
    )


def _check_account(session: boto3.Session, target: MwaaTarget) -> None:
    if target.account is None:
        return
    account = session.client("sts", config=_config()).get_caller_identity()["Account"]
    if account != target.account:
        raise WrongAccount(f"the credentials belong to account {account}, {target} is in {target.account}")


def _client(session: boto3.Session, target: MwaaTarget) -> Any:
    """A client that prefixes the host only on the real service: ``env.127.0.0.1`` is nobody's name."""
    make = functools.partial(session.client, "mwaa", endpoint_url=target.endpoint_url)
    client = make(config=_config())
    real = session.client("mwaa", config=_config(ignore_configured_endpoint_urls=True))
    if client.meta.endpoint_url == real.meta.endpoint_url:
        return client
    return make(config=_config(inject_host_prefix=False))


def _config(**options: Any) -> Config:
    """One attempt, because a repeated POST meets the first one's result; retries are the caller's."""
    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"total_max_attempts": 1, "mode": "standard"},
        **options,
    )


def _translated(error: Exception, target: str) -> AirflowError:
    if isinstance(error, aws.ClientError):
        return _service_error(error, target)
    if isinstance(error, NO_CREDENTIALS):
        return AccessDenied(f"no AWS credentials for {target}: {error}")
    if isinstance(error, aws.ParamValidationError):
        return Rejected("boto3 refused the request before sending it", 400)
    if isinstance(error, aws.ReadTimeoutError):
        return Unreachable(f"{target} did not answer within {READ_TIMEOUT} s")
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError):
        return Unreachable(f"{target} cannot be reached: {_cause(error)}")
    if isinstance(error, UnicodeDecodeError | aws.ResponseParserError):
        return BadAnswer(f"{target} answered with something else than JSON")
    return AirflowError(f"{target}: {type(error).__name__}")


def _cause(error: Exception) -> str:
    """The reason alone, without the URL that botocore repeats."""
    return why_unreachable(getattr(error, "kwargs", {}).get("error") or error)


def _service_error(error: aws.ClientError, target: str) -> AirflowError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = error.response.get("Error", {}).get("Message") or code
    if code in DENIED or status in {401, 403}:
        return AccessDenied(f"AWS refused the call to {target}: {said}; {IAM_HINT}")
    if code in THROTTLED or status == 429:  # noqa: PLR2004 - the HTTP status itself
        return Throttled(f"{target} is throttled by AWS; lower rate_limit or try again later")
    if code == "ResourceNotFoundException" or status == 404:  # noqa: PLR2004 - the HTTP status itself
        return EnvironmentNotFound(f"AWS knows no environment {target}: {said}")
    if status >= 500 or code == "InternalServerException":  # noqa: PLR2004 - the HTTP status itself
        return ServerFailed(f"{target}: AWS answered {code}")
    return Rejected(f"{target}: AWS answered {code}: {said}", status)


IAM_HINT = (
    "check the credentials and that their policy allows airflow:InvokeRestApi on "
    "arn:aws:airflow:REGION:ACCOUNT:role/ENVIRONMENT/Op (the Airflow role, not the environment)"
)
