"""A protocol that is one rule short is found out, so that to find nothing means something."""

import functools

import pytest

from tests.protocol.exploring import Explorer, Findings
from tests.protocol.machine import Machine, Rules
from tests.protocol.mutants import MUTANTS, Mutant
from tests.protocol.worlds import SMALL

each_mutant = pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())


@functools.cache
def explored(rules: Rules, depth: int, *, intrusions: bool) -> Findings:
    return Explorer(Machine(SMALL, rules), intrusions).to_depth(depth)


@each_mutant
def test_a_protocol_that_is_one_rule_short_is_found_out(mutant: Mutant) -> None:
    found = explored(mutant.rules, mutant.depth, intrusions=mutant.intrusions)
    assert found.crimes.keys() >= mutant.crimes, found.told()


@each_mutant
def test_no_fewer_events_would_have_shown_it(mutant: Mutant) -> None:
    assert not explored(mutant.rules, mutant.depth - 1, intrusions=mutant.intrusions).crimes


@pytest.mark.parametrize("intrusions", [False, True])
def test_nothing_is_found_of_the_real_one_where_they_are_found_out(intrusions: bool) -> None:
    deepest = max(mutant.depth for mutant in MUTANTS.values() if mutant.intrusions is intrusions)
    found = explored(Rules(), deepest, intrusions=intrusions)
    assert not found.crimes, found.told()
