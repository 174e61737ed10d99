"""What every command does first: it loads the environments it is given."""

from reconciler.cli.terminal import Terminal
from reconciler.fleet import Result, attempt, check_names, folders
from reconciler.manifests import Environment, load_environment
from reconciler.manifests.files import shown
from reconciler.secrets import Schemes


def load_all(
    patterns: tuple[str, ...], terminal: Terminal, *, quiet: bool = False
) -> list[Result[Environment]]:
    """Every environment, or why it cannot be read; warnings are told on the way unless ``quiet``."""
    known = Schemes()
    places = folders(patterns)
    results = [
        attempt(folder.resolve().name, lambda folder=folder: load_environment(folder, known))  # type: ignore[misc]
        for folder in places
    ]
    loaded = [result.value for result in results if result.value is not None]
    check_names(loaded)
    for environment in () if quiet else loaded:
        terminal.warn(environment.warnings)
    return [
        Result(result.value.name if result.value else result.name, result.value, result.error, shown(folder))
        for folder, result in zip(places, results, strict=True)
    ]
