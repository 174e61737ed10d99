import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.compare import NOTHING, FieldChange, Unverified, same
from reconciler.model import MASK, Hidden, Key, Path, Resource, Secret
from reconciler.plan import Difference
from tests.core.samples import (
    JSON,
    SPANS,
    UNMASKED_JSON,
    connection,
    difference,
    hidden_password,
    pool,
    redacted,
    variable,
)

SECRET = Secret("env:S", "the-plaintext")
JSON_SECRET = Secret("env:J", '{"b": "x y",  "a": [1.50, "é"]}')


def compared(declared: Resource, live: Resource) -> Difference:
    return difference([declared], [live])


def paths(found: Difference) -> list[Path]:
    return [field.path for change in found.changes for field in change.fields]


def whys(found: Difference) -> list[tuple[Path, str]]:
    return [(one.path, one.why) for one in found.unverified]


@given(JSON)
def test_same_is_reflexive_and_a_detour_through_json_changes_nothing(value: Any) -> None:
    assert same(value, value)
    assert same(value, json.loads(json.dumps(value)))


@given(JSON, JSON)
def test_same_is_symmetric_and_never_equates_what_json_spells_differently(one: Any, other: Any) -> None:
    assert same(one, other) == same(other, one)
    spellings = json.dumps(one, sort_keys=True), json.dumps(other, sort_keys=True)
    assert same(one, other) == (spellings[0] == spellings[1])


@given(JSON, JSON, JSON)
def test_same_is_transitive(one: Any, other: Any, third: Any) -> None:
    assert not (same(one, other) and same(other, third)) or same(one, third)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (True, 1),
        (1, 1.0),
        (0, False),
        (None, ""),
        (None, {}),
        ([], {}),
        ("1", 1),
        ([1], [True]),
        ({"a": 1}, {"a": 1.0}),
    ],
)
def test_values_of_different_types_are_never_the_same(one: Any, other: Any) -> None:
    assert not same(one, other)


EQUAL_VALUES = [
    (500, "500"),
    ("500", "500"),
    (True, "true"),
    (None, "null"),
    (1.5, "1.5"),
    (1.0, "1.0"),
    ("", ""),
    ("01", "01"),
    ('{"a": 1}', '{"a":1}'),
    ({"b": 1, "a": 2}, '{"a": 2, "b": 1}'),
    ({"é": "漢"}, '{"\\u00e9": "\\u6f22"}'),
    ("1e3", "1000.0"),
    ("1.50", "1.5"),
    ([1, [None]], "[1, [null]]"),
    ('{"a": 1, "a": 2}', '{"a": 2}'),
    (" [1] ", "[1]"),
    ('"quoted"', '"quoted"'),
    ("NaN", "NaN"),
    (SECRET, "the-plaintext"),
    (JSON_SECRET, '{"b": "x y",  "a": [1.50, "é"]}'),
    (JSON_SECRET, '{"a": [1.5, "\\u00e9"], "b": "x y"}'),
    ({"a": SECRET}, '{"a": "the-plaintext"}'),
]
DIFFERENT_VALUES = [
    (500, "500.0"),
    (500, "0500"),
    ("500", "500 "),
    (1.0, "1"),
    (True, "True"),
    (True, "1"),
    (None, "None"),
    (None, ""),
    (None, None),
    ("null", None),
    ("", None),
    (SECRET, None),
    ({"a": 1}, None),
    ({"a": 1}, '{"a": true}'),
    ({"a": 1}, '{"a": 1.0}'),
    ({"a": None}, "{}"),
    ({}, "[]"),
    ("text", "text\n"),
    ([1, 2], "[2, 1]"),
    ({"a": 1}, "{'a': 1}"),
    (SECRET, "The-plaintext"),
    (JSON_SECRET, '{"a": [1.5, "e"], "b": "x y"}'),
    ({"a": SECRET}, '{"a": ["the-plaintext"]}'),
    ({"port": Secret("env:S", "5")}, '{"port": 5}'),
    ({"v": Secret("env:S", "1.50")}, '{"v": "1.5"}'),
    ("[" * 100_000, "[" * 99_999),
]


@pytest.mark.parametrize(("declared", "live"), EQUAL_VALUES)
def test_a_variables_value_equals_what_airflow_makes_of_it(declared: Any, live: str) -> None:
    found = compared(variable("x", declared), variable("x", live))
    assert not found.changes
    assert not found.unverified
    assert found.unchanged == (Key("variable", "x"),)


@pytest.mark.parametrize(("declared", "live"), DIFFERENT_VALUES)
def test_a_variables_value_differs_by_type_and_text(declared: Any, live: Any) -> None:
    found = compared(variable("x", declared), variable("x", live))
    assert paths(found)
    assert {path[0] for path in paths(found)} == {"value"}


@given(JSON, JSON, SPANS)
def test_sealed_comparison_equals_plaintext_comparison(
    one: Any, other: Any, spans: list[tuple[int, int]]
) -> None:
    text = redacted(json.dumps(one, indent=1), spans)
    plain = compared(variable("x", text), variable("x", json.dumps(other)))
    sealed = compared(variable("x", Secret("env:S", text)), variable("x", json.dumps(other)))
    masked = MASK in text or MASK in json.dumps(other)
    assert masked or bool(plain.changes) == bool(sealed.changes)


