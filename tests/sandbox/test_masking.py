import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import MASK
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.masking import Masker
from reconciler.sandbox.personality import PERSONALITIES
from tests.sandbox.support import call, connection, emulator, get, post, variable

MAJORS = ("2.11.2", "3.3.1")
V2 = tuple(version for version, known in PERSONALITIES.items() if known.api == "v2")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "password", "list", "token"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def masker(version: str = "3.3.1") -> Masker:
    return Masker(PERSONALITIES[version].masks)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("my_SECRET", True, True),
        (" token ", True, True),
        ("secretary", True, True),
        ("proxy", False, True),
        ("dsn", False, True),
        ("Api-Key", False, True),
        ("api.key", False, True),
        ("plain", False, False),
    ],
)
def test_which_names_are_sensitive_depends_on_the_version(name: str, old: bool, new: bool) -> None:
    assert masker("3.0.6").hides(name) is old
    assert masker("3.3.1").hides(name) is new


def test_what_is_no_text_is_no_sensitive_name() -> None:
    assert not masker().hides(None)


@pytest.mark.parametrize(("secret", "shown"), [("abcd", "abcd"), ("abcde", MASK), ("Airflow", "Airflow")])
def test_airflow_3_does_not_remember_short_secrets_nor_its_own_name(secret: str, shown: str) -> None:
    known = masker("3.3.1")
    known.learn(secret)

    assert known.redact(secret) == shown


def test_airflow_2_remembers_secrets_of_any_length() -> None:
    known = masker("2.11.2")
    known.learn("ab")

    assert known.redact("xaby") == "x***y"


def test_a_secret_within_another_does_not_uncover_the_rest_of_it() -> None:
    known = masker()
    for secret in ("short", "a short one"):
        known.learn(secret)

    assert known.redact("this is a short one, or short") == "this is ***, or ***"


def test_a_secret_full_of_signs_is_taken_literally() -> None:
    known = masker()
    known.learn("a.*b(c")

    assert known.redact("a.*b(c axxb(c") == "*** axxb(c"


def test_a_password_hides_in_its_quoted_form_too() -> None:
    airflow = emulator()
    connection(airflow, "c", password="pa ss@word", extra='{"url": "http://u:pa%20ss%40word@h"}')

    assert json.loads(get(airflow, "/connections/c")["extra"]) == {"url": "http://u:***@h"}


@pytest.mark.parametrize("version", V2)
def test_a_variable_reads_differently_once_a_connection_has_been_loaded(version: str) -> None:
    airflow = emulator(version)
    variable(airflow, "a", "my zebra77 x")
    before = get(airflow, "/variables/a")["value"]
    connection(airflow, "c", password="zebra77")

    assert before == "my zebra77 x"
    assert get(airflow, "/variables/a")["value"] == "my *** x"


def test_the_memory_of_secrets_outlives_the_connection() -> None:
    airflow = emulator()
    connection(airflow, "c", password="zebra77")
    call(airflow, "DELETE", "/connections/c")
    variable(airflow, "a", "zebra77")

    assert get(airflow, "/variables/a")["value"] == MASK


def test_a_new_process_knows_no_secret_until_it_loads_one(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    first = Emulator(file, "3.3.1")
    connection(first, "c", password="zebra77")
    variable(first, "a", "zebra77")
    second = Emulator(file, "3.3.1")

    before = get(second, "/variables/a")["value"]
    get(second, "/connections")

    assert (before, get(second, "/variables/a")["value"]) == ("zebra77", MASK)


def test_a_page_hides_the_secrets_of_all_its_rows_in_each_of_them() -> None:
    airflow = emulator("2.11.2")
    for key, value in (("plain", "hidden99"), ("my_secret", "hidden99")):
        variable(airflow, key, value)
    connection(airflow, "c", extra='{"k": "hidden99"}')
    before = get(airflow, "/connections/c")["extra"]
    get(airflow, "/variables")

    assert json.loads(before) == {"k": "hidden99"}
    assert json.loads(get(airflow, "/connections/c")["extra"]) == {"k": MASK}


def test_only_the_rows_of_the_page_are_loaded() -> None:
    airflow = emulator("2.11.2")
    for key, value in (("a", "1"), ("my_secret", "hidden99")):
        variable(airflow, key, value)
    connection(airflow, "c", extra='{"k": "hidden99"}')
    get(airflow, "/variables", {"limit": "1"})

    assert json.loads(get(airflow, "/connections/c")["extra"]) == {"k": "hidden99"}


def test_airflow_2_shows_every_variable_in_clear() -> None:
    airflow = emulator("2.11.2")
    connection(airflow, "c", password="zebra77")
    for key, value in (("my_secret", "zebra77"), ("json", '{"password":  "zebra77"}')):
        variable(airflow, key, value)

    shown = {row["key"]: row["value"] for row in get(airflow, "/variables")["variables"]}
    assert shown == {"my_secret": "zebra77", "json": '{"password":  "zebra77"}'}


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        ("3.0.6", '{"a": {"password": "x"}, "token": "***"}'),
        ("3.2.1", '{"a": {"password": "***"}, "token": "***"}'),
        ("3.3.1", '{"a": {"password": "***"}, "token": "***"}'),
    ],
)
def test_how_deep_a_variable_hides_sensitive_keys_depends_on_the_version(version: str, shown: str) -> None:
    airflow = emulator(version)
    variable(airflow, "v", '{"a":{"password":"x"},"token":"y"}')

    assert get(airflow, "/variables/v")["value"] == shown


