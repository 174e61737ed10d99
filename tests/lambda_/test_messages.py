"""Messages as a queue delivers them: twice, out of order, broken, and while another one is at work."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.aws import handlers
from reconciler.backends import Request
from reconciler.cli.main import run
from reconciler.errors import ReconcilerError, UsageError
from tests.aws import support
from tests.lambda_.conftest import Context, Fleet, Queue, Wire, call, made_queue, numbers

Log = Callable[[], list[str]]

pytestmark = pytest.mark.usefixtures("applying")


def failures(answer: dict[str, Any]) -> int:
    return len(answer["batchItemFailures"])


def test_a_message_delivered_twice_is_applied_once(fleet: Fleet, queue: Queue, wire: Wire, log: Log) -> None:
    folder = fleet.add("dev", variables={"a": "1", "b": "2"})
    queue.send({"environment": folder}, {"environment": folder})
    event = queue.receive()

    assert failures(call(event)) == 0
    assert failures(call(event)) == 0

    assert wire.writes == ["POST /variables", "POST /variables"]
    assert fleet.variables("dev") == {"a": "1", "b": "2"}
    assert log() == ["done"] * 4


def test_messages_in_any_order_lead_to_what_git_says(fleet: Fleet, queue: Queue, wire: Wire) -> None:
    folders = [fleet.add(name, variables={"a": "1"}) for name in ("one", "two", "three")]
    queue.send(*({"environment": folder} for folder in folders))
    early = queue.receive()
    fleet.declare("two", variables={"a": "2"})
    late = {"Records": list(reversed(early["Records"]))}

    assert failures(call(late)) == 0
    assert failures(call(early)) == 0

    assert [fleet.variables(name) for name in ("one", "two", "three")] == [{"a": "1"}, {"a": "2"}, {"a": "1"}]
    assert len(wire.writes) == 3


def test_a_second_delivery_while_the_first_is_at_work_writes_nothing_and_comes_back(
    fleet: Fleet, queue: Queue, wire: Wire, log: Log
) -> None:
    queue.send({"environment": fleet.add("dev", variables={"a": "1", "b": "2"})})
    event = queue.receive()
    queue.show_again(event)
    again = queue.receive()
    seen: list[dict[str, Any]] = []

    def deliver_again(request: Request) -> None:
        if request.method == "POST" and not seen:
            seen.append({})
            seen[0] = call(again)

    wire.fault = deliver_again
    assert failures(call(event)) == 0

    assert seen == [{"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}]
    assert log() == ["locked", "done"]
    assert wire.writes == ["POST /variables", "POST /variables"]
    assert failures(call(again)) == 0
    assert len(wire.writes) == 2


class Killed(BaseException):
    """The function is gone, as when its time is over."""


def test_a_run_that_is_killed_half_way_is_mended_by_the_next_delivery(
    fleet: Fleet, queue: Queue, wire: Wire, log: Log
) -> None:
    queue.send({"environment": fleet.add("dev", variables={"a": "1", "b": "2", "c": "3"})})
    event = queue.receive()

    def die(_request: Request) -> None:
        if len(wire.writes) == 2:
            raise Killed

    wire.fault = die
    with pytest.raises(Killed):
        call(event)
    wire.fault = lambda _request: None
    assert fleet.ledger("dev")["lease"]

    assert failures(call(event)) == 1
    fleet.let_the_lease_run_out("dev")
    queue.show_again(event)
    queue.work_off()

    assert log() == ["locked", "done"]
    assert fleet.variables("dev") == {"a": "1", "b": "2", "c": "3"}
    assert wire.writes == ["POST /variables"] * 3
    assert not fleet.ledger("dev").get("lease")
    assert queue.put_aside() == []


POISON: tuple[object, ...] = (
    "no json",
    "[" * 100_000,
    [],
    {},
    {"environment": ""},
    {"environment": 7},
    {"environment": "/etc"},
    {"environment": "environments/../../x"},
    {"environment": "environments/*"},
    {"environment": "environments/none"},
    {"environment": "environments/dev", "command": "apply"},
    {"environment": "environments/dev", "plan": "s3://elsewhere/plan.json"},
)


@pytest.mark.parametrize("body", POISON, ids=lambda body: json.dumps(body)[:60])
def test_a_poison_message_fails_alone_writes_nothing_and_is_put_aside(
    fleet: Fleet, queue: Queue, wire: Wire, log: Log, body: object
) -> None:
    fleet.add("dev", variables={"a": "1"})
    good = fleet.add("good", variables={"a": "1"})
    queue.send(body, {"environment": good})

    queue.work_off()

    assert queue.put_aside() == [body if isinstance(body, str) else json.dumps(body)]
    assert sorted(log()) == ["done", *["poisoned"] * 3]
    assert fleet.variables("good") == {"a": "1"}
    assert len(wire.writes) == 1


def test_what_is_refused_or_broken_is_put_aside_and_the_rest_is_done(
    fleet: Fleet, queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("guarded", "broken", "good")
    folders = [fleet.add(name, variables={"a": "1", "b": "2", "c": "3"}) for name in names]
    queue.send(*({"environment": folder} for folder in folders))
    queue.work_off()
    fleet.declare("guarded")
    fleet.declare("broken", variables=7)
    fleet.declare("good", variables={"a": "1", "b": "2"})
    queue.send(*({"environment": folder} for folder in folders))

    event = queue.receive()
    answer = call(event)
    queue.settle(event, answer)
    (_, counted) = numbers(capsys.readouterr().out, "reconcile")
    queue.work_off()

    assert failures(answer) == 2
    assert (counted["messages_refused"], counted["messages_failed"], counted["messages_done"]) == (1, 1, 1)
    assert len(fleet.variables("guarded")) == 3
    assert fleet.variables("good") == {"a": "1", "b": "2"}
    assert len(queue.put_aside()) == 2


def test_a_throttled_environment_comes_back_and_holds_up_no_other(
    fleet: Fleet, queue: Queue, wire: Wire, log: Log
) -> None:
    folders = [fleet.add(name, variables={"a": "1"}) for name in ("slow", "fast")]
    queue.send(*({"environment": folder} for folder in folders))
    event = queue.receive()
    wire.faulty, wire.faults = "slow", ("*=throttle",)
    queue.settle(event, call(event))
    assert log() == ["failed", "done"]
    assert (fleet.variables("slow"), fleet.variables("fast")) == ({}, {"a": "1"})

    wire.faults = ("GET#2=throttle", "POST#1=throttle")
    queue.work_off()

    assert log() == ["failed", "done", "done"]
    assert fleet.variables("slow") == {"a": "1"}
    assert queue.put_aside() == []


def test_what_did_not_converge_comes_back(fleet: Fleet, queue: Queue, wire: Wire, log: Log) -> None:
    queue.send({"environment": fleet.add("dev", variables={"a": "1", "b": "2"})})
    event = queue.receive()
    wire.faults = ("POST#2=expire",)
    queue.settle(event, call(event))
    wire.faults = ()
    queue.work_off()

    assert log() == ["unconverged", "done"]
    assert fleet.variables("dev") == {"a": "1", "b": "2"}


def test_without_time_nothing_is_begun_and_the_message_comes_back(
    fleet: Fleet, queue: Queue, wire: Wire, log: Log
) -> None:
    queue.send({"environment": fleet.add("dev", variables={"a": "1"})})
    event = queue.receive()

    assert failures(call(event, Context(seconds=100))) == 1

    assert (log(), wire.requests) == (["postponed"], [])


def test_the_lease_ends_before_the_queue_shows_the_message_again(
    fleet: Fleet, queue: Queue, wire: Wire
) -> None:
    queue.send({"environment": fleet.add("dev", variables={"a": "1"})})
    leases: list[dict[str, Any]] = []

    def look(request: Request) -> None:
        if request.method == "POST":
            leases.append(fleet.ledger("dev")["lease"])

    wire.fault = look
    queue.work_off(context=Context(seconds=900))
    assert [lease["seconds"] for lease in leases] == [(900 - 60) / 2 + 120]


@pytest.mark.parametrize("ledger", [None, "file:ledger.json"])
def test_an_environment_without_a_lease_that_others_see_is_refused(
    fleet: Fleet, queue: Queue, wire: Wire, log: Log, ledger: str | None
) -> None:
    queue.send({"environment": fleet.add("dev", ledger=ledger, variables={"a": "1"})})
    queue.work_off()
    assert (log(), wire.requests) == (["refused"] * 3, [])


def test_a_function_that_plans_never_writes(
    fleet: Fleet,
    queue: Queue,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("RECONCILER_COMMAND")
    folder = fleet.add("dev", variables={"a": "1"})
    queue.send({"environment": folder}, {"environment": folder, "plan": "s3://acme/plan.json"})
    answer = call(queue.receive())

    assert failures(answer) == 1
    assert wire.writes == []
    printed = capsys.readouterr().out
    assert '"changes_create": 1' in printed
    (counted,) = numbers(printed, "reconcile")
    assert (counted["messages_done"], counted["messages_poisoned"]) == (1, 1)


def test_the_log_names_what_was_changed_and_shows_no_value(
    fleet: Fleet, queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    queue.send({"environment": fleet.add("dev", variables={f"v{n:03}": "hidden" for n in range(102)})})
    queue.work_off()
    (told,) = (vars(one) for one in caplog.records if one.msg == "done")
    assert told["changes"][:2] == ["create variable/v000", "create variable/v001"]
    assert told["changes"][100:] == ["and 2 more"]
    assert "hidden" not in str(told)


def test_a_saved_plan_permits_what_it_shows_and_nothing_else(
    fleet: Fleet, queue: Queue, wire: Wire, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fleet.add("dev", variables={"a": "1"})
    saved = fleet.root / "plan.json"
    monkeypatch.chdir(fleet.root)
    assert run(["plan", folder, "--out", str(saved)]) == 0
    with support.client("s3") as s3:
        s3.put_object(Bucket=fleet.bucket, Key="plans/1.json", Body=saved.read_bytes())
    monkeypatch.setenv("RECONCILER_PLANS", f"s3://{fleet.bucket}/plans/")
    message = {"environment": folder, "plan": f"s3://{fleet.bucket}/plans/1.json"}

    fleet.declare("dev", variables={"a": "1", "b": "2"})
    queue.send(message)
    event = queue.receive()
    queue.settle(event, call(event))
    assert (log(), wire.writes) == (["refused"], [])
    fleet.declare("dev", variables={"a": "1"})
    queue.work_off()
    queue.send({**message, "plan": f"s3://{fleet.bucket}/plans/none.json"})
    queue.work_off()

    assert log() == ["refused", "done", *["failed"] * 3]
    assert fleet.variables("dev") == {"a": "1"}


def test_a_fifo_queue_keeps_messages_of_a_failed_environment_in_order(
    fleet: Fleet, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = made_queue(support.fresh("fifo"), ".fifo", FifoQueue="true")
    monkeypatch.setenv("RECONCILER_QUEUE", queue.url)
    for name in ("a", "b"):
        fleet.add(name, variables={"a": "1"})
    for request in ("first", "second", "second"):
        assert handlers.fan_out({}, Context(aws_request_id=request)) == {"sent": 2}  # type: ignore[arg-type]
    event = queue.receive()
    event["Records"] += queue.receive()["Records"]
    fleet.declare("a", variables=7)

    answer = call(event)

    assert len(event["Records"]) == 4
    assert sorted(log()) == ["done", "done", "failed"]
    assert failures(answer) == 2


def test_wrong_settings_and_no_manifests_are_errors_of_the_function(
    fleet: Fleet, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.send({"environment": fleet.add("dev")})
    event = queue.receive()
    monkeypatch.setenv("RECONCILER_COMMAND", "destroy")
    with pytest.raises(UsageError, match="use plan or apply"):
        call(event)
    monkeypatch.setenv("RECONCILER_COMMAND", "apply")
    monkeypatch.setenv("RECONCILER_MANIFESTS", f"s3://{fleet.bucket}/none.zip")
    with pytest.raises(ReconcilerError, match="NoSuchKey"):
        call(event)
