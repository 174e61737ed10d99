"""B11: many environments in one process."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import program
from benchmarks.manifests import Size, write_environment
from benchmarks.measure import wall
from benchmarks.result import Finding, at_most, exactly
from benchmarks.stubs import Quota, Replaying, Shelf, Slow

ENVIRONMENTS = 100
SIZE = Size.of(200)
VERSION = "2.11.2"
RATE = 10.0
ALONE = 3
"""Environments that are planned one after the other, to know how long the slowest takes."""


def many() -> Iterator[Finding]:
    """A hundred environments, each with its own quota, planned at once ÷ the slowest planned alone."""
    quotas: list[Quota] = []
    with tempfile.TemporaryDirectory() as folder:
        write_environment(Path(folder), SIZE)
        known = Replaying(Shelf(SIZE, VERSION))

        def one() -> float:
            quota = Quota(known, RATE)
            quotas.append(quota)
            return wall(lambda: _plan(Path(folder), quota))

        alone = max(one() for _ in range(ALONE))
        with ThreadPoolExecutor(ENVIRONMENTS) as pool:
            together = wall(lambda: list(pool.map(lambda _: one(), range(ENVIRONMENTS))))
    note = f" ({together:.1f} s ÷ {alone:.1f} s, {quotas[0].admitted} calls each)"
    what = f"{ENVIRONMENTS} environments of {len(SIZE)} at {RATE:g}/s ÷ the slowest alone"
    yield at_most("B11", what, together / alone, 1.2, note)
    yield exactly("B11", "throttled answers of all of them", sum(quota.throttled for quota in quotas), 0)


def _plan(folder: Path, quota: Quota) -> None:
    environment = program.load(folder)
    program.text(program.check_in_sync(program.plan(environment, Slow(quota), RATE)))
