"""Every case, by its name."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain

from benchmarks import calls, fleet, offline, peers, rate, startup
from benchmarks.result import Finding

Case = Callable[[], Iterator[Finding]]


def _applies() -> Iterator[Finding]:
    return chain(calls.applies(), rate.writes())


CASES: Mapping[str, Case] = {
    "B1": calls.plans,
    "B2": _applies,
    "B3": rate.share,
    "B4": rate.latency,
    "B5": offline.against_events,
    "B6": offline.against_the_obvious,
    "B7": offline.exponents,
    "B7a": offline.instructions,
    "B8": startup.commands,
    "B9": offline.memory,
    "B10": offline.one_large_variable,
    "B11": fleet.many,
    "B12": peers.table,
}
"""In the order in which they run: what measures processes has no threads of an earlier case beside it."""
