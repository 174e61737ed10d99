"""Functions as Lambda calls them: queues, buckets and topics of moto, environments on the sandbox."""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from moto.s3.models import s3_backends

from reconciler.aws import handlers
from reconciler.backends import Backend, Request, Response
from reconciler.connect import connect
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.faults import Faulty, parse_fault
from reconciler.targets import SandboxTarget, Target
from tests.aws import support

CREATED = 201
KEEPS_FOR = 5400
"""Seconds that a queue hides a message: six times what a function may take."""


@dataclass
class Context:
    """What Lambda says of a call."""

    seconds: float = 900.0
    aws_request_id: str = "5f3b7a52-0c0e-4d7e-a6b0-6c1e2d6c0b9a"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@dataclass
class Wire:
    """Every call that Airflow carries out; ``fault`` is called before each, and may raise."""

    requests: list[Request] = field(default_factory=list)
    created: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often Airflow has created a variable of an environment."""
    fault: Callable[[Request], None] = lambda _request: None
    faults: Sequence[str] = ()
    faulty: str | None = None
    """The one environment that meets ``faults``; ``None`` for all."""

    @property
    def writes(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.requests if one.method != "GET"]

    def around(self, backend: Backend, target: Target) -> Backend:
        assert isinstance(target, SandboxTarget)
        met = self.faulty in {None, Path(target.folder).name}
        name = Path(target.folder).name
        return Faulty(_Watched(self, backend, name), map(parse_fault, self.faults if met else ()))


@dataclass
class _Watched:
    wire: Wire
    backend: Backend
    name: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    def send(self, request: Request) -> Response:
        self.wire.fault(request)
        self.wire.requests.append(request)
        response = self.backend.send(request)
        if (request.method, response.status) == ("POST", CREATED):
            self.wire.created[self.name, str(request.body["key"])] += 1
        return response


@dataclass(frozen=True)
class Fleet:
    """Environments in a folder, their ledgers in a bucket."""

    root: Path
    bucket: str

    def add(self, name: str, *, ledger: str | None = "", **manifest: object) -> str:
        """Writes an environment on a sandbox of its own; its folder."""
        folder = self.root / "environments" / name
        folder.mkdir(parents=True, exist_ok=True)
        place = f"s3://{self.bucket}/{name}.json" if ledger == "" else ledger
        settings = {"name": name, "target": "sandbox:sandbox.json", **({"ledger": place} if place else {})}
        (folder / "environment.yaml").write_text(yaml.safe_dump(settings))
        self.declare(name, **manifest)
        return f"environments/{name}"

    def declare(self, name: str, **manifest: object) -> None:
        text = yaml.safe_dump(manifest, sort_keys=False)
        (self.root / "environments" / name / "manifest.yaml").write_text(text)

    def airflow(self, name: str) -> Emulator:
        return Emulator(self.root / "environments" / name / "sandbox.json", "3.3.1")

    def variables(self, name: str) -> dict[str, str]:
        body = self.airflow(name).send(Request("GET", "/variables")).body
        return {row["key"]: row["value"] for row in body["variables"]}

    def ledger(self, name: str) -> dict[str, Any]:
        with support.client("s3") as s3:
            document: dict[str, Any] = json.loads(
                s3.get_object(Bucket=self.bucket, Key=f"{name}.json")["Body"].read()
            )
        return document

    def let_the_lease_run_out(self, name: str) -> None:
        """Makes the ledger look as old as it is once the queue shows the message again."""
        from datetime import timedelta

        backend = s3_backends[support.ACCOUNT]["aws"]
        key = backend.buckets[self.bucket].keys.get(f"{name}.json")
        if key is not None:
            key.last_modified -= timedelta(seconds=KEEPS_FOR)


@dataclass(frozen=True)
class Queue:
    """A queue and the one to which messages are put aside, as the template has them."""

    url: str
    dead: str

    def send(self, *bodies: object) -> None:
        with support.client("sqs") as sqs:
            for body in bodies:
                sqs.send_message(
                    QueueUrl=self.url, MessageBody=body if isinstance(body, str) else json.dumps(body)
                )

    def receive(self) -> dict[str, Any]:
        """The event that Lambda makes of what the queue has to give; it is hidden from then on."""
        with support.client("sqs") as sqs:
            answer = sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=KEEPS_FOR,
                MessageSystemAttributeNames=["All"],
            )
        return {"Records": [as_record(one, self.url) for one in answer.get("Messages", [])]}

    def settle(self, event: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """What Lambda does after a call: what is done is deleted; the rest is shown again in time."""
        failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        with support.client("sqs") as sqs:
            for record in event["Records"]:
                if record["messageId"] not in failed:
                    sqs.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])
        self.show_again(event)

    def show_again(self, event: Mapping[str, Any]) -> None:
        """The visibility time-out is over."""
        with support.client("sqs") as sqs:
            for record in event["Records"]:
                try:
                    sqs.change_message_visibility(
                        QueueUrl=self.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
                    )
                except sqs.exceptions.ClientError:
                    continue  # it has been deleted

    def work_off(self, deliveries: int = 20, context: Context | None = None) -> None:
        """Delivers until nothing is left to give."""
        for _ in range(deliveries):
            event = self.receive()
            if not event["Records"]:
                return
            self.settle(event, call(event, context))
        raise AssertionError("the queue never ends")

    def put_aside(self) -> list[str]:
        with support.client("sqs") as sqs:
            answer = sqs.receive_message(QueueUrl=self.dead, MaxNumberOfMessages=10)
        return [one["Body"] for one in answer.get("Messages", [])]


def call(event: Mapping[str, Any], context: Context | None = None) -> dict[str, Any]:
    answer = handlers.reconcile(dict(event), context or Context())  # type: ignore[arg-type]  # as much as it is asked
    return dict(answer)


def as_record(message: Mapping[str, Any], url: str) -> dict[str, Any]:
    """A message as Lambda hands it to a function (Lambda developer guide, "Using Lambda with Amazon SQS")."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{support.REGION}:{support.ACCOUNT}:{url.rpartition('/')[2]}",
        "awsRegion": support.REGION,
    }


