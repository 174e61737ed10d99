import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.cli.main import run
from reconciler.kinds import KINDS
from reconciler.manifests.schema import SCHEMAS

ROOT = Path(__file__).parents[2]
COMMITTED = sorted((ROOT / "schemas").glob("*.schema.json"))


def schema(name: str) -> Any:
    return json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text())


def test_the_committed_schemas_are_what_the_code_makes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "scripts/schemas.py", str(tmp_path)], cwd=ROOT, check=True)

    assert {file.name: file.read_text() for file in COMMITTED} == {
        file.name: file.read_text() for file in tmp_path.iterdir()
    }


@pytest.mark.parametrize("file", COMMITTED, ids=lambda file: file.stem)
def test_the_committed_schemas_are_valid(file: Path) -> None:
    Draft202012Validator.check_schema(json.loads(file.read_text()))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_command_prints_the_committed_schema(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", name]) == 0
    assert json.loads(capfd.readouterr().out) == schema(name)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_field_of_a_kind_is_in_the_schema_with_its_documentation(kind: Any) -> None:
    properties = schema("manifest")["$defs"][kind.name]["properties"]

    assert set(kind.field_names) <= set(properties)
    assert all(properties[name]["description"] for name in properties)


def described(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every property that a schema has anywhere, with its description."""
    if isinstance(part, dict):
        properties = part.get("properties")
        for name, inner in properties.items() if isinstance(properties, dict) else ():
            yield (*path, name), inner.get("description", "")
        for name, inner in part.items():
            yield from described(inner, (*path, name))


@pytest.mark.parametrize("name", SCHEMAS)
def test_editors_can_tell_what_every_property_means(name: str) -> None:
    found = dict(described(schema(name)))

    assert len(found) > 20
    assert [path for path, text in found.items() if not text.endswith(".")] == []


@pytest.mark.parametrize(
    "file", sorted((ROOT / "examples" / "environments").rglob("*.yaml")), ids=lambda file: file.name
)
def test_editors_find_the_schema_that_each_example_names(file: Path) -> None:
    first, *_ = file.read_text().splitlines()
    place = first.removeprefix("# yaml-language-server: $schema=")

    named = (file.parent / place).resolve()

    expected = "environment" if file.name == "environment.yaml" else "manifest"
    assert named == ROOT / "schemas" / f"{expected}.schema.json"


@pytest.mark.parametrize("name", SCHEMAS)
def test_editors_accept_the_examples(name: str) -> None:
    validator = Draft202012Validator(schema(name))
    files = sorted((ROOT / "examples" / "environments").rglob("*.yaml"))

    for file in (file for file in files if (file.name == "environment.yaml") == (name == "environment")):
        assert list(validator.iter_errors(yaml.safe_load(file.read_text()))) == []
