"""What a ledger is for, story by story, on every kind of target.

Every apply makes the calls that its plan announces, and the plan after it is empty.
"""

import json
from typing import Any

import pytest

from reconciler.backends import Method, Request
from tests.e2e.tool import CANARY, Ran, Tool
from tests.e2e.worlds import World

NEWEST_ONLY = True
"""Of the real Airflows the newest of each major: what these stories are about is ours, not Airflow's."""

ROTATED = f"{CANARY}-rotated"
SECRET = {"$secret": "env:PASSWORD"}
ETL = {"value": {"source": "s3://in", "retries": 2}, "description": "Read by etl"}
WAREHOUSE = {
    "conn_type": "postgres",
    "description": "The warehouse",
    "host": "warehouse.internal",
    "port": 5432,
    "login": "etl",
    "password": SECRET,
    "schema": "analytics",
    "extra": {"sslmode": "require"},
}
POOL = {"slots": 16, "description": "Nightly loads", "include_deferred": True}


@pytest.fixture
def tool(tool: Tool, world: World) -> Tool:
    """The same tool on an environment with a ledger."""
    tool.configure(world.target, **world.settings, ledger="file:ledger.json")
    return tool


def manifest(**changes: Any) -> dict[str, Any]:
    sections = {
        "variables": variables(),
        "connections": {"warehouse": WAREHOUSE},
        "pools": {"etl": POOL},
    }
    return {**sections, **changes}


def variables(**changes: Any) -> dict[str, Any]:
    return {"etl_config": ETL, "batch_size": 500, "flag": True, "text": "plain", **changes}


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def behind(world: World, method: Method, path: str, **body: Any) -> Any:
    """A call that git knows nothing of."""
    answer = world.backend.send(Request(method, path, body=body or None))
    assert answer.status in {200, 201, 204}
    return answer.body


def living(world: World, path: str) -> Any:
    return behind(world, "GET", path)


def done(tool: Tool, *options: str) -> tuple[list[dict[str, Any]], Ran]:
    """The planned changes, and the apply that made them with as many calls as announced."""
    plan = tool.json("plan", *options)
    assert plan.environment["violations"] == []
    applied = tool.json("apply", "--yes", *options)
    assert applied.code == 0, applied.out
    assert applied.environment["calls"] == plan.environment["calls"]["apply"]
    writes = len(applied.writes)
    assert (len(applied.calls) - writes, writes) == tuple(applied.environment["calls"].values())
    after = tool.json("plan", "--detailed-exitcode")
    assert after.code == 0, after.err
    assert after.environment["changes"] == []
    assert tool("drift").code == 0
    return plan.environment["changes"], applied


def told(changes: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(change["action"], change["id"], change["reason"]) for change in changes]


def sent(applied: Ran) -> list[tuple[str, str, list[str]]]:
    return [(write["method"], write["id"], write["fields"]) for write in applied.writes]


def owned(tool: Tool) -> dict[str, list[str]]:
    ledger = json.loads((tool.folder / "ledger.json").read_text())
    return {kind: [*ids] for kind, ids in ledger["owned"].items() if ids}


def test_what_git_no_longer_declares_is_deleted_and_nothing_else(tool: Tool, world: World) -> None:
    behind(world, "POST", "/variables", key="somebody_elses", value="1")
    tool.declare(**manifest())
    done(tool)
    tool.declare(**manifest(variables=without(variables(), "flag")))
    changes, applied = done(tool)
    assert told(changes) == [("delete", "flag", "undeclared")]
    assert sent(applied) == [("DELETE", "flag", [])]
    assert living(world, "/variables/somebody_elses")["value"] == "1"
    assert owned(tool)["variable"] == ["batch_size", "etl_config", "text"]


def test_too_many_deletes_are_refused_with_the_number_that_allows_them(tool: Tool, world: World) -> None:
    many = {f"v{number}": str(number) for number in range(6)}
    tool.declare(**manifest(variables=many))
    done(tool)
    tool.declare(**manifest(variables={"v0": "0"}))
    refused = tool.json("apply", "--yes")
    assert (refused.code, refused.writes) == (3, [])
    assert "--allow-deletes variable=5" in refused.err
    changes, _ = done(tool, "--allow-deletes", "variable=5")
    assert {change["action"] for change in changes} == {"delete"}
    assert living(world, "/variables")["total_entries"] == 1


