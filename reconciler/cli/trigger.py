"""``reconciler trigger``."""

from dataclasses import dataclass
from typing import Any

import click

from reconciler import events
from reconciler.airflow import Airflow
from reconciler.cli import options
from reconciler.cli.eventing import Rendering, deliver, done_in, reached
from reconciler.cli.interrupts import Interrupt, deferred
from reconciler.cli.loading import load_one
from reconciler.cli.terminal import Terminal, talking
from reconciler.errors import UsageError
from reconciler.events import DagRun
from reconciler.fleet import Result, then
from reconciler.manifests import Environment
from reconciler.render.events import TRIGGER_FORMAT, Started, run_entry, run_text

NOT_AS_WISHED = 4
"""The exit code of a run that failed: something was done, and did not end as it should."""

TOO_LATE = 1

RENDERING = Rendering(TRIGGER_FORMAT, run_text, run_entry)


@dataclass(frozen=True)
class Wish:
    """What the command line asks for; ``seconds`` is ``None`` where nobody waits."""

    dag_id: str
    conf: dict[str, Any]
    logical_date: str | None
    run_id: str | None
    seconds: float | None


@click.command
@options.environment
@click.argument("dag_id", metavar="DAG_ID")
@click.option("--conf", type=options.JsonObject(), default="{}", help="The run's configuration, an object.")
@click.option("--logical-date", type=options.Moment(), help="By default now on Airflow 2, none on Airflow 3.")
@click.option("--run-id", metavar="ID", help="By default a new one; one that is there already is an error.")
@click.option("--wait", is_flag=True, help="Wait for the run's end; exit 4 if it fails.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="With --wait: exit 1 if the run takes longer; it goes on.  [default: 3600]",
)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@talking
def trigger(  # noqa: PLR0913 - one parameter for each option
    *,
    terminal: Terminal,
    environment: str,
    dag_id: str,
    conf: dict[str, Any],
    logical_date: str | None,
    run_id: str | None,
    wait: bool,
    timeout: float | None,
    format_: str,
) -> int:
    """Start a DAG run, once, also where answers get lost; with --wait the exit code follows its state."""
    if timeout is not None and not wait:
        raise UsageError("--timeout needs --wait")
    seconds = (timeout or events.WAIT_SECONDS) if wait else None
    wish = Wish(dag_id, conf, logical_date, run_id, seconds)
    interrupt = Interrupt()
    with deferred(interrupt):
        result = then(
            load_one(environment, terminal), lambda loaded: _started(loaded, terminal, wish, interrupt)
        )
    deliver(terminal, result, format_, RENDERING)
    return interrupt.exit_code or _code(terminal, result, wish)


def _started(environment: Environment, terminal: Terminal, wish: Wish, interrupt: Interrupt) -> Started:
    airflow = reached(environment, terminal, interrupt)
    dag = events.find_dag(airflow, wish.dag_id)
    run = events.trigger(
        airflow, wish.dag_id, conf=wish.conf, logical_date=wish.logical_date, run_id=wish.run_id
    )
    if dag.is_paused:
        terminal.warn([f"{environment.name}: DAG {dag.id} is paused: its run stays queued until it goes on"])
    if wish.seconds is not None:
        run = _awaited(environment.name, airflow, run, terminal, wish.seconds)
    return Started(done_in(environment, airflow), run, dag.is_paused, wish.seconds is not None)


def _awaited(name: str, airflow: Airflow, run: DagRun, terminal: Terminal, seconds: float) -> DagRun:
    def tell(now: DagRun) -> None:
        terminal.output.note(f"{name}: run {now.run_id} of DAG {now.dag_id}: {now.state}")

    tell(run)
    run = events.wait(airflow, run, seconds=seconds, tell=tell)
    if airflow.session.patience.stopped() and not run.has_ended:
        terminal.output.note(f"{name}: interrupted; run {run.run_id} of DAG {run.dag_id} goes on", "warning")
    return run


def _code(terminal: Terminal, result: Result[Started], wish: Wish) -> int:
    """The exit code of what was not interrupted."""
    if result.value is None:
        return result.error.exit_code if result.error else 0
    run = result.value.run
    if run.state == "failed":
        return NOT_AS_WISHED
    if wish.seconds is None or run.has_ended:
        return 0
    late = f"run {run.run_id} of DAG {run.dag_id} is still {run.state} after {wish.seconds:g} seconds"
    terminal.output.note(f"error: {result.name}: {late}, and goes on", "error")
    return TOO_LATE
