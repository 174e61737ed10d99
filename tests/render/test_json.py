import json
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from reconciler.cli.schema import schema_file
from reconciler.plan import Plan
from reconciler.render.json import (
    DRIFT_FORMAT,
    PLAN_FORMAT,
    REPORT_FORMAT,
    document,
    error_entry,
    plan_entry,
    report_entry,
    text_of,
)
from reconciler.render.told import Failed, Item, Told
from reconciler.report import Report
from tests.render.golden import is_golden
from tests.render.hostile import runs
from tests.render.samples import APPLIED, DRIFT, FLEET

SCHEMA = Draft202012Validator(json.loads(schema_file("plan").read_text()))
FORMATS = {"plan": PLAN_FORMAT, "drift": DRIFT_FORMAT, "apply": REPORT_FORMAT}


def entry(item: Item, command: str) -> dict[str, Any]:
    if isinstance(item, Failed):
        return error_entry(item.name, item.type, item.message)
    if isinstance(item, Report) and command == "apply":
        return report_entry(item)
    assert isinstance(item, Plan)
    return plan_entry(item)


@pytest.mark.parametrize("told", [FLEET, DRIFT, APPLIED], ids=lambda told: told.command)
def test_a_document_is_what_it_was_when_somebody_last_read_it(told: Told) -> None:
    made = document(FORMATS[told.command], [entry(item, told.command) for item in told.environments])
    SCHEMA.validate(made)
    assert is_golden(f"{told.command}.json", text_of(made))


@given(runs())
def test_any_text_comes_back_as_it_was_and_commands_nobody(told: Told) -> None:
    plans = [item for item in told.environments if isinstance(item, Plan)]
    made = document(PLAN_FORMAT, [plan_entry(plan) for plan in plans])
    text = text_of(made)
    assert text.isascii()
    assert all(one.isprintable() or one == "\n" for one in text)
    assert json.loads(text) == made
