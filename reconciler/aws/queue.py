"""Messages for environments: how they are sent to SQS, and what they say."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

from reconciler import amazon
from reconciler.aws.settings import check_inside, text
from reconciler.errors import ReconcilerError, UsageError

BATCH = 10
"""Messages a call (Amazon SQS API reference, SendMessageBatch)."""

PAUSES = (0.5, 2.0, 8.0)
"""Seconds before what was not taken is sent again."""


MOST_TOLD = 10


class Poison(UsageError):
    """A message that no delivery can make good."""


class NotSent(ReconcilerError):
    """SQS did not take messages; those that it took will be worked off."""


@dataclass(frozen=True)
class Message:
    """One environment to reconcile: its folder, and the address of a saved plan, if there is one."""

    environment: str
    plan: str | None = None

    @property
    def body(self) -> str:
        """The message as it is sent."""
        given = {"environment": self.environment, **({"plan": self.plan} if self.plan else {})}
        return json.dumps(given)


def parsed(body: str, root: Path) -> Message:
    """What a message says; raises Poison where it names no environment below ``root``."""
    try:
        said = json.loads(body)
    except ValueError:
        raise Poison("the message is not JSON") from None
    if not isinstance(said, Mapping) or not said.keys() <= {"environment", "plan"}:
        raise Poison('the message is not {"environment": FOLDER}, with or without "plan"')
    try:
        message = Message(text(said, "environment") or "", text(said, "plan"))
        check_inside(message.environment)
    except UsageError as error:
        raise Poison(str(error)) from None
    if not (root / message.environment / "environment.yaml").is_file():
        raise Poison(f"there is no environment {message.environment!r} in the manifests")
    return message


def send(queue: str, messages: Sequence[Message], request: str) -> None:
    """Sends every message at least once; raises NotSent with those that were not taken in the end.

    ``request`` identifies the event: a FIFO queue takes a message of it once, however often it is sent within
    five minutes (Amazon SQS developer guide, "Exactly-once processing").
    """
    client = amazon.client("sqs", amazon.Place(), **amazon.READS)
    entries = [_entry(number, one, request, queue) for number, one in enumerate(messages)]
    left = {
        messages[int(entry["Id"])].environment: why
        for batch in _batches(entries)
        for entry, why in _refused(client, queue, batch)
    }
    if left:
        raise NotSent(f"{len(left)} of {len(messages)} messages were not sent: {first(left)}")


def first(reasons: Mapping[str, str]) -> str:
    """The first of some environments with what is wrong; thousands would be no message any more."""
    told = [f"{environment}: {why}" for environment, why in [*reasons.items()][:MOST_TOLD]]
    return "; ".join([*told, *([f"and {len(reasons) - MOST_TOLD} more"] if len(reasons) > MOST_TOLD else [])])


def _batches(entries: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    return (entries[start : start + BATCH] for start in range(0, len(entries), BATCH))


def _entry(number: int, message: Message, request: str, queue: str) -> Mapping[str, Any]:
    """With the ids that a FIFO queue takes: messages for one environment stay in order, no others wait."""
    entry = {"Id": str(number), "MessageBody": message.body}
    if not queue.endswith(".fifo"):
        return entry
    return {
        **entry,
        "MessageGroupId": _digest(message.environment),
        "MessageDeduplicationId": _digest(f"{request} {message.body}"),
    }


def _refused(
    client: Any, queue: str, entries: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], str]]:
    """What SQS did not take, and why, once it has been sent again some times."""
    left = _tried(client, queue, entries)
    for pause in PAUSES:
        if not left:
            break
        sleep(pause)
        left = _tried(client, queue, [entry for entry, _ in left])
    return left


def _tried(
    client: Any, queue: str, entries: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], str]]:
    try:
        answer = client.send_message_batch(QueueUrl=queue, Entries=list(entries))
    except amazon.failures() as error:
        why = amazon.explained(error, "SQS")
        return [(entry, why) for entry in entries]
    failed = {one["Id"]: f"SQS answered {one['Code']}" for one in answer.get("Failed", ())}
    return [(entry, failed[entry["Id"]]) for entry in entries if entry["Id"] in failed]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
