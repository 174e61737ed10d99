"""``reconciler event``."""

from typing import Any

import click

from reconciler import events
from reconciler.cli import options
from reconciler.cli.eventing import Rendering, deliver, done_in, reached
from reconciler.cli.interrupts import Interrupt, deferred
from reconciler.cli.loading import load_one
from reconciler.cli.terminal import Terminal, talking
from reconciler.fleet import then
from reconciler.manifests import Environment
from reconciler.render.events import EVENT_FORMAT, Emitted, event_entry, event_text

RENDERING = Rendering(EVENT_FORMAT, event_text, event_entry)


@click.command
@options.environment
@click.argument("uri", metavar="URI")
@click.option("--extra", type=options.JsonObject(), default="{}", help="What the event says, an object.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@talking
def event(*, terminal: Terminal, environment: str, uri: str, extra: dict[str, Any], format_: str) -> int:
    """Create an event of the dataset (Airflow 2) or asset (Airflow 3) of exactly that URI, once."""
    interrupt = Interrupt()
    with deferred(interrupt):
        result = then(
            load_one(environment, terminal), lambda loaded: _emitted(loaded, terminal, uri, extra, interrupt)
        )
    deliver(terminal, result, format_, RENDERING)
    return interrupt.exit_code or (result.error.exit_code if result.error else 0)


def _emitted(
    environment: Environment, terminal: Terminal, uri: str, extra: dict[str, Any], interrupt: Interrupt
) -> Emitted:
    airflow = reached(environment, terminal, interrupt)
    made = events.emit(airflow, uri, extra=extra)
    return Emitted(done_in(environment, airflow), made, airflow.dialect.words.one)
