"""The obvious way to do the offline part: what a first version of such a tool looks like.

``yaml.safe_load``, one JSON Schema validator that tries each kind in turn, and DeepDiff on every pair.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from deepdiff import DeepDiff
from jsonschema import Draft202012Validator

LOCATED = {"variables": "key", "connections": "connection_id", "pools": "name"}
AS_TEXT = {"value", "extra"}

Living = Mapping[tuple[str, str], Mapping[str, Any]]


def differences(files: Iterable[Path], schema: Mapping[str, Any], living: Living) -> list[Any]:
    """Everything that differs between manifest files and rows as Airflow shows them."""
    kinds = ("pool", "variable", "connection")
    one_of = [{"$ref": f"#/$defs/{kind}"} for kind in kinds]
    validator = Draft202012Validator({"$defs": schema["$defs"], "oneOf": one_of})
    found: list[Any] = []
    for file in files:
        for collection, resources in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            for id_, body in resources.items():
                fields = body if isinstance(body, dict) else {"value": body}
                found += validator.iter_errors(fields)
                live = living[collection, id_]
                found += _difference(fields, live)
    return found


def _difference(fields: Mapping[str, Any], live: Mapping[str, Any]) -> list[Any]:
    shown = {name: _parsed(live[name]) if name in AS_TEXT else live[name] for name in fields}
    difference = DeepDiff(shown, dict(fields))
    return [difference] if difference else []


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
