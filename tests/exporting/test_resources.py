"""What a living resource becomes in a manifest."""

import json
from typing import Any

import pytest

from reconciler.dialects import Dialect, dialect_for
from reconciler.exporting import Exported, exported
from reconciler.exporting.resources import _unequal
from reconciler.model import MASK, Hidden, Key, Resource, Secret


def dialect(version: str = "3.3.1") -> Dialect:
    found = dialect_for(version, 64)
    assert found is not None
    return found


def variable(value: str | None, id_: str = "a", *, reveal: bool = False) -> Exported:
    return exported(Resource(Key("variable", id_), {"value": value}), dialect(), reveal=reveal)


def connection(version: str = "3.3.1", **fields: Any) -> Exported:
    return exported(Resource(Key("connection", "c"), {"conn_type": "http", **fields}), dialect(version))


def value(value: str, id_: str = "a", *, reveal: bool = False) -> Any:
    body = variable(value, id_, reveal=reveal).body
    assert body is not None
    return body["value"]


def extra(text: str) -> Any:
    body = connection(extra=text).body
    assert body is not None
    return body["extra"]


def deep(levels: int) -> str:
    return "[" * levels + "1" + "]" * levels


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("500", 500),
        ("-5", -5),
        ("true", True),
        ("True", "True"),
        ("0500", "0500"),
        ("null", "null"),
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        ("", ""),
        ("9" * 200, "9" * 200),
        ('"x"', '"x"'),
        ("[1,  2]", [1, 2]),
        ('{"b": null,"a": 1.0}', {"b": None, "a": 1.0}),
        ('{"a": NaN}', '{"a": NaN}'),
        ("[1e999]", "[1e999]"),
        ('{"a\\u0007": 1}', '{"a\\u0007": 1}'),
        ('["\\ud800"]', '["\\ud800"]'),
        (deep(27), json.loads(deep(27))),
        (deep(28), deep(28)),
        (deep(70), deep(70)),
    ],
)  # fmt: skip
def test_a_variable_is_a_structure_only_where_that_compares_equal(text: str, told: Any) -> None:
    assert repr(value(text)) == repr(told)


HUGE = json.dumps([1] * 20_000)


def test_a_huge_document_stays_text() -> None:
    assert value(HUGE) == HUGE


@pytest.mark.parametrize(
    ("id_", "text"),
    [
        ("api_key", "x"),
        ("Api-Key", '{"a": 1}'),
        ("a", "x *** y"),
        ("a", MASK),
        ("a", "redis://:pw@h"),
        ("a", '{"token": NaN}'),
        ("a", '{"$secret": "x"}'),
        ("a", '{"***": 1}'),
    ],
)
def test_a_variable_that_is_or_looks_secret_is_a_reference(id_: str, text: str) -> None:
    assert isinstance(value(text, id_), Secret)


def test_within_a_structure_only_the_secret_leaves_are_references() -> None:
    found = value(
        '{"a": 1, "token": "t", "token_ttl": 5, "l": [{"password": {"x": "y"}}, "a *** b", ""], "secret": ""}'
    )
    assert found == {
        "a": 1,
        "token": Secret("env:TODO_VARIABLE__A__TOKEN"),
        "token_ttl": 5,
        "l": [
            {"password": {"x": Secret("env:TODO_VARIABLE__A__L__0__PASSWORD__X")}},
            Secret("env:TODO_VARIABLE__A__L__1"),
            "",
        ],
        "secret": "",
    }


def test_a_value_is_revealed_on_demand_and_said_to_be_no_secret() -> None:
    assert variable("x", "api_key", reveal=True).body == {"value": "x", "sensitive": False}
    assert variable("x", "a", reveal=True).body == {"value": "x"}


def test_nothing_is_no_secret() -> None:
    assert not value("", "api_key")


def test_what_would_not_compare_equal_is_not_claimed_to_be_the_same() -> None:
    live = Resource(Key("variable", "a"), {"value": "1"})
    assert _unequal(live, {"value": 1}) is None
    assert _unequal(live, {"value": "2"}) == "no manifest says exactly what it is"


