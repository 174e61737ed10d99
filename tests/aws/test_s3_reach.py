"""How a ledger in S3 is reached and what lies beside it: endpoints, roles, rights, neighbours."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.amazon import Place
from reconciler.errors import LedgerUnavailable
from reconciler.stores import Store, open_store
from tests.aws import support
from tests.e2e.broken import Raw


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with support.aws_server() as url:
        yield url


@pytest.fixture
def bucket(aws: str, monkeypatch: pytest.MonkeyPatch) -> str:
    support.use(monkeypatch, aws)
    return support.bucket()


def opened(bucket: str, *options: str, place: Place | None = None) -> Store:
    return open_store(f"s3://{bucket}/airflow/prod.json?{'&'.join(options)}", Path(), place or Place())


def test_it_is_json_encrypted_as_the_bucket_says(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = support.recorded(monkeypatch)
    opened(bucket).save("{}", None)

    (_, arguments), *_ = asked
    assert arguments["ContentType"] == "application/json"
    assert {name for name in arguments if name.startswith(("Server", "SSE"))} == set()


def test_more_neighbours_than_a_page_has_are_all_found(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    with support.client("s3") as s3:
        for name in ("a.json", "b.txt", "c.txt", "d.json", "e.json"):
            s3.put_object(Bucket=bucket, Key=f"airflow/{name}", Body=b"0")
    asked = support.recorded(monkeypatch)

    found = [place.rpartition("/")[2] for place, _ in opened(bucket).neighbours()]

    assert found == ["a.json", "d.json", "e.json"]
    assert [operation for operation, _ in asked].count("ListObjectsV2") > 1


def test_a_ledger_at_the_top_of_a_bucket_has_the_top_as_its_folder(bucket: str) -> None:
    with support.client("s3") as s3:
        for key in ("dev.json", "prod.json", "airflow/test.json"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"{}")

    found = list(open_store(f"s3://{bucket}/prod.json", Path(), Place()).neighbours())

    assert found == [(f"s3://{bucket}/dev.json", "{}")]


def test_there_is_never_a_key_beside_it(bucket: str) -> None:
    assert opened(bucket).own_key(create=True) is None


def test_a_role_that_may_do_nothing_is_told_what_it_takes(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = support.role_allowed()
    store = opened(bucket, f"role_arn={role}")
    with support.permissions_count(monkeypatch):
        with pytest.raises(LedgerUnavailable, match="allows s3:GetObject, and s3:ListBucket to tell"):
            store.load()
        with pytest.raises(LedgerUnavailable, match="allows s3:PutObject"):
            store.save("one", None)
        with pytest.raises(LedgerUnavailable, match="allows s3:ListBucket"):
            list(store.neighbours())


def test_the_role_of_the_target_is_assumed_unless_the_address_names_one(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Place(role_arn=support.role_allowed("s3:GetObject", "s3:ListBucket"))
    own = support.role_allowed("s3:PutObject")
    with support.permissions_count(monkeypatch):
        assert opened(bucket, place=target).load() is None
        opened(bucket, f"role_arn={own}", place=target).save("one", None)
        with pytest.raises(LedgerUnavailable):
            opened(bucket, f"role_arn={own}", place=target).load()


def test_the_endpoint_of_the_target_is_not_the_one_of_s3(bucket: str) -> None:
    target = Place("eu-west-1", endpoint_url="http://127.0.0.1:9")

    assert opened(bucket, place=target).load() is None


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_an_endpoint_of_the_process_environment_is_used_with_the_bucket_in_the_path(
    bucket: str, aws: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    paths: list[str] = []

    def noted(forward: support.Forward) -> Raw:
        paths.append(forward.path)
        return forward()

    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with support.linked(aws, noted) as link:
        monkeypatch.setenv(name, link.url.replace("127.0.0.1", "localhost"))
        opened(bucket).save("one", None)

    assert paths == [f"/{bucket}/airflow/prod.json"]
