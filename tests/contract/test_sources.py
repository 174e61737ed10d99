"""What every source of secrets in AWS keeps to: versions without a right to values, values by version."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

import pytest

from reconciler.amazon import Place
from reconciler.errors import SecretError
from reconciler.secrets import GROUP
from reconciler.secrets.aws import ParameterStore, SecretsManager
from tests.aws import support
from tests.aws.support import CANARY

Source = SecretsManager | ParameterStore


class Keeper(Protocol):
    """A service that keeps secrets, as whoever fills it handles it."""

    made: type[Source]
    scheme: str
    metadata: str
    """The action that reads a version."""
    whole: tuple[str, ...]
    """The actions that read a value."""
    refused: str

    def name(self) -> str: ...

    def put(self, name: str, value: str, region: str = support.REGION) -> str:
        """Makes a secret, or gives it a new value; returns its ARN."""

    def delete(self, name: str) -> None: ...


class Manager:
    made = SecretsManager
    scheme = "aws-sm"
    metadata = "secretsmanager:DescribeSecret"
    whole = ("secretsmanager:GetSecretValue",)
    refused = "secretsmanager:GetSecretValue and, for a key of your own, kms:Decrypt"

    def name(self) -> str:
        return f"prod/{support.fresh('secret')}"

    def put(self, name: str, value: str, region: str = support.REGION) -> str:
        with support.client("secretsmanager", region) as client:
            known = {entry["Name"] for entry in client.list_secrets()["SecretList"]}
            if name in known:
                return str(client.put_secret_value(SecretId=name, SecretString=value)["ARN"])
            return str(client.create_secret(Name=name, SecretString=value)["ARN"])

    def delete(self, name: str) -> None:
        with support.client("secretsmanager") as client:
            client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


class Parameters:
    made = ParameterStore
    scheme = "ssm"
    metadata = "ssm:GetParameter"
    whole = ("ssm:GetParameter", "kms:Decrypt")
    refused = "ssm:GetParameter, and kms:Decrypt where a value is read"

    def name(self) -> str:
        return f"/prod/{support.fresh('parameter')}"

    def put(self, name: str, value: str, region: str = support.REGION) -> str:
        with support.client("ssm", region) as client:
            client.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
        return f"arn:aws:ssm:{region}:{support.ACCOUNT}:parameter{name}"

    def delete(self, name: str) -> None:
        with support.client("ssm") as client:
            client.delete_parameter(Name=name)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with support.aws_server() as url:
        yield url


@dataclass(frozen=True)
class Kept:
    keeper: Keeper
    name: str
    arn: str

    def rotate(self) -> None:
        self.keeper.put(self.name, "rotated")


@pytest.fixture(params=[Manager, Parameters], ids=["aws-sm", "ssm"])
def keeper(request: pytest.FixtureRequest, server: str, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    support.use(monkeypatch, server)
    made: Keeper = request.param()
    return made


@pytest.fixture
def kept(keeper: Keeper) -> Kept:
    name = keeper.name()
    return Kept(keeper, name, keeper.put(name, CANARY))


def test_a_source_is_found_by_its_scheme(keeper: Keeper) -> None:
    (point,) = entry_points(group=GROUP, name=keeper.scheme)

    assert point.load() is keeper.made


def test_a_value_is_the_plaintext(kept: Kept) -> None:
    assert kept.keeper.made().value(kept.name) == CANARY


def test_a_version_stays_until_the_secret_is_rotated(kept: Kept) -> None:
    source = kept.keeper.made()
    before = source.version(kept.name)
    assert before
    assert source.version(kept.name) == before

    kept.rotate()

    assert source.version(kept.name) not in {before, None}


def test_a_value_is_pinned_to_the_version_that_was_seen(kept: Kept) -> None:
    source = kept.keeper.made()
    before = source.version(kept.name)
    kept.rotate()
    after = source.version(kept.name)

    assert source.value(kept.name, before) == CANARY
    assert source.value(kept.name, after) == "rotated"
    assert source.value(kept.name) == "rotated"


def test_a_secret_that_never_was_is_none(keeper: Keeper) -> None:
    source, name = keeper.made(), keeper.name()

    assert (source.version(name), source.value(name)) == (None, None)


def test_a_deleted_secret_is_none(kept: Kept) -> None:
    source = kept.keeper.made()
    version = source.version(kept.name)
    kept.keeper.delete(kept.name)

    assert (source.version(kept.name), source.value(kept.name, version)) == (None, None)


def test_asking_for_a_version_never_reads_a_value(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = support.recorded(monkeypatch)

    kept.keeper.made().version(kept.name)

    ((operation, arguments),) = asked
    assert operation != "GetSecretValue"
    assert arguments.get("WithDecryption") in {None, False}


def test_who_may_only_read_metadata_gets_versions_and_no_values(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = support.role_allowed("secretsmanager:DescribeSecret", "ssm:GetParameter")
    forbidden = support.role_allowed()
    with support.permissions_count(monkeypatch):
        source = kept.keeper.made.at(Place(role_arn=allowed))
        version = source.version(kept.name)
        assert version
        if kept.keeper.scheme == "aws-sm":
            with pytest.raises(SecretError, match=f"allows {kept.keeper.refused}"):
                source.value(kept.name, version)
        with pytest.raises(SecretError, match=f"{kept.name}: AWS refused .* allows {kept.keeper.metadata}"):
            kept.keeper.made.at(Place(role_arn=forbidden)).version(kept.name)


def test_who_may_read_values_gets_them(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(role_arn=support.role_allowed(*kept.keeper.whole))
    with support.permissions_count(monkeypatch):
        assert kept.keeper.made.at(place).value(kept.name) == CANARY


def test_the_region_of_an_arn_wins(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    name = keeper.name()
    arn = keeper.put(name, CANARY, region="us-east-2")
    source = keeper.made.at(Place("eu-west-1"))

    assert source.value(name) is None
    assert source.version(arn)
    assert source.value(arn, source.version(arn)) == CANARY

    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert keeper.made().value(arn) == CANARY


def test_the_region_of_the_place_is_asked(keeper: Keeper) -> None:
    name = keeper.name()
    keeper.put(name, CANARY, region="us-east-2")

    assert keeper.made.at(Place("us-east-2")).value(name) == CANARY


def test_a_client_is_made_once_for_each_region(kept: Kept) -> None:
    source = kept.keeper.made()
    for name in (kept.name, "other", kept.arn, kept.arn.replace("eu-west-1", "us-east-2")):
        source.version(name)

    assert len({id(client) for client in source._clients.values()}) == 3
    assert [place.region for place in source._clients] == [None, "eu-west-1", "us-east-2"]


def test_the_endpoint_of_mwaa_is_not_the_one_of_secrets(kept: Kept) -> None:
    place = Place("eu-west-1", endpoint_url="http://127.0.0.1:9")

    assert kept.keeper.made.at(place).value(kept.name) == CANARY
