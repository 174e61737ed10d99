import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from reconciler.render import emf, openmetrics
from reconciler.render.numbers import MEANINGS
from reconciler.render.told import Told, name_of
from tests.render.golden import is_golden
from tests.render.hostile import runs
from tests.render.samples import APPLIED, DRIFT, EVERY, FLEET, VALIDATED

AT = 1795599667.25


def families(told: Told) -> dict[str, list[tuple[dict[str, str], float]]]:
    """What Prometheus reads."""
    return {
        family.name: [(sample.labels, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(openmetrics.render(told))  # type: ignore[no-untyped-call]
    }


def events(told: Told) -> list[dict[str, Any]]:
    return [json.loads(line) for line in emf.render(told).splitlines()]


@pytest.mark.parametrize("told", EVERY, ids=lambda told: told.command)
def test_numbers_are_what_they_were_when_somebody_last_read_them(told: Told) -> None:
    told = replace(told, at=AT)
    assert is_golden(f"{told.command}.openmetrics", openmetrics.render(told))
    assert is_golden(f"{told.command}.emf", emf.render(told))


def test_prometheus_reads_the_changes_of_each_environment() -> None:
    found = families(FLEET)
    deletes = [value for labels, value in found["reconciler_changes"] if labels["action"] == "delete"]
    assert deletes == [3, 0], "prod's, and none of the calm one's; of one that failed nobody knows"
    assert [(labels["environment"], value) for labels, value in found["reconciler_success"]] == [
        ("prod", 1), ("broken", 0), ("calm", 1),
    ]  # fmt: skip


def test_an_apply_succeeds_only_when_it_has_converged() -> None:
    assert [value for _, value in families(APPLIED)["reconciler_success"]] == [0, 1, 0]
    assert [value for _, value in families(APPLIED)["reconciler_writes"]] == [3, 0]


def test_the_time_of_the_run_is_told() -> None:
    (sample,) = families(replace(DRIFT, at=AT))["reconciler_run_timestamp_seconds"]
    assert sample == ({"command": "drift"}, AT)
    assert events(replace(DRIFT, at=AT))[0]["_aws"]["Timestamp"] == 1795599667250


def test_every_metric_of_an_event_has_a_value_and_each_dimension_too() -> None:
    for event in events(FLEET):
        (directive,) = event["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "reconciler"
        assert all(event[dimension] for dimensions in directive["Dimensions"] for dimension in dimensions)
        assert all(isinstance(event[metric["Name"]], int) for metric in directive["Metrics"])
        assert len(directive["Metrics"]) <= 100, "CloudWatch takes no more"


def test_files_that_are_only_checked_have_no_calls() -> None:
    assert {*families(VALIDATED)} == {"reconciler_success", "reconciler_run_timestamp_seconds"}
    assert [value for _, value in families(VALIDATED)["reconciler_success"]] == [1, 0]


@given(runs())
def test_any_name_comes_back_as_it_was(told: Told) -> None:
    names = [name_of(item) for item in told.environments]
    assume(len({*names}) == len(names))
    assert [event["environment"] for event in events(told)] == names
    assert emf.render(told).count("\n") == len(names)
    found = families(told)
    assert [labels["environment"] for labels, _ in found["reconciler_success"]] == names
    assert {name.removeprefix("reconciler_") for name in found} <= {*MEANINGS, "run_timestamp_seconds"}
