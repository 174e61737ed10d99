from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.compare import NOTHING, Unverified
from reconciler.model import MASK, Hidden, Key, Resource, Sealed, Secret
from reconciler.seal import Places
from reconciler.side_by_side import (
    FieldDifference,
    Side,
    SideBySide,
    declared,
    secret_places,
    side_by_side,
)
from tests.core.samples import CANARY, FINGERPRINT, connection, pool, state, variable


def side(name: str, *resources: Resource, secrets: dict[Key, Places] | None = None) -> Side:
    found = declared(state(*resources))
    return Side(name, "sandbox:s", found, {one.key: one.origin for one in resources}, secrets or {})


def compared(
    first: Iterable[Resource], second: Iterable[Resource], secrets: dict[Key, Places] | None = None
) -> SideBySide:
    return side_by_side(side("dev", *first, secrets=secrets), side("prod", *second), FINGERPRINT)


def fields(first: Resource, second: Resource, *secrets: str) -> tuple[FieldDifference, ...]:
    found = compared([first], [second], {first.key: secrets})
    return tuple(field for one in found.differences for field in one.fields)


def whys(first: Resource, second: Resource) -> list[str]:
    found = compared([first], [second])
    assert found.differences == ()
    return [one.why for one in found.unverified]


def test_ids_are_in_the_first_in_the_second_or_in_both() -> None:
    found = compared(
        [variable("a", 1), variable("b", 1), pool("p")], [variable("b", 2), pool("p"), pool("q")]
    )
    assert [(one.where, one.key.id) for one in found.differences] == [
        ("second", "q"),
        ("first", "a"),
        ("both", "b"),
    ]
    assert (found.equal, found.unverified) == (1, ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (variable("v", 500), variable("v", "500")),
        (variable("v", {"a": [1, 2]}), variable("v", '{"a":[1,2]}')),
        (variable("v", "x", description=""), variable("v", "x")),
        (connection("c", extra={}, login=""), connection("c", extra=None)),
        (connection("c", password=Secret("env:A")), connection("c", password=Secret("env:A"))),
        (variable("v", "x", ignore=["value"]), variable("v", "x")),
    ],
)
def test_what_airflow_would_store_alike_is_equal(one: Resource, other: Resource) -> None:
    assert compared([one], [other]).equal == 1
    assert compared([other], [one]).differences == ()


def test_json_is_compared_leaf_by_leaf() -> None:
    assert fields(
        variable("v", {"a": 1, "b": {"c": [1, 2]}, "x": 0}),
        variable("v", {"a": 1.0, "b": {"c": [1, 3]}, "y": 0}),
    ) == (
        FieldDifference(("value", "a"), 1, 1.0),
        FieldDifference(("value", "b", "c", 1), 2, 3),
        FieldDifference(("value", "x"), 0, NOTHING),
        FieldDifference(("value", "y"), NOTHING, 0),
    )


def test_a_field_that_only_one_side_has_differs_either_way() -> None:
    plain, described = pool("p"), pool("p", description="d")
    assert fields(plain, described) == (FieldDifference(("description",), NOTHING, "d"),)
    assert fields(described, plain) == (FieldDifference(("description",), "d", NOTHING),)


def test_numbers_are_shown_as_numbers() -> None:
    assert fields(variable("v", 500), variable("v", "600")) == (FieldDifference(("value",), 500, 600),)
    assert fields(variable("v", "null"), variable("v", "")) == (FieldDifference(("value",), "null", ""),)


def test_secrets_are_compared_and_shown_as_references() -> None:
    one, other = connection("c", password=Secret("env:A", CANARY)), connection("c", password=Secret("env:B"))
    assert fields(one, other) == (
        FieldDifference(("password",), Sealed("env:A", None), Sealed("env:B", None)),
    )
    assert fields(connection("c"), other) == (FieldDifference(("password",), NOTHING, Sealed("env:B", None)),)
    assert fields(variable("v", {"token": Secret("env:A")}), variable("v", {"token": CANARY})) == (
        FieldDifference(("value", "token"), Sealed("env:A", None), Sealed("", None)),
    )
    assert CANARY not in repr(compared([one], [other]))


