"""What plan, apply and drift do first: reach every environment and compare."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.amazon import place_of
from reconciler.backends import Backend
from reconciler.backends.readonly import ReadOnly
from reconciler.cli.interrupts import Interrupt
from reconciler.cli.loading import load_all
from reconciler.cli.terminal import Terminal
from reconciler.connect import connect, default_rate
from reconciler.engine import Planned, Run, plan_environment
from reconciler.errors import StalePermit
from reconciler.fleet import Result, airflow_of, each
from reconciler.guards import Allowed
from reconciler.ledger import RUN_SECONDS
from reconciler.manifests import Environment
from reconciler.model import Key
from reconciler.permit import Permit
from reconciler.retry import Patience
from reconciler.selection import Selection


@dataclass(frozen=True)
class Wish:
    """What the command line asks for, the same for every environment."""

    selection: Selection = field(default_factory=Selection)
    changed_since: str | None = None
    """A revision: only environments that git has changed since are meant."""
    at_once: int = 1
    """Environments that are read at one time."""
    resend_secrets: bool = False
    allowed: Allowed = field(default_factory=Allowed)
    permits: Mapping[str, Permit] | None = None
    """Saved plans by environment; they say what is selected and allowed."""
    lock_timeout: float | None = None
    """Seconds to wait for another run's lease; ``None`` for a command that only reads."""
    deadline: float = RUN_SECONDS
    """Seconds that each environment may take."""
    interrupt: Interrupt = field(default_factory=Interrupt)


def plan_all(patterns: tuple[str, ...], terminal: Terminal, wish: Wish) -> list[Result[Planned]]:
    """Every environment planned, through a backend that can only read unless the run takes the lease."""

    def plan(environment: Environment) -> Planned:
        permit = _permit(environment, wish)
        run = _run(environment, terminal, wish, permit)
        backend: Backend = connect(environment.target, run.secrets)
        reach = ReadOnly(backend) if wish.lock_timeout is None else backend
        planned = plan_environment(environment, reach, default_rate(environment.target), run)
        if permit is not None:
            planned.check(permit)
        return planned

    loaded = load_all(patterns, terminal, changed_since=wish.changed_since)
    results = each(loaded, plan, wish.at_once, airflow_of)
    terminal.errors(results)
    return results


def airflow_of_plan(planned: Planned) -> Hashable:
    """What tells whether two plans are about the same Airflow."""
    return airflow_of(planned.comparison.environment)


def _permit(environment: Environment, wish: Wish) -> Permit | None:
    if wish.permits is None:
        return None
    if environment.name not in wish.permits:
        raise StalePermit(f"the saved plan does not have {environment.name}; nothing was written")
    return wish.permits[environment.name]


def _run(environment: Environment, terminal: Terminal, wish: Wish, permit: Permit | None) -> Run:
    interrupt = wish.interrupt
    run = Run(
        selection=wish.selection,
        secrets=terminal.secrets.at(place_of(environment.target)),
        resend_secrets=wish.resend_secrets,
        allowed=wish.allowed,
        patience=Patience(sleep=interrupt.sleep, stopped=interrupt.stopped, seconds=wish.deadline).started(),
        lock_timeout=wish.lock_timeout,
        watcher=terminal.watcher(environment.name),
    )
    return run if permit is None else _as_saved(run, permit)


def _as_saved(run: Run, permit: Permit) -> Run:
    """The run that made the saved plan, its numbers being upper bounds now."""
    options = permit.options
    return replace(
        run,
        selection=Selection(frozenset(options.get("kinds", ())), tuple(options.get("only", ()))),
        resend_secrets=bool(options.get("resend_secrets", False)),
        allowed=Allowed(
            options.get("allow_deletes", {}),
            options.get("allow_missing", {}),
            _keys(options.get("adopt", ())),
            _keys(options.get("allow_delete", ())),
            at_most=True,
        ),
    )


def _keys(names: list[str]) -> frozenset[Key]:
    return frozenset(Key(*name.split("/", 1)) for name in names)
