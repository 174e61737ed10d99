"""What ``doctor`` says of the ledger, its key, and the secrets that manifests refer to."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler import keeper
from reconciler.cli.main import run
from reconciler.ledger import Lease
from reconciler.manifests import load_environment
from reconciler.secrets import Schemes
from tests.aws import support as aws_support
from tests.doctor.support import CANARY, Looked, look, write
from tests.e2e.broken import Raw

SANDBOX = "sandbox:sandbox.json"


@pytest.fixture(autouse=True)
def aws_alone(aws: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    aws_support.use(monkeypatch, aws)
    monkeypatch.chdir(tmp_path)


def looked(tmp_path: Path, settings: Mapping[str, Any], *, scratch: bool = False, **manifest: Any) -> Looked:
    return look(write(tmp_path / "dev", SANDBOX, settings=settings, **manifest), scratch=scratch)


def in_bucket(name: str = "dev.json", more: str = "") -> str:
    return f"s3://{aws_support.bucket()}/airflow/{name}{more}"


def applied(folder: Path) -> None:
    assert run(["apply", str(folder), "--yes"]) == 0


def leased(folder: Path, seconds: float) -> Lease:
    """Lets a run hold the ledger."""
    environment = load_environment(folder, Schemes())
    store = keeper.store_of(environment)
    assert store is not None
    kept = keeper.read(store, keeper.binding_of(environment))
    lease = Lease("3f2a", "https://ci.example/17", "2026-11-25T10:00:00+00:00", seconds)
    keeper.write(kept, replace(kept.ledger, lease=lease))
    return lease


def test_without_a_ledger_it_is_said_what_that_means(tmp_path: Path) -> None:
    found = looked(tmp_path, {})

    assert "only what stands under absent or authoritative is ever deleted" in found["ledger"].seen
    assert {found.state(check) for check in ("ledger", "ledger writes", "fingerprint key")} == {"skipped"}


@pytest.mark.parametrize("way", ["file", "s3"])
def test_a_new_ledger_and_one_in_use_are_told(tmp_path: Path, way: str) -> None:
    ledger = "file:ledger.json" if way == "file" else in_bucket()

    assert looked(tmp_path, {"ledger": ledger})["ledger"].seen.endswith("none yet, the first apply makes it")
    applied(write(tmp_path / "dev", SANDBOX, settings={"ledger": ledger}, variables={"a": 1}))
    assert looked(tmp_path, {"ledger": ledger})["ledger"].seen.endswith("serial 2, 1 owned")


@pytest.mark.parametrize("way", ["file", "s3"])
def test_conditional_writes_are_tried_without_leaving_anything(tmp_path: Path, way: str) -> None:
    ledger = "file:ledgers/dev.json" if way == "file" else in_bucket()
    asked = {"ledger": ledger}

    assert looked(tmp_path, asked).state("ledger writes") == "skipped"
    assert looked(tmp_path, asked, scratch=True).state("ledger writes") == "ok"

    if way == "file":
        assert list((tmp_path / "dev" / "ledgers").iterdir()) == []
    else:
        with aws_support.client("s3") as s3:
            assert "Contents" not in s3.list_objects_v2(Bucket=ledger.split("/")[2])


def test_a_store_that_ignores_conditions_is_found_out(
    tmp_path: Path, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = in_bucket()

    def heedless(_forward: aws_support.Forward) -> Raw:
        return Raw(200, b"", {"ETag": '"1"'})

    with aws_support.linked(aws, heedless) as link:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", link.url)
        found = looked(tmp_path, {"ledger": ledger}, scratch=True)

    assert found.failed == {"ledger writes"}
    assert "/airflow/reconciler_doctor_" in found["ledger writes"].seen
    assert "although a condition forbade it" in found["ledger writes"].seen


def test_a_policy_that_forbids_writing_beside_the_ledger_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = aws_support.role_allowed("s3:GetObject", "s3:ListBucket")
    ledger = in_bucket(more=f"?role_arn={role}")
    with aws_support.permissions_count(monkeypatch):
        found = looked(tmp_path, {"ledger": ledger}, scratch=True)

    assert (found.state("ledger"), found.state("ledger writes")) == ("ok", "warning")
    assert "s3:PutObject" in found["ledger writes"].advice


def test_a_ledger_that_cannot_be_read_is_a_failure_and_airflow_is_looked_at_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = in_bucket(more=f"?role_arn={aws_support.role_allowed()}")
    with aws_support.permissions_count(monkeypatch):
        found = looked(tmp_path, {"ledger": ledger})

    assert found.failed == {"ledger"}
    assert "s3:GetObject" in found["ledger"].advice
    assert found.state("read pools") == "ok"


def test_a_bucket_that_does_not_exist_is_named(tmp_path: Path) -> None:
    found = looked(tmp_path, {"ledger": "s3://acme-no-such-bucket/dev.json"})

    assert "there is no bucket acme-no-such-bucket" in found["ledger"].seen


def test_the_ledger_of_another_environment_is_refused_with_the_way_out(tmp_path: Path) -> None:
    settings = {"ledger": "file:ledger.json"}
    applied(write(tmp_path / "dev", SANDBOX, settings=settings, variables={"a": 1}))

    found = looked(tmp_path, {**settings, "name": "another"})

    assert found.failed == {"ledger"}
    assert found["ledger"].code == 3
    assert "reconciler ledger rebind" in found["ledger"].advice


@pytest.mark.parametrize(("seconds", "told"), [(3600, "; locked by"), (0, "; left locked by")])
def test_who_holds_the_lease_is_told(tmp_path: Path, seconds: float, told: str) -> None:
    settings = {"ledger": "file:ledger.json"}
    folder = write(tmp_path / "dev", SANDBOX, settings=settings, variables={"a": 1})
    applied(folder)
    lease = leased(folder, seconds)

    found = look(folder)["ledger"]

    assert found.state == "warning"
    assert f"{told} {lease.holder} since {lease.since}" in found.seen
    assert (f"--id {lease.id}" in found.advice) == (seconds > 0)


def test_beside_a_run_that_holds_the_lease_nothing_is_written(tmp_path: Path) -> None:
    folder = write(tmp_path / "dev", SANDBOX, settings={"ledger": "file:ledger.json"}, variables={"a": 1})
    applied(folder)
    leased(folder, 3600)

    found = look(folder, scratch=True)

    assert found.diagnosis.writes == 0
    assert "another run holds the ledger's lease" in found["write variables"].seen


def test_a_key_of_kms_is_tried(tmp_path: Path) -> None:
    with aws_support.client("kms") as kms:
        made = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    settings = {"ledger": in_bucket()}

    assert looked(tmp_path, {**settings, "fingerprint_key": f"kms:{made}"}).state("fingerprint key") == "ok"
    found = looked(tmp_path, {**settings, "fingerprint_key": "kms:alias/missing"})
    assert found.failed == {"fingerprint key"}
    assert "kms:alias/missing" in found["fingerprint key"].seen


@pytest.mark.parametrize(("ref", "state"), [("env:TOKEN", "warning"), ("ssm:/token", "ok")])
def test_a_missing_key_matters_where_a_source_tells_no_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ref: str, state: str
) -> None:
    monkeypatch.setenv("TOKEN", CANARY)
    found = looked(tmp_path, {"ledger": in_bucket()}, variables={"a": {"value": {"$secret": ref}}})

    assert found.state("fingerprint key") == state


def references(*refs: str) -> dict[str, Any]:
    return {f"v{number}": {"value": {"$secret": ref}} for number, ref in enumerate(refs)}


def test_each_reference_that_leads_nowhere_has_a_row_and_no_value_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, gone, parameter = (aws_support.fresh(name) for name in ("here", "gone", "parameter"))
    with aws_support.client("secretsmanager") as manager, aws_support.client("ssm") as ssm:
        manager.create_secret(Name=here, SecretString=CANARY)
        ssm.put_parameter(Name=f"/{parameter}", Value=CANARY, Type="SecureString")
    monkeypatch.setenv("TOKEN", CANARY)
    refs = ("env:TOKEN", "env:NOPE", f"aws-sm:{here}", f"aws-sm:{gone}", f"ssm:/{parameter}", "env:TOKEN")

    found = looked(tmp_path, {}, variables=references(*refs))

    whole, *missing = found.all("secrets")
    assert whole.seen == "3 of 5 references lead to a secret"
    assert [one.seen.partition(" ")[0] for one in missing] == ["env:NOPE", f"aws-sm:{gone}"]
    assert {one.state for one in missing} == {"failed"}


def test_a_secret_that_may_not_be_looked_at_names_the_action(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = references("aws-sm:prod/vendor")
    with aws_support.permissions_count(monkeypatch):
        found = looked(tmp_path, {}, variables=manifest)

    assert found.failed == {"secrets"}
    assert "secretsmanager:DescribeSecret" in found["secrets"].advice


def test_the_age_of_a_lease_is_not_judged_by_this_clock(tmp_path: Path) -> None:
    settings = {"ledger": in_bucket()}
    folder = write(tmp_path / "dev", SANDBOX, settings=settings, variables={"a": 1})
    applied(folder)
    leased(folder, 3600)

    found = look(folder, clock=lambda: time.time() + 86400)

    assert "; locked by" in found["ledger"].seen
