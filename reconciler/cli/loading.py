"""What every command does first: it loads the environments it is given."""

from pathlib import Path

from reconciler.cli.changed import touched
from reconciler.cli.terminal import Terminal
from reconciler.errors import UsageError
from reconciler.fleet import Result, attempt, check_names, folders
from reconciler.manifests import Environment, load_environment
from reconciler.manifests.files import shown
from reconciler.secrets import Schemes


def load_one(pattern: str, terminal: Terminal) -> Result[Environment]:
    """The only environment that a pattern names, or why it cannot be read; raises UsageError for several."""
    results = load_all((pattern,), terminal)
    if len(results) != 1:
        raise UsageError("name one environment")
    return results[0]


def load_all(
    patterns: tuple[str, ...], terminal: Terminal, *, changed_since: str | None = None, quiet: bool = False
) -> list[Result[Environment]]:
    """Every environment, or why it cannot be read; warnings are told on the way unless ``quiet``.

    With ``changed_since`` only those that git has changed since that revision, or that cannot be read.
    """
    results = [_loaded(folder) for folder in folders(patterns)]
    loaded = [result.value for result in results if result.value is not None]
    check_names(loaded)
    if changed_since is not None:
        meant = {one.name for one in touched(loaded, changed_since)}
        results = [one for one in results if one.value is None or one.name in meant]
        if not results:
            terminal.output.note(f"nothing of these environments has changed since {changed_since}")
    for environment in () if quiet else [one.value for one in results if one.value is not None]:
        terminal.warn(environment.warnings)
    return results


def _loaded(folder: Path) -> Result[Environment]:
    result = attempt(folder.resolve().name, lambda: load_environment(folder, Schemes()))
    return Result(
        result.value.name if result.value else result.name, result.value, result.error, shown(folder)
    )
