"""Numbers of a run as CloudWatch takes them out of a log: the embedded metric format, a line an environment.

Source: Amazon CloudWatch user guide, "Specification: Embedded metric format".
"""

import json
from typing import Any

from reconciler.render.numbers import Number, numbers
from reconciler.render.told import Told

NAMESPACE = "reconciler"


def render(told: Told) -> str:
    """One JSON object a line; an environment and a command are the dimensions."""
    return "".join(f"{json.dumps(_event(told, name, some))}\n" for name, some in numbers(told))


def _event(told: Told, environment: str, some: list[Number]) -> dict[str, Any]:
    values = {_name(number): number.value for number in some}
    return {
        "_aws": {
            "Timestamp": int(told.at * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [["environment", "command"]],
                    "Metrics": [{"Name": name, "Unit": "Count"} for name in values],
                }
            ],
        },
        "environment": environment,
        "command": told.command,
        **values,
    }


def _name(number: Number) -> str:
    """Such as ``changes_create``: a metric has one name, and labels cost a dimension each."""
    return "_".join([number.name, *(value for _, value in number.labels)])
