"""What runs on a schedule: looking for drift, and sending a message for each environment."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from reconciler.aws import handlers
from reconciler.aws import queue as queues
from reconciler.aws.queue import Message, NotSent
from reconciler.backends import Request
from reconciler.cli.holder import holder
from reconciler.errors import UsageError
from tests.aws import support
from tests.e2e.broken import Raw
from tests.lambda_.conftest import Context, Fleet, Queue, Wire, call, made_queue, numbers, zipped
from tests.lambda_.test_template import ALARMS

SCHEDULED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": support.ACCOUNT,
    "time": "2026-11-25T09:00:00Z",
    "region": support.REGION,
    "resources": ["arn:aws:events:eu-west-1:123456789012:rule/drift"],
    "detail": {},
}


def drift(event: Any = SCHEDULED) -> dict[str, Any]:
    return handlers.drift(event, Context())  # type: ignore[arg-type]  # as much as it is asked


def fan_out(event: Any = SCHEDULED) -> dict[str, Any]:
    return handlers.fan_out(event, Context())  # type: ignore[arg-type]  # the same


@pytest.fixture
def applied(fleet: Fleet, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.setenv("RECONCILER_COMMAND", "apply")
    for name in ("dev", "prod"):
        queue.send({"environment": fleet.add(name, variables={"a": "1"})})
    queue.work_off()
    return fleet


def edit(fleet: Fleet, name: str) -> None:
    fleet.airflow(name).send(Request("PATCH", "/variables/a", body={"key": "a", "value": "9"}))


def test_drift_names_what_has_drifted_and_counts_it_for_alarms(
    applied: Fleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "acme")
    assert drift() == {"exit_code": 0, "drifted": []}
    edit(applied, "prod")
    capsys.readouterr()

    assert drift() == {"exit_code": 2, "drifted": ["prod"]}

    printed = capsys.readouterr().out
    assert numbers(printed, "drift") == [{"drifted": 1, "failed": 0, "environments": 2}]
    assert '"service":"acme"' in printed
    assert '"environment": "prod", "command": "drift"' in printed


def test_drift_reads_only(applied: Fleet, wire: Wire) -> None:
    edit(applied, "prod")
    before = applied.ledger("prod")
    drift()
    assert {one.method for one in wire.requests} == {"GET"}
    assert (applied.ledger("prod"), applied.variables("prod")) == (before, {"a": "9"})


def test_the_same_drift_is_told_once(applied: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = made_queue(support.fresh("inbox"))
    with support.client("sns") as sns, support.client("sqs") as sqs:
        topic = sns.create_topic(Name=support.fresh("drift"))["TopicArn"]
        arn = sqs.get_queue_attributes(QueueUrl=inbox.url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    monkeypatch.setenv("RECONCILER_NOTIFY", f"sns:{topic}")
    monkeypatch.setenv("RECONCILER_NOTIFY_STATE", f"s3://{applied.bucket}/told/drift.json")
    edit(applied, "prod")

    drift()
    drift({"notify": [f"sns:{topic}"], "environments": ["environments/*"]})

    told = [json.loads(record["body"])["Subject"] for record in inbox.receive()["Records"]]
    assert told == ["prod: drift, 1 change"]


def test_what_cannot_be_looked_at_is_an_error_of_the_function_and_counted(
    applied: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    applied.declare("prod", variables=7)
    edit(applied, "dev")
    capsys.readouterr()
    with pytest.raises(handlers.Failed, match=r"drift ended with 1: prod: ManifestError: environments/prod/"):
        drift()
    assert numbers(capsys.readouterr().out, "drift") == [{"drifted": 1, "failed": 1, "environments": 2}]
    with pytest.raises(handlers.Failed, match="the log says why"):
        drift({"environments": ["environments/none*"]})


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ([], "no JSON object"),
        ({"environment": ["dev"]}, "unknown 'environment'"),
        ({"environments": "dev"}, "no list of texts"),
        ({"environments": []}, "no environment is named"),
        ({"environments": ["../x"]}, "no folder below the manifests"),
        ({"environments": ["/etc"]}, "no folder below the manifests"),
        ({"notify": [7]}, "no list of texts"),
        ({"notify_state": 7}, "no text"),
        ({"plan": "s3://acme/plan.json"}, "unknown 'plan'"),
    ],
)
@pytest.mark.usefixtures("fleet")
def test_an_event_that_means_nothing_is_an_error(event: object, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        drift(event)


def test_an_environment_named_like_an_option_is_none(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.add("dev")
    with pytest.raises(handlers.Failed):
        drift({"environments": ["--format=text=/tmp/x"]})
    assert "--format=text=/tmp/x" in capsys.readouterr().err


def test_each_environment_gets_a_message_and_all_are_worked_off(
    fleet: Fleet, queue: Queue, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_QUEUE", queue.url)
    monkeypatch.setenv("RECONCILER_COMMAND", "apply")
    names = [f"e{number:02}" for number in range(12)]
    for name in names:
        fleet.add(name, variables={"a": "1"})
    asked = support.recorded(monkeypatch)

    assert fan_out() == {"sent": 12}

    sent = [arguments for operation, arguments in asked if operation == "SendMessageBatch"]
    assert [len(one["Entries"]) for one in sent] == [10, 2]
    queue.work_off()
    assert len(wire.writes) == 12
    assert all(fleet.variables(name) == {"a": "1"} for name in names)


def test_manifests_of_a_zip_are_fanned_out_and_planned(
    fleet: Fleet, queue: Queue, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.add("dev", variables={"a": "1"})
    files: dict[str, str | bytes] = {
        path.relative_to(fleet.root).as_posix(): path.read_bytes() for path in fleet.root.rglob("*.yaml")
    }
    with support.client("s3") as s3:
        s3.put_object(Bucket=fleet.bucket, Key="m/manifests.zip", Body=zipped(files))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("RECONCILER_MANIFESTS", f"s3://{fleet.bucket}/m/manifests.zip")
    monkeypatch.setenv("RECONCILER_QUEUE", queue.url)

    assert fan_out() == {"sent": 1}
    event = queue.receive()
    assert [record["body"] for record in event["Records"]] == ['{"environment": "environments/dev"}']
    assert call(event) == {"batchItemFailures": []}

    assert len(wire.requests) == 4
    assert wire.writes == []


def test_the_plan_that_an_event_names_goes_into_every_message(
    fleet: Fleet, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_QUEUE", queue.url)
    fleet.add("dev")
    fan_out({"plan": "s3://acme-plans/1.json", "environments": ["environments/dev"]})
    (record,) = queue.receive()["Records"]
    assert json.loads(record["body"]) == {"environment": "environments/dev", "plan": "s3://acme-plans/1.json"}


def test_an_environment_that_cannot_be_read_holds_up_no_other_and_is_an_error(
    fleet: Fleet, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_QUEUE", queue.url)
    fleet.add("broken", variables=7)
    fleet.add("good")
    with pytest.raises(handlers.Failed, match="broken: ManifestError"):
        fan_out()
    assert len(queue.receive()["Records"]) == 1


def test_without_a_queue_nothing_is_sent(fleet: Fleet) -> None:
    fleet.add("dev")
    with pytest.raises(UsageError, match="RECONCILER_QUEUE names no queue"):
        fan_out()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr("reconciler.aws.queue.sleep", made.append)
    return made


Fault = Callable[[support.Forward], Raw | None]


def losing(times: int) -> Fault:
    """SQS that takes all but the first entry of a call, so many times."""
    left = [times]

    def fault(forward: support.Forward) -> Raw:
        asked = json.loads(forward.body)
        if not left[0]:
            return forward()
        left[0] -= 1
        lost, *taken = asked["Entries"]
        failed = [{"Id": lost["Id"], "Code": "ServiceUnavailable", "SenderFault": False}]
        if not taken:
            return answered({"Successful": [], "Failed": failed})
        body = json.dumps({**asked, "Entries": taken}).encode()
        raw = replace(forward, body=body, headers={**forward.headers, "Content-Length": str(len(body))})()
        return answered({**json.loads(raw.body), "Failed": failed})

    return fault


def answered(body: object) -> Raw:
    return Raw(200, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.0"})


LOST = r"1 of 12 messages were not sent: environments/0: .*ServiceUnavailable"


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(("times", "lost"), [(1, 0), (3, 0), (4, 1)])
def test_what_sqs_does_not_take_is_sent_again_and_told_in_the_end(
    aws: str, pauses: list[float], times: int, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = made_queue(support.fresh("queue"))
    messages = [Message(f"environments/{number}") for number in range(12)]
    raised = pytest.raises(NotSent, match=LOST) if lost else contextlib.nullcontext()
    with support.linked(aws, losing(times), "POST") as link, raised:
        monkeypatch.setenv("AWS_ENDPOINT_URL", link.url)
        queues.send(target.url.replace(aws, link.url), messages, "request")
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    got = [record["body"] for _ in range(2) for record in target.receive()["Records"]]
    assert sorted(got) == sorted(one.body for one in messages[lost:])
    assert pauses == list(queues.PAUSES)[: min(times, 3)]


def test_a_queue_that_is_not_there_is_told(fleet: Fleet, pauses: list[float], aws: str) -> None:
    assert fleet.bucket
    with pytest.raises(NotSent, match=r"SQS: AWS answered .*NonExistent"):
        queues.send(f"{aws}/{support.ACCOUNT}/none", [Message("environments/dev")], "request")
    assert pauses == list(queues.PAUSES)


def test_the_lease_names_the_log_of_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/reconcile")
    monkeypatch.setenv("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/25/[$LATEST]0b7c")
    monkeypatch.delenv("GITHUB_RUN_ID", raising=False)
    assert holder() == "/aws/lambda/reconcile:2026/11/25/[$LATEST]0b7c"


def test_an_assumed_role_is_assumed_anew_by_each_call(
    applied: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    real = boto3.Session

    def session(**named: Any) -> boto3.Session:
        made.append(named)
        return real(**named)

    monkeypatch.setattr("boto3.Session", session)
    drift()
    first = len(made)
    assert first
    drift()
    assert len(made) == 2 * first
    assert applied.bucket


def test_the_first_of_many_failures_are_told_and_the_rest_counted() -> None:
    told = queues.first({f"e{number:02}": "broken" for number in range(12)})
    assert told.endswith("e09: broken; and 2 more")
    assert queues.first({"dev": "broken"}) == "dev: broken"


def test_the_alarm_for_drift_looks_at_the_numbers_that_drift_tells(
    applied: Fleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "stack")
    edit(applied, "prod")
    capsys.readouterr()
    drift()
    alarm = ALARMS["Drifted"]
    now = datetime.now(UTC)
    with support.client("cloudwatch") as cloudwatch:
        for line in capsys.readouterr().out.splitlines():
            if line.startswith('{"_aws"'):
                as_cloudwatch_does(cloudwatch, json.loads(line), now)
        found = cloudwatch.get_metric_statistics(
            Namespace=alarm["Namespace"],
            MetricName=alarm["MetricName"],
            Dimensions=[{"Name": one["Name"], "Value": named(one["Value"])} for one in alarm["Dimensions"]],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=[alarm["Statistic"]],
        )
    assert [one["Maximum"] for one in found["Datapoints"]] == [1.0]


def as_cloudwatch_does(cloudwatch: Any, line: dict[str, Any], now: datetime) -> None:
    """Keeps the metrics of a line in the embedded metric format."""
    for told in line["_aws"]["CloudWatchMetrics"]:
        data = [
            {
                "MetricName": metric["Name"],
                "Dimensions": [{"Name": name, "Value": line[name]} for name in dimensions],
                "Value": value[0] if isinstance(value := line[metric["Name"]], list) else value,
                "Timestamp": now,
            }
            for metric in told["Metrics"]
            for dimensions in told["Dimensions"]
        ]
        cloudwatch.put_metric_data(Namespace=told["Namespace"], MetricData=data)


def named(value: str | dict[str, str]) -> str:
    """A dimension's value; the stack's name is what the function was deployed with."""
    return "stack" if value == {"Ref": "AWS::StackName"} else str(value)
