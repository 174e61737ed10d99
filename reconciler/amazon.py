"""The one door to boto3: where AWS is called, as whom, and what its errors mean.

boto3 takes 0.1 s to import, so it is imported by the functions that call AWS: a ``Place`` costs nothing.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Self

from reconciler.errors import why_unreachable
from reconciler.targets import MwaaTarget, Target

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 20
"""Seconds; InvokeRestApi ends a call after 10 (MWAA user guide), and its answer must still arrive."""

READS: Mapping[str, Any] = {"retries": {"total_max_attempts": 3, "mode": "standard"}}
"""Options of a client that only reads: what is asked twice does no harm."""

ROLE_SESSION = "reconciler"
LONGEST = 500
"""Characters of what AWS said: where the answer is no JSON, botocore takes all of it for the message."""

MAKING = threading.RLock()
"""Held while a session or a client is made: unlike clients, sessions are not for several threads (boto3's
guide, "Multithreading or multiprocessing with resources")."""

ARN_REGION = re.compile(r"arn:[^:]*:[^:]*:([^:]+):")
THROTTLED = frozenset(
    """
    429 RequestLimitExceeded SlowDown Throttling ThrottlingException
    TooManyRequestsException
    """.split()
)
DENIED = frozenset(
    """
    AccessDenied AccessDeniedException ExpiredToken ExpiredTokenException IncompleteSignature
    InvalidAccessKeyId InvalidClientTokenId InvalidSignatureException InvalidToken
    MissingAuthenticationTokenException SignatureDoesNotMatch UnrecognizedClientException
    """.split()
)
IAM_ACTIONS = {
    "AssumeRole": "sts:AssumeRole",
    "DescribeParameters": "ssm:DescribeParameters",
    "DescribeSecret": "secretsmanager:DescribeSecret",
    "GenerateMac": "kms:GenerateMac",
    "GetEnvironment": "airflow:GetEnvironment",
    "GetObject": "s3:GetObject, and s3:ListBucket to tell a missing object from a forbidden one",
    "GetParameter": "ssm:GetParameter, and kms:Decrypt where a value is read",
    "GetSecretValue": "secretsmanager:GetSecretValue and, for a key of your own, kms:Decrypt",
    "ListEnvironments": "airflow:ListEnvironments",
    "ListSecrets": "secretsmanager:ListSecrets",
    "ListObjectsV2": "s3:ListBucket",
    "PutObject": "s3:PutObject",
    "SendMessageBatch": "sqs:SendMessage",
}
"""What an operation of AWS takes to be allowed."""


@dataclass(frozen=True)
class Place:
    """Where AWS is called and as whom; what is left out is found as boto3 always does."""

    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    endpoint_url: str | None = None

    def of(self, resource: str) -> Self:
        """The place of a resource of another service: its ARN's region wins, no endpoint is taken along."""
        arn = ARN_REGION.match(resource)
        return replace(self, region=arn[1] if arn else self.region, endpoint_url=None)


@dataclass(frozen=True)
class Refusal:
    """What AWS said instead of doing as it was asked."""

    operation: str
    code: str
    status: int
    said: str

    @property
    def denied(self) -> bool:
        """Whether the credentials are wrong or may not do this."""
        return self.code in DENIED or self.status in {401, 403}

    @property
    def throttled(self) -> bool:
        """Whether there were too many calls; this one was not executed."""
        return self.code in THROTTLED or self.status == 429  # noqa: PLR2004 - the HTTP status itself


def place_of(target: Target) -> Place:
    """Where an environment lives, for MWAA; elsewhere nothing is known."""
    if not isinstance(target, MwaaTarget):
        return Place()
    return Place(target.region, target.profile, target.role_arn, target.endpoint_url)


def session(place: Place) -> "boto3.Session":
    """A session of boto3, its role assumed; raises ``failures()``, as all that calls AWS here.

    One serves all services of a place: each takes a tenth of a second and would assume the role anew.
    """
    with MAKING:
        return _session(replace(place, endpoint_url=None))


@cache
def _session(place: Place) -> "boto3.Session":
    import boto3  # noqa: PLC0415 - only where it is used

    own = boto3.Session(profile_name=place.profile, region_name=place.region)
    if not place.role_arn:
        return own
    credentials = _assumed(own, place.role_arn)
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=place.region or own.region_name,
    )


def forget_sessions() -> None:
    """Lets later calls sign in anew: an assumed role's credentials end after an hour, a process may not."""
    _session.cache_clear()


