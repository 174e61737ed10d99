"""The ledger's protocol holds whatever happens: proven by trying it, in small worlds and with the real tool.

What happens is that git says something else, that a person creates, replaces, edits, deletes or gives
another secret, and that an apply dies after any of its steps, is interrupted, or loses, is refused or
wrongly granted any of its writes. Then somebody careful applies once more, and whatever no protocol may do
is looked for: see ``truth.CRIMES``, and ``truth.EXCUSES`` for what none can avoid.

Left out are two runs at one time (the lease is for that), a ledger that is lost or set back, creations that
take two requests (variables before Airflow 2.9), and a person who acts between the last look and the
deletion, for which Airflow has no conditional request.
"""

import pytest

from tests.protocol.conftest import DEFAULT, Tell
from tests.protocol.exploring import Explorer
from tests.protocol.machine import Machine
from tests.protocol.truth import LEFT, TWIN_DELETED, TWIN_OVERWRITTEN, Author
from tests.protocol.worlds import PROTECTING, SIMPLE, TWO_IDS, WORLDS, is_made_anew

FLAGGED = pytest.mark.skipif(DEFAULT == "2", reason="takes minutes; PROTOCOL_DEPTH=3 asks for it")


@pytest.fixture(scope="module")
def simple() -> Explorer:
    """The simplest world, and all that can happen in it."""
    explorer = Explorer(Machine(SIMPLE))
    explorer.everywhere()
    return explorer


def test_with_two_ids_nothing_goes_wrong_after_so_many_events(depth: int, tell: Tell) -> None:
    found = Explorer(Machine(TWO_IDS)).to_depth(depth)
    tell(f"two ids at depth {depth}", found)
    assert not found.crimes, found.told()


def test_with_one_id_nothing_goes_wrong_after_any_number_of_events(simple: Explorer, tell: Tell) -> None:
    found = simple.findings
    tell("one id at any depth", found)
    assert not found.crimes, found.told()


def test_what_is_excused_looks_just_like_a_case_where_it_is_right(simple: Explorer) -> None:
    """Both are reached, in both the ledger says the same, and so does whatever can be read in Airflow.

    What is ours is made what git says also where a person has edited it.
    """
    authors = simple.authors()
    right: dict[str, set[Author]] = {
        TWIN_DELETED: {"the tool"},
        TWIN_OVERWRITTEN: {"the tool", "both"},
        LEFT: {"a person"},
    }
    for what, whose in right.items():
        cases = simple.findings.cases[what]
        alone = [state for state, _ in cases if not whose & authors[state.seen]]
        assert len(alone) < len(cases)
        assert all(map(is_made_anew, alone)), alone


@FLAGGED
@pytest.mark.slow
def test_nor_does_anything_if_a_person_acts_in_the_middle_of_an_apply(tell: Tell) -> None:
    found = Explorer(Machine(SIMPLE), intrusions=True).everywhere()
    tell("one id at any depth, and a person in the middle", found)
    assert not found.crimes, found.told()


@FLAGGED
@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_nor_does_anything_in_other_worlds(name: str, tell: Tell) -> None:
    found = Explorer(Machine(WORLDS[name])).everywhere()
    tell(f"one id at any depth, {name}", found)
    assert not found.crimes, found.told()


@FLAGGED
@pytest.mark.slow
def test_what_is_protected_stays_whenever_an_apply_dies(tell: Tell) -> None:
    found = Explorer(Machine(PROTECTING)).everywhere()
    tell("one id at any depth, protected at times", found)
    assert not found.crimes, found.told()


def test_what_is_protected_stays_even_if_the_apply_of_it_dies() -> None:
    found = Explorer(Machine(PROTECTING)).to_depth(2)
    assert not found.crimes, found.told()
