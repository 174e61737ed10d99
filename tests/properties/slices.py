"""A property as a test: few examples whenever somebody asks, two hundred in the full run, on both majors."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

settings.register_profile(
    "properties",
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
PROFILE = settings.get_profile("properties")
FEW, MANY = 10, 200

VERSIONS = {"v1": "2.11.2", "v2": "3.3.1"}

Check = Callable[..., None]
Made = st.SearchStrategy[Any] | Callable[[int], st.SearchStrategy[Any]]
"""What draws an argument of a check; it may depend on Airflow's major version."""


def holds(*made: Made, examples: Sequence[Any] = (), few: int = FEW) -> Callable[[Check], Check]:
    """Makes a test of a check, which gets a version of Airflow and what is drawn.

    ``examples`` are arguments that have failed once; they are tried first, on both versions.
    """

    def decorated(check: Check) -> Check:
        @pytest.mark.parametrize("tried", [few, pytest.param(MANY, marks=pytest.mark.slow)])
        @pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
        def test(version: str, tried: int) -> None:
            def checked(drawn: tuple[Any, ...]) -> None:
                check(version, *drawn)

            for values in examples:
                checked = example(values)(checked)
            strategies = [one if isinstance(one, st.SearchStrategy) else one(int(version[0])) for one in made]
            settings(PROFILE, max_examples=tried)(given(st.tuples(*strategies))(checked))()

        test.__name__ = check.__name__
        test.__module__ = check.__module__
        return test

    return decorated
