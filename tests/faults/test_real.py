"""A sample of the matrix on real Airflow: what the emulator promises has to hold there too."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from reconciler.backends import Request
from reconciler.sandbox.faults import Fault, Mode, When, parse_fault
from tests.faults.matrix import Case, requests, tried
from tests.faults.modes import TRIES
from tests.faults.real import Real
from tests.faults.scenarios import scenario
from tests.faults.test_matrix import judge
from tests.faults.worlds import Stage, staged
from tests.rig.airflow_server import Server

Record = Callable[[str, object], None]
VERSIONS = [
    pytest.param(version, version, id=version, marks=[pytest.mark.slow, pytest.mark.xdist_group(version)])
    for version in ("2.11.2", "3.3.1")
]
MODES = ("drop_before", "drop_after", "status:500", "throttle", "truncate")


@pytest.fixture
def made(airflow: Server, version: str, name: str) -> Stage:
    airflow.reset()
    real = Real(airflow)
    found = staged(scenario(name, version), real)
    real.keep()
    return found


def telling(calls: Sequence[Request]) -> list[int]:
    """Numbers of a few calls that matter: a list, a write in the middle and the last."""
    writes = [number for number, request in enumerate(calls, 1) if request.method != "GET"]
    return [3, writes[len(writes) // 2], writes[-1]]


def faults_of(calls: Sequence[Request]) -> Iterator[Case]:
    for number in telling(calls):
        for mode in MODES:
            yield Case((parse_fault(f"{number}={mode}"),), mended=True)
    for number in telling(calls)[1:]:
        yield Case((parse_fault(f"{number}-{number + TRIES - 1}=drop_after"),))


def meddling(made: Stage) -> Iterator[Case]:
    for people in made.scenario.people.values():
        numbers = telling(requests(made))
        for number, request in zip(numbers, people.requests, strict=False):
            fault = Fault(When(str(number), number, number), Mode("mutate", request))
            yield Case((fault,), people=people, hides=people.hides)


@pytest.mark.parametrize("name", ["create", "update", "delete", "mixed"])
@pytest.mark.parametrize(("airflow", "version"), VERSIONS, indirect=["airflow"])
def test_a_real_airflow_is_mended_like_the_emulator(made: Stage, record_property: Record) -> None:
    cases = [*faults_of(requests(made)), *meddling(made)]
    judge(record_property, (tried(made, case) for case in cases), "on real Airflow")