def test_protection_outlives_the_manifest(tool: Tool, world: World) -> None:
    tool.declare(**manifest(pools={"etl": {**POOL, "protect": True}, "other": {"slots": 1}}))
    done(tool)
    tool.declare(**manifest(pools={"other": {"slots": 1}}))
    assert [one["guard"] for one in tool.json("plan").environment["violations"]] == ["protect"]
    refused = tool.json("apply", "--yes", "--allow-deletes", "pool=1")
    assert (refused.code, refused.writes) == (3, [])
    assert living(world, "/pools/etl")["slots"] == 16
    tool.declare(**manifest(pools={"etl": POOL, "other": {"slots": 1}}))
    changes, applied = done(tool)
    assert (told(changes), applied.writes) == ([("adopt", "etl", "recorded")], [])
    tool.declare(**manifest(pools={"other": {"slots": 1}}))
    assert told(done(tool)[0]) == [("delete", "etl", "undeclared")]


DEFAULTS = {"description": "", "host": "", "port": None, "login": "", "schema": "", "extra": None}


@pytest.mark.parametrize("names", [(name,) for name in DEFAULTS] + [tuple(DEFAULTS)], ids=" ".join)
def test_a_field_that_a_connection_no_longer_declares_returns_to_its_default(
    tool: Tool, world: World, names: tuple[str, ...]
) -> None:
    tool.declare(**manifest())
    done(tool)
    tool.declare(**manifest(connections={"warehouse": without(WAREHOUSE, *names)}))
    changes, applied = done(tool)
    assert told(changes) == [("update", "warehouse", "withdrawn")]
    assert {field["path"][0] for field in changes[0]["fields"]} == set(names)
    assert [(method, set(fields)) for method, _, fields in sent(applied)] == [("PATCH", set(names))]
    row = living(world, "/connections/warehouse")
    assert all(row[name] in {DEFAULTS[name], None, "", "{}"} for name in names)
    kept = (set(DEFAULTS) - set(names)) & {"host", "port", "login", "schema"}
    assert all(row[name] == WAREHOUSE[name] for name in kept)


def test_a_description_that_a_variable_no_longer_declares_is_taken_away(tool: Tool, world: World) -> None:
    tool.declare(**manifest())
    done(tool)
    tool.declare(**manifest(variables=variables(etl_config=without(ETL, "description"))))
    changes, applied = done(tool)
    assert told(changes) == [("update", "etl_config", "withdrawn")]
    (field,) = changes[0]["fields"]
    assert (field["path"], field["before"]) == (["description"], "Read by etl")
    assert sent(applied) == [("PATCH", "etl_config", ["description"])]
    assert not living(world, "/variables/etl_config")["description"]


def test_what_a_pool_no_longer_declares_returns_to_its_default(tool: Tool, world: World) -> None:
    tool.declare(**manifest())
    done(tool)
    tool.declare(**manifest(pools={"etl": {"slots": 16}}))
    changes, applied = done(tool)
    assert told(changes) == [("update", "etl", "withdrawn")]
    assert sent(applied) == [("PATCH", "etl", ["description", "include_deferred"])]
    row = living(world, "/pools/etl")
    assert (row["slots"], row["description"] or "", row["include_deferred"]) == (16, "", False)


def test_a_field_that_was_never_declared_is_left_alone(tool: Tool, world: World) -> None:
    tool.declare(pools={"etl": {"slots": 16}})
    done(tool)
    behind(world, "PATCH", "/pools/etl", name="etl", slots=16, description="Theirs", include_deferred=True)
    assert tool("plan", "--detailed-exitcode").code == 0
    assert tool("drift").code == 0


def test_what_is_there_as_declared_becomes_ours_without_a_call(tool: Tool, world: World) -> None:
    behind(world, "POST", "/variables", key="batch_size", value="500")
    row = {**without(WAREHOUSE, "extra"), "extra": '{"sslmode": "require"}', "password": CANARY}
    behind(world, "POST", "/connections", connection_id="warehouse", **row)
    tool.declare(**manifest())
    changes, applied = done(tool)
    adopted = [("adopt", "batch_size", "manifest"), ("adopt", "warehouse", "manifest")]
    assert [one for one in told(changes) if one[0] == "adopt"] == adopted
    assert {write["id"] for write in applied.writes} == {"etl", "etl_config", "flag", "text"}
    assert tool.json("plan").environment["unverified"] == [
        {"kind": "connection", "id": "warehouse", "path": ["password"], "why": "hidden"}
    ]
    tool.declare(**manifest(variables=without(variables(), "batch_size")))
    assert told(done(tool)[0]) == [("delete", "batch_size", "undeclared")]


