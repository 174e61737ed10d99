"""What a user does with an environment, from the first plan to the last delete, on every kind of target."""

from typing import Any

import pytest

from reconciler.backends import Request
from tests.e2e.tool import CANARY, Tool
from tests.e2e.worlds import World

ETL = {"value": {"source": "s3://in", "retries": 2, "hosts": ["a", "b"]}, "description": "Read by etl"}
WAREHOUSE = {
    "conn_type": "postgres",
    "host": "warehouse.internal",
    "port": 5432,
    "login": "etl",
    "password": {"$secret": "env:PASSWORD"},
    "schema": "analytics",
    "extra": {"sslmode": "require", "n": 1},
}
POOL = {"slots": 16, "description": "Nightly loads", "include_deferred": False}


def manifest(**changes: Any) -> dict[str, Any]:
    sections = {
        "variables": {"etl_config": ETL, "batch_size": 500, "flag": True, "text": "plain"},
        "connections": {"warehouse": WAREHOUSE},
        "pools": {"etl": POOL},
    }
    return {**sections, **changes}


def living(world: World, path: str) -> Any:
    return world.backend.send(Request("GET", path)).body


def add(world: World, path: str, **body: Any) -> None:
    assert world.backend.send(Request("POST", path, body=body)).status in {200, 201}


