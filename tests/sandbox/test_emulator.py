import threading
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import PATH_LIMIT, Backend, NotJson, Request
from reconciler.errors import UsageError
from reconciler.model import JsonText, Secret
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.personality import PERSONALITIES
from tests.sandbox.support import call, connection, emulator, get, post, variable

V1 = tuple(version for version, known in PERSONALITIES.items() if known.api == "v1")
V2 = tuple(version for version, known in PERSONALITIES.items() if known.api == "v2")
LONG = "k" * (PATH_LIMIT + 1 - len("/variables/"))


def test_it_is_a_backend_whose_service_chooses_the_root() -> None:
    airflow: Backend = emulator()

    assert (airflow.roots, airflow.path_limit) == (("",), 64)


def test_it_can_be_every_version_that_amazon_mwaa_offers() -> None:
    assert (
        *("2.7.2", "2.8.1", "2.9.2", "2.10.1", "2.10.3", "2.11.0", "2.11.2"),
        *("3.0.6", "3.2.1", "3.3.1"),
    ) == Emulator.VERSIONS


@pytest.mark.parametrize(("major", "newest"), [(2, "2.11.2"), (3, "3.3.1")])
def test_the_newest_version_of_a_major_one_is_known(major: int, newest: str) -> None:
    assert Emulator.newest(major) == newest


def test_a_version_that_it_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="knows no Airflow 4"):
        Emulator.newest(4)
    with pytest.raises(UsageError, match=r"knows no Airflow 1\.10\.15, use 2\.7\.2"):
        Emulator(None, "1.10.15")


@pytest.mark.parametrize("version", Emulator.VERSIONS)
def test_it_tells_the_version_that_it_is(version: str) -> None:
    assert get(emulator(version), "/version")["version"] == version


def test_a_path_of_the_limit_is_answered() -> None:
    airflow = Emulator(None, "3.3.1", enforce_path_limit=True)
    variable(airflow, LONG[:-1], "1")

    assert get(airflow, f"/variables/{LONG[:-1]}")["value"] == "1"


def test_a_longer_path_is_refused_before_it_does_anything() -> None:
    airflow = Emulator(None, "3.3.1", enforce_path_limit=True)
    variable(airflow, LONG, "1")

    refused = call(airflow, "DELETE", f"/variables/{LONG}")

    assert refused.status == 400
    assert refused.body["detail"] == "Path has 65 characters, InvokeRestApi takes at most 64"
    assert get(airflow, "/variables")["total_entries"] == 1


def test_the_limit_counts_the_path_as_it_is_sent() -> None:
    airflow = Emulator(None, "3.3.1", enforce_path_limit=True)

    assert call(airflow, "GET", "/variables/" + "%2F" * 18).status == 400
    assert call(airflow, "GET", "/variables/" + "/" * 18).status == 404


def test_airflow_itself_has_no_limit() -> None:
    airflow = emulator()
    variable(airflow, LONG, "1")

    assert call(airflow, "DELETE", f"/variables/{LONG}").status == 204


def test_secrets_and_json_texts_in_a_body_arrive_as_their_values() -> None:
    airflow = emulator("2.11.2")
    extra = JsonText({"token": Secret("env:T", "t0ken"), "region": "eu"})
    connection(airflow, "c", password=Secret("env:P", "zebra77"), extra=extra)
    post(airflow, "/variables", {"key": "a", "value": Secret("env:V", "v4lue")})

    assert get(airflow, "/connections/c")["extra"] == '{"token": "***", "region": "eu"}'
    assert get(airflow, "/variables/a")["value"] == "v4lue"


@pytest.mark.parametrize("version", ["2.11.2", "3.3.1"])
def test_text_that_cannot_be_stored_makes_the_server_fail(version: str) -> None:
    refused = call(emulator(version), "POST", "/variables", {"key": "a", "value": "\ud800"})

    assert refused.status == 500
    assert isinstance(refused.body, NotJson)


def test_an_answer_is_a_copy_that_the_caller_may_change() -> None:
    airflow = emulator()
    get(airflow, "/pools")["pools"][0]["slots"] = 0

    assert get(airflow, "/pools/default_pool")["slots"] == 128