def test_what_is_there_and_differs_is_taken_over_by_name_only(tool: Tool, world: World) -> None:
    behind(world, "POST", "/variables", key="batch_size", value="1")
    tool.declare(**manifest())
    refused = tool.json("apply", "--yes")
    assert (refused.code, refused.writes) == (3, [])
    assert "variable/batch_size is there already, is not ours, and differs" in refused.err
    assert living(world, "/variables/batch_size")["value"] == "1"
    changes, _ = done(tool, "--adopt", "variable/batch_size")
    assert ("update", "batch_size", "manifest") in told(changes)
    assert living(world, "/variables/batch_size")["value"] == "500"


def test_what_is_there_and_differs_is_taken_over_where_the_environment_says_so(
    tool: Tool, world: World
) -> None:
    behind(world, "POST", "/variables", key="batch_size", value="1")
    tool.configure(world.target, **world.settings, ledger="file:ledger.json", adopt="always")
    tool.declare(**manifest())
    changes, _ = done(tool)
    assert ("update", "batch_size", "manifest") in told(changes)


def test_what_is_gone_and_no_longer_declared_is_forgotten_without_a_call(tool: Tool, world: World) -> None:
    tool.declare(**manifest())
    done(tool)
    behind(world, "DELETE", "/variables/flag")
    tool.declare(**manifest(variables=without(variables(), "flag")))
    assert tool("drift").code == 0, "git does not want it either"
    changes, applied = done(tool)
    assert (told(changes), applied.writes) == ([("forget", "flag", "undeclared")], [])
    assert owned(tool)["variable"] == ["batch_size", "etl_config", "text"]


def test_an_edit_that_git_has_taken_up_is_only_recorded(tool: Tool, world: World) -> None:
    tool.declare(**manifest())
    done(tool)
    behind(world, "PATCH", "/variables/batch_size", key="batch_size", value="600")
    assert tool("drift").code == 2
    tool.declare(**manifest(variables=variables(batch_size=600)))
    assert tool("drift").code == 0
    changes, applied = done(tool)
    assert (told(changes), applied.writes) == ([("adopt", "batch_size", "recorded")], [])


def test_drift_tells_an_edit_from_a_change_of_git(tool: Tool, world: World) -> None:
    tool.declare(**manifest())
    done(tool)
    body = {"name": "etl", "slots": 99, "description": "Nightly loads", "include_deferred": True}
    behind(world, "PATCH", "/pools/etl", **body)
    behind(world, "PATCH", "/variables/batch_size", key="batch_size", value="600")
    behind(world, "DELETE", "/variables/flag")
    behind(world, "POST", "/variables", key="unrelated", value="1")
    etl = {**ETL, "description": "Git says"}
    tool.declare(**manifest(variables=variables(etl_config=etl, batch_size=700)))

    drift = tool.json("drift")
    assert (drift.code, drift.writes) == (2, [])
    found = {change["id"]: change for change in drift.environment["changes"]}
    assert told(list(found.values())) == [
        ("update", "etl", "drift"),
        ("update", "batch_size", "drift"),
        ("create", "flag", "missing"),
    ]
    assert found["etl"]["fields"] == [{"path": ["slots"], "before": 16, "after": 99, "secret": False}]
    assert found["batch_size"]["fields"] == [{"path": ["value"], "after": 600, "secret": False}], (
        "git says something else by now than what was written"
    )
    changes, _ = done(tool)
    assert told(changes) == [
        ("update", "etl", "drift"),
        ("update", "batch_size", "drift"),
        ("update", "etl_config", "manifest"),
        ("create", "flag", "missing"),
    ]


