import pytest

from reconciler.sandbox.assumptions import assume
from reconciler.sandbox.emulator import Emulator
from tests.gateway.sample import variables_sample
from tests.gateway.support import boto3_client, running

LOSE_DESCRIPTIONS = {"2.7.2", "2.8.1"}
"""Versions whose POST /variables echoes a description and does not store it."""


def shown(answer: tuple[int, object]) -> object:
    body = answer[1]
    assert isinstance(body, dict)
    return body["value"], body["description"]


@pytest.mark.parametrize("version", Emulator.VERSIONS)
def test_awss_published_calls_work_unchanged_over_the_sandbox(version: str) -> None:
    with running(Emulator(None, version)) as url, boto3_client(url) as client:
        seen = variables_sample(client, "prod")
        described = client.get_environment(Name="prod")["Environment"]
    described_first = None if version in LOSE_DESCRIPTIONS else "first"
    created = 200 if version.startswith("2.") else 201
    assert {step: status for step, (status, _) in seen.items()} == {
        "list": 200,
        "create": created,
        "get": 200,
        "update": 200,
        "mask": 200,
        "masked": 200,
        "delete": 204,
        "gone": 404,
    }
    assert shown(seen["get"]) == ("one", described_first)
    assert shown(seen["update"]) == ("two", described_first)
    assert shown(seen["masked"]) == ("two", "second")
    assert "detail" in seen["gone"][1]
    assert described["AirflowVersion"] == version


@pytest.mark.parametrize(
    ("major", "flattening", "changed"),
    [
        (2, "repeat", ["description"]),
        (2, "comma", ["description", "value"]),
        (3, "repeat", ["description", "value"]),
        (3, "comma", []),
        (3, "json", []),
    ],
)
def test_how_a_list_is_flattened_decides_what_a_mask_of_two_changes(
    major: int, flattening: str, changed: list[str]
) -> None:
    mask = ["val" if major == 2 else "value", "description"]
    backend = Emulator(None, Emulator.newest(major))
    before, after = {"value": "1", "description": "a"}, {"value": "2", "description": "b"}
    with running(backend, assume([f"query_lists={flattening}"])) as url, boto3_client(url) as client:
        client.invoke_rest_api(Name="e", Path="/variables", Method="POST", Body={"key": "k", **before})
        answer = client.invoke_rest_api(
            Name="e",
            Path="/variables/k",
            Method="PATCH",
            QueryParameters={"update_mask": mask},
            Body={"key": "k", **after},
        )["RestApiResponse"]
    assert sorted(name for name in before if answer[name] == after[name]) == changed
