"""Accepted drift as edits of manifests: before, what somebody did, after, and what is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.kinds import KINDS
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.store import insert, update
from tests.cli.conftest import Run

CASES = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted(Path(__file__).parent.glob("cases/*.yaml"))
}
VERSIONS = {2: "2.11.2", 3: "3.3.1"}
COLLECTIONS = {kind.collection: kind for kind in KINDS}
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Form:
    """How files are written, and what the environment is."""

    major: int
    ledger: bool
    line_end: str = "\n"
    mark: bytes = b""

    def bytes_of(self, text: str) -> bytes:
        return self.mark + text.replace("\n", self.line_end).encode()


FORMS = {
    "no ledger": Form(3, ledger=False),
    "Airflow 2, ledger": Form(2, ledger=True),
    "CRLF, ledger": Form(3, ledger=True, line_end="\r\n"),
    "BOM, Airflow 2": Form(2, ledger=False, mark=BOM),
}


def written(case: dict[str, Any], form: Form) -> None:
    settings = {
        "name": "dev",
        "target": f"sandbox:box.json?airflow={form.major}",
        **({"ledger": "file:ledger.json"} if form.ledger else {}),
        **case.get("settings", {}),
    }
    Path("dev").mkdir()
    Path("dev/environment.yaml").write_text(yaml.safe_dump(settings))
    for name, text in case["before"].items():
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        Path(name).write_bytes(form.bytes_of(text))


def edited(case: dict[str, Any], form: Form) -> None:
    """What somebody did, past the API."""
    airflow = Emulator(Path("dev/box.json"), VERSIONS[form.major])
    with airflow._store.change() as state:
        for collection, ids in case["live"].items():
            for id_, fields in ids.items():
                if fields is None:
                    del state[collection][id_]
                elif id_ in state[collection]:
                    update(state[collection], id_, fields)
                else:
                    insert(state[collection], COLLECTIONS[collection], id_, fields)


def manifests() -> dict[str, bytes]:
    files = (path for path in Path().rglob("*.yaml") if path.name != "environment.yaml")
    return {str(path): path.read_bytes() for path in files}


def pairs() -> Iterator[Any]:
    """Every case in every form in which it is told like that."""
    for name, case in CASES.items():
        for told, form in FORMS.items():
            if form.major in case.get("airflow", VERSIONS) and case.get("ledger", form.ledger) == form.ledger:
                yield pytest.param(case, form, id=f"{name}: {told}")


@pytest.mark.parametrize(("case", "form"), [*pairs()])
def test_accepted_drift_is_written_and_planned_no_more(
    case: dict[str, Any], form: Form, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "s3cr3t-canary")
    written(case, form)
    assert cli("apply", "dev", "--yes").code == 0
    edited(case, form)
    ran = cli("drift", "dev", "--write")
    told = [line for line in ran.err.splitlines() if line.startswith("wrote ") or "to do: " in line]
    assert (ran.code, told) == (2, case["told"]), ran.err
    expected = {**case["before"], **case.get("after", {})}
    assert {
        name: data.removeprefix(BOM).decode().replace("\r\n", "\n") for name, data in manifests().items()
    } == expected
    assert all(
        data == form.bytes_of(expected[name]) for name, data in manifests().items() if name in case["before"]
    )
    assert "s3cr3t-canary" not in str(manifests()) + ran.out + ran.err
    plan = cli("plan", "dev", "--format", "json").environment
    left = {
        f"{one['kind']}/{one['id']}" for one in plan["changes"] if one["action"] not in {"adopt", "forget"}
    }
    assert left == set(case.get("left", []))
    assert cli("drift", "dev", "--write").err.count("wrote ") == 0
