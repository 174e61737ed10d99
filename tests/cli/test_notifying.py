import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from reconciler.notices import Condition, dump
from reconciler.stores.file import FileStore
from tests.aws.support import REGION, aws_server, served, use
from tests.cli.conftest import Airflow, Run, Write

TOLD = ("--notify-state", "file:told.json")


@dataclass
class Hook:
    """A webhook: what it was sent, and what it answers."""

    url: str = ""
    status: int = 200
    got: list[dict[str, Any]] = field(default_factory=list)

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.got]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    """Somebody's webhook, its address with a token in $HOOK."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with served(server):
        hook.url = f"json://127.0.0.1:{server.server_port}/token-4f1d9c"
        monkeypatch.setenv("HOOK", hook.url)
        yield hook


@pytest.fixture
def drifted(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned(variables={"batch_size": 500})
    assert cli("apply", "dev", "--yes").code == 0
    airflow("PATCH", "/variables/batch_size", key="batch_size", value="5000")


@pytest.mark.usefixtures("drifted")
def test_the_same_drift_is_told_once_and_its_end_too(cli: Run, hook: Hook, airflow: Airflow) -> None:
    command = ("drift", "dev", "--notify", "env:HOOK", *TOLD)
    for _ in range(2):
        ran = cli(*command)
        assert (ran.code, ran.err) == (2, "")
    assert hook.titles == ["dev: drift, 1 change"]
    assert "value: 500 → 5000" in hook.got[0]["message"]

    airflow("PATCH", "/variables/batch_size", key="batch_size", value="6000")
    assert cli(*command).code == 2
    airflow("PATCH", "/variables/batch_size", key="batch_size", value="500")
    assert [cli(*command).code, cli(*command).code] == [0, 0]
    assert hook.titles[1:] == ["dev: other drift, 1 change", "dev: no drift any more"]
    assert "token-4f1d9c" not in Path("told.json").read_text()


@pytest.mark.usefixtures("drifted")
def test_a_webhook_that_fails_is_told_of_fails_no_check_and_is_tried_again(cli: Run, hook: Hook) -> None:
    command = ("drift", "dev", "--notify", "env:HOOK", *TOLD)
    hook.status = 500
    ran = cli(*command)
    assert ran.code == 2
    assert ran.err == (
        "warning: env:HOOK was not told of dev: the other side did not take it; the next run tries again\n"
    )
    assert "~ variable batch_size" in ran.out
    hook.status = 200
    assert cli(*command).err == ""
    assert hook.titles == ["dev: drift, 1 change"] * 2


@pytest.mark.usefixtures("drifted")
def test_one_destination_that_fails_keeps_no_other_from_being_told(
    cli: Run, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEAD", "json://127.0.0.1:1/token-77aa")
    monkeypatch.setenv("ODD", "nonsense-token-77aa")
    wheres = ("--notify", "env:DEAD", "--notify", "env:ODD", "--notify", "env:GONE", "--notify", "env:HOOK")
    ran = cli("drift", "dev", *wheres, *TOLD)
    assert ran.code == 2
    assert [line.split()[1] for line in ran.err.splitlines()] == ["env:DEAD", "env:ODD", "env:GONE"]
    assert "token" not in ran.err
    assert hook.titles == ["dev: drift, 1 change"]


def test_an_environment_that_cannot_be_read_is_told_once(cli: Run, environment: Write, hook: Hook) -> None:
    environment("dev", settings={"target": "http://127.0.0.1:1"}, variables={"a": "1"})
    command = ("drift", "dev", "--notify", "env:HOOK", *TOLD)
    assert [cli(*command).code, cli(*command).code] == [1, 1]
    assert hook.titles == ["dev: drift cannot be looked for"]


@pytest.mark.usefixtures("drifted")
def test_a_memory_that_cannot_be_read_or_kept_is_told_of(cli: Run, hook: Hook) -> None:
    Path("told.json").write_text("{}")
    ran = cli("drift", "dev", "--notify", "env:HOOK", *TOLD)
    assert ran.code == 2
    assert "warning: what was told before cannot be read, so all is news: " in ran.err
    assert "warning: what was told cannot be kept, and is told again: " in ran.err
    assert hook.titles == ["dev: drift, 1 change"]


@pytest.mark.usefixtures("drifted")
def test_what_another_run_has_told_meanwhile_stays_told(
    cli: Run, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, once = FileStore.save, threading.Event()

    def meanwhile(self: FileStore, text: str, replacing: str | None) -> str:
        if not once.is_set():
            once.set()
            save(self, dump({"env:OTHER": {"prod": Condition("failed", "d")}}), None)
        return save(self, text, replacing)

    monkeypatch.setattr(FileStore, "save", meanwhile)
    assert cli("drift", "dev", "--notify", "env:HOOK", *TOLD).err == ""
    assert {*json.loads(Path("told.json").read_text())["told"]} == {"env:HOOK", "env:OTHER"}
    assert hook.titles == ["dev: drift, 1 change"]


@pytest.mark.usefixtures("drifted")
def test_a_topic_of_sns_is_told_with_a_subject_that_it_takes(
    cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with aws_server() as url:
        use(monkeypatch, url)
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        sns, sqs = boto3.client("sns", region_name=REGION), boto3.client("sqs", region_name=REGION)
        topic = sns.create_topic(Name="drift")["TopicArn"]
        queue = sqs.create_queue(QueueName="drift")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        ran = cli("drift", "dev", "--notify", f"sns:{topic}", *TOLD)
        assert (ran.code, ran.err) == (2, "")
        (message,) = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
        body = json.loads(message["Body"])
        assert body["Subject"] == "dev: drift, 1 change"
        assert "~ variable batch_size" in body["Message"]
        ran = cli("drift", "dev", "--notify", f"sns:{topic}gone", *TOLD)
    assert ran.code == 2
    assert f"sns:{topic}gone was not told of dev: SNS: " in ran.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--notify", "env:HOOK"], "--notify and --notify-state go together"),
        (["--notify-state", "file:x"], "--notify and --notify-state go together"),
        (["--notify", "https://hooks.example/token", *TOLD], "'https:…' is no destination"),
        (["--notify", "sns:topic", *TOLD], "'sns:…' is no destination"),
        (["--notify", "env:HOOK", "--notify-state", "ftp://x"], "--notify-state: "),
    ],
)
def test_what_cannot_be_told_to_anybody_is_refused_before_anything_is_asked(
    cli: Run, arguments: list[str], sentence: str
) -> None:
    ran = cli("drift", "dev", *arguments)
    assert ran.code == 1
    assert sentence in ran.err
    assert "token" not in ran.err
