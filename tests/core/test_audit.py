import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.audit import entries, event_names, last_edits
from reconciler.kinds import BY_NAME
from reconciler.model import Key
from reconciler.plan import Edit

WHEN = "2026-11-25T20:18:43.422355+00:00"


def row(event: str, extra: Any, owner: Any = "ops") -> dict[str, Any]:
    return {"event": event, "extra": extra, "owner": owner, "when": WHEN, "dag_id": None}


def ids(*rows: Any) -> list[list[str]]:
    return [list(entry.ids()) for entry in entries({"event_logs": list(rows), "total_entries": len(rows)})]


@pytest.mark.parametrize(
    ("event", "extra", "found"),
    [
        ("variable.edit", "[('update_mask', 'value'), ('variable_key', \"it's\")]", ["it's"]),
        ("variable.create", "[]", []),
        ("variable.edit", '{"pk": "1"}', []),
        ("variable.edit", '{"key": "a/b", "val": "secret"}', ["a/b"]),
        ("api.variable.delete", '{"variable_key": "a"}', ["a"]),
        ("patch_variable", '{"key": "a", "value": "***", "method": "PATCH"}', ["a"]),
        ("api.connection.create", '{"connection_id": "wh", "password": "***"}', ["wh"]),
        ("connection.edit", '{"conn_id": "wh"}', ["wh"]),
        ("api.patch_pool", '{"update_mask": "slots", "pool_name": "etl", "name": "etl"}', ["etl", "etl"]),
        ("pool.edit", '{"pool": "etl"}', ["etl"]),
        (
            "bulk_variables",
            '{"actions": [{"entities": ["a", {"key": "b"}, 7]}, {"entities": 1}, 2]}',
            ["a", "b"],
        ),
        ("bulk_pools", '{"actions": {"entities": ["a"]}}', []),
        (
            "cli_variables_set",
            json.dumps({"full_command": "['airflow', 'variables', 'set', 'a', '***']"}),
            ["airflow", "variables", "set", "a", "***"],
        ),
        ("cli_variables_set", json.dumps({"full_command": "not a list"}), []),
        ("variable.edit", "{'a': 1}", []),
        ("variable.edit", "[1, 2]", []),
        ("variable.edit", None, []),
        ("variable.edit", '"text"', []),
    ],
)
def test_an_event_names_what_it_is_about(event: str, extra: str | None, found: list[str]) -> None:
    assert ids(row(event, extra)) == [found]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"event_logs": None},
        {"event_logs": [1, {"event": "variable.edit"}, row("dag.clear", "{}")]},
    ],
)
def test_what_is_no_event_of_ours_is_left_out(body: Any) -> None:
    assert entries(body) == []


def test_the_newest_edit_of_each_resource_counts() -> None:
    log = entries({"event_logs": [
        row("patch_variable", '{"key": "a"}', "second"),
        row("patch_variable", '{"key": "b"}', None),
        row("post_variable", '{"key": "a"}', "first"),
        row("post_pool", '{"name": "a"}', "other"),
    ]})  # fmt: skip
    wanted = {Key("variable", "a"), Key("variable", "b"), Key("variable", "c")}
    assert last_edits(log, wanted) == {
        Key("variable", "a"): Edit("second", WHEN, "patch_variable"),
        Key("variable", "b"): Edit("nobody", WHEN, "patch_variable"),
    }


def test_only_events_of_the_kinds_that_are_asked_about_are_named() -> None:
    names = event_names([BY_NAME["pool"]], 2)
    assert {"api.post_pool", "ui.patch_pool", "pool.edit", "cli_pools_set"} <= {*names}
    assert not any("variable" in name for name in names)
    assert event_names([BY_NAME["variable"]], 3)[:4] == (
        "post_variable",
        "patch_variable",
        "delete_variable",
        "bulk_variables",
    )


@given(st.text(max_size=30) | st.sampled_from(["[" * 5000, "{" * 5000, "(" * 5000]))
def test_no_text_of_an_event_breaks_the_run(extra: str) -> None:
    for event in ("variable.edit", "bulk_pools"):
        ids(row(event, extra), row(event, json.dumps({"full_command": extra})))
