import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.guards import Limit
from reconciler.manifests import Environment
from reconciler.model import Key, Secret
from reconciler.targets import MwaaTarget
from tests.manifests.support import loaded

EXAMPLES = Path(__file__).parents[2] / "examples"
SECRETS = {"WAREHOUSE_PASSWORD": "canary-warehouse", "VENDOR_API_KEY": "canary-vendor"}


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(
        EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("sandbox.json", "ledger.json*")
    )
    monkeypatch.chdir(tmp_path)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return Path("examples/environments")


def field(environment: Environment, kind: str, id_: str, name: str) -> Any:
    return environment.desired[Key(kind, id_)].fields[name]


def test_all_examples_are_valid(environments: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", f"{environments}/*"]) == 0
    assert capfd.readouterr() == ("dev: ok, 11 resources\nprod: ok, 13 resources\n", "")


@pytest.mark.parametrize(("name", "airflow", "created"), [("dev", "3.3.1", 10), ("prod", "2.11.2", 12)])
def test_every_example_is_planned_applied_and_then_in_sync(
    environments: Path, capfd: pytest.CaptureFixture[str], name: str, airflow: str, created: int
) -> None:
    folder = str(environments / name)

    assert run(["plan", folder, "--format", "json"]) == 0
    (planned,) = json.loads(capfd.readouterr().out)["environments"]
    assert planned["airflow_version"] == airflow
    assert planned["ledger_serial"] == 0
    assert planned["summary"]["create"] == created
    assert planned["summary"]["update"] == 1, "default_pool is there already"
    assert planned["violations"] == []
    assert run(["apply", folder, "--yes"]) == 0
    assert run(["plan", folder, "--detailed-exitcode"]) == 0
    ledger = environments / name / "ledger.json"
    out, err = capfd.readouterr()
    assert not any(value in out + err + ledger.read_text() for value in SECRETS.values())


def test_a_rotated_secret_is_told_although_airflow_hides_it(
    environments: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(environments / "dev")
    assert run(["apply", folder, "--yes"]) == 0
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "canary-warehouse-rotated")
    capfd.readouterr()
    assert run(["plan", folder, "--format", "json"]) == 0
    (planned,) = json.loads(capfd.readouterr().out)["environments"]
    assert [(change["id"], change["reason"]) for change in planned["changes"]] == [
        ("reporting", "secret_rotated"),
        ("warehouse", "secret_rotated"),
    ]


def test_dev_overrides_what_base_declares(environments: Path) -> None:
    dev = loaded(environments / "dev")

    assert field(dev, "variable", "batch_size", "value") == 50
    assert field(dev, "variable", "max_retries", "value") == 1
    assert field(dev, "variable", "etl_config", "value") == {
        "source": "s3://acme-dev-data/in",
        "retries": 0,
        "window": None,
    }
    assert field(dev, "variable", "etl_config", "description") == "Read by etl_daily"
    assert field(dev, "variable", "path_template", "value") == "${AIRFLOW_HOME}/data"
    assert Key("variable", "regions") not in dev.desired
    assert dev.authoritative(Key("variable", "etl_anything"))


def test_prod_adds_to_what_base_declares_and_is_ready_for_mwaa(environments: Path) -> None:
    file = environments / "prod" / "environment.yaml"
    for setting in ("target", "ledger"):
        here, on_mwaa = (
            line for line in file.read_text().splitlines(keepends=True) if f"{setting}: " in line
        )
        file.write_text(file.read_text().replace(here, "").replace(on_mwaa, on_mwaa.removeprefix("# ")))
    file.write_text(file.read_text().replace("# fingerprint_key: ", "fingerprint_key: "))
    prod = loaded(environments / "prod")

    assert prod.target == MwaaTarget("eu-west-1", "prod-airflow", account="123456789012")
    assert prod.ledger == "s3://acme-gitops/airflow/prod.json"
    assert prod.fingerprint_key == "kms:alias/reconciler"
    assert (prod.adopt_always, prod.delete_limit) == (True, Limit(10, percent=True))
    assert prod.rate_limit == 8
    assert field(prod, "connection", "warehouse", "extra") == {"sslmode": "verify-full", "keepalives": 1}
    assert field(prod, "connection", "vendor", "extra")["token"] == Secret("env:VENDOR_API_KEY")
    assert field(prod, "pool", "etl", "slots") == 48
    assert {key.id for key in prod.absent} == {"old_flag", "legacy_batch_size"}


def test_the_examples_show_what_the_ledger_and_the_guards_offer(environments: Path) -> None:
    dev, prod = loaded(environments / "dev"), loaded(environments / "prod")
    resources = [*dev.desired.values(), *prod.desired.values()]

    assert dev.ledger == prod.ledger == "file:ledger.json"
    assert dev.desired[Key("connection", "reporting")].protect
    assert dev.desired[Key("variable", "watermark")].ignore == {"value"}
    assert any(resource.secret_version for resource in resources)


def test_ledgers_of_the_examples_and_their_keys_stay_out_of_git() -> None:
    ignored = (EXAMPLES.parent / ".gitignore").read_text().splitlines()

    for name in ("sandbox.json", "ledger.json", "ledger.json.key"):
        assert f"/examples/environments/*/{name}" in ignored
