"""What an environment's server cannot hold, told before anything is sent."""

from collections.abc import Iterable, Iterator

from reconciler.backends import PATH_LIMIT
from reconciler.dialects import Dialect, dialect_for
from reconciler.errors import ManifestError, Origin, Problem
from reconciler.manifests import Environment
from reconciler.model import State
from reconciler.plan import Change
from reconciler.targets import MwaaTarget, SandboxTarget

NEWEST = {2: "2", 3: "3.99"}
"""What stands for a version of which only the major number is known: no release has fewer limits."""

Refusal = tuple[Origin | None, str]


def check_offline(environment: Environment) -> Environment:
    """The environment itself, if nothing is wrong that can be known without asking it.

    Raises ManifestError for what the server cannot hold where the target itself names its major version.
    """
    target = environment.target
    if not isinstance(target, MwaaTarget) and target.airflow is not None:
        limit = PATH_LIMIT if isinstance(target, SandboxTarget) else None
        dialect = dialect_for(NEWEST[target.airflow], limit)
        if dialect is not None:
            check_resources(dialect, environment.desired)
    return environment


def check_resources(dialect: Dialect, desired: State) -> None:
    """Raises ManifestError for declared resources that cannot be kept on this server."""
    _raise((resource.origin, what) for resource in desired.values() if (what := dialect.refusal(resource)))


def check_changes(
    dialect: Dialect, changes: tuple[Change, ...], desired: State, current: State, environment: Environment
) -> None:
    """Raises ManifestError for changes that no request to this server can express."""
    _raise(_refusals(dialect, changes, desired, current, nowhere(environment)))


def nowhere(environment: Environment) -> Origin:
    """The place of a problem with something that git does not name."""
    return Origin(str(environment.folder / "environment.yaml"), 1, 1)


def _refusals(
    dialect: Dialect, changes: tuple[Change, ...], desired: State, current: State, elsewhere: Origin
) -> Iterator[Refusal]:
    for change in changes:
        if change.action.only_ledger:
            continue
        what = dialect.change_refusal(change, desired.get(change.key), current.get(change.key))
        if what:
            yield change.origin or elsewhere, what


def _raise(found: Iterable[Refusal]) -> None:
    problems = [
        Problem(origin or Origin("", 1, 1), what, "choose another id or value") for origin, what in found
    ]
    if problems:
        raise ManifestError(problems)