@pytest.mark.parametrize(
    "pair",
    [
        (variable("api_key", CANARY), variable("api_key", CANARY + "2")),
        (variable("v", f"http://u:{CANARY}@h"), variable("v", "x")),
        (variable("v", {"deep": [{"token": CANARY}]}), variable("v", "plain")),
        (connection("c", extra=CANARY), connection("c", extra={"a": 1})),
        (connection("c", extra=CANARY), connection("c", extra=CANARY + "2")),
        (connection("c", extra=CANARY), connection("c")),
    ],
)
def test_what_looks_secret_is_never_shown(pair: tuple[Resource, Resource]) -> None:
    one, other = pair
    for found in (fields(one, other), fields(other, one)):
        assert found
        assert CANARY not in repr(found)


@pytest.mark.parametrize("place", ["/value", "/value/n"])
def test_what_lives_where_a_reference_is_or_was_is_never_shown(place: str) -> None:
    pair = variable("v", {"n": CANARY}), variable("v", {"n": "other"})
    for one, other in (pair, pair[::-1]):
        found = fields(one, other, place)
        assert [field.secret for field in found] == [True]
        assert CANARY not in repr(found)
    assert fields(pair[0], pair[0], place) == ()


def test_places_of_references_are_found() -> None:
    one = variable("v", {"a": [0, Secret("env:A")]})
    assert secret_places(state(one)) == {one.key: {"/value/a/1"}}


HIDDEN = [
    (connection("c", password=MASK), connection("c", password=MASK), "hidden"),
    (connection("c", password=Hidden("hidden")), connection("c", password=MASK), "hidden"),
    (connection("c", password=Hidden("hidden")), connection("c"), "hidden"),
    (variable("api_key", MASK), variable("api_key", "x"), "hidden"),
    (variable("v", f"a {MASK} z"), variable("v", "a secret z"), "masked"),
    (
        connection("c", extra={"token": MASK, "n": 1}),
        connection("c", extra={"token": MASK, "n": 1}),
        "hidden",
    ),
    (variable("v", [MASK, 1]), variable("v", [{"a": 1}, 1]), "hidden"),
    (variable("v", None), variable("v", "x"), "value not read"),
]


@pytest.mark.parametrize(("one", "other", "why"), HIDDEN)
def test_what_airflow_hides_is_unverified_whichever_side_it_is_on(
    one: Resource, other: Resource, why: str
) -> None:
    assert whys(undeclared(one), undeclared(other)) == whys(undeclared(other), undeclared(one)) == [why]


def undeclared(resource: Resource) -> Resource:
    return replace(resource, origin=None)


def test_a_mask_that_cannot_stand_for_the_other_side_is_a_difference() -> None:
    assert fields(variable("v", f"a{MASK}"), variable("v", "b")) == (
        FieldDifference(("value",), f"a{MASK}", "b"),
    )


@pytest.mark.parametrize(
    ("there", "gone"),
    [
        (connection("c", password=MASK), connection("c", password=None)),
        (connection("c", extra={"token": MASK}), connection("c", extra={"token": ""})),
        (connection("c", extra={"token": MASK}), connection("c", extra={"a": 1})),
    ],
)
def test_a_hidden_value_differs_from_none(there: Resource, gone: Resource) -> None:
    assert any(field.secret for field in fields(there, gone))
    assert any(field.secret for field in fields(gone, there))


LEAVES = st.one_of(st.sampled_from([MASK, f"a{MASK}", "", CANARY, "a1"]), st.integers(0, 2), st.none())
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["n", "token"]), inner, max_size=2)
    ),
    max_leaves=5,
)


@given(VALUES, VALUES, st.sampled_from([(), ("/value/n",), ("/value",)]))
def test_both_directions_tell_the_same(one: Any, other: Any, places: tuple[str, ...]) -> None:
    first, second = variable("v", one), variable("v", other)
    there = compared([first], [second], {first.key: places})
    back = compared([second], [first], {first.key: places})
    assert there.equal == back.equal
    assert {one.path for one in there.unverified} == {one.path for one in back.unverified}
    assert all(isinstance(one, Unverified) for one in there.unverified)
    assert CANARY not in repr([one for one in _fields(there) if one.secret])


def _fields(found: SideBySide) -> list[FieldDifference]:
    return [field for one in found.differences for field in one.fields]
