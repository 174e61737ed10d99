"""The entry points of AWS Lambda; each runs the program itself in its process.

What they raise is an error of the function: Lambda counts it, and an alarm sees it.
"""

import os
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    SqsFifoPartialProcessor,
    process_partial_response,
)
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from reconciler import amazon
from reconciler.aws.archive import manifests
from reconciler.aws.queue import Message, first, send
from reconciler.aws.reconciling import Outcome, Worked, work
from reconciler.aws.running import Ended, ended
from reconciler.aws.settings import Settings, wanted
from reconciler.errors import ReconcilerError, UsageError

NAMESPACE = "reconciler"
logger = Logger(service="reconciler")

IN_SYNC, DRIFTED = 0, 2


class Failed(ReconcilerError):
    """A command came to nothing, or not to all; its log says why."""


class NotDone(ReconcilerError):
    """A message that is to come back."""


def drift(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Looks for drift and tells of what is news; reads only.

    Raises Failed where an environment could not be looked at.
    """
    _begin(context)
    settings = wanted(event, Settings.of(os.environ), "environments", "notify", "notify_state").settings
    options = [option for one in settings.notify for option in ("--notify", one)]
    options += ["--notify-state", settings.notify_state] if settings.notify_state else []
    found = ended(
        manifests(settings.manifests),
        "drift",
        *("--format", "emf", *options),
        environments=settings.environments,
    )
    drifted = [one["name"] for one in found.environments if one.get("changes")]
    counts = {"drifted": len(drifted), "failed": len(found.failed), "environments": len(found.environments)}
    _count("drift", settings, counts)
    if found.code not in {IN_SYNC, DRIFTED}:
        raise _failure("drift", found)
    return {"exit_code": found.code, "drifted": drifted}


def fan_out(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Sends a message for each environment.

    Raises Failed, all others having been sent, where an environment cannot be read, and NotSent.
    """
    _begin(context)
    asked = wanted(event, Settings.of(os.environ), "environments", "plan")
    settings = asked.settings
    if settings.queue is None:
        raise UsageError("RECONCILER_QUEUE names no queue")
    listed = ended(manifests(settings.manifests), "plan", "--list", environments=settings.environments)
    folders = [one["folder"] for one in listed.environments if "folder" in one]
    send(settings.queue, [Message(folder, asked.plan) for folder in folders], context.aws_request_id)
    _count("fan_out", settings, {"sent": len(folders), "failed": len(listed.failed)})
    if listed.code:
        raise _failure("plan --list", listed)
    return {"sent": len(folders)}


def reconcile(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Plans or applies the environment of each message; those that are not done come back.

    Raises where no message could be worked off, whatever it says: no manifests, wrong settings.
    """
    _begin(context)
    settings = Settings.of(os.environ)
    root = manifests(settings.manifests)
    outcomes = Counter(dict.fromkeys(Outcome, 0))
    try:
        return process_partial_response(
            event,
            partial(_record, settings=settings, root=root, context=context, outcomes=outcomes),
            _processor(event),
        )
    finally:
        _count("reconcile", settings, {f"messages_{one}": number for one, number in outcomes.items()})


def _record(
    record: SQSRecord, *, settings: Settings, root: Path, context: LambdaContext, outcomes: Counter[Outcome]
) -> None:
    """Works one message off; raises NotDone for it to come back."""
    worked = work(record.body, root, settings, lambda: context.get_remaining_time_in_millis() / 1000)
    outcomes[worked.outcome] += 1
    _log(record, worked)
    if worked.outcome is not Outcome.DONE:
        raise NotDone(worked.outcome)


def _log(record: SQSRecord, worked: Worked) -> None:
    told = {
        "environment": worked.environment,
        "outcome": worked.outcome.value,
        "why": worked.why,
        "changes": worked.changes,
        "message_id": record.message_id,
        "received": record.attributes.approximate_receive_count,
    }
    if worked.outcome is Outcome.DONE:
        logger.info("done", extra=told)
    else:
        logger.error("not done; the message comes back, or is put aside", extra=told)


def _processor(event: Mapping[str, Any]) -> BatchProcessor:
    """After a failure a FIFO queue's messages for the same environment wait; no others do."""
    records = event.get("Records") or [{}]
    fifo = str(records[0].get("eventSourceARN", "")).endswith(".fifo")
    processor = SqsFifoPartialProcessor(skip_group_on_error=True) if fifo else BatchProcessor(EventType.SQS)
    processor.raise_on_entire_batch_failure = False
    return processor


def _begin(context: LambdaContext) -> None:
    """Takes no session of AWS along: a running function may be called for longer than a role is assumed."""
    amazon.forget_sessions()
    logger.set_correlation_id(context.aws_request_id)


def _count(function: str, settings: Settings, counts: Mapping[str, int]) -> None:
    """Tells CloudWatch numbers of the whole call: an alarm cannot search all environments for theirs."""
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=settings.service)
    metrics.add_dimension("function", function)
    for name, number in counts.items():
        metrics.add_metric(name, MetricUnit.Count, number)
    metrics.flush_metrics()


def _failure(command: str, run: Ended) -> Failed:
    return Failed(f"reconciler {command} ended with {run.code}: {first(run.failed) or 'the log says why'}")
