"""The address of a ledger."""

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.amazon import Place
from reconciler.stores import FileLocation, LocationError, S3Location, open_store, parse_location

ROLE = "arn:aws:iam::123456789012:role/ledger"
GOOD = {
    "file:prod.json": FileLocation("prod.json"),
    "file:../ledgers/prod%20one.json": FileLocation("../ledgers/prod one.json"),
    "file:/srv/ledgers/prod.json": FileLocation("/srv/ledgers/prod.json"),
    "file:a%3Fb%23c.json": FileLocation("a?b#c.json"),
    "file:a@b.json": FileLocation("a@b.json"),
    "s3://acme-gitops/airflow/prod.json": S3Location("acme-gitops", "airflow/prod.json"),
    "s3://acme.git.ops/prod": S3Location("acme.git.ops", "prod"),
    "s3://acme-gitops/a%20b/gr%C3%B6%C3%9Fe": S3Location("acme-gitops", "a b/größe"),
    "s3://acme-gitops/user@host.json": S3Location("acme-gitops", "user@host.json"),
    f"s3://acme-gitops/prod.json?region=eu-west-1&profile=ops&role_arn={ROLE}": S3Location(
        "acme-gitops", "prod.json", region="eu-west-1", profile="ops", role_arn=ROLE
    ),
    "s3://acme-gitops/prod.json?endpoint_url=http://127.0.0.1:9000&region=auto": S3Location(
        "acme-gitops", "prod.json", region="auto", endpoint_url="http://127.0.0.1:9000"
    ),
}
BAD = {
    "": "this is no ledger's address; write file:PATH or s3://BUCKET/KEY",
    "prod.json": "this is no ledger's address; write file:PATH or s3://BUCKET/KEY",
    "https://acme-gitops.s3.amazonaws.com/prod.json": "this is no ledger's address; write file:PATH or",
    "s3://[acme/prod.json": "this is no ledger's address; write file:PATH or s3://BUCKET/KEY",
    "file:": "no file is named; write file:PATH",
    "file:a%00b": "no file is named; write file:PATH",
    "file:ledgers/": "this names a folder; write the file in it, such as file:ledgers/dev.json",
    "file:.": "this names a folder",
    "file:ledgers/..": "this names a folder",
    "file://host/prod.json": "a host has no place in a file: ledger; write file:PATH, such as",
    "file:prod.json?mode=ro": "a file: ledger has no options; remove the '?' part, or write %3F",
    "file:prod.json#one": "a ledger's address has no '#' part; remove it, or write %23",
    "s3://acme-gitops/prod.json#": "a ledger's address has no '#' part",
    "s3:///prod.json": "no bucket is named; write s3://BUCKET/KEY",
    "s3:prod.json": "no bucket is named; write s3://BUCKET/KEY",
    "s3://Acme_Gitops/prod.json": "'Acme_Gitops' is not the name of a bucket: 3 to 63 lower-case letters",
    "s3://ab/prod.json": "'ab' is not the name of a bucket",
    "s3://acme..gitops/prod.json": "'acme..gitops' is not the name of a bucket",
    "s3://acme-gitops": "no object is named; write s3://acme-gitops/KEY, such as",
    "s3://acme-gitops/": "no object is named",
    "s3://acme-gitops/airflow/": "no object is named",
    "s3://acme-gitops/" + "é" * 513: "the key is longer than the 1024 bytes that S3 takes; shorten it",
    "s3://acme-gitops/prod.json?acl=private": "unknown option 'acl'; use region, profile, role_arn, endpoint",
    "s3://acme-gitops/prod.json?region=a&region=b": "the option 'region' stands twice; keep one of the two",
    "s3://acme-gitops/prod.json?region=eu-west1": "region is not an AWS region; write one such as eu-west-1",
    "s3://acme-gitops/prod.json?region=": "region is not an AWS region; write one such as eu-west-1",
    "s3://acme-gitops/prod.json?region=a/b&endpoint_url=http://s3": "region is not an AWS region",
    "s3://acme-gitops/prod.json?profile=": "profile is empty; name one, or leave it out",
    "s3://acme-gitops/prod.json?role_arn=admin": "role_arn is not the ARN of a role; write arn:aws:iam::",
    "s3://acme-gitops/prod.json?endpoint_url=localhost:9000": "endpoint_url is no URL; write http(s)://HOST",
}
CREDENTIALS = {
    "s3://AKIA123:CANARY@acme-gitops/prod.json": "credentials do not belong here; name a profile or a role",
    "s3://CANARY@acme-gitops/prod.json": "credentials do not belong here",
    "s3://acme-gitops/prod.json?secret=CANARY": "unknown option 'secret'",
    "s3://acme-gitops/prod.json?endpoint_url=http://u:CANARY@host": "endpoint_url is no URL",
    "postgresql:CANARY": "this is no ledger's address",
}


@pytest.mark.parametrize("location", GOOD)
def test_an_address_is_taken_apart(location: str) -> None:
    assert parse_location(location) == GOOD[location]


@pytest.mark.parametrize("location", BAD, ids=lambda location: location[:60])
def test_a_wrong_address_is_told_with_what_to_write(location: str) -> None:
    with pytest.raises(LocationError) as caught:
        parse_location(location)

    assert str(caught.value).startswith(BAD[location])


@pytest.mark.parametrize("location", CREDENTIALS)
def test_credentials_in_an_address_are_refused_and_not_repeated(location: str) -> None:
    with pytest.raises(LocationError) as caught:
        parse_location(location)

    assert str(caught.value).startswith(CREDENTIALS[location])
    assert "CANARY" not in repr(caught.value)


def test_a_file_is_relative_to_the_folder_of_the_environment() -> None:
    store = open_store("file:../ledgers/prod.json", Path("environments/prod"), Place())

    assert store.place == "environments/prod/../ledgers/prod.json"


def test_an_object_is_shown_without_its_options() -> None:
    store = open_store("s3://acme-gitops/airflow/prod.json?region=eu-west-1", Path(), Place())

    assert store.place == "s3://acme-gitops/airflow/prod.json"


def test_opening_a_wrong_address_is_an_error() -> None:
    with pytest.raises(LocationError):
        open_store("prod.json", Path(), Place())


def test_a_ledger_in_a_file_imports_no_boto3() -> None:
    code = (
        "import sys; from pathlib import Path; from reconciler.amazon import Place; "
        "from reconciler.stores import open_store; open_store('file:x', Path(), Place()).load(); "
        "print({name.partition('.')[0] for name in sys.modules} & {'boto3', 'botocore', 'urllib3', 'yaml'})"
    )

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout == "set()\n"
