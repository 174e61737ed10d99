from pathlib import Path

import pytest

from reconciler.backends import Response
from reconciler.errors import (
    UsageError,
)
from reconciler.model import JsonText, Secret
from reconciler.sandbox.emulator import Emulator
from tests.sandbox.faulty import Recording, both, create, faulty, keys, outcome, replace, send
from tests.sandbox.support import connection, emulator, get, post, variable


@both
@pytest.mark.parametrize("mode", ["not_applied", "not_committed"])
def test_a_create_answers_as_if_it_had_worked_and_nothing_is_there(version: str, mode: str) -> None:
    airflow = emulator(version)
    real = create(emulator(version))

    answer = create(faulty(airflow, f"POST={mode}"))

    assert answer == real
    assert keys(airflow) == []


@both
def test_an_update_that_is_not_applied_answers_with_what_there_was(version: str) -> None:
    airflow = emulator(version)
    variable(airflow, "k", "old")
    before = get(airflow, "/variables/k")

    answer = replace(faulty(airflow, "PATCH=not_applied"))

    assert (answer.status, answer.body) == (200, before)
    assert get(airflow, "/variables/k")["value"] == "old"


@both
def test_an_update_that_is_not_committed_answers_with_the_new_object(version: str) -> None:
    airflow = emulator(version)
    variable(airflow, "k", "old")

    answer = replace(faulty(airflow, "PATCH=not_committed"))

    assert (answer.status, answer.body["value"]) == (200, "new")
    assert get(airflow, "/variables/k")["value"] == "old"


@both
@pytest.mark.parametrize("mode", ["not_applied", "not_committed"])
def test_a_delete_answers_204_and_the_object_stays(version: str, mode: str) -> None:
    airflow = emulator(version)
    variable(airflow, "k", "old")

    answer = send(faulty(airflow, f"DELETE={mode}"), "DELETE", "/variables/k")

    assert (answer.status, answer.body) == (204, None)
    assert keys(airflow) == ["k"]


@pytest.mark.parametrize("mode", ["not_applied", "not_committed"])
def test_a_bulk_write_answers_as_if_it_had_worked_and_nothing_is_there(mode: str) -> None:
    airflow = emulator()
    bulk = {"actions": [{"action": "create", "entities": [{"key": "k", "value": "1"}]}]}

    answer = send(faulty(airflow, f"PATCH={mode}"), "PATCH", "/variables", bulk)

    assert answer.body["create"] == {"success": ["k"], "errors": []}
    assert keys(airflow) == []


@both
@pytest.mark.parametrize("mode", ["not_applied", "not_committed"])
def test_a_write_that_airflow_refuses_is_refused_and_a_read_is_answered(version: str, mode: str) -> None:
    airflow = emulator(version)
    post(airflow, "/pools", {"name": "p", "slots": 1})
    backend = faulty(airflow, f"*={mode}")

    assert send(backend, "POST", "/pools", {"name": "p", "slots": 2}).status == 409
    assert send(backend, "PATCH", "/pools/absent", {"name": "absent", "slots": 2}).status == 404
    assert send(backend, "GET", "/pools/p").body["slots"] == 1


@both
def test_a_rehearsal_leaves_the_state_file_alone(version: str, tmp_path: Path) -> None:
    file = tmp_path / "absent" / "state.json"

    create(faulty(emulator(version, file), "POST=not_committed"))

    assert not file.parent.exists()


def test_only_the_sandbox_can_undo_what_it_has_answered_to() -> None:
    with pytest.raises(UsageError, match=r"^POST=not_committed: only the sandbox"):
        faulty(Recording("3.3.2"), "1=throttle", "POST=not_committed")


@pytest.mark.parametrize(
    ("version", "root", "status"), [("2.11.2", "/api/v1", 200), ("3.3.2", "/api/v2", 201)]
)
def test_elsewhere_a_create_that_is_not_applied_is_echoed_without_its_password(
    version: str, root: str, status: int
) -> None:
    airflow = Recording(version, root)
    extra = JsonText({"token": Secret("env:T", "t0ken")})
    body = {"connection_id": "c", "password": Secret("env:P", "zebra77"), "extra": extra}

    answer = send(faulty(airflow, "POST=not_applied"), "POST", f"{root}/connections", body)

    assert (answer.status, answer.body["connection_id"]) == (status, "c")
    assert "password" not in answer.body
    assert airflow.asked == [f"GET {root}/version"]
    assert "password" in body


