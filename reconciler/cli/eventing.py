"""What ``trigger`` and ``event`` share: one environment is reached, and what was made there is delivered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from reconciler.airflow import Airflow
from reconciler.cli.interrupts import Interrupt
from reconciler.cli.terminal import Terminal
from reconciler.events import reach
from reconciler.fleet import Result
from reconciler.manifests import Environment
from reconciler.render.events import Done
from reconciler.render.json import document, text_of
from reconciler.retry import Patience

T = TypeVar("T")


@dataclass(frozen=True)
class Rendering(Generic[T]):
    """How what was made is told to people and to machines."""

    format: str
    text: Callable[[T], str]
    entry: Callable[[T], dict[str, Any]]


def reached(environment: Environment, terminal: Terminal, interrupt: Interrupt) -> Airflow:
    """An environment that may be written to; a signal ends its retries and pauses."""
    patience = Patience(sleep=interrupt.sleep, stopped=interrupt.stopped)
    watcher = terminal.watcher(environment.name)
    return reach(environment, terminal.secrets, watcher=watcher, patience=patience)


def done_in(environment: Environment, airflow: Airflow) -> Done:
    """What has been asked of an environment so far."""
    session, version = airflow.session, airflow.dialect.version
    return Done(environment.name, str(environment.target), version, session.reads, session.writes)


def deliver(terminal: Terminal, result: Result[T], format_: str, rendering: Rendering[T]) -> None:
    """Prints a result; stderr tells an error in either format.

    A result has what the caller typed, and of Airflow's states, numbers and times: there is nothing to scrub.
    """
    terminal.errors([result])
    if format_ == "json":
        entry = (
            terminal.output.error(result.name, result.error)
            if result.value is None
            else rendering.entry(result.value)
        )
        terminal.output.result(text_of(document(rendering.format, [entry])))
    elif result.value is not None:
        terminal.output.result(rendering.text(result.value))
