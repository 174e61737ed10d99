"""``reconciler ledger show|rebind|unlock``."""

import json
from dataclasses import replace

import click

from reconciler import keeper
from reconciler.cli import options
from reconciler.cli.loading import load_one
from reconciler.cli.terminal import Terminal, talking
from reconciler.errors import Refused, UsageError
from reconciler.ledger import rebound, unlocked
from reconciler.ledger_document import document
from reconciler.manifests import Environment
from reconciler.render.ledger import ledger_text


@click.group
def ledger() -> None:
    """What is owned; after a move or rebuild; a dead run's lease."""


@ledger.command
@options.environment
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@talking
def show(*, terminal: Terminal, environment: str, format_: str) -> int:
    """Show what the ledger owns and who holds its lease; nothing is asked of Airflow."""
    loaded = _loaded(environment, terminal)
    kept = _kept(loaded)
    if kept.version is None:
        kept = replace(kept, ledger=replace(kept.ledger, binding=keeper.binding_of(loaded)))
    if format_ == "json":
        shown = {name: value for name, value in document(kept.ledger).items() if name != "salt"}
        terminal.output.result(json.dumps(shown, indent=2) + "\n")
    else:
        terminal.output.result(
            ledger_text(_target(loaded, kept), kept.store.place, kept.ledger, is_locked=kept.is_locked)
        )
    return 0


@ledger.command
@options.environment
@talking
def rebind(*, terminal: Terminal, environment: str) -> int:
    """Bind the ledger to the environment as it is named and reached now, after a move or a renaming."""
    loaded = _loaded(environment, terminal)
    kept = _existing(loaded)
    keeper.check_unlocked(kept, str(loaded.folder))
    binding = keeper.binding_of(loaded)
    keeper.write(kept, rebound(kept.ledger, binding))
    terminal.output.result(f"{kept.store.place} is now bound to {binding}\n")
    return 0


@ledger.command
@options.environment
@click.option("--id", "lease_id", required=True, metavar="LEASE", help="The lease, as the refusal names it.")
@talking
def unlock(*, terminal: Terminal, environment: str, lease_id: str) -> int:
    """End a dead run's lease; what it left pending is mended by the next apply."""
    kept = _existing(_loaded(environment, terminal))
    lease = kept.ledger.lease
    if lease is None:
        raise UsageError(f"{kept.store.place} is not locked")
    if lease.id != lease_id:
        raise Refused(f"the lease is {lease.id}, of {lease.holder} since {lease.since}; nothing was written")
    keeper.write(kept, unlocked(kept.ledger))
    terminal.output.result(f"{kept.store.place} is unlocked; the next apply mends what was left\n")
    return 0


def _loaded(environment: str, terminal: Terminal) -> Environment:
    result = load_one(environment, terminal)
    if result.value is None:
        raise result.error or UsageError("name one environment")
    return result.value


def _target(environment: Environment, kept: keeper.Kept) -> str:
    """The target that the ledger is bound to; a sandbox as the environment names it."""
    bound = kept.ledger.binding
    same = bound.misfit(keeper.binding_of(environment)) is None
    return str(environment.target) if same else bound.target


def _existing(environment: Environment) -> keeper.Kept:
    kept = _kept(environment)
    if kept.version is None:
        raise UsageError(f"there is no ledger at {kept.store.place} yet; the first apply makes it")
    return kept


def _kept(environment: Environment) -> keeper.Kept:
    store = keeper.store_of(environment)
    if store is None:
        raise UsageError(f"{environment.name} has no ledger; name one in environment.yaml")
    return keeper.read(store, None)