def three(version: str) -> Emulator:
    airflow = emulator(version)
    for key in "abc":
        variable(airflow, key, "1")
    return airflow


@both
@pytest.mark.parametrize(
    ("mode", "shown", "total"),
    [
        ("rows:2", ["a", "b"], 3),
        ("rows:0", [], 3),
        ("rows:9", ["a", "b", "c"], 3),
        ("total:7", ["a", "b", "c"], 7),
        ("total:0", ["a", "b", "c"], 0),
        ("empty", [], 0),
    ],
)
def test_a_list_can_be_short_or_lie_about_its_total(
    version: str, mode: str, shown: list[str], total: int
) -> None:
    airflow = three(version)

    body = send(faulty(airflow, f"GET={mode}"), "GET", "/variables").body

    assert ([row["key"] for row in body["variables"]], body["total_entries"]) == (shown, total)
    assert keys(airflow) == ["a", "b", "c"]


@pytest.mark.parametrize("mode", ["rows:0", "total:7", "empty"])
def test_what_is_no_list_is_answered_as_it_is(mode: str) -> None:
    airflow = three("3.3.1")
    backend = faulty(airflow, f"*={mode}")

    assert send(backend, "GET", "/variables/a").body == get(airflow, "/variables/a")
    assert send(backend, "DELETE", "/variables/a") == Response(204)


@both
def test_a_word_is_masked_in_values_and_extras_alone(version: str) -> None:
    airflow = emulator(version)
    variable(airflow, "eu", "a eu b", description="eu")
    variable(airflow, "json", '{"eu": ["eu-west", 1], "x": null}')
    connection(airflow, "c", host="eu", extra='{"eu": {"region": "eu-west"}}')
    backend = faulty(airflow, "*=mask:eu")

    listed = {row["key"]: row for row in send(backend, "GET", "/variables").body["variables"]}
    shown = send(backend, "GET", "/connections/c").body

    assert (listed["eu"]["value"], listed["eu"]["description"]) == ("a *** b", "eu")
    assert listed["json"]["value"] == '{"eu": ["***-west", 1], "x": null}'
    assert (shown["host"], shown["extra"]) == ("eu", '{"eu": {"region": "***-west"}}')


@pytest.mark.parametrize("text", ["[1,2]", '{"a":1}', "123", "", "plain"])
def test_a_value_without_the_word_keeps_its_form(text: str) -> None:
    airflow = emulator("2.11.2")
    variable(airflow, "k", text)

    assert send(faulty(airflow, "*=mask:eu"), "GET", "/variables/k").body["value"] == text


@pytest.mark.parametrize(
    ("when", "masked"),
    [
        ("2", [False, True, False, False, False]),
        ("2-3", [False, True, True, False, False]),
        ("GET#3", [False, False, True, False, False]),
        ("3-", [False, False, True, True, True]),
        ("GET /variables/k", [False, True, True, True, True]),
        ("*", [True] * 5),
    ],
)
def test_a_mask_lasts_unless_its_when_ends(when: str, masked: list[bool]) -> None:
    airflow = emulator()
    variable(airflow, "k", "secret")
    backend = faulty(airflow, f"{when}=mask:secret")

    def shows_mask(path: str) -> bool:
        body = send(backend, "GET", path).body
        return bool(body.get("variables", [body])[0]["value"] == "***")

    paths = ["/variables", "/variables/k", "/variables", "/variables/k", "/variables"]
    assert [shows_mask(path) for path in paths] == masked


def test_two_masks_and_later_faults_are_shown_together() -> None:
    airflow = emulator()
    variable(airflow, "k", "one two three")
    variable(airflow, "l", "one")
    backend = faulty(airflow, "1=mask:zero", "GET#2=rows:1", "POST=mask:one", "PATCH=mask:two")

    create(backend)
    send(backend, "POST", "/variables", {"key": "x", "value": "one"})
    replace_k = send(backend, "PATCH", "/variables/k", {"key": "k", "value": "one two three"})
    first = send(backend, "GET", "/variables").body
    second = send(backend, "GET", "/variables").body

    assert replace_k.body["value"] == "*** *** three"
    assert [row["value"] for row in first["variables"]][:2] == ["*** *** three", "***"]
    assert [row["value"] for row in second["variables"]] == ["*** *** three"]
    assert get(airflow, "/variables/k")["value"] == "one two three"


def test_what_is_not_committed_is_masked_too() -> None:
    airflow = emulator()
    backend = faulty(airflow, "GET=mask:new", "POST=not_committed")
    outcome(backend)

    assert create(backend).body["value"] == "***"
