"""The template that deploys the functions: sound, no wider than the policies that are proven, and in time."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.aws import handlers, reconciling
from reconciler.ledger import LEASE_GRACE
from tests.aws import test_policies
from tests.lambda_.conftest import KEEPS_FOR

ROOT = Path(__file__).parents[2]
FILE = ROOT / "examples" / "aws" / "template.yaml"


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short functions as ``{function: argument}``."""


def _function(loader: Loader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    raise AssertionError(node)


Loader.add_multi_constructor("!", _function)
TEMPLATE = yaml.load(FILE.read_text(), Loader)  # noqa: S506 - a safe loader, with functions
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
SHARED = TEMPLATE["Globals"]["Function"]
FUNCTIONS = {
    name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"
}
ALARMS = {name: one["Properties"] for name, one in RESOURCES.items() if one["Type"].endswith("::Alarm")}


def policy(name: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = RESOURCES[name]["Properties"]["PolicyDocument"]["Statement"]
    return statements


def own(role: str) -> list[dict[str, Any]]:
    (one,) = RESOURCES[role]["Properties"]["Policies"]
    statements: list[dict[str, Any]] = one["PolicyDocument"]["Statement"]
    return statements


DOCUMENTS = {
    **{name: policy(name) for name in ("ReadManifests", "Look", "Write")},
    **{role: own(role) for role in ("DriftRole", "FanOutRole", "ReconcileRole")},
}


def actions(*statements: dict[str, Any]) -> set[str]:
    named = (one["Action"] for one in statements)
    return {action for names in named for action in ([names] if isinstance(names, str) else names)}


def proven(name: str) -> set[str]:
    """What a policy allows whose calls are proven in tests/kill/test_on_aws.py."""
    text = (ROOT / "examples" / "aws" / "iam" / f"{name}.json").read_text()
    return actions(*json.loads(text)["Statement"])


def linted(file: Path) -> str:
    command = [str(Path(sys.executable).with_name("cfn-lint")), str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.slow
def test_it_is_sound(tmp_path: Path) -> None:
    assert linted(FILE) == ""
    wrong = tmp_path / "template.yaml"
    wrong.write_text(FILE.read_text().replace("TreatMissingData", "TreatMissingDatum"))
    assert "E3002" in linted(wrong)


@pytest.mark.slow
def test_its_policies_name_actions_that_there_are(tmp_path: Path) -> None:
    """In a template that is still to be transformed cfn-lint does not look at them."""
    named = {name: actions(*document) for name, document in DOCUMENTS.items()}
    policies = {
        name: {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": sorted(some), "Resource": "*"}],
        }
        for name, some in named.items()
    }
    assert test_policies.linted(tmp_path, policies) == ""


def test_every_function_calls_a_handler_that_there_is() -> None:
    assert sorted(one["Handler"].rpartition(".")[2] for one in FUNCTIONS.values()) == [
        "drift",
        "fan_out",
        "reconcile",
    ]
    for one in FUNCTIONS.values():
        module, _, name = one["Handler"].rpartition(".")
        assert module == handlers.__name__
        assert callable(getattr(handlers, name))


def test_every_variable_is_one_that_the_handlers_read() -> None:
    named = set(SHARED["Environment"]["Variables"])
    for one in FUNCTIONS.values():
        named |= set(one.get("Environment", {}).get("Variables", {}))
    read = set(
        re.findall(r"RECONCILER_\w+|POWERTOOLS_\w+", (ROOT / "reconciler/aws/settings.py").read_text())
    )
    assert named == read - {"RECONCILER_"}


def test_a_dead_runs_lease_is_over_before_its_message_is_shown_again() -> None:
    hidden, longest = RESOURCES["Queue"]["Properties"]["VisibilityTimeout"], SHARED["Timeout"]
    assert hidden == KEEPS_FOR == 6 * longest
    lease = (longest - reconciling.MARGIN) / 2 + LEASE_GRACE
    assert lease < hidden
    tries = RESOURCES["Queue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
    assert tries * hidden < RESOURCES["Queue"]["Properties"]["MessageRetentionPeriod"]


def test_failures_of_single_messages_are_reported() -> None:
    source = FUNCTIONS["Reconcile"]["Events"]["Messages"]["Properties"]
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_plan_may_do_what_is_proven_and_an_apply_too() -> None:
    assert actions(*policy("Look")) == proven("plan")
    assert RESOURCES["Write"]["Condition"] == "Applies"
    assert actions(*policy("Look"), *policy("Write")) == proven("apply")


def test_nothing_but_an_apply_may_write_more_than_what_was_told() -> None:
    drift = {one["Sid"]: one["Resource"] for one in own("DriftRole") if "s3:PutObject" in one["Action"]}
    assert list(drift) == ["RememberWhatWasTold"]
    assert actions(*own("FanOutRole")) == {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
    assert RESOURCES["Write"]["Properties"]["Roles"] == [{"Ref": "ReconcileRole"}]


def test_no_role_has_a_wildcard_for_actions_or_for_all_resources() -> None:
    for statement in (one for document in DOCUMENTS.values() for one in document):
        assert "*" not in str(statement["Action"])
        assert statement["Resource"] != "*"


def test_alarms_see_errors_of_every_function_drift_and_both_queues() -> None:
    seen = {(one["MetricName"], json.dumps(one["Dimensions"])) for one in ALARMS.values()}
    for function in FUNCTIONS:
        assert ("Errors", json.dumps([{"Name": "FunctionName", "Value": {"Ref": function}}])) in seen
    assert {name for name, _ in seen} == {
        "Errors",
        "drifted",
        "ApproximateNumberOfMessagesVisible",
        "ApproximateAgeOfOldestMessage",
    }
    assert all(one["AlarmActions"] == [{"Ref": "Topic"}] for one in ALARMS.values())
