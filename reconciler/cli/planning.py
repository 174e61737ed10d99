"""What plan, apply and drift do first: load every environment, reach it, compare."""

from reconciler.backends.readonly import ReadOnly
from reconciler.cli.terminal import Terminal
from reconciler.connect import connect, default_rate
from reconciler.engine import Planned, Run, Selection, plan_environment, setting_warnings
from reconciler.fleet import Result, attempt, check_names, folders, then
from reconciler.manifests import Environment, load_environment
from reconciler.secrets import schemes


def load_all(patterns: tuple[str, ...], terminal: Terminal) -> list[Result[Environment]]:
    """Every environment, or why it cannot be read; warnings are told on the way."""
    known = schemes()
    results = [
        attempt(folder.resolve().name, lambda folder=folder: load_environment(folder, known))  # type: ignore[misc]
        for folder in folders(patterns)
    ]
    loaded = [result.value for result in results if result.value is not None]
    check_names(loaded)
    for environment in loaded:
        terminal.warn(environment.warnings)
        terminal.warn(setting_warnings(environment))
    return [
        Result(result.value.name if result.value else result.name, result.value, result.error)
        for result in results
    ]


def plan_all(
    patterns: tuple[str, ...],
    terminal: Terminal,
    selection: Selection,
    *,
    resend: bool,
    writable: bool = False,
) -> list[Result[Planned]]:
    """Every environment planned, through a backend that can only read unless it is to be ``writable``."""

    def plan(environment: Environment) -> Planned:
        backend = connect(environment.target, terminal.secrets)
        run = Run(selection, terminal.secrets, resend, terminal.observer(environment.name))
        reach = backend if writable else ReadOnly(backend)
        return plan_environment(environment, reach, default_rate(environment.target), run)

    results = [then(result, plan) for result in load_all(patterns, terminal)]
    terminal.errors(results)
    return results
