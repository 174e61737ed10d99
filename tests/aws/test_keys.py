"""The fingerprint key that KMS makes."""

from collections.abc import Iterator

import pytest

from reconciler.amazon import Place
from reconciler.errors import SecretError
from reconciler.secrets.keys import MESSAGE, kms_key
from tests.aws import support
from tests.e2e.broken import Raw


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with support.aws_server() as url:
        yield url


@pytest.fixture
def aws(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    support.use(monkeypatch, server)
    return server


def made_key(spec: str = "HMAC_256", usage: str = "GENERATE_VERIFY_MAC", region: str = support.REGION) -> str:
    with support.client("kms", region) as kms:
        return str(kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"])


@pytest.mark.usefixtures("aws")
def test_the_same_key_gives_the_same_32_bytes() -> None:
    arn = made_key()

    first, again = kms_key(arn, Place()), kms_key(arn.rpartition("/")[2], Place())

    assert first == again
    assert len(first) == 32
    assert kms_key(made_key(), Place()) != first


@pytest.mark.usefixtures("aws")
def test_a_key_is_found_by_its_alias() -> None:
    arn = made_key()
    with support.client("kms") as kms:
        kms.create_alias(AliasName="alias/reconciler", TargetKeyId=arn)

    assert kms_key("alias/reconciler", Place()) == kms_key(arn, Place())


@pytest.mark.usefixtures("aws")
def test_the_region_of_an_arn_wins() -> None:
    arn = made_key(region="us-east-2")

    assert len(kms_key(arn, Place("eu-west-1"))) == 32


@pytest.mark.usefixtures("aws")
def test_one_call_makes_it_of_a_message_that_never_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    arn = made_key()
    asked = support.recorded(monkeypatch)

    kms_key(arn, Place())

    wanted = {"KeyId": arn, "Message": b"reconciler fingerprint key 1", "MacAlgorithm": "HMAC_SHA_256"}
    assert asked == [("GenerateMac", wanted)]
    assert wanted["Message"] == MESSAGE


@pytest.mark.usefixtures("aws")
def test_a_missing_key_is_told() -> None:
    with pytest.raises(SecretError, match="the fingerprint key kms:alias/nowhere does not exist in this acc"):
        kms_key("alias/nowhere", Place())


@pytest.mark.usefixtures("aws")
def test_a_key_for_something_else_is_told() -> None:
    with pytest.raises(SecretError, match="cannot be used by kms:GenerateMac; create it with the key spec"):
        kms_key(made_key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), Place())


@pytest.mark.usefixtures("aws")
def test_a_role_without_the_right_is_told_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    arn = made_key()
    place = Place(role_arn=support.role_allowed("kms:DescribeKey"))

    with support.permissions_count(monkeypatch), pytest.raises(SecretError, match="allows kms:GenerateMac"):
        kms_key(arn, place)


@pytest.mark.usefixtures("aws")
def test_the_endpoint_of_mwaa_is_not_the_one_of_kms() -> None:
    assert len(kms_key(made_key(), Place(endpoint_url="http://127.0.0.1:9"))) == 32


@pytest.mark.parametrize("body", [b"{}", b'{"Mac": "c2hvcnQ="}', b"<html>"], ids=bytes.decode)
def test_an_answer_that_is_no_key_is_told(aws: str, monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    with support.linked(aws, lambda _forward: Raw(200, body), faulty="POST") as link:
        monkeypatch.setenv("AWS_ENDPOINT_URL", link.url)
        with pytest.raises(SecretError, match="kms:GenerateMac did not answer with 32 bytes"):
            kms_key("alias/reconciler", Place())