def _assumed(own: "boto3.Session", role_arn: str) -> Mapping[str, str]:
    sts = own.client("sts", config=config())
    credentials: Mapping[str, str] = sts.assume_role(RoleArn=role_arn, RoleSessionName=ROLE_SESSION)[
        "Credentials"
    ]
    return credentials


def config(**options: Any) -> "Config":
    """One attempt, because a repeated write meets the first one's result; retries are the caller's."""
    from botocore.config import Config  # noqa: PLC0415 - only where it is used

    once = {"total_max_attempts": 1, "mode": "standard"}
    return Config(
        **{"connect_timeout": CONNECT_TIMEOUT, "read_timeout": READ_TIMEOUT, "retries": once, **options}
    )


def client(service: str, place: Place, **options: Any) -> Any:
    """A client of a service, with more or other options than ``config`` has."""
    return client_in(session(place), service, place.endpoint_url, **options)


def client_in(
    boto: "boto3.Session",
    service: str,
    endpoint_url: str | None = None,
    *,
    elsewhere: Mapping[str, Any] | None = None,
    **options: Any,
) -> Any:
    """A client of a session; ``elsewhere`` are options for an endpoint that is not Amazon's own."""
    make = partial(boto.client, service, endpoint_url=endpoint_url)
    with MAKING:
        made = make(config=config(**options))
        if not elsewhere:
            return made
        real = boto.client(service, config=config(ignore_configured_endpoint_urls=True))
        if made.meta.endpoint_url == real.meta.endpoint_url:
            return made
        return make(config=config(**options, **elsewhere))


def refusal(error: "ClientError") -> Refusal:
    """What AWS said in an error."""
    said = error.response.get("Error", {})
    code = str(said.get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    words = " ".join(str(said.get("Message") or code).split())
    return Refusal(error.operation_name, code, status, words[:LONGEST].rstrip("."))


def failures() -> tuple[type[Exception], ...]:
    """Everything that botocore raises where a call comes to nothing."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - only where it is used
    from botocore.parsers import ResponseParserError  # noqa: PLC0415 - the same

    return (BotoCoreError, ClientError, ResponseParserError, UnicodeDecodeError)


def lacks_credentials(error: Exception) -> bool:
    """Whether botocore found no credentials, or none that can be used."""
    from botocore import exceptions as aws  # noqa: PLC0415 - only where it is used

    return isinstance(
        error,
        aws.NoCredentialsError
        | aws.PartialCredentialsError
        | aws.CredentialRetrievalError
        | aws.TokenRetrievalError
        | aws.SSOError
        | aws.ProfileNotFound,
    )


SIGN_IN = "sign in, set AWS_PROFILE, or name a profile in the address"
REGION_OR_NETWORK = "check the region and the network"


def explained(error: Exception, subject: str) -> str:
    """One sentence: what went wrong with ``subject`` when AWS was asked, and what to do."""
    from botocore import exceptions as aws  # noqa: PLC0415 - only where it is used

    if isinstance(error, aws.ClientError):
        return _refused(refusal(error), subject)
    if lacks_credentials(error):
        return f"{subject}: no AWS credentials: {str(error).rstrip('.')}; {SIGN_IN}"
    if isinstance(error, aws.NoRegionError):
        return f"{subject}: no AWS region is known; set AWS_REGION"
    if isinstance(error, aws.ParamValidationError):
        return f"{subject}: boto3 refused the request before sending it; check the name"
    if isinstance(error, aws.ReadTimeoutError):
        return f"{subject}: AWS did not answer within {READ_TIMEOUT} s"
    if isinstance(error, aws.ConnectionClosedError | aws.ResponseStreamingError | aws.IncompleteReadError):
        return f"{subject}: the connection broke off before the answer was complete"
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError):
        return f"{subject}: AWS cannot be reached: {why(error)}; {REGION_OR_NETWORK}"
    return f"{subject}: no usable answer of AWS ({type(error).__name__})"


def _refused(refusal: Refusal, subject: str) -> str:
    if refusal.denied:
        action = IAM_ACTIONS.get(refusal.operation, refusal.operation)
        return (
            f"{subject}: AWS refused the call: {refusal.said}; "
            f"check the credentials and that their policy allows {action}"
        )
    if refusal.throttled:
        return f"{subject}: AWS is throttling; try again later"
    return f"{subject}: AWS answered {refusal.code}: {refusal.said}"


def why(error: BaseException) -> str:
    """What the operating system said below botocore's error, without the URL that botocore repeats."""
    return why_unreachable(getattr(error, "kwargs", {}).get("error") or error)