@given(st.text("ab*é ", max_size=12).filter(lambda text: MASK not in text), SPANS)
def test_a_masked_value_never_shows_drift_of_what_was_declared(
    value: str, spans: list[tuple[int, int]]
) -> None:
    live = variable("x", redacted(value, spans))
    assert not compared(variable("x", value), live).changes
    assert not compared(variable("x", Secret("env:S", value)), live).changes


def mask_leaves(value: Any, everything: bool) -> Any:
    """What Airflow 3.2 shows: texts under a sensitive name masked, numbers as they are."""
    if isinstance(value, dict):
        return {
            name: mask_leaves(item, everything or name in {"token", "password"})
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [mask_leaves(item, everything) for item in value]
    return MASK if everything and isinstance(value, str) else value


@given(st.dictionaries(st.sampled_from(["a", "token"]), UNMASKED_JSON, max_size=3), st.booleans())
def test_masked_leaves_are_unverified_and_everything_else_is_compared(value: Any, everything: bool) -> None:
    live = variable("x", json.dumps(mask_leaves(value, everything)))
    assert not compared(variable("x", value), live).changes
    assert not compared(variable("x", Secret("env:S", json.dumps(value))), live).changes


@pytest.mark.parametrize(
    ("declared", "live", "why"),
    [
        ("plain", "***", "hidden"),
        (5, "***", "hidden"),
        ({"a": 1}, "***", "hidden"),
        ([1], "***", "hidden"),
        (SECRET, "***", "hidden"),
        ("my zebra x", "my *** x", "masked"),
        (12345, "1***5", "masked"),
        (SECRET, "the-***", "masked"),
        (JSON_SECRET, '{"b": "***", "a": [1.5, "\\u00e9"]}', "masked"),
        (JSON_SECRET, '{"b": "x ***", "a": "***"}', "masked"),
    ],
)
def test_a_mask_that_fits_makes_a_value_unverified(declared: Any, live: str, why: str) -> None:
    found = compared(variable("x", declared), variable("x", live))
    assert not found.changes
    assert whys(found) == [(("value",), why)]


@pytest.mark.parametrize(
    ("declared", "live"),
    [
        ("my zebra x", "your *** x"),
        (12345, "2***"),
        (SECRET, "a-***"),
        (JSON_SECRET, '{"b": "***", "a": [2.5, "\\u00e9"]}'),
        ({"a": 1}, "***, really"),
    ],
)
def test_a_mask_that_does_not_fit_is_a_difference(declared: Any, live: str) -> None:
    found = compared(variable("x", declared), variable("x", live))
    assert paths(found) == [("value",)]
    assert not found.unverified


def test_masks_within_json_are_told_leaf_by_leaf() -> None:
    declared = {
        "hosts": ["a", "b-zebra"],
        "auth": {"token": SECRET, "n": 1},
        "password": {"x": [1]},
        "gone": 1,
    }
    live = {"hosts": ["a", "b-***"], "auth": {"token": "***", "n": "***"}, "password": "***", "other": "***"}
    found = compared(connection("c", extra=declared), connection("c", extra=json.dumps(live)))
    assert paths(found) == [("extra", "gone"), ("extra", "other")]
    assert not found.unverified, "extra is sent anyway"
    without = {name: item for name, item in declared.items() if name != "gone"}
    del live["other"]
    found = compared(connection("c", extra=without), connection("c", extra=json.dumps(live)))
    assert whys(found) == [
        (("extra", "auth", "n"), "hidden"),
        (("extra", "auth", "token"), "hidden"),
        (("extra", "hosts", 1), "masked"),
        (("extra", "password"), "hidden"),
    ]


def test_a_mask_that_is_spelled_with_escapes_is_a_mask() -> None:
    spelled = r'{"a": "\u002a\u002a\u002a", "b": 1}'
    found = compared(variable("v", {"a": "x", "b": 1}), variable("v", spelled))
    assert not found.changes
    assert whys(found) == [(("value", "a"), "hidden")]


@pytest.mark.parametrize("live", [None, "", "{}", "null"])
def test_an_empty_extra_equals_none_at_all(live: str | None) -> None:
    found = compared(connection("c", extra={}), connection("c", extra=live))
    assert not found.changes


@pytest.mark.parametrize("live", ["not json", "[]", " ", '{"a": 1}'])
def test_an_empty_extra_differs_from_any_other(live: str) -> None:
    assert paths(compared(connection("c", extra={}), connection("c", extra=live)))


def test_a_whole_extra_may_come_from_a_secret() -> None:
    secret = Secret("env:E", '{"token":"t","n":1}')
    for live in ('{"n": 1, "token": "t"}', '{"n": 1, "token": "***"}', {"n": 1, "token": "t"}):
        assert not compared(connection("c", extra=secret), connection("c", extra=live)).changes
    for other in (None, "", '{"n": 1, "token": "u"}', '{"n": 2, "token": "***"}', "text"):
        assert paths(compared(connection("c", extra=secret), connection("c", extra=other))) == [("extra",)]


@pytest.mark.parametrize(
    ("declared", "live"),
    [("", None), ("", ""), (None, ""), ("text", "text"), ("a *** b", "a *** b"), ("***", "***")],
)
def test_a_description_equals_itself_and_nothing_equals_nothing(declared: Any, live: Any) -> None:
    found = compared(pool("p", description=declared), pool("p", description=live))
    assert not found.changes
    assert not found.unverified


@pytest.mark.parametrize(("declared", "live"), [("", "x"), ("x", ""), ("x", None), ("x", "X")])
def test_a_description_differs_as_text(declared: str, live: Any) -> None:
    assert paths(compared(pool("p", description=declared), pool("p", description=live))) == [("description",)]


@pytest.mark.parametrize("live", [4.0, "4", True, None])
def test_a_number_differs_from_its_other_spellings(live: Any) -> None:
    assert paths(compared(pool("p", 4), pool("p", live))) == [("slots",)]


def test_a_missing_live_field_is_nothing() -> None:
    live = Resource(Key("connection", "c"), {"conn_type": "postgres"})
    assert not compared(connection("c", login="", extra={}), live).changes
    assert paths(compared(connection("c", login="etl"), live)) == [("login",)]


def test_an_undeclared_field_is_not_compared() -> None:
    assert not compared(pool("p"), pool("p", description="theirs")).changes


def test_an_ignored_field_is_not_compared() -> None:
    assert not compared(variable("x", "1", ignore=["value"]), variable("x", "2")).changes


def test_only_changed_leaves_are_told_and_list_indexes_are_numbers() -> None:
    declared = {"a": {"b": [1, 2, {"c": True}]}, "new": {"x": 1}, "list": [1]}
    live = '{"list": [1, 2], "a": {"b": [1, 3, {"c": 1}]}, "old": null}'
    (change,) = compared(variable("x", declared), variable("x", live)).changes
    assert change.fields == (
        FieldChange(("value", "a", "b", 1), 3, 2),
        FieldChange(("value", "a", "b", 2, "c"), 1, True),
        FieldChange(("value", "list"), [1, 2], [1]),
        FieldChange(("value", "new"), NOTHING, {"x": 1}),
        FieldChange(("value", "old"), None, NOTHING),
    )
    assert change.changed == ("value",)


def test_a_secret_whose_source_lacks_it_is_unverified_and_sent_only_where_nothing_is() -> None:
    missing = Secret("env:GONE")
    for live in ("x", "***", "a***"):
        found = compared(variable("x", missing), variable("x", live))
        assert not found.changes
        assert found.unverified == (
            Unverified(Key("variable", "x"), ("value",), "secret missing", "env:GONE"),
        )
    found = compared(connection("c", password=missing), connection("c", password=None))
    assert found.changes[0].fields == (FieldChange(("password",), secret=True, ref="env:GONE"),)
    assert whys(found) == [(("password",), "secret missing")]


@pytest.mark.parametrize("live", [MASK, hidden_password()])
def test_a_password_that_airflow_hides_is_unverified(live: Any) -> None:
    found = compared(connection("c", password=SECRET), connection("c", password=live))
    assert not found.changes
    assert found.unverified == (Unverified(Key("connection", "c"), ("password",), "hidden", "env:S"),)


def test_a_password_that_is_not_there_is_sent() -> None:
    (change,) = compared(connection("c", password=SECRET), connection("c", password=None)).changes
    assert change.fields == (FieldChange(("password",), secret=True, ref="env:S"),)


@pytest.mark.parametrize("live", [None, ""])
def test_no_password_equals_no_password(live: Any) -> None:
    found = compared(connection("c", password=""), connection("c", password=live))
    assert not found.changes
    assert not found.unverified


def test_no_password_cannot_be_verified_where_airflow_hides_whether_there_is_one() -> None:
    found = compared(connection("c", password=""), connection("c", password=Hidden("hidden")))
    assert not found.changes
    assert whys(found) == [(("password",), "hidden")]


@pytest.mark.parametrize(
    "text",
    [
        '{"token": NaN, "p": "the-plaintext"}',
        "{'password': 'the-plaintext'}",
        "[{password: the-plaintext}",
        '  {"a": 1, "api_key": "the-plaintext",}',
    ],
)
def test_what_is_almost_json_and_names_a_secret_is_not_shown(text: str) -> None:
    for declared, live in ((text, "plain"), ("plain", text)):
        (change,) = compared(variable("etl", value=declared), variable("etl", value=live)).changes
        assert change.fields == (FieldChange(("value",), secret=True),)


@pytest.mark.parametrize("text", ["{{ ds }}", "[draft] etl", "{a: 1}"])
def test_what_begins_as_json_and_names_no_secret_is_shown(text: str) -> None:
    (change,) = compared(variable("etl", value=text), variable("etl", value="plain")).changes
    assert change.fields == (FieldChange(("value",), "plain", text),)
