"""Places, sessions and the sentences that AWS's errors become."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from botocore import exceptions as aws_errors
from botocore.parsers import ResponseParserError

from reconciler import amazon
from reconciler.amazon import Place
from reconciler.backends import Request
from reconciler.backends.mwaa import MwaaBackend
from reconciler.errors import BadAnswer
from reconciler.targets import HttpTarget, MwaaTarget, SandboxTarget
from tests.aws import support
from tests.e2e.broken import Raw

HERE = Place("eu-west-1", profile="ops", role_arn="arn:aws:iam::123456789012:role/r", endpoint_url="http://h")
ARN = "arn:aws:secretsmanager:us-east-2:123456789012:secret:prod/vendor-AbCdEf"


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with support.aws_server() as url:
        yield url


def test_a_place_costs_no_import_of_boto3() -> None:
    code = "import sys, reconciler.amazon; print({'boto3', 'botocore', 'urllib3'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout == "set()\n"


def test_an_environment_on_mwaa_has_a_place() -> None:
    target = MwaaTarget("eu-west-1", "prod", profile="ops", role_arn=HERE.role_arn, endpoint_url="http://h")

    assert amazon.place_of(target) == HERE


@pytest.mark.parametrize("target", [HttpTarget("http://h"), SandboxTarget("state.json")], ids=str)
def test_other_environments_have_none(target: HttpTarget | SandboxTarget) -> None:
    assert amazon.place_of(target) == Place()


@pytest.mark.parametrize(
    ("resource", "region"),
    [
        ("prod/vendor", "eu-west-1"),
        (ARN, "us-east-2"),
        ("arn:aws-cn:kms:cn-north-1:123456789012:key/x", "cn-north-1"),
        ("arn:aws:iam::123456789012:role/r", "eu-west-1"),
        ("arn:odd", "eu-west-1"),
    ],
)
def test_a_resource_of_another_service_has_its_own_region_and_endpoint(resource: str, region: str) -> None:
    assert HERE.of(resource) == Place(region, HERE.profile, HERE.role_arn)


def test_a_role_is_assumed(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    support.use(monkeypatch, aws)
    role = support.role_allowed()

    who = amazon.client("sts", Place(role_arn=role)).get_caller_identity()["Arn"]

    assert who.endswith(f"{role.rpartition('/')[2]}/{amazon.ROLE_SESSION}")


@pytest.mark.parametrize("region", [None, "us-east-2"])
def test_a_role_keeps_the_region(aws: str, monkeypatch: pytest.MonkeyPatch, region: str | None) -> None:
    support.use(monkeypatch, aws)

    session = amazon.session(Place(region, role_arn=support.role_allowed()))

    assert session.region_name == (region or support.REGION)


def test_only_reads_are_tried_again() -> None:
    assert amazon.config().retries == {"total_max_attempts": 1, "mode": "standard"}
    assert amazon.config(**amazon.READS).retries == {"total_max_attempts": 3, "mode": "standard"}


def test_an_own_endpoint_gets_the_options_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    support.use(monkeypatch, "http://127.0.0.1:9")
    elsewhere = {"inject_host_prefix": False}

    custom = amazon.client_in(amazon.session(Place()), "mwaa", elsewhere=elsewhere)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    real = amazon.client_in(amazon.session(Place()), "mwaa", elsewhere=elsewhere)

    assert not custom.meta.config.inject_host_prefix
    assert real.meta.config.inject_host_prefix
    assert real.meta.endpoint_url == "https://airflow.eu-west-1.amazonaws.com"


def client_error(code: str, status: int = 400, operation: str = "GetObject") -> aws_errors.ClientError:
    answer = {
        "Error": {"Code": code, "Message": "said so"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return aws_errors.ClientError(answer, operation)


REFUSED = "it: AWS refused the call: said so; check the credentials and that their policy allows "
EXPLAINED: dict[str, tuple[Exception, str]] = {
    "denied": (client_error("AccessDeniedException", operation="GenerateMac"), f"{REFUSED}kms:GenerateMac"),
    "denied by status": (client_error("Odd", 403, "AssumeRole"), f"{REFUSED}sts:AssumeRole"),
    "denied something else": (client_error("AccessDenied", 403, "HeadBucket"), f"{REFUSED}HeadBucket"),
    "throttled": (client_error("ThrottlingException"), "it: AWS is throttling; try again later"),
    "throttled by status": (client_error("Odd", 429), "it: AWS is throttling; try again later"),
    "another": (client_error("ValidationException"), "it: AWS answered ValidationException: said so"),
    "no message": (aws_errors.ClientError({"Error": {"Code": "Odd"}}, "x"), "it: AWS answered Odd: Odd"),
    "a page of HTML": (
        aws_errors.ClientError({"Error": {"Code": "502", "Message": f"<p>\n {'x' * 600}"}}, "x"),
        f"it: AWS answered 502: <p> {'x' * 496}",
    ),
    "no credentials": (
        aws_errors.NoCredentialsError(),
        f"it: no AWS credentials: Unable to locate credentials; {amazon.SIGN_IN}",
    ),
    "signed out": (
        aws_errors.UnauthorizedSSOTokenError(),
        f"it: no AWS credentials: {aws_errors.UnauthorizedSSOTokenError.fmt.rstrip('.')}; {amazon.SIGN_IN}",
    ),
    "no region": (aws_errors.NoRegionError(), "it: no AWS region is known; set AWS_REGION"),
    "no such name": (
        aws_errors.ParamValidationError(report="x"),
        "it: boto3 refused the request before sending it; check the name",
    ),
    "slow": (aws_errors.ReadTimeoutError(endpoint_url="http://h"), "it: AWS did not answer within 20 s"),
    "hung up": (
        aws_errors.ConnectionClosedError(endpoint_url="http://h"),
        "it: the connection broke off before the answer was complete",
    ),
    "no route": (
        aws_errors.EndpointConnectionError(endpoint_url="http://h", error=OSError(1, "No route")),
        f"it: AWS cannot be reached: No route; {amazon.REGION_OR_NETWORK}",
    ),
    "garbage": (ResponseParserError("CANARY"), "it: no usable answer of AWS (ResponseParserError)"),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_an_error_is_one_sentence(name: str) -> None:
    error, sentence = EXPLAINED[name]

    assert amazon.explained(error, "it") == sentence


def test_why_finds_what_the_system_said() -> None:
    below = RuntimeError("outer")
    below.__cause__ = OSError(1, "Name or service not known")

    assert amazon.why(aws_errors.HTTPClientError(error=below)) == "Name or service not known"
    assert amazon.why(aws_errors.HTTPClientError(error=RuntimeError())) == "RuntimeError"


def test_an_answer_of_mwaa_that_is_no_text_is_one_sentence(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    support.use(monkeypatch, aws)
    with support.linked(aws, lambda _forward: Raw(200, b"\xff\xfe"), faulty="POST") as link:
        backend = MwaaBackend(MwaaTarget("eu-west-1", "prod", endpoint_url=link.url))
        with pytest.raises(BadAnswer, match="mwaa://eu-west-1/prod answered with something else than JSON"):
            backend.send(Request("GET", "/pools"))