def test_a_request_body_may_change_after_it_was_sent() -> None:
    airflow = emulator()
    body: dict[str, Any] = {"key": "a", "value": "1"}
    post(airflow, "/variables", body)
    body["value"] = "2"

    assert get(airflow, "/variables/a")["value"] == "1"


def test_calls_from_many_threads_lose_nothing(tmp_path: Path) -> None:
    airflow = Emulator(tmp_path / "state.json", "3.3.1")

    def write(prefix: str) -> None:
        for number in range(10):
            variable(airflow, f"{prefix}{number}", "1")

    threads = [threading.Thread(target=write, args=(prefix,)) for prefix in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert get(airflow, "/variables")["total_entries"] == 40


@pytest.mark.parametrize("version", Emulator.VERSIONS)
@pytest.mark.parametrize("path", ["/", "", "/nope", "/variables2", "/version/", "/connections/a/b"])
def test_an_unknown_route_is_not_found(version: str, path: str) -> None:
    assert call(emulator(version), "GET", path).status == 404


@pytest.mark.parametrize("version", Emulator.VERSIONS)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/version"), ("DELETE", "/pools"), ("POST", "/variables/a")]
)
def test_a_method_that_a_route_does_not_have_is_refused(version: str, method: Any, path: str) -> None:
    assert call(emulator(version), method, path, {}).status == 405


@pytest.mark.parametrize("version", V1)
@pytest.mark.parametrize("collection", ["variables", "connections", "pools"])
def test_airflow_2_redirects_an_id_that_starts_with_a_slash(version: str, collection: str) -> None:
    assert call(emulator(version), "DELETE", f"/{collection}/%2Fx").status == 308


@pytest.mark.parametrize("version", V2)
def test_airflow_3_finds_an_id_quoted_or_not(version: str) -> None:
    airflow = emulator(version)
    variable(airflow, "/a//b", "1")

    for path in ("/variables/%2Fa%2F%2Fb", "/variables//a//b"):
        assert get(airflow, path)["key"] == "/a//b"


@pytest.mark.parametrize("version", V2)
def test_airflow_3_finds_the_empty_key(version: str) -> None:
    airflow = emulator(version)
    variable(airflow, "", "1")

    assert call(airflow, "DELETE", "/variables/").status == 204


@pytest.mark.parametrize("key", [".", "..", "a%2Fb", "ü 漢", "a?b#c", "a\tb", " a "])
@pytest.mark.parametrize("version", ["2.11.2", "3.3.1"])
def test_other_odd_keys_are_found_in_both(version: str, key: str) -> None:
    airflow = emulator(version)
    variable(airflow, key, "1")
    quoted = "".join(f"%{byte:02X}" for byte in key.encode())

    assert get(airflow, f"/variables/{quoted}")["key"] == key


