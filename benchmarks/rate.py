"""B3, B4 and the timed part of B2: how much of what a server allows is used."""

from collections.abc import Iterator
from functools import partial

from benchmarks import program
from benchmarks.calls import LARGE, secret_creates
from benchmarks.manifests import Size
from benchmarks.measure import interleaved, wall
from benchmarks.result import Finding, at_least, at_most, exactly
from benchmarks.stubs import Counting, Quota, Replaying, Shelf, Slow, floor
from reconciler.backends import AT_ONCE, Backend
from reconciler.manifests import Environment
from reconciler.sandbox.emulator import Emulator

RATE = 10.0
"""Calls a second that MWAA grants."""

LATENCY = 0.08
"""Seconds of a call over a network."""

READS = Size(600, 586, 100, extras="all")
"""On Airflow 2: a plan of 600 calls, nearly all of them for one ``extra`` each."""

SECRETS = 300
REPEATS = {"2.11.2": 1, "3.3.1": 3}
"""How often a plan is timed: one of some seconds once."""


def share() -> Iterator[Finding]:
    """B3: calls of a plan of 600 ÷ those that the quota would have allowed in the same time."""
    quota = Quota(Shelf(READS, "2.11.2"), RATE)
    with program.environment_of(READS) as environment:
        seconds = wall(lambda: program.plan(environment, Slow(quota, LATENCY), RATE))
    what = f"share of the quota used by a plan of {quota.admitted} calls"
    yield _share("B3", what, quota, seconds)
    yield exactly("B3", "throttled answers of that plan", quota.throttled, 0)


def _share(case: str, what: str, quota: Quota, seconds: float) -> Finding:
    note = f" ({quota.admitted} calls in {seconds:.1f} s at {RATE:g}/s)"
    return at_least(case, what, quota.admitted / (seconds * RATE), 0.95, note)


def writes() -> Iterator[Finding]:
    """B2, timed: creates with secrets, one call each, at the quota and a network's latency."""
    quota = Quota(Emulator(None, "3.3.1"), RATE)
    backend = Counting(Slow(quota, LATENCY))
    seconds = wall(lambda: secret_creates(SECRETS, backend, RATE))
    what = f"share of the quota used by an apply of {SECRETS} creates with secrets"
    yield _share("B2", what, quota, seconds)
    yield exactly("B2", "throttled answers of that apply", quota.throttled, 0)


def latency() -> Iterator[Finding]:
    """B4: a plan's time ÷ the least that latency, or the quota, leaves possible."""
    with program.environment_of(LARGE) as environment:
        for version, repeats in REPEATS.items():
            yield from _without_quota(environment, version, repeats)
        yield from _with_quota(environment, "3.3.1")


def _without_quota(environment: Environment, version: str, repeats: int) -> Iterator[Finding]:
    """The least there is: the calls in as few rounds as so many threads make of them."""
    calls = floor(LARGE, version)
    waiting = -(-calls // AT_ONCE) * LATENCY
    known = Replaying(Shelf(LARGE, version))
    _planned(environment, known)
    works = (lambda: _planned(environment, known), lambda: _planned(environment, Slow(known, LATENCY)))
    offline, seconds = interleaved(repeats, *(partial(wall, work) for work in works))
    plan, rounds = f"plan of 10,000/500/100 at 80 ms on {version}", f"⌈calls/{AT_ONCE}⌉ of 80 ms"
    note = f" ({seconds:.2f} s ÷ {waiting:.2f} s of {calls} calls)"
    yield at_most("B4", f"{plan} ÷ {rounds}", seconds / waiting, 1.3, note)
    note = f" (({seconds:.2f} s - {offline:.2f} s) ÷ {waiting:.2f} s)"
    yield at_most("B4", f"({plan} - offline) ÷ {rounds}", (seconds - offline) / waiting, 1.15, note)


def _planned(environment: Environment, backend: Backend, rate: float | None = None) -> None:
    program.text(program.check_in_sync(program.plan(environment, backend, rate)))


def _with_quota(environment: Environment, version: str) -> Iterator[Finding]:
    quota = Quota(Replaying(Shelf(LARGE, version)), RATE)
    loaded = wall(lambda: program.load(environment.folder))
    seconds = wall(lambda: _planned(environment, Slow(quota, LATENCY), RATE))
    bound = floor(LARGE, version) / RATE
    note = f" ({seconds:.2f} s ÷ {bound:.1f} s)"
    what = f"plan of 10,000/500/100 at {RATE:g} calls a second on {version} ÷ calls ÷ rate"
    yield at_most("B4", what, seconds / bound, 1.15, note)
    note = f" ({loaded + seconds:.2f} s ÷ {bound:.1f} s)"
    yield at_most("B4", "the same with reading the manifests", (loaded + seconds) / bound, 1.15, note)
