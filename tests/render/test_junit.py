import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from hypothesis import given
from junitparser import Failure, JUnitXml

from reconciler import guards
from reconciler.model import Key
from reconciler.plan import Action
from reconciler.render.junit import GUARDS, MOST_LINES, render
from reconciler.render.told import Told, name_of
from tests.render.golden import is_golden
from tests.render.hostile import runs
from tests.render.samples import APPLIED, CALM, DRIFT, EVERY, FLEET, change, plan, told
from tests.rig.published import junit_schema

TAGS = {"testsuites", "testsuite", "testcase", "failure", "error", "skipped"}


def suites(text: str) -> dict[str, Any]:
    """The suites as a reader of JUnit's results sees them, by environment."""
    return {suite.name: suite for suite in JUnitXml.fromstring(text.encode())}


def states(suite: Any) -> dict[str, str]:
    """The cases that have not passed, and what they are."""
    return {case.name: type(case.result[0]).__name__ for case in suite if case.result}


@pytest.mark.parametrize("run", EVERY, ids=lambda run: run.command)
def test_results_look_as_they_did(run: Told) -> None:
    assert is_golden(f"{run.command}.xml", render(run))


@pytest.fixture(scope="module")
def published() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(junit_schema())


@pytest.mark.slow
@pytest.mark.parametrize("run", EVERY, ids=lambda run: run.command)
def test_results_are_what_the_published_schema_says(run: Told, published: xmlschema.XMLSchema) -> None:
    published.validate(render(run))
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        published.validate(render(run).replace(" name=", " nom="))


@pytest.mark.slow
def test_no_text_from_elsewhere_breaks_the_published_schema(published: xmlschema.XMLSchema) -> None:
    @given(runs())
    def check(run: Told) -> None:
        published.validate(render(run))

    check()


def test_a_guard_that_stands_against_a_kind_is_a_failed_test() -> None:
    found = suites(render(FLEET))
    assert states(found["prod"]) == {
        "deletes variable": "Failure",
        "protect connection": "Failure",
        "adopt variable": "Failure",
        "in sync": "Skipped",
    }
    assert states(found["calm"]) == {}
    assert set(states(found["broken"]).values()) == {"Error"}
    assert (found["prod"].tests, found["prod"].failures, found["prod"].skipped) == (16, 3, 1)


def test_drift_and_what_has_not_converged_fail() -> None:
    assert states(suites(render(DRIFT))["prod"]) == {"in sync": "Failure"}
    found = suites(render(APPLIED))
    assert states(found["prod"])["in sync"] == "Failure"
    assert states(found["calm"]) == {}
    assert states(found["away"]) == {"environment": "Error"}


def test_only_guards_of_the_kinds_that_were_looked_at_are_tests() -> None:
    narrowed = plan("one", options={"kinds": ["pool"]})
    assert {case.name for case in suites(render(told("plan", narrowed)))["one"]} == {
        *(f"{guard} pool" for guard in GUARDS),
        "in sync",
    }


def test_every_guard_has_its_tests() -> None:
    source = Path(guards.__file__).read_text(encoding="utf-8")
    assert set(GUARDS) == set(re.findall(r'Violation\(\s*"(\w+)"', source))


def test_a_long_list_is_counted_in_its_end() -> None:
    many = [
        change(Action.DELETE, Key("pool", f"p{number}"), "undeclared") for number in range(MOST_LINES + 1640)
    ]
    (case,) = suites(render(told("drift", plan("one", *many))))["one"]
    assert isinstance(case.result[0], Failure)
    assert case.result[0].message == "1,840 changes drifted"
    assert case.result[0].text.splitlines()[-1] == "1,640 more"


@given(runs())
def test_no_text_from_elsewhere_becomes_markup(run: Told) -> None:
    text = render(run)
    root = ET.fromstring(text.encode())  # noqa: S314 - as above
    assert {element.tag for element in root.iter()} <= TAGS
    assert len(root) == len(run.environments)
    for suite, item in zip(root, run.environments, strict=True):
        assert int(suite.get("tests", "")) == len(suite)
        assert suite.get("name", "")[:1] in {name_of(item)[:1], "\\"}
    for name, suite in suites(text).items():
        assert name is not None
        assert list(suite)
    assert text.count("<?") == 1
    assert "<![CDATA[" not in text


def test_an_environment_without_changes_passes() -> None:
    assert 'failures="0" errors="0" skipped="0"' in render(told("plan", CALM))
