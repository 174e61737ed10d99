"""One measurement in a process of its own: ``python -m benchmarks.worker JOB FOLDER RESOURCES [REPEATS]``.

Prints JSON. The folder holds the manifests of so many resources; Airflow is a ``Shelf`` with the same.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from benchmarks import program
from benchmarks.manifests import Size, row, write_environment
from benchmarks.measure import cpu, peak
from benchmarks.stubs import Shelf
from reconciler.kinds import KINDS

VERSION = "3.3.1"
FEW = 20
"""Resources of the environment with which everything is imported and warmed up."""


def files_of(folder: Path) -> list[Path]:
    """The manifests of an environment."""
    return sorted(file for file in folder.glob("*.yaml") if file.name != "environment.yaml")


def events(folder: Path) -> None:
    """Libyaml's events of all manifests, nothing built: less work no loader can do that knows lines."""
    for file in files_of(folder):
        for _ in yaml.parse(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
            pass


def parsed(folder: Path) -> None:
    """PyYAML's fast loader alone."""
    for file in files_of(folder):
        yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def whole(folder: Path, shelf: Shelf) -> None:
    """A plan from the files to the text; the answers come as decoded JSON."""
    environment = program.load(folder)
    program.text(program.check_in_sync(program.plan(environment, shelf)))


def warm_up() -> None:
    """Imports whatever is imported when it is first used."""
    with tempfile.TemporaryDirectory() as folder:
        few = Size.of(FEW)
        write_environment(Path(folder), few)
        whole(Path(folder), Shelf(few, VERSION))
        events(Path(folder))
        parsed(Path(folder))


def _without_answers(size: Size, work: Callable[[Shelf], object]) -> float:
    """CPU seconds of ``work`` against a shelf, less those in which the shelf made up its rows."""
    shelf = Shelf(size, VERSION)
    return cpu(lambda: work(shelf)) - shelf.seconds


def offline(folder: Path, size: Size, repeats: int) -> dict[str, Any]:
    """Load, merge, validate, compare and render; beside it the same with reading rows, and the bare events.

    The peak is that of the first time, before anything else of size has been done. What reading the rows
    takes is measured by itself and subtracted.
    """
    warm_up()
    warm = peak()
    rounds = []
    highest = 0
    for _ in range(repeats):
        complete = _without_answers(size, lambda shelf: whole(folder, shelf))
        highest = highest or peak()
        rows = _without_answers(size, lambda shelf: program.read(size, shelf))
        rounds.append((complete - rows, complete, cpu(lambda: events(folder))))
    own, complete, bare = (median(column) for column in zip(*rounds, strict=True))
    return {"offline": own, "whole": complete, "events": bare, "warm": warm, "peak": highest}


def obvious(folder: Path, size: Size, repeats: int) -> dict[str, Any]:
    """CPU seconds of the obvious way."""
    from benchmarks.obvious import LOCATED, differences  # noqa: PLC0415 - DeepDiff is large and only its own

    schema = json.loads(Path("schemas/manifest.schema.json").read_text(encoding="utf-8"))
    living = {
        (kind.collection, made[LOCATED[kind.collection]]): made
        for kind in KINDS
        for made in (row(size, kind, number) for number in range(size.count(kind)))
    }
    found: list[Any] = []
    spent = [cpu(lambda: found.extend(differences(files_of(folder), schema, living))) for _ in range(repeats)]
    if found:
        raise AssertionError(f"the obvious way finds {len(found)} differences, the first: {found[0]}")
    return {"obvious": median(spent)}


def counted(job: str, folder: Path, size: Size) -> dict[str, Any]:
    """Does one thing once, for somebody who counts this process's instructions."""
    warm_up()
    jobs: dict[str, Callable[[], None]] = {
        "plan": lambda: whole(folder, Shelf(size, VERSION)),
        "read": lambda: program.read(size, Shelf(size, VERSION)),
        "parse": lambda: parsed(folder),
        "nothing": lambda: None,
    }
    jobs[job]()
    return {}


def main(job: str, folder: str, resources: str, repeats: str = "1") -> None:
    """What the command line asks for."""
    place, size = Path(folder), Size.of(int(resources))
    many = {"offline": offline, "obvious": obvious}
    found = many[job](place, size, int(repeats)) if job in many else counted(job, place, size)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