def test_an_undeclared_one_that_somebody_changed_is_kept_until_it_is_named(tool: Tool, world: World) -> None:
    tool.declare(**manifest())
    done(tool)
    behind(world, "PATCH", "/variables/flag", key="flag", value="theirs")
    tool.declare(**manifest(variables=without(variables(), "flag")))
    drift = tool.json("drift")
    assert (drift.code, told(drift.environment["changes"])) == (2, [("delete", "flag", "drift")])
    refused = tool.json("apply", "--yes")
    assert (refused.code, refused.writes) == (3, [])
    assert living(world, "/variables/flag")["value"] == "theirs"
    assert told(done(tool, "--allow-delete", "variable/flag")[0]) == [("delete", "flag", "undeclared")]


def test_a_secret_that_changed_at_its_source_is_one_patch_of_it_alone(
    tool: Tool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool.declare(**manifest())
    done(tool)
    monkeypatch.setenv("PASSWORD", ROTATED)
    if world.recorded:
        world.recorded.forget()
    changes, applied = done(tool)
    assert told(changes) == [("update", "warehouse", "secret_rotated")]
    assert changes[0]["fields"] == [{"path": ["password"], "secret": True, "ref": "env:PASSWORD"}]
    assert sent(applied) == [("PATCH", "warehouse", ["password"])]
    if world.recorded:
        (write,) = world.recorded.writes
        assert write.body["password"] == ROTATED


def test_a_secret_variable_that_changed_at_its_source_is_told_whether_airflow_shows_it_or_not(
    tool: Tool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool.declare(variables={"api_key": {"value": SECRET, "description": "A key"}})
    done(tool)
    monkeypatch.setenv("PASSWORD", ROTATED)
    assert tool("drift").code == 0, "nobody has changed anything in Airflow"
    changes, applied = done(tool)
    assert told(changes) == [("update", "api_key", "secret_rotated")]
    assert sent(applied) == [("PATCH", "api_key", ["value"])]
    assert living(world, "/variables/api_key")["value"] == (ROTATED if world.major == 2 else "***")


def test_a_rotated_leaf_of_extra_is_told_alone(
    tool: Tool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    del world
    body = {"conn_type": "http", "extra": {"timeout": 30, "token": SECRET}}
    tool.declare(connections={"vendor": body})
    done(tool)
    monkeypatch.setenv("PASSWORD", ROTATED)
    changes, applied = done(tool)
    assert told(changes) == [("update", "vendor", "secret_rotated")]
    assert changes[0]["fields"] == [{"path": ["extra", "token"], "secret": True, "ref": "env:PASSWORD"}]
    assert sent(applied) == [("PATCH", "vendor", ["extra"])]


def test_another_reference_to_the_same_value_is_no_reason_to_send_it(
    tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool.declare(**manifest())
    done(tool)
    monkeypatch.setenv("RENAMED", CANARY)
    moved = {**WAREHOUSE, "password": {"$secret": "env:RENAMED"}}
    tool.declare(**manifest(connections={"warehouse": moved}))
    changes, applied = done(tool)
    assert (told(changes), applied.writes) == ([("adopt", "warehouse", "recorded")], [])


def test_a_raised_secret_version_sends_again_what_airflow_hides(tool: Tool, world: World) -> None:
    def declare(version: int) -> None:
        tool.declare(
            variables={"api_key": {"value": SECRET, "description": "A key", "secret_version": version}},
            connections={"warehouse": {**WAREHOUSE, "secret_version": version}},
        )

    declare(1)
    done(tool)
    declare(2)
    changes, applied = done(tool)
    hidden = [("update", "warehouse", "secret_resend")]
    if world.major == 3:
        assert told(changes) == [("update", "api_key", "secret_resend"), *hidden]
        assert sent(applied) == [("PATCH", "api_key", ["value"]), ("PATCH", "warehouse", ["password"])]
    else:
        assert told(changes) == [("adopt", "api_key", "recorded"), *hidden], "it is seen to be right"
        assert sent(applied) == [("PATCH", "warehouse", ["password"])]


PLAIN_NOW = "no-secret-any-more"


@pytest.mark.parametrize("section", ["variables", "connections"])
def test_a_field_that_once_was_secret_stays_sealed_when_it_becomes_plain(
    tool: Tool, world: World, section: str
) -> None:
    def declare(value: Any) -> None:
        bodies = {
            "variables": {"thing": {"value": value}},
            "connections": {"thing": {"conn_type": "http", "extra": {"plain": value, "n": 1}}},
        }
        tool.declare(**{section: bodies[section]})

    declare(SECRET)
    done(tool)
    declare(PLAIN_NOW)
    changes, _ = done(tool)
    path = ["value"] if section == "variables" else ["extra", "plain"]
    assert told(changes) == [("update", "thing", "manifest")]
    assert changes[0]["fields"] == [{"path": path, "secret": True, "ref": None}]
    assert PLAIN_NOW in str(living(world, f"/{section}/thing"))
    for value in ("and-again", "and-once-more"):
        declare(value)
        outputs = [tool("plan"), tool.json("plan"), tool.json("apply", "--yes"), tool("drift")]
        assert [ran.code for ran in outputs] == [0, 0, 0, 0]
        assert not any(text in ran.out + ran.err for ran in outputs for text in (PLAIN_NOW, value))
    behind_value = "edited-behind"
    _edit(world, section, behind_value)
    drift = tool.json("drift")
    assert drift.code == 2
    assert behind_value not in drift.out + drift.err + tool("plan").out


def _edit(world: World, section: str, value: str) -> None:
    if section == "variables":
        behind(world, "PATCH", "/variables/thing", key="thing", value=value)
    else:
        extra = f'{{"plain": "{value}", "n": 1}}'
        behind(world, "PATCH", "/connections/thing", connection_id="thing", conn_type="http", extra=extra)


def test_a_password_that_git_no_longer_declares_takes_a_new_connection(tool: Tool, world: World) -> None:
    tool.declare(**manifest())
    done(tool)
    tool.declare(**manifest(connections={"warehouse": without(WAREHOUSE, "password")}))
    text = tool("plan").out
    assert "-/+ connection warehouse" in text
    assert "a password is taken away, which takes a new connection" in text
    changes, applied = done(tool)
    assert told(changes) == [("replace", "warehouse", "withdrawn")]
    assert [method for method, *_ in sent(applied)] == ["DELETE", "POST"]
    row = living(world, "/connections/warehouse")
    assert (row["host"], row.get("password")) == ("warehouse.internal", None)


def test_a_password_whose_connection_is_protected_is_not_taken_away(tool: Tool) -> None:
    tool.declare(**manifest(connections={"warehouse": {**WAREHOUSE, "protect": True}}))
    done(tool)
    bare = {**without(WAREHOUSE, "password"), "protect": True}
    tool.declare(**manifest(connections={"warehouse": bare}))
    refused = tool.json("apply", "--yes")
    assert (refused.code, refused.writes) == (3, [])
    assert "connection/warehouse is protected and would be replaced" in refused.err


def test_an_ignored_field_is_not_owned_and_its_resource_is(tool: Tool, world: World) -> None:
    watermark = {"value": "1970-01-01", "description": "Where we are", "ignore": ["value"]}
    tool.declare(variables={"watermark": watermark, "other": "1"})
    done(tool)
    behind(
        world,
        "PATCH",
        "/variables/watermark",
        key="watermark",
        value="2026-11-24",
        description="Where we are",
    )
    assert tool("drift").code == 0
    assert tool("plan", "--detailed-exitcode").code == 0
    tool.declare(variables={"other": "1"})
    assert told(done(tool)[0]) == [("delete", "watermark", "undeclared")]


def test_a_saved_plan_is_done_and_nothing_else(tool: Tool, world: World) -> None:
    file = str(tool.folder.parent / "plan.json")
    tool.declare(**manifest())
    plan = tool.json("plan", "--out", file)
    applied = tool.json("apply", "--plan", file)
    assert applied.code == 0
    assert applied.environment["calls"] == plan.environment["calls"]["apply"]
    tool.declare(**manifest(pools={"etl": {**POOL, "slots": 8}}))
    tool("plan", "--out", file)
    behind(
        world, "PATCH", "/pools/etl", name="etl", slots=9, description="Nightly loads", include_deferred=True
    )
    refused = tool.json("apply", "--plan", file)
    assert (refused.code, refused.writes) == (3, [])
    assert "Airflow has changed since" in refused.err
    assert living(world, "/pools/etl")["slots"] == 9


def test_a_second_apply_leaves_the_ledger_as_it_is(tool: Tool) -> None:
    tool.declare(**manifest())
    done(tool)
    before = (tool.folder / "ledger.json").read_bytes()
    again = tool.json("apply", "--yes")
    assert (again.code, again.writes) == (0, [])
    assert (tool.folder / "ledger.json").read_bytes() == before
    assert CANARY not in before.decode()
