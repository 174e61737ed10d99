from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.sandbox.assumptions import SWITCHES, Assumptions, assume, possible

GUIDE = Path(__file__).parents[2] / "docs" / "gateway.md"


def test_nothing_assumed_gives_the_defaults() -> None:
    assert assume([]) == Assumptions()


def test_a_word_a_number_and_none_are_taken() -> None:
    assumed = assume(["query_lists=comma", "path_limit=32", "response_limit=none", "server_error_status=502"])
    assert assumed == Assumptions(
        query_lists="comma", path_limit=32, response_limit=None, server_error_status=502
    )


def test_the_last_of_two_settings_counts() -> None:
    assert assume(["query_lists=comma", "query_lists=json"]).query_lists == "json"


def test_an_unknown_name_lists_the_names() -> None:
    with pytest.raises(UsageError, match=r"nothing is called 'lists'.*query_lists, query_booleans"):
        assume(["lists=comma"])


def test_a_missing_equals_sign_says_what_to_write() -> None:
    with pytest.raises(UsageError, match="write NAME=VALUE"):
        assume(["query_lists"])


@pytest.mark.parametrize(
    "setting",
    [
        "query_lists=commas",
        "query_lists=none",
        "query_lists=1",
        "path_limit=-1",
        "path_limit=0",
        "path_limit=NUMBER",
        "path_limit=٣",
        "path_limit=",
        "server_error_status=501",
        "throttle_status=500",
    ],
)
def test_a_wrong_value_lists_the_values(setting: str) -> None:
    name = setting.partition("=")[0]
    with pytest.raises(UsageError) as error:
        assume([setting])
    assert str(error.value).endswith(f"the values of {name} are {possible(name)}")


@pytest.mark.parametrize("name", SWITCHES)
def test_every_value_of_a_switch_can_be_assumed_and_its_default_is_one_of_them(name: str) -> None:
    values = SWITCHES[name].metadata["values"]
    for value in values:
        assume([f"{name}={'7' if value == 'NUMBER' else value}"])
    default = SWITCHES[name].default
    assert ("none" if default is None else str(default)) in values or ("NUMBER" in values and default)


@pytest.mark.parametrize("name", SWITCHES)
def test_the_guide_has_a_row_for_every_switch_with_its_values_and_default(name: str) -> None:
    row = next(line for line in GUIDE.read_text().splitlines() if line.startswith(f"| `{name}`"))
    assert SWITCHES[name].metadata["meaning"] in row
    assert all(f"`{value}`" in row for value in SWITCHES[name].metadata["values"])
    default = getattr(Assumptions(), name)
    assert row.rstrip(" |").endswith(f"`{'none' if default is None else default}`")