@pytest.fixture(scope="package")
def aws() -> Iterator[str]:
    with support.aws_server() as url:
        yield url


@pytest.fixture
def fleet(aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    support.use(monkeypatch, aws)
    root = tmp_path / "manifests"
    root.mkdir()
    monkeypatch.setenv("RECONCILER_MANIFESTS", str(root))
    return Fleet(root, support.bucket())


@pytest.fixture
def applying(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function is deployed to apply."""
    monkeypatch.setenv("RECONCILER_COMMAND", "apply")


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    monkeypatch.setattr(
        "reconciler.cli.planning.connect",
        lambda target, resolve: wire.around(connect(target, resolve), target),
    )
    return wire


@pytest.fixture
def queue(fleet: Fleet) -> Queue:
    assert fleet.bucket
    return made_queue(support.fresh("queue"))


def made_queue(name: str, suffix: str = "", **attributes: str) -> Queue:
    with support.client("sqs") as sqs:
        dead = sqs.create_queue(QueueName=f"{name}-dead{suffix}", Attributes=attributes)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "3"})
        url = sqs.create_queue(
            QueueName=f"{name}{suffix}", Attributes={"RedrivePolicy": redrive, **attributes}
        )["QueueUrl"]
    return Queue(url, dead)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The outcomes that the function has told of, in their order."""
    return lambda: [vars(record)["outcome"] for record in caplog.records if "outcome" in vars(record)]


def numbers(printed: str, function: str) -> list[dict[str, Any]]:
    """The numbers that CloudWatch reads out of what a function has printed."""
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith('{"_aws"')]
    return [
        {name: value[0] for name, value in line.items() if isinstance(value, list)}
        for line in lines
        if line.get("function") == function
    ]


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()
