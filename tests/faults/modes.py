"""Every way in which a call can go wrong, and which calls it can meet."""

from collections.abc import Iterable, Iterator, Sequence

from reconciler.backends import Request
from reconciler.sandbox.faults import Fault, Mode, When, parse_fault
from tests.faults.scenarios import People
from tests.faults.stores import StoreFault

TRIES = 5
"""How often a call is made at most."""

EVERY_CALL = (
    "drop_before",
    "drop_after",
    *(f"status:{code}" for code in (400, 401, 403, 404, 409, 422, 429, 500, 503)),
    *(f"status_after:{code}" for code in (500, 503, 504)),
    "throttle",
    "error:ExpiredTokenException",
    "error:AccessDeniedException",
    "error:InternalServerException",
    "error:RestApiServerException",
    "error:ValidationException",
    "delay:9.9",
    "delay:1850",
    "truncate",
    "truncate:0",
    "expire",
    "mask:eu",
)
WRITES = ("not_applied", "not_committed")
LISTS = ("rows:0", "rows:2", "total:0", "total:2", "total:999", "empty")

SINGLE = (*EVERY_CALL, *WRITES, *LISTS)
MENDED = (
    "drop_before",
    "drop_after",
    "status:429",
    *(f"status:{code}" for code in (500, 503)),
    *(f"status_after:{code}" for code in (500, 503, 504)),
    "throttle",
    "error:InternalServerException",
    "delay:9.9",
    "truncate",
    "truncate:0",
    "mask:eu",
    "rows:0",
    "rows:2",
    "total:0",
    "total:999",
)
"""What a run gets over by itself, where it is met once."""

STUBBORN = (
    "drop_before",
    "drop_after",
    "status:429",
    "status:503",
    "status_after:500",
    "throttle",
    "error:InternalServerException",
    "truncate",
    *WRITES,
)
"""What is met by every try of a call: it can end a change without ending the run."""

LASTING = (
    "drop_before",
    "drop_after",
    "status:403",
    "status:404",
    "status:422",
    "status:429",
    "status:500",
    "status_after:503",
    "throttle",
    "error:InternalServerException",
    "delay:100",
    "truncate",
    "mask:eu",
    *WRITES,
    *LISTS,
)


def is_list(request: Request) -> bool:
    return request.method == "GET" and request.path.count("/") == 1 and request.path != "/version"


def meets(mode: str, request: Request) -> bool:
    """Whether a mode does anything to such a call."""
    if mode in WRITES:
        return request.method != "GET"
    return is_list(request) if mode in LISTS else True


def single(mode: str, requests: Sequence[Request]) -> Iterator[tuple[Fault, ...]]:
    """One call after the other meets it, and only that."""
    for number, request in enumerate(requests, 1):
        if meets(mode, request):
            yield (parse_fault(f"{number}={mode}"),)


def stubborn(mode: str, requests: Sequence[Request]) -> Iterator[tuple[Fault, ...]]:
    """As many calls in a row meet it as a call is tried."""
    for number, request in enumerate(requests, 1):
        if meets(mode, request):
            yield (parse_fault(f"{number}-{number + TRIES - 1}={mode}"),)


def lasting(mode: str, requests: Sequence[Request]) -> Iterator[tuple[Fault, ...]]:
    """Every call from one on meets it."""
    for number in range(1, len(requests) + 1):
        yield (parse_fault(f"{number}-={mode}"),)


def flickering(word: str, requests: Sequence[Request]) -> Iterator[tuple[Fault, ...]]:
    """What is hidden changes from request to request."""
    numbers = range(1, 2 * len(requests))
    for first, step in ((1, 2), (2, 2), (1, 3), (2, 3), (3, 3)):
        yield tuple(
            parse_fault(f"{number}=mask:{word}") for number in numbers if number % step == first % step
        )


def interfering(people: People, requests: Sequence[Request]) -> Iterator[tuple[Fault, ...]]:
    """Somebody's call goes before one of ours."""
    for number in range(1, len(requests) + 1):
        for request in people.requests:
            yield (Fault(When(str(number), number, number), Mode("mutate", request)),)


def overtaking(people: People, requests: Sequence[Request]) -> Iterator[tuple[Fault, Fault]]:
    """One of our writes gets lost, and somebody's call goes before the next."""
    for number, ours in enumerate(requests, 1):
        for request in people.requests if ours.method != "GET" else ():
            when = When(str(number + 1), number + 1, number + 1)
            yield parse_fault(f"{number}=drop_before"), Fault(when, Mode("mutate", request))


STORE = (
    *(StoreFault("load", "unavailable", 1, last) for last in (1, None)),
    *(
        StoreFault("save", mode, first, last)
        for mode in ("unavailable", "uncertain_before", "uncertain_after")
        for first in (1, 2)
        for last in (first, None)
    ),
    *(StoreFault("save", "changed", first, first) for first in (1, 2)),
    StoreFault("neighbours", "unavailable", 1, 1),
    StoreFault("own_key", "unavailable", 1, 1),
    StoreFault("own_key", "unavailable", 2, 2),
)


def told(faults: Iterable[Fault]) -> str:
    """Faults in a word."""
    return " ".join(f"{one}:{one.mode.argument}" if one.mode.argument else str(one) for one in faults)
