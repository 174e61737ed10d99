import json
import multiprocessing
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from reconciler import durable
from reconciler.errors import ReconcilerError
from reconciler.kinds import kind_named
from reconciler.sandbox.store import (
    Store,
    StoreError,
    fresh_state,
    insert,
    read_state,
    state_text,
    write_state,
)
from tests.sandbox.support import call, emulator, get, variable

TABLES = ("pools", "variables", "connections", "event_logs", "dags", "dag_runs", "assets", "asset_events")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def test_a_new_environment_holds_the_default_pool_and_nothing_else() -> None:
    state = fresh_state()

    assert {collection: sorted(table) for collection, table in state.items()} == {
        "pools": ["default_pool"],
        "variables": [],
        "connections": [],
        "event_logs": [],
        "dags": [],
        "dag_runs": [],
        "assets": [],
        "asset_events": [],
    }


def test_reading_does_not_write_the_file(file: Path) -> None:
    get(emulator(file=file), "/variables")

    assert not file.exists()


def test_a_request_that_changes_nothing_does_not_write_the_file(file: Path) -> None:
    assert call(emulator(file=file), "DELETE", "/variables/absent").status == 404

    assert not file.exists()


def test_the_state_survives_in_the_file(file: Path) -> None:
    variable(emulator(file=file), "a", "ünï", description="one")

    found = get(emulator(file=file), "/variables/a")

    assert (found["value"], found["description"]) == ("ünï", "one")


def test_both_majors_understand_the_same_file(file: Path) -> None:
    variable(emulator("2.11.2", file), "a", "1")

    assert get(emulator("3.3.1", file), "/variables/a")["value"] == "1"


def test_only_the_owner_may_read_the_file(file: Path) -> None:
    previous = os.umask(0)
    try:
        variable(emulator(file=file), "a", "1")
    finally:
        os.umask(previous)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_others_could_read_is_closed_by_the_next_change(file: Path) -> None:
    airflow = emulator(file=file)
    variable(airflow, "a", "1")
    file.chmod(0o644)

    variable(airflow, "b", "2")

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_file_is_readable_json_in_a_stable_order(file: Path) -> None:
    airflow = emulator(file=file)
    for key in ("b", "a"):
        variable(airflow, key, "1")

    document = json.loads(file.read_text())

    assert list(document) == ["format", "connections", "event_logs", "pools", "variables"]
    assert document["format"] == "reconciler.sandbox/1"
    assert document["variables"] == {
        "a": {"id": 2, "value": "1", "description": None},
        "b": {"id": 1, "value": "1", "description": None},
    }
    assert list(document["variables"]) == ["a", "b"]


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "er" / "state.json"

    variable(emulator(file=file), "a", "1")

    assert file.exists()


def test_what_another_emulator_writes_is_seen(file: Path) -> None:
    one, other = emulator(file=file), emulator(file=file)
    variable(one, "a", "1")
    assert get(other, "/variables/a")["value"] == "1"

    call(other, "PATCH", "/variables/a", {"key": "a", "value": "2"})

    assert get(one, "/variables/a")["value"] == "2"


def test_a_change_starts_from_what_another_emulator_wrote(file: Path) -> None:
    one, other = emulator(file=file), emulator(file=file)
    variable(one, "a", "1")
    variable(other, "b", "2")
    variable(one, "c", "3")

    assert sorted(json.loads(file.read_text())["variables"]) == ["a", "b", "c"]


def test_a_file_that_was_deleted_is_a_new_environment(file: Path) -> None:
    airflow = emulator(file=file)
    variable(airflow, "a", "1")
    file.unlink()

    assert get(airflow, "/variables")["total_entries"] == 0


def _write_twenty(file: str, prefix: str) -> None:
    airflow = emulator(file=Path(file))
    for number in range(20):
        variable(airflow, f"{prefix}{number}", "1")


def test_processes_that_write_at_once_lose_nothing(file: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_twenty, args=(str(file), prefix)) for prefix in "xy"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(json.loads(file.read_text())["variables"]) == 40


