"""Whatever happens, in any order: nothing of a stranger's is touched, and the end is what git says."""

from functools import partial
from typing import cast

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.machine import Life
from tests.properties.slices import PROFILE, VERSIONS


@pytest.mark.parametrize(
    ("lives", "steps"), [(8, 15), pytest.param(200, 30, marks=pytest.mark.slow)], ids=["few", "many"]
)
@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
def test_whatever_git_people_and_the_network_do_main_can_be_applied(
    version: str, lives: int, steps: int
) -> None:
    some = settings(PROFILE, max_examples=lives, stateful_step_count=steps)
    run_state_machine_as_test(cast("type[Life]", partial(Life, version)), settings=some)
