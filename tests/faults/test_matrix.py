"""Every fault at every call: what a run leaves behind, and whether the next one mends it."""

import itertools
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from reconciler import batches, retry
from reconciler.backends import Request
from reconciler.sandbox.faults import Fault, parse_fault
from reconciler.stores.file import FileStore
from tests.faults import modes
from tests.faults.matrix import Case, Verdict, requests, tried
from tests.faults.oracle import addressed
from tests.faults.scenarios import People, names, scenario
from tests.faults.stores import Clock
from tests.faults.tally import MATRIX
from tests.faults.worlds import KEY, Stage, stage

VERSIONS = {"v1": "2.11.2", "v2": "3.3.1", "shared": "3.2.1", "shared, unmasked": "3.0.6"}
"""Dialects, two of them with calls that two changes share already: with releases of their own, since what is
asked for without a fault is remembered by release."""
SHARED = ("delete", "mixed", "many")
PLACES = [
    (name, dialect)
    for dialect, version in VERSIONS.items()
    for name in names(int(version[0]))
    if "shared" not in dialect or name in SHARED
]
SMALL = {("create", "v2"), ("delete", "v1"), ("delete", "shared")}
TELLING = {"drop_after", "status:404", "expire", "not_committed", "throttle", "eu", "what goes is changed"}
"""What is tried at every change of the program; the rest takes minutes."""

Record = Callable[[str, object], None]


@pytest.fixture(autouse=True)
def sharing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "shared" in request.node.callspec.params["dialect"]:
        monkeypatch.setattr(batches, "SHARED_FROM", 2)


def matrix(titles: Iterable[str], places: Iterable[tuple[str, str]] = PLACES) -> pytest.MarkDecorator:
    """One test for each scenario, dialect and kind of fault; the calls that meet it are tried inside."""
    return sliced((*place, title) for place, title in itertools.product(places, titles))


def sliced(found: Iterable[tuple[str, str, str]]) -> pytest.MarkDecorator:
    """What is to be tried, all but a slice of it being slow."""
    items = [
        pytest.param(*one, marks=[] if one[:2] in SMALL and one[2] in TELLING else [pytest.mark.slow])
        for one in found
    ]
    return pytest.mark.parametrize(("name", "dialect", "title"), items)


def judge(record: Record, verdicts: Iterable[Verdict], where: str = "") -> None:
    """Counts the cases for the summary, and tells all that went wrong."""
    found = list(verdicts)
    wrong = [one.text for one in found if one.complaints]
    record(
        f"{MATRIX} {where}".strip(),
        (len(found), len(found) - len(wrong), sum(one.invisible for one in found)),
    )
    assert found
    assert not wrong, "\n".join(wrong)


def hides(mode: str) -> bool:
    """Whether a mode may undo what only Airflow can see: a write of nothing but a hidden secret."""
    return mode in modes.WRITES


def place(name: str, dialect: str) -> Stage:
    return stage(name, VERSIONS[dialect])


@matrix(modes.SINGLE)
def test_one_call_that_goes_wrong(name: str, dialect: str, title: str, record_property: Record) -> None:
    made = place(name, dialect)
    mended = title in modes.MENDED
    cases = [Case(one, hides=hides(title), mended=mended) for one in modes.single(title, requests(made))]
    if not cases:
        pytest.skip("no call of this scenario can meet it")
    judge(record_property, (tried(made, case) for case in cases))


@matrix(modes.STUBBORN)
def test_every_try_of_a_call_goes_wrong(name: str, dialect: str, title: str, record_property: Record) -> None:
    made = place(name, dialect)
    cases = [Case(faults, hides=hides(title)) for faults in modes.stubborn(title, requests(made))]
    judge(record_property, (tried(made, case) for case in cases))


@matrix([mode for mode in modes.STUBBORN if not hides(mode)])
def test_git_goes_back_to_what_it_said_before_a_run_that_broke_off(
    name: str, dialect: str, title: str, record_property: Record
) -> None:
    made = place(name, dialect)
    cases = [Case(faults, back=True) for faults in modes.stubborn(title, requests(made))]
    judge(record_property, (tried(made, case) for case in cases))


BLIND = [place for place in PLACES if place[0] in {"update", "mixed", "long"}]