def test_a_mask_is_never_revealed() -> None:
    assert isinstance(value(MASK, "api_key", reveal=True), Secret)
    assert value('{"a": "***", "token": "t"}', reveal=True) == {
        "a": Secret("env:TODO_VARIABLE__A__A"),
        "token": "t",
    }


def test_every_reference_is_told_by_its_place() -> None:
    found = variable('{"l": [{"token": "t"}]}')
    assert [(todo.place, todo.what) for todo in found.todos] == [
        ("variable/a value.l.0.token", "env:TODO_VARIABLE__A__L__0__TOKEN")
    ]


def test_no_two_places_share_a_reference() -> None:
    ids = (
        "a-key_secret",
        "a_key_secret",
        "a__key_secret",
        "A_key_secret",
        "é_secret",
        "ü_secret",
        "_a_key_secret",
    )
    found = [value("x", id_) for id_ in ids]
    assert len({secret.ref for secret in found}) == len(ids)
    assert all(secret.ref.isascii() and secret.ref.isupper() is False for secret in found)


def test_a_variable_that_airflow_cannot_decrypt_is_left_out() -> None:
    found = variable(None)
    assert found.body is None
    assert [todo.what for todo in found.todos] == ["left out: Airflow cannot decrypt its value"]


@pytest.mark.parametrize("id_", ["", ".", "/a", "a\x07", "e\u0301", "x" * 251])
def test_an_id_that_no_manifest_may_hold_is_left_out(id_: str) -> None:
    assert variable("x", id_).body is None


def test_a_text_that_no_file_can_hold_is_left_out() -> None:
    assert variable("\ud800").body is None


def test_empty_fields_are_not_declared() -> None:
    assert connection(host="", login=None, extra="{}", password=None).body == {"conn_type": "http"}


def test_a_password_is_a_reference_where_airflow_says_that_there_is_one() -> None:
    assert connection(password=MASK).body == {
        "conn_type": "http",
        "password": Secret("env:TODO_CONNECTION__C__PASSWORD"),
    }
    assert connection("2.11.2", password=Hidden("hidden")).body == {"conn_type": "http"}


def test_secret_leaves_of_extra_are_references() -> None:
    assert extra('{"a": {"b": [null, 1]}, "Api-Key": "x", "u": "http://u:p@h"}') == {
        "a": {"b": [None, 1]},
        "Api-Key": Secret("env:TODO_CONNECTION__C__EXTRA__API_KEY_" + digest_of(extra('{"Api-Key": "x"}'))),
        "u": Secret("env:TODO_CONNECTION__C__EXTRA__U"),
    }


def digest_of(found: dict[str, Secret]) -> str:
    return found["Api-Key"].ref.rpartition("_")[2]


@pytest.mark.parametrize(
    "text", ['{"a": null}', "no json", "[1]", '{"a": NaN}', '{"$secret": 1}', '{"a": ' + deep(30) + "}"]
)
def test_extra_that_a_manifest_cannot_spell_is_one_reference(text: str) -> None:
    assert extra(text) == Secret("env:TODO_CONNECTION__C__EXTRA")


def test_a_field_that_cannot_be_declared_is_left_out_and_told() -> None:
    found = connection(port=99999999, host="https://u:canary@h/", login="etl")
    assert found.body == {"conn_type": "http", "login": "etl"}
    assert [todo.place for todo in found.todos] == ["connection/c host", "connection/c port"]
    assert "canary" not in str(found) + repr(found)


def test_a_connection_without_a_type_is_left_out() -> None:
    assert connection(conn_type="").body is None


def test_airflow_3_lets_nobody_describe_its_own_pool() -> None:
    live = Resource(
        Key("pool", "default_pool"), {"slots": 128, "description": "Default pool", "include_deferred": False}
    )
    assert exported(live, dialect()).body == {"slots": 128, "include_deferred": False}
    assert exported(live, dialect("2.11.2")).body == dict(live.fields)


@pytest.mark.parametrize(
    ("version", "slots", "fits"), [("3.3.1", -1, True), ("2.11.2", -1, False), ("3.3.1", -2, False)]
)
def test_slots_that_the_server_does_not_take_back_are_left_out(version: str, slots: int, fits: bool) -> None:
    found = exported(Resource(Key("pool", "p"), {"slots": slots}), dialect(version))
    assert (found.body is not None) is fits
