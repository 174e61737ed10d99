"""Many environments in one run."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from reconciler.abreast import abreast
from reconciler.errors import ReconcilerError, Unexpected, UsageError
from reconciler.manifests import Environment
from reconciler.targets import MwaaTarget, SandboxTarget

T = TypeVar("T")
U = TypeVar("U")

GRAVITY = (0, 2, 3, 1, 4, 130, 143)
"""Exit codes from the best to the gravest."""


@dataclass(frozen=True)
class Result(Generic[T]):
    """What one environment gave: a value or the error that stopped it; it keeps its place either way."""

    name: str
    value: T | None = None
    error: ReconcilerError | None = None
    folder: str = ""
    """Where its files are, as it is shown."""


def attempt(name: str, work: Callable[[], T]) -> Result[T]:
    """The result of ``work``; whatever goes wrong becomes part of it, so that other environments go on."""
    try:
        return Result(name, value=work())
    except ReconcilerError as error:
        return Result(name, error=error)
    except Exception as error:  # noqa: BLE001 - as above
        return Result(name, error=Unexpected(error))


def then(result: Result[T], work: Callable[[T], U]) -> Result[U]:
    """``work`` on a result's value; an error stays what it is."""
    value = result.value
    if result.error is not None or value is None:
        return Result(result.name, error=result.error, folder=result.folder)
    return replace(attempt(result.name, lambda: work(value)), folder=result.folder)


def each(
    results: Sequence[Result[T]], work: Callable[[T], U], at_once: int, place: Callable[[T], Hashable]
) -> list[Result[U]]:
    """``then`` for every result, in their order, at most ``at_once`` at one time.

    Those of one ``place`` go one after the other: they share its quota, and may share its rows.
    """
    groups: dict[Hashable, list[int]] = {}
    for number, result in enumerate(results):
        groups.setdefault(number if result.value is None else (place(result.value),), []).append(number)

    def one_after_the_other(numbers: list[int]) -> list[Result[U]]:
        return [then(results[number], work) for number in numbers]

    found = abreast([partial(one_after_the_other, numbers) for numbers in groups.values()], at_once)
    done = {
        number: result
        for numbers, ended in zip(groups.values(), found, strict=True)
        for number, result in zip(numbers, ended, strict=True)
    }
    return [done[number] for number in range(len(results))]


def airflow_of(environment: Environment) -> Hashable:
    """What tells whether two environments are the same Airflow."""
    target = environment.target
    if isinstance(target, SandboxTarget):
        return (Path(target.folder) / target.file).resolve()
    return str(target), target.account if isinstance(target, MwaaTarget) else None


def folders(patterns: Iterable[str]) -> list[Path]:
    """The environment folders that arguments name; raises UsageError for what can name none."""
    found: list[Path] = []
    for pattern in patterns:
        if "://" in pattern or pattern.startswith("sandbox:"):
            raise UsageError(
                f"{pattern} is a target, and an environment is a folder: "
                f"'reconciler init DIR --target {pattern}' writes one"
            )
        if Path(pattern).exists() or not any(character in pattern for character in "*?["):
            path = Path(pattern)
            found.append(path.parent if path.name == "environment.yaml" and path.is_file() else path)
            continue
        root = Path("/") if Path(pattern).is_absolute() else Path()
        relative = str(Path(pattern).relative_to("/")) if Path(pattern).is_absolute() else pattern
        matches = sorted(path for path in root.glob(relative) if (path / "environment.yaml").is_file())
        if not matches:
            raise UsageError(
                f"no environment matches {pattern}: no folder of that name has an environment.yaml; "
                "correct the pattern, and mind that it is seen from the working directory"
            )
        found += matches
    return list(dict.fromkeys(found))


def check_names(environments: Sequence[Environment]) -> None:
    """Raises UsageError where two environments of one run have the same name."""
    seen: dict[str, Environment] = {}
    for environment in environments:
        other = seen.setdefault(environment.name, environment)
        if other is not environment:
            raise UsageError(f"{other.folder} and {environment.folder} are both named '{environment.name}'")


def gravest(codes: Iterable[int], *, wrote: bool) -> int:
    """The exit code of a whole run; 4 where something was written and anything failed."""
    code = max(codes, key=GRAVITY.index, default=0)
    return 4 if wrote and code in {1, 3} else code