@matrix([mode for mode in modes.STUBBORN if not hides(mode)], BLIND)
def test_every_try_of_a_call_goes_wrong_while_airflow_hides_what_it_would_tell(
    name: str, dialect: str, title: str, record_property: Record
) -> None:
    """Behind ``***-1`` may be ``eu-west-1``, which was, or ``us-east-1``, which is to be."""
    made, mask = place(name, dialect), (parse_fault("1-=mask:eu-west"),)
    cases = [Case(faults, always=mask) for faults in modes.stubborn(title, requests(made))]
    judge(record_property, (tried(made, case) for case in cases))


@pytest.fixture
def pauses(no_pauses: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - what it undoes
    """Pauses as long as they are, by a clock that nobody waits for."""
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.5)


@pytest.mark.usefixtures("pauses")
@matrix(modes.LASTING)
def test_every_call_from_one_on_goes_wrong(
    name: str, dialect: str, title: str, record_property: Record
) -> None:
    if (name, title) == ("long", "empty"):
        pytest.skip("ids that fit no path are looked for in lists, and these deny for good what is there")
    made = place(name, dialect)
    step = 3 if name == "mixed" else 1
    faults = itertools.islice(modes.lasting(title, requests(made)), 0, None, step)
    judge(record_property, (tried(made, Case(fault, hides=hides(title))) for fault in faults))


@matrix(["eu", "us-east-1", "1", "e"])
def test_what_airflow_hides_changes_from_request_to_request(
    name: str, dialect: str, title: str, record_property: Record
) -> None:
    made = place(name, dialect)
    judge(record_property, (tried(made, Case(faults)) for faults in modes.flickering(title, requests(made))))


MEDDLED = [
    (name, dialect, title) for name, dialect in PLACES for title in scenario(name, VERSIONS[dialect]).people
]


@sliced(MEDDLED)
def test_somebody_meddles_between_two_calls(
    name: str, dialect: str, title: str, record_property: Record
) -> None:
    made = place(name, dialect)
    people = made.scenario.people[title]
    faults = modes.interfering(people, requests(made))
    judge(record_property, (tried(made, Case(one, people=people, hides=people.hides)) for one in faults))


@sliced(MEDDLED)
def test_somebody_meddles_after_a_write_got_lost(
    name: str, dialect: str, title: str, record_property: Record
) -> None:
    """What was to be deleted is not ours any more: it may be somebody's new one of the same name."""
    made = place(name, dialect)
    people = made.scenario.people[title]
    cases = (
        Case(
            (lost, meddling),
            people=people,
            hides=people.hides and not is_mended(people, requests(made)[lost.when.first - 1], meddling),
            disowns=True,
        )
        for lost, meddling in modes.overtaking(people, requests(made))
    )
    judge(record_property, (tried(made, case) for case in cases))


def is_mended(people: People, lost: Request, meddling: Fault) -> bool:
    """Whether a creation got lost and somebody made the same: then its secrets are sent once more."""
    return people.same and lost.method == "POST" and addressed(lost) == addressed(meddling.mode.argument)


@pytest.mark.parametrize(
    ("name", "dialect"),
    [pytest.param(*one, marks=[] if one in SMALL else [pytest.mark.slow]) for one in PLACES],
)
def test_the_ledger_cannot_be_read_or_written(name: str, dialect: str, record_property: Record) -> None:
    made = place(name, dialect)
    judge(record_property, (tried(made, Case(store=(fault,))) for fault in modes.STORE))


@pytest.mark.parametrize(
    ("name", "dialect"),
    [("create", "v2"), *(pytest.param("mixed", dialect, marks=[pytest.mark.slow]) for dialect in VERSIONS)],
)
def test_a_ledger_in_a_file_does_as_well(
    name: str, dialect: str, tmp_path: Path, record_property: Record
) -> None:
    made = place(name, dialect)
    numbers = itertools.count()

    def in_file(clock: Clock) -> FileStore:
        path = tmp_path / str(next(numbers)) / "ledger.json"
        path.parent.mkdir()
        path.with_name("ledger.json.key").write_bytes(KEY)
        return FileStore(path, lambda: time.time() + clock() - 1000.0)

    faults = itertools.islice(modes.stubborn("drop_after", requests(made)), 0, None, 4)
    cases = [*(Case(store=(fault,)) for fault in modes.STORE), *map(Case, faults)]
    judge(record_property, (tried(made, case, in_file) for case in cases))
