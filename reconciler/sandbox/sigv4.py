"""AWS Signature Version 4, checked with botocore's own signer."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from reconciler.sandbox.invoke import ServiceError

SERVICE = "airflow"
"""The signing name of MWAA in botocore's model."""

SKEW = timedelta(minutes=15)
"""How far the client's clock may be off, either way."""

HTTP_FORBIDDEN = 403

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)"
    r"/aws4_request,\s*SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class AccessKey:
    """What belongs to an access key id; keys with a session token are valid only together with it."""

    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


Credentials = Mapping[str, AccessKey]

LOCAL = {"local": AccessKey("local")}
"""The pair that the gateway always takes; it opens nothing else."""


@dataclass(frozen=True)
class Signed:
    """A request as it came: the path still encoded and with its query, header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def credentials_from(environ: Mapping[str, str]) -> Credentials:
    """The local pair, and the key that the AWS variables of ``environ`` hold, if they hold one."""
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret or key in LOCAL:
        return LOCAL
    return {key: AccessKey(secret, environ.get("AWS_SESSION_TOKEN") or None), **LOCAL}


def verify(request: Signed, credentials: Credentials, now: datetime) -> str:
    """The region that ``request`` is signed for; raises ServiceError, status 403, with AWS's own codes.

    A key whose secret is its own id, such as ``test``/``test``, needs no introduction: it opens nothing else.
    """
    claim = _claim(request)
    stamp = _stamp(request, claim)
    if claim["service"] != SERVICE:
        raise _invalid(f"Credential should be scoped to correct service: '{SERVICE}'.")
    _check_time(stamp, now)
    token = request.headers.get("x-amz-security-token")
    access_key = credentials.get(claim["key"], AccessKey(claim["key"], token))
    if token != access_key.token:
        raise _unrecognised()
    _check_body(request)
    if not hmac.compare_digest(_signature(request, claim, access_key), claim["signature"]):
        if claim["key"] not in credentials:
            raise _unrecognised()
        raise _invalid("The request signature we calculated does not match the signature you provided.")
    return claim["region"]


def _unrecognised() -> ServiceError:
    return _denied("UnrecognizedClientException", "The security token included in the request is invalid.")


def _claim(request: Signed) -> dict[str, str]:
    header = request.headers.get("authorization")
    if header is None:
        raise _denied("MissingAuthenticationTokenException", "Missing Authentication Token")
    match = AUTHORIZATION.fullmatch(header.strip())
    if match is None:
        raise _incomplete("Authorization header is no complete AWS4-HMAC-SHA256 signature.")
    return match.groupdict()


def _stamp(request: Signed, claim: dict[str, str]) -> str:
    stamp = request.headers.get("x-amz-date", "")
    if not re.fullmatch(r"\d{8}T\d{6}Z", stamp, re.ASCII):
        raise _incomplete("Authorization header requires existence of an 'X-Amz-Date' header.")
    signed = set(claim["headers"].split(";"))
    required = {"host", "x-amz-date", "x-amz-security-token"} & {"host", *request.headers}
    if not required <= signed <= set(request.headers):
        raise _invalid("'Host' and every 'x-amz-' header must be signed, and every signed header be there.")
    if stamp[:8] != claim["date"]:
        raise _invalid(f"Date in Credential scope does not match: '{claim['date']}' != '{stamp[:8]}'.")
    return stamp


def _check_time(stamp: str, now: datetime) -> None:
    try:
        signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete(f"'{stamp}' is not a date.") from None
    if signed < now - SKEW:
        raise _invalid(f"Signature expired: {stamp} is now earlier than {now - SKEW:%Y%m%dT%H%M%SZ}.")
    if signed > now + SKEW:
        raise _invalid(f"Signature not yet current: {stamp} is still later than {now + SKEW:%Y%m%dT%H%M%SZ}.")


def _check_body(request: Signed) -> None:
    """Botocore's signer believes a digest that the client sends, so it must be the body's."""
    digest = request.headers.get("x-amz-content-sha256")
    if digest not in {None, hashlib.sha256(request.body).hexdigest()}:
        raise _invalid("The value of 'x-amz-content-sha256' does not match the body.")


def _signature(request: Signed, claim: dict[str, str], access_key: AccessKey) -> str:
    from botocore.auth import SigV4Auth  # noqa: PLC0415 - only the gateway pays for botocore
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415 - the same
    from botocore.credentials import Credentials as Pair  # noqa: PLC0415 - the same

    headers = {name: request.headers[name] for name in claim["headers"].split(";")}
    url = f"http://{request.headers['host']}{request.path}"
    again = AWSRequest(request.method, url, headers=headers, data=request.body)
    again.context["timestamp"] = request.headers["x-amz-date"]
    signer = SigV4Auth(Pair(claim["key"], access_key.secret, access_key.token), SERVICE, claim["region"])
    return str(signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again))


def _denied(code: str, message: str) -> ServiceError:
    return ServiceError(HTTP_FORBIDDEN, code, message)


def _invalid(message: str) -> ServiceError:
    return _denied("InvalidSignatureException", message)


def _incomplete(message: str) -> ServiceError:
    return _denied("IncompleteSignatureException", message)