@pytest.mark.parametrize("version", [*V1, "3.0.6"])
def test_an_infinite_pool_breaks_only_the_page_that_shows_it(version: str, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    for name, slots in (("a", 1), ("infinite", -1), ("z", 1)):
        post(Emulator(file, "3.3.1"), "/pools", {"name": name, "slots": slots})
    airflow = Emulator(file, version)

    statuses = [
        call(airflow, "GET", "/pools", None, {"limit": "1", "offset": str(offset)}).status
        for offset in range(4)
    ]

    assert statuses == [200, 200, 500, 200]
    assert call(airflow, "GET", "/pools").status == 500
    assert call(airflow, "GET", "/pools/infinite").status == 500
    assert call(airflow, "DELETE", "/pools/infinite").status == 204
    assert get(airflow, "/pools")["total_entries"] == 3


def test_what_a_request_changes_before_it_fails_is_rolled_back() -> None:
    airflow = emulator("3.0.6")

    assert call(airflow, "POST", "/pools", {"name": "p", "slots": -1}).status == 500
    assert call(airflow, "GET", "/pools/p").status == 404


def test_airflow_2_keeps_the_pool_that_it_fails_to_show() -> None:
    airflow = emulator("2.11.2")

    assert call(airflow, "POST", "/pools", {"name": "p", "slots": -1}).status == 500
    assert call(airflow, "POST", "/pools", {"name": "p", "slots": 1}).status == 409


def test_an_extra_that_airflow_2_let_pass_breaks_airflow_3(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    connection(Emulator(file, "2.11.2"), "c", extra="not json")

    assert call(Emulator(file, "3.3.1"), "GET", "/connections").status == 500


@pytest.mark.parametrize("version", Emulator.VERSIONS)
def test_a_list_without_an_order_is_in_the_order_of_creation(version: str) -> None:
    airflow = emulator(version)
    for key in ("b", "a", "c"):
        variable(airflow, key, "1")

    assert [row["key"] for row in get(airflow, "/variables")["variables"]] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("version", "ports"),
    [
        ("2.11.2", [None, 1, 2]),
        ("3.0.6", [1, 2, None]),
        ("3.3.1", [None, 1, 2]),
    ],
)
def test_where_nulls_are_sorted_depends_on_the_version(version: str, ports: list[int | None]) -> None:
    airflow = emulator(version)
    for key, port in (("x", 2), ("y", None), ("z", 1)):
        connection(airflow, key, port=port)

    rows = get(airflow, "/connections", {"order_by": "port"})["connections"]
    assert [row["port"] for row in rows] == ports


def test_a_pattern_takes_sql_wildcards_and_alternatives() -> None:
    airflow = emulator()
    for key in ("etl_a", "etlxa", "ETL_B", "other"):
        variable(airflow, key, "1")

    def found(pattern: str) -> list[str]:
        rows = get(airflow, "/variables", {"variable_key_pattern": pattern})["variables"]
        return [row["key"] for row in rows]

    assert found("etl_") == ["etl_a", "etlxa", "ETL_B"]
    assert found("t%r") == ["other"]
    assert found("x | other") == ["etlxa", "other"]
    assert found("~") == ["etl_a", "etlxa", "ETL_B", "other"]


def test_a_bulk_request_deletes_last_and_reads_what_was_there_before() -> None:
    airflow = emulator()
    variable(airflow, "a", "1")
    create = {"action": "create", "entities": [{"key": "a", "value": "2"}, {"key": "b", "value": "2"}]}
    update = {"action": "update", "entities": [{"key": "a", "value": "3"}]}
    actions = [{"action": "delete", "entities": ["a"]}, create, update]

    answer = call(airflow, "PATCH", "/variables", {"actions": actions})

    conflict = {"error": "The variables with these keys: {'a'} already exist.", "status_code": 409}
    assert answer.status == 200
    assert answer.body == {
        "create": {"success": [], "errors": [conflict]},
        "update": {"success": ["a"], "errors": []},
        "delete": {"success": ["a"], "errors": []},
    }
    assert get(airflow, "/variables")["total_entries"] == 0


@pytest.mark.parametrize("version", V2)
def test_a_bulk_request_that_names_a_connection_twice_changes_nothing(version: str) -> None:
    airflow = emulator(version)
    twice = [{"connection_id": "c", "conn_type": "http"}] * 2

    answer = call(airflow, "PATCH", "/connections", {"actions": [{"action": "create", "entities": twice}]})

    assert answer.status == 409
    assert get(airflow, "/connections")["total_entries"] == 0


def test_one_bad_entity_refuses_the_whole_bulk_request_and_is_echoed() -> None:
    airflow = emulator("3.0.6")
    good = {"action": "create", "entities": [{"connection_id": "c", "conn_type": "http"}]}
    bad = {"action": "create", "entities": [{"connection_id": "d", "password": "TOPSECRET"}]}

    answer = call(airflow, "PATCH", "/connections", {"actions": [good, bad]})

    assert answer.status == 422
    assert answer.body["detail"] == [
        {
            "type": "missing",
            "loc": ["body", "actions", 1, "create", "entities", 0, "conn_type"],
            "msg": "Field required",
            "input": {"connection_id": "d", "password": "TOPSECRET"},
        }
    ]
    assert get(airflow, "/connections")["total_entries"] == 0


@pytest.mark.parametrize(
    "action",
    [
        {"action": "create", "entities": 5},
        {"action": "create"},
        {"action": "create", "entities": [], "action_on_existence": "replace"},
        {"action": "update", "entities": [], "action_on_non_existence": "overwrite"},
        {"action": "update", "entities": [], "update_mask": "value"},
        {"action": "update", "entities": [], "update_mask": [1]},
        {"action": "delete", "entities": [5]},
        {"action": "delete", "entities": [], "update_mask": ["value"]},
    ],
)
@pytest.mark.parametrize("version", V2)
def test_a_bulk_action_that_is_not_valid_is_refused(version: str, action: Any) -> None:
    assert call(emulator(version), "PATCH", "/pools", {"actions": [action]}).status == 422


@pytest.mark.parametrize("action", [5, {}, {"action": "upsert", "entities": []}])
@pytest.mark.parametrize("version", V2)
def test_an_unknown_bulk_action_makes_the_server_fail(version: str, action: Any) -> None:
    assert call(emulator(version), "PATCH", "/pools", {"actions": [action]}).status == 500


@pytest.mark.parametrize("version", V2)
@pytest.mark.parametrize("body", [{}, {"actions": {}}, {"actions": [], "x": 1}, None])
def test_a_bulk_body_that_is_not_valid_is_refused(version: str, body: Any) -> None:
    assert call(emulator(version), "PATCH", "/pools", body).status == 422


@pytest.mark.parametrize(("version", "status"), [("3.0.6", 422), ("3.2.1", 500), ("3.3.1", 500)])
def test_deleting_whole_entities_by_bulk_never_works(version: str, status: int) -> None:
    action = {"action": "delete", "entities": [{"name": "p", "slots": 1}]}

    assert call(emulator(version), "PATCH", "/pools", {"actions": [action]}).status == status


def test_a_team_name_is_refused_while_multi_team_mode_is_off() -> None:
    body = {"key": "a", "value": "1", "team_name": "blue"}

    refused = call(emulator("3.3.1"), "POST", "/variables", body)

    assert refused.status == 422
    assert refused.body["detail"][0]["type"] == "value_error"


def test_request_queries_may_hold_a_text_or_repeat_it() -> None:
    airflow = emulator("2.11.2")

    assert airflow.send(Request("GET", "/pools", {"limit": "1"})).status == 200
    assert airflow.send(Request("GET", "/pools", {"limit": ("x", "1")})).status == 200


def test_airflow_3_2_fails_to_store_a_team_name_unless_the_mask_leaves_it_out() -> None:
    airflow = emulator("3.2.1")
    variable(airflow, "a", "1")
    body = {"key": "a", "value": "2", "team_name": "blue"}

    assert call(airflow, "PATCH", "/variables/a", body).status == 500
    assert call(airflow, "PATCH", "/variables/a", body, {"update_mask": "value"}).status == 200
    assert call(airflow, "POST", "/pools", {"name": "p", "slots": 1, "team_name": "blue"}).status == 500
    assert call(airflow, "GET", "/pools/p").status == 404


def test_a_mask_of_extra_without_a_value_in_the_body_takes_the_extra_away() -> None:
    airflow = emulator()
    connection(airflow, "c", extra='{"k": "v"}')
    body = {"connection_id": "c", "conn_type": "http"}

    call(airflow, "PATCH", "/connections/c", body, {"update_mask": "extra"})

    assert get(airflow, "/connections/c")["extra"] is None


@pytest.mark.parametrize("value", ["5", 5.0, 5, True])
def test_airflow_3_converts_what_stands_for_an_integer(value: Any) -> None:
    airflow = emulator()

    assert post(airflow, "/pools", {"name": "p", "slots": value})["slots"] == int(value)


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("slots", "x", "int_parsing"),
        ("slots", 1.5, "int_from_float"),
        ("slots", None, "int_type"),
        ("slots", -2, "greater_than_equal"),
        ("include_deferred", "maybe", "bool_parsing"),
        ("include_deferred", 2, "bool_parsing"),
        ("include_deferred", 1.5, "bool_type"),
        ("include_deferred", None, "bool_type"),
        ("description", 5, "string_type"),
        ("name", "p" * 257, "string_too_long"),
        ("bogus", 1, "extra_forbidden"),
    ],
)
def test_airflow_3_says_what_is_wrong_with_a_field_and_echoes_it(field: str, value: Any, kind: str) -> None:
    body = {"name": "p", "slots": 1} | {field: value}

    refused = call(emulator(), "POST", "/pools", body)

    (error,) = refused.body["detail"]
    assert (refused.status, error["type"], error["loc"]) == (422, kind, ["body", field])
    assert error["input"] == value