def pages(rows: int, page: int = 100) -> int:
    return max(1, -(-rows // page))


def test_plan_creates_apply_then_nothing_is_left(tool: Tool, world: World) -> None:
    tool.declare(**manifest())
    first = tool.json("plan")
    assert first.code == 0
    assert {change["action"] for change in first.environment["changes"]} == {"create"}
    assert first.environment["summary"]["create"] == 6

    applied = tool.json("apply", "--yes")
    assert applied.code == 0
    assert applied.environment["converged"] is True
    assert {change["outcome"] for change in applied.environment["changes"]} == {"done"}

    second = tool.json("plan", "--detailed-exitcode")
    assert second.code == 0
    assert second.environment["changes"] == []
    assert second.environment["summary"]["unchanged"] == 6
    assert living(world, "/pools/etl")["slots"] == 16


def test_a_plan_announces_the_calls_that_apply_then_makes(tool: Tool, world: World) -> None:
    tool.declare(**manifest())
    plan = tool.json("plan")
    assert len(plan.calls) == plan.environment["calls"]["read"] == world.probes + 3
    if world.recorded:
        world.recorded.forget()
    applied = tool.json("apply", "--yes")
    assert applied.environment["calls"] == plan.environment["calls"]["apply"]
    reads = [call for call in applied.calls if call["method"] == "GET"]
    assert (len(reads), len(applied.writes)) == (
        applied.environment["calls"]["read"],
        applied.environment["calls"]["write"],
    )
    if world.recorded:
        assert len(world.recorded.requests) == len(applied.calls)


def test_a_second_apply_sends_no_write(tool: Tool) -> None:
    tool.declare(**manifest())
    tool.json("apply", "--yes")
    again = tool.json("apply", "--yes")
    assert again.code == 0
    assert again.writes == []
    assert again.environment["calls"]["write"] == 0


def test_a_plan_without_changes_makes_one_call_a_page_and_a_detail_on_airflow_2(
    tool: Tool, world: World
) -> None:
    tool.declare(**manifest())
    tool("apply", "--yes")
    plan = tool.json("plan")
    details = 1 if world.major == 2 else 0
    count = world.probes + 3 + details
    assert len(plan.calls) == plan.environment["calls"]["read"] == count
    assert f"{count} reads." in tool("plan").out


@pytest.mark.parametrize(
    ("section", "id_", "body"),
    [("variables", "etl_config", ETL), ("connections", "warehouse", WAREHOUSE), ("pools", "etl", POOL)],
)
def test_a_changed_description_alone_is_one_patch_with_that_mask(
    tool: Tool, world: World, section: str, id_: str, body: dict[str, Any]
) -> None:
    tool.declare(**manifest(**{section: {id_: body}}))
    tool("apply", "--yes")
    tool.declare(**manifest(**{section: {id_: {**body, "description": "New words"}}}))
    if world.recorded:
        world.recorded.forget()
    applied = tool.json("apply", "--yes")
    assert applied.code == 0
    (write,) = applied.writes
    assert (write["method"], write["id"], write["fields"]) == ("PATCH", id_, ["description"])
    if world.recorded:
        (sent,) = world.recorded.writes
        assert sent.query in ({"update_mask": "description"}, {"update_mask": ("description",)})
    assert living(world, f"/{section}/{id_}")["description"] == "New words"


def test_a_changed_leaf_of_a_json_value_is_named_alone(tool: Tool) -> None:
    tool.declare(**manifest())
    tool("apply", "--yes")
    changed = {**ETL, "value": {"source": "s3://in", "retries": 3, "hosts": ["a", "c"]}}
    tool.declare(**manifest(variables={"etl_config": changed}))
    (change,) = tool.json("plan", "--kind", "variable").environment["changes"]
    assert change["fields"] == [
        {"path": ["value", "hosts", 1], "before": "b", "after": "c", "secret": False},
        {"path": ["value", "retries"], "before": 2, "after": 3, "secret": False},
    ]


def test_a_changed_leaf_of_extra_is_named_alone(tool: Tool) -> None:
    tool.declare(**manifest())
    tool("apply", "--yes")
    changed = {**WAREHOUSE, "extra": {"sslmode": "verify-full", "n": 1}}
    tool.declare(**manifest(connections={"warehouse": changed}))
    (change,) = tool.json("plan").environment["changes"]
    assert change["fields"] == [
        {"path": ["extra", "sslmode"], "before": "require", "after": "verify-full", "secret": False}
    ]
    assert tool("apply", "--yes").code == 0
    assert tool("plan", "--detailed-exitcode").code == 0


def test_two_changed_fields_go_in_one_patch(tool: Tool, world: World) -> None:
    tool.declare(**manifest())
    tool("apply", "--yes")
    tool.declare(**manifest(pools={"etl": {"slots": 8, "description": "Less", "include_deferred": True}}))
    applied = tool.json("apply", "--yes")
    assert applied.code == 0
    (write,) = applied.writes
    assert write["fields"] == ["slots", "description", "include_deferred"]
    pool = living(world, "/pools/etl")
    assert (pool["slots"], pool["description"], pool["include_deferred"]) == (8, "Less", True)


def test_types_are_shown_as_they_are_declared(tool: Tool) -> None:
    tool.declare(variables={"batch_size": 500, "flag": True, "none": {"value": None}, "text": "a"})
    tool("apply", "--yes")
    assert tool("plan", "--detailed-exitcode").code == 0
    tool.declare(variables={"batch_size": 600, "flag": False, "none": {"value": 0}, "text": "b"})
    fields = [change["fields"][0] for change in tool.json("plan").environment["changes"]]
    assert [(field["before"], field["after"]) for field in fields] == [
        (500, 600),
        (True, False),
        (None, 0),
        ("a", "b"),
    ]


def test_absent_and_authoritative_ids_are_deleted_after_a_second_look(tool: Tool, world: World) -> None:
    add(world, "/variables", key="old_flag", value="1")
    add(world, "/variables", key="etl_stray", value="1")
    add(world, "/variables", key="somebody_elses", value="1")
    tool.configure(world.target, **world.settings, authoritative={"variables": ["etl_*"]})
    tool.declare(**manifest(absent={"variables": ["old_flag", "never_there"]}))
    plan = tool.json("plan")
    deletes = {change["id"]: change for change in plan.environment["changes"] if change["action"] == "delete"}
    assert {id_: change["reason"] for id_, change in deletes.items()} == {
        "old_flag": "absent",
        "etl_stray": "authoritative",
    }
    assert all(change["fields"] == [] for change in deletes.values())
    assert {"kind": "variable", "id": "somebody_elses"} in plan.environment["unmanaged"]

    applied = tool.json("apply", "--yes")
    assert applied.code == 0
    assert applied.environment["calls"] == plan.environment["calls"]["apply"]
    assert [call["id"] for call in applied.writes[-2:]] == ["etl_stray", "old_flag"]
    assert living(world, "/variables/somebody_elses")["value"] == "1"
    assert tool("plan", "--detailed-exitcode").code == 0


def test_drift_tells_what_changed_and_what_is_missing(tool: Tool, world: World) -> None:
    tool.declare(**manifest())
    tool("apply", "--yes")
    assert tool("drift").code == 0
    world.backend.send(Request("DELETE", "/variables/flag"))
    body = {"name": "etl", "slots": 99, "description": "Nightly loads", "include_deferred": False}
    world.backend.send(Request("PATCH", "/pools/etl", body=body))
    add(world, "/variables", key="unrelated", value="1")

    drift = tool.json("drift")
    assert drift.code == 2
    assert drift.document["format"] == "reconciler.drift/1"
    pool, variable = drift.environment["changes"]
    assert (pool["id"], pool["reason"]) == ("etl", "manifest")
    assert pool["fields"] == [{"path": ["slots"], "before": 16, "after": 99, "secret": False}]
    assert (variable["id"], variable["reason"]) == ("flag", "missing")
    assert drift.writes == []


def test_an_ignored_field_is_set_once_and_then_left_alone(tool: Tool, world: World) -> None:
    watermark = {"value": "1970-01-01", "description": "Where we are", "ignore": ["value"]}
    tool.declare(variables={"watermark": watermark})
    tool("apply", "--yes")
    moved = {"key": "watermark", "value": "2026-11-24"}
    assert world.backend.send(Request("PATCH", "/variables/watermark", body=moved)).status == 200
    assert tool("plan", "--detailed-exitcode").code == 0

    tool.declare(variables={"watermark": {**watermark, "description": "Where we stand"}})
    assert tool("apply", "--yes").code == 0
    row = living(world, "/variables/watermark")
    assert (row["value"], row["description"]) == ("2026-11-24", "Where we stand")


def test_what_airflow_hides_is_listed_as_unverified(tool: Tool, world: World) -> None:
    tool.declare(**manifest(variables={"api_key": {"value": {"$secret": "env:PASSWORD"}}}))
    created = tool.json("plan").environment["changes"]
    by_id = {change["id"]: change for change in created}
    assert by_id["api_key"]["fields"] == [{"path": ["value"], "secret": True, "ref": "env:PASSWORD"}]
    assert tool("apply", "--yes").code == 0
    plan = tool.json("plan", "--detailed-exitcode")
    assert plan.code == 0
    hidden = {(one["id"], *one["path"], one["why"]) for one in plan.environment["unverified"]}
    expected = {("warehouse", "password", "hidden")}
    if world.major == 3:
        expected.add(("api_key", "value", "hidden"))
    assert hidden == expected


def test_a_rotated_secret_is_seen_where_airflow_shows_the_value(
    tool: Tool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool.declare(variables={"api_key": {"value": {"$secret": "env:PASSWORD"}}})
    tool("apply", "--yes")
    monkeypatch.setenv("PASSWORD", CANARY + "-rotated")
    changes = tool.json("plan").environment["changes"]
    if world.major == 3:
        assert changes == []
        assert tool("apply", "--yes", "--resend-secrets").code == 0
    else:
        assert changes[0]["fields"] == [{"path": ["value"], "secret": True, "ref": "env:PASSWORD"}]
        assert tool("apply", "--yes").code == 0
        assert living(world, "/variables/api_key")["value"] == CANARY + "-rotated"


def test_resending_secrets_writes_what_cannot_be_compared(tool: Tool) -> None:
    tool.declare(**manifest())
    tool("apply", "--yes")
    plan = tool.json("plan", "--resend-secrets")
    (change,) = plan.environment["changes"]
    assert (change["id"], change["reason"]) == ("warehouse", "secret_resend")
    assert change["fields"] == [{"path": ["password"], "secret": True, "ref": "env:PASSWORD"}]
    applied = tool.json("apply", "--yes", "--resend-secrets")
    assert applied.code == 0
    assert [write["fields"] for write in applied.writes] == [["password"]]


def test_a_missing_secret_is_listed_and_apply_writes_nothing(
    tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PASSWORD")
    tool.declare(**manifest())
    plan = tool.json("plan")
    assert plan.code == 0
    assert plan.environment["unverified"] == [
        {"kind": "connection", "id": "warehouse", "path": ["password"], "why": "secret missing"}
    ]
    applied = tool.json("apply", "--yes")
    assert applied.code == 1
    assert applied.writes == []
    assert "secrets to be sent are missing: env:PASSWORD; nothing was written" in applied.err


def test_an_empty_password_replaces_the_connection_where_one_is_seen(tool: Tool, world: World) -> None:
    tool.declare(**manifest())
    tool("apply", "--yes")
    tool.declare(**manifest(connections={"warehouse": {**WAREHOUSE, "password": ""}}))
    plan = tool.json("plan")
    if world.major == 2:
        assert plan.environment["changes"] == []
        return
    (change,) = plan.environment["changes"]
    assert change["action"] == "replace"
    assert "-/+ connection warehouse" in tool("plan").out
    applied = tool.json("apply", "--yes")
    assert applied.code == 0, applied.out
    assert applied.environment["calls"] == plan.environment["calls"]["apply"]
    assert living(world, "/connections/warehouse")["password"] is None


def test_a_protected_resource_is_not_replaced(tool: Tool, world: World) -> None:
    if world.major == 2:
        pytest.skip("Airflow 2 does not show whether a password is set")
    tool.declare(**manifest())
    tool("apply", "--yes")
    protected = {**WAREHOUSE, "password": "", "protect": True}
    tool.declare(**manifest(connections={"warehouse": protected}))
    plan = tool.json("plan")
    assert plan.code == 0
    assert [one["guard"] for one in plan.environment["violations"]] == ["protect"]
    applied = tool.json("apply", "--yes")
    assert applied.code == 3
    assert applied.writes == []


def test_the_default_pool_is_changed_and_never_deleted(tool: Tool, world: World) -> None:
    tool.configure(world.target, **world.settings, authoritative={"pools": ["*"]})
    tool.declare(pools={"etl": POOL, "default_pool": {"slots": 64, "include_deferred": True}})
    assert tool("apply", "--yes").code == 0
    row = living(world, "/pools/default_pool")
    assert (row["slots"], row["include_deferred"]) == (64, True)
    tool.declare(pools={"etl": POOL})
    assert tool.json("plan").environment["changes"] == []


def test_the_description_of_the_default_pool_is_refused_on_airflow_3(tool: Tool, world: World) -> None:
    tool.declare(pools={"default_pool": {"slots": 128, "description": "Mine"}})
    plan = tool("plan")
    if world.major == 2:
        assert plan.code == 0
    else:
        assert plan.code == 1
        assert "Airflow 3 refuses to change the description of default_pool" in plan.err


def test_several_pages_of_each_kind_are_read_and_counted(tool: Tool, world: World) -> None:
    tool.declare(
        variables={f"v{number:03}": str(number) for number in range(250)},
        connections={f"c{number:03}": {"conn_type": "http"} for number in range(120)},
        pools={f"p{number:03}": {"slots": number} for number in range(100)},
    )
    first = tool.json("plan").environment
    applied = tool.json("apply", "--yes")
    assert applied.code == 0
    assert applied.environment["calls"] == first["calls"]["apply"]
    plan = tool.json("plan", "--detailed-exitcode")
    assert plan.code == 0
    assert plan.environment["summary"]["unchanged"] == 470
    listed = 3 if world.version.startswith("3.0.") else pages(250) + pages(120) + pages(101)
    assert len(plan.calls) == plan.environment["calls"]["read"] == world.probes + listed


def test_a_selection_changes_nothing_outside_it(tool: Tool, world: World) -> None:
    tool.declare(**manifest())
    plan = tool.json("plan", "--only", "variable/etl_*", "--only", "pool/*")
    assert [change["id"] for change in plan.environment["changes"]] == ["etl", "etl_config"]
    plan = tool.json("plan", "--kind", "pools")
    assert [change["id"] for change in plan.environment["changes"]] == ["etl"]
    assert len(plan.calls) == world.probes + 1
    nothing = tool("plan", "--only", "variable/nope")
    assert nothing.code == 1
    assert "--only variable/nope matches nothing" in nothing.err
    assert tool("apply", "--yes", "--kind", "pool").code == 0
    assert len(tool.json("plan").environment["changes"]) == 5


LONG = "long_" + "x" * 100


def test_ids_too_long_for_the_path_go_through_bulk_or_are_refused(tool: Tool, world: World) -> None:
    declared = {
        "variables": {LONG: {"value": "1", "description": "d"}},
        "connections": {LONG: {"conn_type": "http", "host": "a"}},
        "pools": {LONG: {"slots": 1, "include_deferred": False}},
    }
    tool.declare(**declared)
    plan = tool.json("plan")
    if world.major == 2 and world.limits_paths:
        assert plan.code == 1
        assert f"the path of variable '{LONG}' has 116 characters, InvokeRestApi takes 64" in plan.err
        assert tool("apply", "--yes").code == 1
        return
    assert tool.json("apply", "--yes").environment["calls"] == plan.environment["calls"]["apply"]
    assert tool("plan", "--detailed-exitcode").code == 0
    tool.declare(
        variables={LONG: {"value": "2", "description": "d"}},
        connections={LONG: {"conn_type": "http", "host": "b"}},
        pools={LONG: {"slots": 2, "include_deferred": False}},
    )
    assert [change["action"] for change in tool.json("plan").environment["changes"]] == ["update"] * 3
    assert tool("apply", "--yes").code == 0
    assert tool("plan", "--detailed-exitcode").code == 0
    tool.declare(absent={"variables": [LONG], "connections": [LONG], "pools": [LONG]})
    deletes = tool.json("plan").environment
    applied = tool.json("apply", "--yes")
    assert applied.code == 0
    assert applied.environment["calls"] == deletes["calls"]["apply"]
    assert tool("plan", "--detailed-exitcode").code == 0


ODD = ["with space", "a/b", "per%cent", "hash#mark", "quest?ion", "plus+", "ünïcode", "漢字", "a:b;c,d=e&f"]


def test_odd_ids_are_created_changed_and_deleted(tool: Tool, world: World) -> None:
    del world
    tool.declare(variables=dict.fromkeys(ODD, "1"))
    assert tool("apply", "--yes").code == 0
    tool.declare(variables=dict.fromkeys(ODD, "2"))
    applied = tool.json("apply", "--yes")
    assert applied.code == 0
    assert {write["method"] for write in applied.writes} == {"PATCH"}
    tool.declare(absent={"variables": ODD})
    assert tool("apply", "--yes").code == 0
    assert tool.json("plan").environment["summary"]["unmanaged"] == 1


def test_null_and_empty_are_one(tool: Tool) -> None:
    tool.declare(
        variables={"v": {"value": "1", "description": ""}},
        connections={"c": {"conn_type": "http", "host": "", "extra": {}, "password": ""}},
        pools={"p": {"slots": 1, "description": ""}},
    )
    assert tool("apply", "--yes").code == 0
    assert tool("plan", "--detailed-exitcode").code == 0


def test_a_password_masks_other_texts_without_causing_drift(
    tool: Tool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    del world
    monkeypatch.setenv("PASSWORD", "zebra77")
    connection = {**WAREHOUSE, "extra": {"url": "http://u:zebra77@h"}}
    tool.declare(variables={"plain": "my zebra77 x"}, connections={"warehouse": connection})
    assert tool("apply", "--yes").code == 0
    for _ in range(2):
        plan = tool.json("plan", "--detailed-exitcode")
        assert plan.code == 0
        assert ("warehouse", "masked") in {(one["id"], one["why"]) for one in plan.environment["unverified"]}
