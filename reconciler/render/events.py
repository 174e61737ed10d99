"""A DAG run that has been started, or an event that has been created, as people and machines read it."""

from dataclasses import dataclass
from typing import Any

from reconciler.dialects.runs import AssetEvent, DagRun
from reconciler.render.plain import many, moment, one_line

TRIGGER_FORMAT = "reconciler.trigger/1"
EVENT_FORMAT = "reconciler.event/1"


@dataclass(frozen=True)
class Done:
    """What a command has made in one environment, and what it took."""

    name: str
    target: str
    airflow_version: str
    reads: int
    writes: int


@dataclass(frozen=True)
class Started:
    """A run as it was last seen."""

    done: Done
    run: DagRun
    is_paused: bool
    waited: bool


@dataclass(frozen=True)
class Emitted:
    """An event, and whether its asset is a dataset or an asset."""

    done: Done
    event: AssetEvent
    of: str


def run_text(started: Started) -> str:
    """The run, and what it took."""
    run = started.run
    what = f"run {one_line(run.run_id)} of DAG {one_line(run.dag_id)}: {one_line(run.state)}"
    return _text(started.done, what, f"Trigger: {one_line(run.state)}.")


def event_text(emitted: Emitted) -> str:
    """The event, and what it took."""
    event = emitted.event
    what = f"event of {emitted.of} {one_line(event.asset.uri)} at {one_line(moment(event.timestamp))}"
    return _text(emitted.done, what, "Event: created.")


def _text(done: Done, what: str, summary: str) -> str:
    header = f"{done.name}  {one_line(done.target)} · Airflow {one_line(done.airflow_version)}"
    calls = f"{many(done.reads, 'read')} and {many(done.writes, 'write')}"
    return f"{header}\n\n  {what}\n\n{summary} {calls}.\n"


def run_entry(started: Started) -> dict[str, Any]:
    """The environment of a ``reconciler.trigger/1``."""
    return _entry(
        started.done, {"run": vars(started.run), "paused": started.is_paused, "waited": started.waited}
    )


def event_entry(emitted: Emitted) -> dict[str, Any]:
    """The environment of a ``reconciler.event/1``."""
    event = emitted.event
    shown = {"uri": event.asset.uri, "asset_id": event.asset.id, "timestamp": event.timestamp}
    return _entry(emitted.done, {"event": {**shown, "mark": event.mark}})


def _entry(done: Done, made: dict[str, Any]) -> dict[str, Any]:
    head = {"name": done.name, "target": done.target, "airflow_version": done.airflow_version}
    return {**head, **made, "calls": {"read": done.reads, "write": done.writes}}
