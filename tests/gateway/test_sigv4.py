from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from reconciler.sandbox.invoke import ServiceError
from reconciler.sandbox.sigv4 import LOCAL, AccessKey, Signed, credentials_from, verify

KEYS = {"AKID": AccessKey("wonder/+=land", "session/+=token"), **LOCAL}
PATH = "/restapi/a%20b?MaxResults=5&a=%2F"
BODY = b'{"Path": "/x", "Method": "GET"}'


def signed(
    key: str = "local",
    secret: str = "local",  # noqa: S107 - the documented pair
    token: str | None = None,
    service: str = "airflow",
    **headers: str,
) -> Signed:
    request = AWSRequest("POST", f"http://127.0.0.1:8080{PATH}", headers=headers, data=BODY)
    SigV4Auth(Credentials(key, secret, token), service, "eu-west-1").add_auth(request)
    sent = {name.lower(): value for name, value in request.headers.items()}
    return Signed("POST", PATH, {"host": "127.0.0.1:8080", **sent}, BODY)


def signed_at(request: Signed) -> datetime:
    return datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def changed(request: Signed, **headers: str | None) -> Signed:
    merged = {**request.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return replace(request, headers={name: value for name, value in merged.items() if value is not None})


def refusal(request: Signed, now: datetime | None = None) -> str:
    with pytest.raises(ServiceError) as error:
        verify(request, KEYS, now or datetime.now(UTC))
    assert error.value.answer.status == 403
    return f"{error.value.answer.error}: {error.value.answer.body['message']}"


def test_botocores_signature_is_accepted_and_tells_the_region() -> None:
    assert verify(signed(), KEYS, datetime.now(UTC)) == "eu-west-1"


def test_a_session_token_is_accepted_with_its_key() -> None:
    assert verify(signed("AKID", "wonder/+=land", "session/+=token"), KEYS, datetime.now(UTC))


def test_headers_that_are_not_signed_may_change() -> None:
    assert verify(
        changed(signed(), user_agent="somebody", amz_sdk_request="attempt=2"), KEYS, datetime.now(UTC)
    )


def test_a_wrong_secret_is_an_invalid_signature() -> None:
    assert refusal(signed(secret="other")).startswith("InvalidSignatureException: The request signature")


@pytest.mark.parametrize(
    "change",
    [
        {"body": BODY + b" "},
        {"path": PATH.replace("a%20b", "a b")},
        {"path": PATH.replace("5", "6")},
        {"method": "PUT"},
    ],
    ids=["body", "path", "query", "method"],
)
def test_what_was_changed_after_signing_is_an_invalid_signature(change: dict[str, str]) -> None:
    assert refusal(replace(signed(), **change)).startswith("InvalidSignatureException")  # type: ignore[arg-type]


def test_another_host_is_an_invalid_signature() -> None:
    assert refusal(changed(signed(), host="localhost:8080")).startswith("InvalidSignatureException")


def test_no_authorization_is_a_missing_token() -> None:
    assert refusal(changed(signed(), authorization=None)).startswith("MissingAuthenticationTokenException")


@pytest.mark.parametrize(
    "header",
    ["Bearer x", "Basic bG9jYWw6bG9jYWw=", "AWS4-HMAC-SHA256 Credential=local", ""],
)
def test_another_authorization_is_an_incomplete_signature(header: str) -> None:
    assert refusal(changed(signed(), authorization=header)).startswith("IncompleteSignatureException")


@pytest.mark.parametrize("date", [None, "yesterday", "20269999T000000Z"])
def test_a_missing_or_malformed_date_is_refused(date: str | None) -> None:
    request = signed()
    if date and date.endswith("Z"):
        scope = request.headers["x-amz-date"][:8]
        request = changed(request, authorization=request.headers["authorization"].replace(scope, date[:8]))
    assert refusal(changed(request, x_amz_date=date)).startswith("IncompleteSignatureException")


@pytest.mark.parametrize("token", [None, "testing"])
def test_a_key_whose_secret_is_its_own_id_needs_no_introduction(token: str | None) -> None:
    assert verify(signed("testing", "testing", token), KEYS, datetime.now(UTC)) == "eu-west-1"


def test_an_unknown_key_is_an_unrecognized_client() -> None:
    assert refusal(signed(key="AKOTHER")).startswith("UnrecognizedClientException")


@pytest.mark.parametrize("token", [None, "another"])
def test_a_key_without_its_session_token_is_an_unrecognized_client(token: str | None) -> None:
    assert refusal(signed("AKID", "wonder/+=land", token)).startswith("UnrecognizedClientException")


def test_the_local_key_takes_no_session_token() -> None:
    assert refusal(signed(token="left over")).startswith("UnrecognizedClientException")


def test_a_signature_for_another_service_is_invalid() -> None:
    assert "correct service: 'airflow'" in refusal(signed(service="execute-api"))


def test_the_date_of_the_scope_must_be_the_date_of_the_request() -> None:
    request = signed()
    day = request.headers["x-amz-date"][:8]
    moved = changed(request, authorization=request.headers["authorization"].replace(day, "20200101"))
    assert "Date in Credential scope" in refusal(moved)


@pytest.mark.parametrize("missing", ["host", "x-amz-date", "x-amz-security-token"])
def test_what_must_be_signed_cannot_be_left_out_of_the_signed_headers(missing: str) -> None:
    request = signed("AKID", "wonder/+=land", "session/+=token")
    listed = request.headers["authorization"].replace(f"{missing};", "").replace(f";{missing}", "")
    assert "must be signed" in refusal(changed(request, authorization=listed))


def test_a_digest_that_is_not_the_bodys_is_refused_though_it_is_signed() -> None:
    request = replace(signed(**{"x-amz-content-sha256": "0" * 64}))
    assert "does not match the body" in refusal(request)


def test_the_clock_may_be_off_by_fifteen_minutes_but_not_more() -> None:
    request = signed()
    at = signed_at(request)
    for minutes in (-15, 15):
        assert verify(request, KEYS, at + timedelta(minutes=minutes))
    late, early = at + timedelta(minutes=15, seconds=1), at - timedelta(minutes=15, seconds=1)
    assert refusal(request, late).startswith("InvalidSignatureException: Signature expired: ")
    assert refusal(request, early).startswith("InvalidSignatureException: Signature not yet current: ")


def test_the_process_environment_adds_its_own_key() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
    assert credentials_from(environ) == {"AK": AccessKey("s", "t"), **LOCAL}


@pytest.mark.parametrize(
    "environ",
    [{}, {"AWS_ACCESS_KEY_ID": "AK"}, {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "changed"}],
)
def test_the_local_pair_stays_whatever_the_environment_holds(environ: dict[str, str]) -> None:
    assert credentials_from(environ) == LOCAL


def test_no_text_of_an_access_key_shows_its_secret() -> None:
    assert "wonder" not in repr(KEYS)
    assert "session" not in repr(KEYS)
