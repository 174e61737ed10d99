"""The policies of docs/mwaa-setup.md; which calls they allow is proven in tests/kill/test_on_aws.py."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler import amazon

POLICIES = {
    file.stem: json.loads(file.read_text())
    for file in sorted((Path(__file__).parents[2] / "examples" / "aws" / "iam").glob("*.json"))
}
TRUST = {name for name in POLICIES if "-trust-" in name}


def statements(name: str) -> dict[str, dict[str, Any]]:
    return {one["Sid"]: one for one in POLICIES[name]["Statement"]}


def linted(folder: Path, policies: dict[str, dict[str, Any]]) -> str:
    """What cfn-lint says of policies in a template: it knows the actions of AWS."""
    template = folder / "template.json"
    resources = {name.title().replace("-", ""): as_resource(name, one) for name, one in policies.items()}
    template.write_text(json.dumps({"Resources": resources}))
    command = [str(Path(sys.executable).with_name("cfn-lint")), str(template)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def as_resource(name: str, policy: dict[str, Any]) -> dict[str, Any]:
    if name in TRUST:
        return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": policy}}
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": policy}}


@pytest.mark.slow
def test_they_are_sound_and_name_actions_that_there_are(tmp_path: Path) -> None:
    assert linted(tmp_path, POLICIES) == ""
    wrong = json.loads(json.dumps(POLICIES["plan"]).replace("InvokeRestApi", "InvokeRestAPIs"))
    assert "W3037" in linted(tmp_path, {"plan": wrong})


@pytest.mark.parametrize("name", ["plan", "apply"])
def test_airflow_is_reached_as_a_role_since_the_environment_itself_is_no_resource_of_the_call(
    name: str,
) -> None:
    statement = statements(name)["Airflow"]
    assert statement["Resource"].endswith(":role/prod-airflow/Op")


def test_an_apply_may_do_all_that_a_plan_may_and_no_policy_has_a_wildcard() -> None:
    assert set(statements("plan")) <= set(statements("apply")) | {
        "SeeVersionsOfSecrets",
        "SeeVersionsOfParameters",
    }
    for name in ("plan", "apply"):
        assert not any(
            "*" in str(one["Action"]) or one["Resource"] == "*" for one in statements(name).values()
        )


@pytest.mark.parametrize("name", sorted(TRUST))
def test_who_may_assume_a_role_is_told_by_audience_and_subject(name: str) -> None:
    (statement,) = statements(name).values()
    keys = {key.rpartition(":")[2] for tests in statement["Condition"].values() for key in tests}
    assert keys == {"aud", "sub"}
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"


@pytest.mark.parametrize("name", sorted(one for one in TRUST if one.endswith("apply")))
def test_the_role_that_applies_trusts_one_branch_or_environment_to_the_letter(name: str) -> None:
    (statement,) = statements(name).values()
    assert set(statement["Condition"]) == {"StringEquals"}
    assert "*" not in json.dumps(statement["Condition"])


def test_what_a_refusal_says_it_takes_is_in_the_policies() -> None:
    template = Path(__file__).parents[2] / "examples" / "aws" / "template.yaml"
    actions = json.dumps([POLICIES["apply"], POLICIES["doctor"]]) + template.read_text()
    for told in amazon.IAM_ACTIONS.values():
        first = told.split()[0].rstrip(",")
        assert first in actions or first == "sts:AssumeRole"