def test_numbers_and_null_stay_readable_under_a_sensitive_name() -> None:
    airflow = emulator()
    variable(airflow, "my_secret", '{"a": "b", "n": 5, "l": ["x", null]}')

    assert get(airflow, "/variables/my_secret")["value"] == '{"a": "***", "n": 5, "l": ["***", null]}'


def test_deep_down_texts_are_no_longer_searched_for_secrets_but_names_still_hide() -> None:
    known = masker("3.3.1")
    known.learn("zebra77")
    deep = {"a": {"b": {"c": {"d": {"e": {"f": "zebra77", "token": "t"}}}}}, "top": "zebra77"}

    shown = known.redact(deep)

    assert shown["a"]["b"]["c"]["d"]["e"] == {"f": "zebra77", "token": MASK}
    assert shown["top"] == MASK


def test_older_versions_do_not_look_deep_down_at_all() -> None:
    deep = {"a": {"b": {"c": {"d": {"e": {"f": {"token": "t"}}}}}}}

    assert masker("2.11.2").redact(deep) == deep


@pytest.mark.parametrize("version", V2)
def test_a_mask_written_under_a_sensitive_key_keeps_the_secret(version: str, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    airflow = Emulator(file, version)
    stored = {"token": "t0ken", "n": {"password": ["one", "two"]}, "k": "v"}
    connection(airflow, "c", password="zebra77", extra=json.dumps(stored))

    written = {"token": MASK, "n": {"password": [MASK, "new", MASK]}, "k": MASK, "secret": MASK}
    body = {"connection_id": "c", "conn_type": "http", "password": MASK, "extra": json.dumps(written)}
    assert call(airflow, "PATCH", "/connections/c", body).status == 200

    row = json.loads(file.read_text())["connections"]["c"]
    assert row["password"] == "zebra77"
    assert json.loads(row["extra"]) == {
        "token": "t0ken",
        "n": {"password": ["one", "new", MASK]},
        "k": MASK,
        "secret": MASK,
    }


def test_airflow_2_stores_a_mask_as_it_is_and_the_secret_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    airflow = Emulator(file, "2.11.2")
    connection(airflow, "c", password="zebra77", extra='{"token": "t0ken"}')

    call(airflow, "PATCH", "/connections/c", {"password": MASK, "extra": '{"token": "***"}'})

    row = json.loads(file.read_text())["connections"]["c"]
    assert (row["password"], row["extra"]) == (MASK, '{"token": "***"}')


@pytest.mark.parametrize("version", MAJORS)
@given(old=JSON)
def test_restoring_what_was_hidden_by_name_gives_the_old_value(version: str, old: object) -> None:
    known = masker(version)

    assert known.restore(known.redact(old), old) == old


@pytest.mark.parametrize("version", MAJORS)
@given(new=JSON, old=JSON)
def test_restoring_never_changes_a_value_that_holds_no_mask(version: str, new: object, old: object) -> None:
    assert masker(version).restore(new, old) == new


def test_a_refused_create_makes_the_masker_remember_the_password_all_the_same() -> None:
    airflow = emulator()
    connection(airflow, "c")
    body = {"connection_id": "c", "conn_type": "http", "password": "zebra77"}
    assert call(airflow, "POST", "/connections", body).status == 409
    variable(airflow, "a", "zebra77")

    assert get(airflow, "/variables/a")["value"] == MASK


def test_a_password_that_was_replaced_is_still_hidden() -> None:
    airflow = emulator()
    connection(airflow, "c", password="zebra77")
    body = {"connection_id": "c", "conn_type": "http", "password": "zebra78"}
    call(airflow, "PATCH", "/connections/c", body)
    post(airflow, "/variables", {"key": "a", "value": "zebra77 zebra78"})

    assert get(airflow, "/variables/a")["value"] == "*** zebra78"
