"""B5, B6, B7, B7a, B9, B10: what a plan costs where no network is in the way."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache, partial
from math import log
from pathlib import Path
from typing import Any

from benchmarks import program
from benchmarks.manifests import Size, as_row, write_environment, write_files
from benchmarks.measure import cpu, interleaved, output, worker
from benchmarks.result import Finding, at_least, at_most, told
from benchmarks.stubs import Shelf
from reconciler.backends import Request, Response
from reconciler.backends.around import Around
from reconciler.kinds import BY_NAME

SMALL, MIDDLE, LARGE = 1_000, 10_000, 100_000
REPEATS = {SMALL: 7, MIDDLE: 5, LARGE: 1}
MEGABYTE = 1024 * 1024

_kept = ExitStack()


@cache
def _folder(resources: int) -> tuple[Path, int]:
    """An environment's folder and the bytes of its manifests; it is there until the run ends."""
    folder = Path(_kept.enter_context(tempfile.TemporaryDirectory()))
    return folder, write_environment(folder, Size.of(resources))


@cache
def _measured(resources: int) -> dict[str, Any]:
    folder, _ = _folder(resources)
    measured: dict[str, Any] = worker("offline", folder, resources, REPEATS[resources])
    return measured


@cache
def _interpreter() -> int:
    """The memory of a Python that does nothing."""
    code = "from benchmarks.measure import peak; print(peak())"
    return int(output([sys.executable, "-c", code]))


def close() -> None:
    """Removes the manifests of this run."""
    _kept.close()
    _folder.cache_clear()


def against_events() -> Iterator[Finding]:
    """B5: loading, checking, comparing and rendering ÷ libyaml's bare events of the same files."""
    found = _measured(MIDDLE)
    note = f" ({found['offline']:.2f} s ÷ {found['events']:.2f} s of CPU)"
    ratio = found["offline"] / found["events"]
    yield at_most("B5", f"offline part at {MIDDLE:,} ÷ bare event pass", ratio, 2.5, note)
    rows = found["whole"] / found["events"]
    yield told("B5", "the same with making resources of Airflow's rows", f"{rows:.3g}")


def against_the_obvious() -> Iterator[Finding]:
    """B6: safe_load, one oneOf validator and DeepDiff on every pair ÷ the offline part."""
    folder, _ = _folder(MIDDLE)
    ours = _measured(MIDDLE)["offline"]
    theirs = worker("obvious", folder, MIDDLE)["obvious"]
    note = f" ({theirs:.1f} s ÷ {ours:.2f} s of CPU)"
    yield at_least("B6", f"the obvious way ÷ ours at {MIDDLE:,}", theirs / ours, 15.0, note)


def exponents() -> Iterator[Finding]:
    """B7: whether time and memory grow no faster than the manifests.

    Memory counts from the warmed-up program on, and from 10,000 on: below, noise would be the answer.
    """
    small, middle, large = (_measured(resources) for resources in (SMALL, MIDDLE, LARGE))
    time = log(large["offline"] / small["offline"], LARGE / SMALL)
    yield at_most("B7", f"exponent of CPU time, {SMALL:,} to {LARGE:,}", time, 1.05)
    grown = [max(one["peak"] - one["warm"], 1) for one in (middle, large)]
    memory = log(grown[1] / grown[0], LARGE / MIDDLE)
    yield at_most("B7", f"exponent of memory, {MIDDLE:,} to {LARGE:,}", memory, 1.05)
    ratios = [one["offline"] / one["events"] for one in (middle, large)]
    what = f"B5's ratio at {LARGE:,} ÷ that at {MIDDLE:,}"
    yield at_most("B7", what, ratios[1] / ratios[0], 1.2, f" ({ratios[1]:.3g} ÷ {ratios[0]:.3g})")


def memory() -> Iterator[Finding]:
    """B9: the most memory that a plan takes, over the interpreter's own ÷ the manifests' bytes."""
    _, size = _folder(LARGE)
    more = _measured(LARGE)["peak"] - _interpreter()
    note = f" ({more / MEGABYTE:.0f} MB ÷ {size / MEGABYTE:.1f} MB)"
    yield at_most("B9", f"peak memory ÷ bytes of the manifests at {LARGE:,}", more / size, 10.0, note)


def instructions() -> Iterator[Finding]:
    """B7a: instructions of the offline plan of 1,000 ÷ those of CSafeLoader parsing the same files.

    A job's instructions are those of its process, less those of a process that only warms up.
    """
    case, what = "B7a", f"instructions of the offline plan of {SMALL:,} ÷ CSafeLoader alone"
    if shutil.which("valgrind") is None:
        yield told(case, what, "not measured: no valgrind")
        return
    counts = _instructions("plan", "read", "parse", "nothing")
    ours, theirs = counts["plan"] - counts["read"], counts["parse"] - counts["nothing"]
    yield at_most(case, what, ours / theirs, 1.0, f" ({ours / 1e6:,.0f} M ÷ {theirs / 1e6:,.0f} M)")


def _instructions(*jobs: str) -> dict[str, int]:
    """Instructions of a worker's process for each job, counted two at a time."""
    folder, _ = _folder(SMALL)
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(jobs, pool.map(partial(_counted, folder), jobs), strict=True))


def _counted(folder: Path, job: str) -> int:
    cachegrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    command = [*cachegrind, sys.executable, "-m", "benchmarks.worker", job, str(folder), str(SMALL)]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode or not found:
        raise AssertionError(f"valgrind ended in {done.returncode}:\n{done.stderr[-2000:]}")
    return int(found[1].replace(",", ""))


class _OneVariable(Around):
    """An Airflow that holds one variable, and nothing else."""

    def __init__(self, row: dict[str, Any]) -> None:
        super().__init__(Shelf(Size(0, 0, 0), "3.3.1"))
        self._row = row

    def send(self, request: Request) -> Response:
        if request.path == "/variables":
            return Response(200, {"variables": [self._row], "total_entries": 1})
        return super().send(request)


def one_large_variable() -> Iterator[Finding]:
    """B10: planning one changed leaf in 450 KB of JSON ÷ parsing the two texts."""
    before = _document(leaf=1)
    after = _document(leaf=2)
    kind = BY_NAME["variable"]
    texts = [json.dumps(before), json.dumps(after)]
    backend = _OneVariable(as_row(kind, "large", {"value": before}))
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), [("large.yaml", {"variables": {"large": {"value": after}}})])
        environment = program.load(Path(folder))

    def plan() -> None:
        planned = program.plan(environment, backend)
        if len(planned.plan.changes[0].fields) != 1:
            raise AssertionError("one leaf differs, and the plan shows something else")
        program.text(planned)

    ours, bare = interleaved(7, lambda: cpu(plan), lambda: cpu(lambda: [json.loads(text) for text in texts]))
    what = f"plan of one changed leaf in {len(texts[0]) // 1000} KB of JSON ÷ parsing both texts"
    note = f" ({ours * 1000:.1f} ms ÷ {bare * 1000:.1f} ms)"
    yield at_most("B10", what, ours / bare, 10.0, note)


def _document(leaf: int) -> dict[str, Any]:
    chance = random.Random(7)  # noqa: S311 - nothing secret is made of it
    tables = [
        {
            "name": f"table_{number}",
            "columns": [f"column_{chance.randint(0, 999)}" for _ in range(8)],
            "limits": {"rows": chance.randint(1, 10**6), "late": False, "ratio": chance.randint(0, 99) / 100},
        }
        for number in range(2_250)
    ]
    tables[1_200]["limits"] = {"rows": leaf, "late": True, "ratio": 0.5}
    return {"tables": tables}