def test_a_crash_while_writing_leaves_the_old_state_and_no_litter(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow = emulator(file=file)
    variable(airflow, "a", "1")
    before = file.read_bytes()

    def crash(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reconciler.durable.os.fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        variable(airflow, "b", "2")
    monkeypatch.undo()

    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
    assert get(airflow, "/variables")["total_entries"] == 1


def test_a_full_disk_is_an_error_that_names_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reconciler.durable.os.fsync", full)
    with pytest.raises(StoreError, match=r"cannot write .*state\.json: No space left on device"):
        variable(emulator(file=file), "a", "1")


def test_the_replacement_is_synced_before_it_takes_the_place_of_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def noted_sync(descriptor: int) -> None:
        steps.append("sync")
        sync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        steps.append("replace")
        return replace(self, target)

    monkeypatch.setattr("reconciler.durable.os.fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    variable(emulator(file=file), "a", "1")

    assert steps == ["sync", "replace", "sync"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "5",
        "{}",
        '{"format": "reconciler.sandbox/2"}',
        '{"format": "reconciler.sandbox/1", "variables": []}',
        '{"format": "reconciler.sandbox/1", "variables": {"a": 5}}',
        '{"format": "reconciler.sandbox/1", "variables": {"a": {"id": "x"}}}',
        '{"format": "reconciler.sandbox/1", "variables": {"a": {"id": null}}}',
        "\x00\xff",
        "[" * 100_000,
    ],
)
def test_a_file_that_is_no_state_is_an_error_that_names_it_and_the_way_out(file: Path, content: str) -> None:
    file.write_text(content)

    with pytest.raises(ReconcilerError, match=r"state\.json is not a sandbox state file .*delete it"):
        get(emulator(file=file), "/variables")


def test_a_corrupt_file_is_not_overwritten(file: Path) -> None:
    file.write_text("{")

    with pytest.raises(StoreError):
        variable(emulator(file=file), "a", "1")

    assert file.read_text() == "{"


def test_the_error_about_a_corrupt_file_tells_none_of_its_values(file: Path) -> None:
    file.write_text('{"format": "other", "variables": {"k": {"value": "TOPSECRET"}}}')

    with pytest.raises(StoreError) as caught:
        get(emulator(file=file), "/variables")

    assert "TOPSECRET" not in str(caught.value)


def test_a_path_that_is_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read the sandbox state"):
        get(emulator(file=tmp_path), "/variables")


def test_rows_written_by_hand_need_neither_id_nor_every_field(file: Path) -> None:
    rows: dict[str, Any] = {"b": {"value": "2"}, "a": {"id": 7, "value": "1"}, "c": {"value": "3"}}
    file.write_text(json.dumps({"format": "reconciler.sandbox/1", "variables": rows}))

    listed = get(emulator("2.11.2", file), "/variables")["variables"]

    assert listed == [
        {"key": "a", "value": "1", "description": None},
        {"key": "b", "value": "2", "description": None},
        {"key": "c", "value": "3", "description": None},
    ]


def test_a_state_without_a_table_has_an_empty_one(file: Path) -> None:
    file.write_text('{"format": "reconciler.sandbox/1"}')

    assert read_state(file) == {name: {} for name in TABLES}


def test_dags_and_assets_are_written_by_hand_and_kept(file: Path) -> None:
    dags = {"b": {"is_paused": True}, "a": {"id": 7, "state": "failed"}}
    state = {"format": "reconciler.sandbox/1", "dags": dags, "assets": {"s3://b": {}, "s3://a": {"id": 2}}}
    file.write_text(json.dumps(state))

    read = read_state(file)

    assert read["dags"] == {
        "a": {"is_paused": False, "state": "failed", "id": 7},
        "b": {"id": 8, "is_paused": True, "state": "success"},
    }
    assert read["assets"] == {"s3://a": {"id": 2}, "s3://b": {"id": 3}}
    write_state(file, read)
    assert read_state(file) == read


def test_a_state_without_dags_says_nothing_of_them() -> None:
    assert not {"dags", "dag_runs", "assets", "asset_events"} & json.loads(state_text(fresh_state())).keys()


def test_a_change_that_raises_leaves_the_state_as_it_was() -> None:
    memory, variables = Store(None), kind_named("variable")

    def fail() -> None:
        with memory.change() as state:
            insert(state["variables"], variables, "a", {"value": "1"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert memory.read()["variables"] == {}


def test_what_was_read_before_a_change_does_not_move() -> None:
    memory, variables = Store(None), kind_named("variable")
    before = memory.read()

    with memory.change() as state:
        insert(state["variables"], variables, "a", {"value": "1"})

    assert before["variables"] == {}
    assert memory.read()["variables"] == {"a": {"id": 1, "value": "1", "description": None}}


def test_a_store_works_where_there_is_no_file_locking(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "fcntl", None)

    variable(emulator(file=file), "a", "1")

    assert read_state(file)["variables"]["a"]["value"] == "1"
