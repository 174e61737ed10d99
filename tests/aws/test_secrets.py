"""What only one of AWS's sources of secrets has, and what both do when AWS is of no use."""

import json
import traceback
from collections.abc import Callable, Iterator

import pytest

from reconciler.amazon import Place
from reconciler.errors import SecretError
from reconciler.secrets.aws import ParameterStore, SecretsManager
from tests.aws import support
from tests.aws.support import CANARY, Fault
from tests.e2e.broken import Raw

FIELDS = {
    "api_key": CANARY,
    "nested": {"token": "inner", "deep.er": "dotted", "flag": True},
    "nested.token": "exact",
    "port": 5432,
    "ratio": 0.5,
    "list": [1, "é"],
    "empty": "",
    "null": None,
}
PICKED = {
    "api_key": CANARY,
    "nested.token": "exact",
    "nested.flag": "true",
    "nested.deep.er": "dotted",
    "port": "5432",
    "ratio": "0.5",
    "list": '[1, "é"]',
    "nested": '{"token": "inner", "deep.er": "dotted", "flag": true}',
    "empty": None,
    "null": None,
    "absent": None,
    "nested.absent": None,
    "api_key.absent": None,
    "list.0": None,
    ".": None,
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with support.aws_server() as url:
        yield url


@pytest.fixture
def aws(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    support.use(monkeypatch, server)
    return server


@pytest.fixture
def secret(aws: str) -> Callable[[str | bytes], str]:
    """Makes a secret of text or bytes, and tells its name."""
    del aws

    def make(value: str | bytes) -> str:
        name = support.fresh("secret")
        form = "SecretString" if isinstance(value, str) else "SecretBinary"
        with support.client("secretsmanager") as client:
            client.create_secret(Name=name, **{form: value})
        return name

    return make


def shown(error: BaseException) -> str:
    """Everything that anybody could print of an error, what it was raised from included."""
    return "".join([repr(error), str(error), *traceback.format_exception(error)])


@pytest.mark.parametrize("key", PICKED)
def test_a_key_picks_a_value_out_of_a_json_object(secret: Callable[[str], str], key: str) -> None:
    name = secret(json.dumps(FIELDS))

    assert SecretsManager().value(f"{name}#{key}") == PICKED[key]


def test_a_key_does_not_matter_to_the_version(secret: Callable[[str], str]) -> None:
    name = secret(json.dumps(FIELDS))
    source = SecretsManager()

    assert source.version(f"{name}#api_key") == source.version(name)
    assert source.value(f"{name}#api_key", source.version(name)) == CANARY


@pytest.mark.parametrize(
    "text",
    [CANARY, f'["{CANARY}"]', f'{{"a": "{CANARY}"', f'"{CANARY}"', "[" * 200_000 + CANARY],
    ids=["text", "list", "cut", "string", "deep"],
)
def test_a_key_of_what_is_no_json_object_is_told_without_its_text(
    secret: Callable[[str], str], text: str
) -> None:
    name = secret(text[-60_000:])

    with pytest.raises(
        SecretError, match=f"the secret aws-sm:{name}#a is no JSON object, so that it"
    ) as caught:
        SecretsManager().value(f"{name}#a")

    assert CANARY not in shown(caught.value)
    assert caught.value.__context__ is None


def test_binary_text_is_read_as_text(secret: Callable[[str | bytes], str]) -> None:
    assert SecretsManager().value(secret("größe".encode())) == "größe"
    assert SecretsManager().value(secret(b'{"a": "b"}') + "#a") == "b"


def test_binary_that_is_no_text_is_told_without_it(secret: Callable[[str | bytes], str]) -> None:
    name = secret(b"\xff" + CANARY.encode())

    with pytest.raises(SecretError, match=f"the secret aws-sm:{name} is binary and not UTF-8") as caught:
        SecretsManager().value(name)

    assert CANARY not in shown(caught.value)
    assert caught.value.__context__ is None


def test_a_secret_without_a_value_has_no_version(aws: str) -> None:
    del aws
    name = support.fresh("secret")
    with support.client("secretsmanager") as client:
        client.create_secret(Name=name)

    assert (SecretsManager().version(name), SecretsManager().value(name)) == (None, None)


def test_a_secret_that_waits_for_its_deletion_is_none(secret: Callable[[str], str]) -> None:
    name = secret(CANARY)
    version = SecretsManager().version(name)
    with support.client("secretsmanager") as client:
        client.delete_secret(SecretId=name, RecoveryWindowInDays=7)

    assert (SecretsManager().version(name), SecretsManager().value(name, version)) == (None, None)


def test_a_version_that_never_was_is_none(secret: Callable[[str], str]) -> None:
    assert SecretsManager().value(secret(CANARY), "0" * 32) is None


@pytest.fixture
def parameter(aws: str) -> str:
    """A parameter of two versions, the first labelled."""
    del aws
    name = f"/prod/{support.fresh('parameter')}"
    with support.client("ssm") as client:
        client.put_parameter(Name=name, Value="one", Type="SecureString")
        client.label_parameter_version(Name=name, Labels=["old"], ParameterVersion=1)
        client.put_parameter(Name=name, Value="two", Type="SecureString", Overwrite=True)
    return name


@pytest.mark.parametrize(("selector", "expected"), [("", "two"), (":1", "one"), (":old", "one")])
def test_a_parameter_may_be_named_with_a_version_or_label(
    parameter: str, selector: str, expected: str
) -> None:
    source, name = ParameterStore(), parameter + selector

    assert source.value(name) == expected
    assert source.value(name, source.version(name)) == expected


@pytest.mark.parametrize("version", ["7", "99"])
def test_a_parameters_version_that_never_was_is_none(parameter: str, version: str) -> None:
    assert ParameterStore().value(parameter, version) is None


def test_an_arn_of_a_parameter_keeps_its_colons(parameter: str) -> None:
    arn = f"arn:aws:ssm:{support.REGION}:{support.ACCOUNT}:parameter{parameter}"

    assert ParameterStore().value(arn, "1") == "one"
    assert ParameterStore().value(f"{arn}:1", "2") == "two"


ACTS: dict[str, Callable[[], object]] = {
    "aws-sm version": lambda: SecretsManager().version("prod/vendor"),
    "aws-sm value": lambda: SecretsManager().value("prod/vendor#key"),
    "ssm version": lambda: ParameterStore().version("/prod/token"),
    "ssm value": lambda: ParameterStore().value("/prod/token", "1"),
}
USELESS: dict[str, tuple[Fault, str]] = {
    "denied": (
        support.json_refused(400, "AccessDeniedException"),
        "AWS refused the call: said so; check the",
    ),
    "expired": (support.json_refused(400, "ExpiredTokenException"), "AWS refused the call: said so; check"),
    "throttled": (support.json_refused(400, "ThrottlingException"), "AWS is throttling; try again later"),
    "invalid": (support.json_refused(400, "InvalidRequestException"), "AWS answered InvalidRequestException"),
    "500": (support.json_refused(500, "InternalServiceError"), "AWS answered InternalServiceError: said so"),
    "no JSON": (lambda _forward: Raw(200, f"<p>{CANARY}".encode()), "no usable answer of AWS"),
    "no text": (lambda _forward: Raw(200, b"\xff" + CANARY.encode()), "no usable answer of AWS"),
    "nothing in it": (lambda _forward: Raw(200, b"{}"), "no usable answer of AWS"),
    "no answer": (support.dropped_before, "the connection broke off before the answer was complete"),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", USELESS)
def test_answers_that_are_no_use_are_one_sentence(
    aws: str, monkeypatch: pytest.MonkeyPatch, name: str, act: str
) -> None:
    support.no_waiting(monkeypatch)
    fault, sentence = USELESS[name]
    with support.linked(aws, fault, faulty="POST") as link:
        monkeypatch.setenv("AWS_ENDPOINT_URL", link.url)
        with pytest.raises(
            SecretError, match=f"the secret (aws-sm:prod/vendor|ssm:/prod/token).*: {sentence}"
        ) as caught:
            ACTS[act]()

    assert CANARY not in shown(caught.value)
    assert len(link.seen) in {1, 3}


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("act", ACTS)
def test_missing_credentials_are_told(monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(SecretError, match="no AWS credentials: Unable to locate credentials"):
        ACTS[act]()


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("act", ACTS)
def test_a_missing_region_is_told(monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    with pytest.raises(SecretError, match="no AWS region is known; set AWS_REGION"):
        ACTS[act]()


@pytest.mark.usefixtures("aws")
def test_a_role_that_cannot_be_assumed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(role_arn="arn:aws:iam::123456789012:role/nobody")
    with support.permissions_count(monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        with pytest.raises(SecretError, match=r"AWS refused the call: .* allows sts:AssumeRole"):
            SecretsManager.at(place).version("prod/vendor")


def test_a_parameter_that_may_not_be_decrypted_still_has_a_version(
    parameter: str, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = support.json_refused(400, "AccessDeniedException", "kms:Decrypt is not allowed")

    def fault(forward: support.Forward) -> Raw | None:
        return denied(forward) if json.loads(forward.body)["WithDecryption"] else forward()

    with support.linked(aws, fault, faulty="POST") as link:
        monkeypatch.setenv("AWS_ENDPOINT_URL", link.url)
        source = ParameterStore()
        assert source.version(parameter) == "2"
        with pytest.raises(
            SecretError, match=r"kms:Decrypt is not allowed; check .* kms:Decrypt where a value"
        ):
            source.value(parameter, "2")


@pytest.mark.usefixtures("aws")
def test_a_name_that_cannot_be_is_told() -> None:
    with pytest.raises(SecretError, match="the secret aws-sm:: boto3 refused the request before sending it"):
        SecretsManager().version("")


def test_a_throttled_read_is_tried_again(
    secret: Callable[[str], str], aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    support.no_waiting(monkeypatch)
    name = secret(CANARY)
    throttled = iter([support.json_refused(400, "ThrottlingException")] * 2)
    fault: Fault = lambda forward: next(throttled, lambda _forward: forward())(forward)  # noqa: E731
    with support.linked(aws, fault, faulty="POST") as link:
        monkeypatch.setenv("AWS_ENDPOINT_URL", link.url)

        assert SecretsManager().value(name) == CANARY

    assert link.seen == ["POST"] * 3
