from typing import Any

import pytest

from reconciler.backends import Request
from reconciler.dialects import Dialect, Page, dialect_for, path_of
from reconciler.errors import BadAnswer, Rejected
from reconciler.kinds import BY_NAME, KINDS, kind_named
from reconciler.model import Hidden, JsonText, Key, Resource, Secret
from reconciler.plan import Action, Change
from tests.core.samples import connection, pool, variable

SECRET = Secret("env:S", "the-plaintext")
LONG = "x" * 60
V1, OLD_V1, V2, V2_0 = "2.11.2", "2.8.1", "3.3.1", "3.0.6"


def dialect(version: str, limit: int | None = 64) -> Dialect:
    found = dialect_for(version, limit)
    assert found
    return found


def change(key: Key, *changed: str, action: Action = Action.UPDATE) -> Change:
    from reconciler.compare import FieldChange

    return Change(action, key, "manifest", None, tuple(FieldChange((name,)) for name in changed), None, None)


@pytest.mark.parametrize(
    ("version", "major"), [("2.7.2", 2), ("2.11.2", 2), ("3.0.6", 3), ("3.3.1", 3), ("3", 3), ("3.1.0rc1", 3)]
)
def test_the_major_version_tells_the_dialect(version: str, major: int) -> None:
    assert dialect(version).major == major


@pytest.mark.parametrize("version", ["1.10.15", "4.0.0", "20.1", "", "x"])
def test_an_unknown_major_version_has_no_dialect(version: str) -> None:
    assert dialect_for(version, 64) is None


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (Key("variable", "a b/c"), "/variables/a%20b%2Fc"),
        (Key("variable", "50%?#&"), "/variables/50%25%3F%23%26"),
        (Key("connection", "wh.1-x_y"), "/connections/wh.1-x_y"),
        (Key("pool", "é"), "/pools/%C3%A9"),
    ],
)
def test_an_id_is_quoted_throughout(key: Key, path: str) -> None:
    assert path_of(key) == path


@pytest.mark.parametrize(("limit", "length", "fits"), [(64, 57, True), (64, 58, False), (None, 250, True)])
def test_a_path_fits_as_long_as_it_is_sent(limit: int | None, length: int, fits: bool) -> None:
    assert dialect(V2, limit).fits_path(Key("pool", "p" * length)) is fits
    assert dialect(V2, 64).fits_path(Key("pool", "é" * 10)) is False


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_page_is_asked_for_in_the_order_of_ids(version: str, kind: Any) -> None:
    request = dialect(version).list_request(kind, 200)
    assert request == Request(
        "GET", f"/{kind.collection}", {"limit": "1000", "offset": "200", "order_by": kind.id_field}
    )


CREATES = [
    (
        variable("a", {"n": SECRET}, description=""),
        Request("POST", "/variables", {}, {"key": "a", "value": JsonText({"n": SECRET}), "description": ""}),
    ),
    (
        connection("c", port=5432, password=SECRET, extra={}),
        Request(
            "POST",
            "/connections",
            {},
            {
                "connection_id": "c",
                "conn_type": "postgres",
                "port": 5432,
                "password": SECRET,
                "extra": JsonText({}),
            },
        ),
    ),
    (pool("p"), Request("POST", "/pools", {}, {"name": "p", "slots": 4})),
]


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize(("resource", "request_"), CREATES, ids=["variable", "connection", "pool"])
def test_a_create_holds_every_declared_field_and_no_other(
    version: str, resource: Resource, request_: Request
) -> None:
    assert dialect(version).create_request(resource) == request_


UPDATES = [
    (V1, variable("a/b", 1, description="d"), ("value",), "val", {"key": "a/b", "value": JsonText(1)}),
    (
        V1,
        variable("a/b", 1, description="d"),
        ("description", "value"),
        "description,val",
        {"key": "a/b", "value": JsonText(1), "description": "d"},
    ),
    (
        V1,
        variable("a/b", SECRET, description="d"),
        ("description",),
        "description",
        {"key": "a/b", "value": JsonText(SECRET), "description": "d"},
    ),
    (
        V1,
        connection("c", host="h", login="l"),
        ("host", "login"),
        "host,login",
        {"connection_id": "c", "host": "h", "login": "l"},
    ),
    (V1, pool("p", description="d"), ("description",), "description", {"name": "p", "description": "d"}),
    (
        V2,
        variable("a/b", 1, description="d"),
        ("description", "value"),
        ("description", "value"),
        {"key": "a/b", "value": JsonText(1), "description": "d"},
    ),
    (
        V2,
        connection("c", host="h", login="l"),
        ("login",),
        ("login",),
        {"connection_id": "c", "conn_type": "postgres", "login": "l"},
    ),
    (
        V2,
        pool("p", description="d"),
        ("description",),
        ("description",),
        {"name": "p", "slots": 4, "description": "d", "include_deferred": False},
    ),
    (
        V2,
        pool("default_pool", include_deferred=True),
        ("slots", "include_deferred"),
        ("slots", "include_deferred"),
        {"name": "default_pool", "slots": 4, "include_deferred": True},
    ),
]


@pytest.mark.parametrize(("version", "resource", "names", "mask", "body"), UPDATES)
def test_an_update_names_the_changed_fields_and_carries_what_the_version_demands(
    version: str, resource: Resource, names: tuple[str, ...], mask: Any, body: dict[str, Any]
) -> None:
    request = dialect(version).update_request(resource, names)
    assert request == Request("PATCH", path_of(resource.key), {"update_mask": mask}, body)
    assert set(names) <= body.keys()


@pytest.mark.parametrize(
    ("version", "resource", "names", "entity", "mask"),
    [
        (V2, variable(LONG, 1, description="d"), ("value",), {"key": LONG, "value": JsonText(1)}, ["value"]),
        (
            V2_0,
            variable(LONG, 1, description="d"),
            ("value",),
            {"key": LONG, "value": JsonText(1), "description": "d"},
            None,
        ),
        (V2_0, variable(LONG, 1), ("value",), {"key": LONG, "value": JsonText(1)}, None),
        (
            V2,
            connection(LONG, host="h"),
            ("host",),
            {"connection_id": LONG, "conn_type": "postgres", "host": "h"},
            None,
        ),
        (
            V2_0,
            pool(LONG, include_deferred=True),
            ("slots",),
            {"name": LONG, "slots": 4, "include_deferred": True},
            None,
        ),
        (V2_0, pool(LONG), ("slots",), {"name": LONG, "slots": 4, "include_deferred": False}, None),
    ],
)
def test_an_id_too_long_for_a_path_is_updated_in_bulk(
    version: str, resource: Resource, names: tuple[str, ...], entity: dict[str, Any], mask: list[str] | None
) -> None:
    request = dialect(version).update_request(resource, names)
    action = {"action": "update", "action_on_non_existence": "fail", "entities": [entity]}
    wanted = action if mask is None else {**action, "update_mask": mask}
    collection = BY_NAME[resource.key.kind].collection
    assert request == Request("PATCH", f"/{collection}", {}, {"actions": [wanted]})


def test_an_id_too_long_for_a_path_is_created_deleted_and_found_without_one() -> None:
    speak, key = dialect(V2), Key("variable", LONG)
    assert speak.create_request(variable(LONG, 1)).body == {
        "actions": [
            {
                "action": "create",
                "action_on_existence": "fail",
                "entities": [{"key": LONG, "value": JsonText(1)}],
            }
        ]
    }
    assert speak.delete_request(key).body == {
        "actions": [{"action": "delete", "action_on_non_existence": "fail", "entities": [LONG]}]
    }
    assert speak.find_request(key) == Request(
        "GET", "/variables", {"variable_key_pattern": LONG, "limit": "1000", "order_by": "key"}
    )
    assert speak.find_request(Key("variable", "a")) == Request("GET", "/variables/a")
    assert speak.delete_request(Key("variable", "a")) == Request("DELETE", "/variables/a")
    assert dialect(V1).find_request(Key("variable", "a")) == Request("GET", "/variables/a")


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"pools": {}},
        {"pools": []},
        {"pools": [], "total_entries": None},
        {"pools": [], "total_entries": True},
        {"pools": [None], "total_entries": 1},
        {"pools": [{"slots": 1}], "total_entries": 1},
        {"pools": [{"name": 5}], "total_entries": 1},
        {"variables": [], "total_entries": 0},
    ],
)
def test_a_listing_of_another_shape_is_no_answer(body: Any) -> None:
    with pytest.raises(BadAnswer):
        dialect(V2).page(kind_named("pool"), body)


def test_a_page_holds_the_fields_of_the_kind_and_nothing_else() -> None:
    row = {"name": "p", "slots": 1, "open_slots": 1, "team_name": None}
    page = dialect(V2).page(kind_named("pools"), {"pools": [row], "total_entries": 9})
    assert page == Page((Resource(Key("pool", "p"), {"slots": 1}),), 9)
    with pytest.raises(KeyError):
        _ = BY_NAME["dag"]


def test_airflow_2_hides_whether_there_is_a_password() -> None:
    row = {"connection_id": "c", "conn_type": "http"}
    assert dialect(V1).resource(kind_named("connection"), row).fields["password"] == Hidden("hidden")
    assert "password" not in dialect(V2).resource(kind_named("connection"), row).fields
    assert dialect(V1).resource(kind_named("variable"), {"key": "a", "value": "1"}).fields == {"value": "1"}


def test_only_airflow_2_lists_connections_without_extra_and_overwrites_variables() -> None:
    assert [kind.name for kind in KINDS if dialect(V1).lacks_extra(kind)] == ["connection"]
    assert [kind.name for kind in KINDS if dialect(V1).upserts(kind)] == ["variable"]
    assert not any(dialect(V2).lacks_extra(kind) or dialect(V2).upserts(kind) for kind in KINDS)


@pytest.mark.parametrize("version", [V1, V2])
def test_an_answer_about_another_resource_is_no_answer(version: str) -> None:
    key = Key("variable", "a")
    for read in (dialect(version).found, dialect(version).written):
        found = read(key, {"key": "a", "value": "1"})
        assert found
        assert found.fields == {"value": "1"}
        others: list[Any] = [{"key": "b", "value": "1"}, None, [], "text"]
        for body in others:
            with pytest.raises(BadAnswer):
                read(key, body)


def test_a_long_id_is_picked_out_of_those_that_resemble_it() -> None:
    speak, key = dialect(V2), Key("variable", LONG)
    rows = [{"key": LONG + "y", "value": "2"}, {"key": LONG, "value": "1"}]
    found = speak.found(key, {"variables": rows, "total_entries": 500})
    assert found
    assert found.fields == {"value": "1"}
    assert speak.found(key, {"variables": rows[:1], "total_entries": 1}) is None
    with pytest.raises(BadAnswer, match="cut before"):
        speak.found(key, {"variables": rows[:1], "total_entries": 2})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"create": {"success": [], "errors": [{"error": "x", "status_code": 409}]}}, Rejected),
        ({"create": {"success": [LONG], "errors": ["odd"]}}, Rejected),
        ({"create": {"success": ["other"], "errors": []}}, BadAnswer),
        ({"create": {"success": None, "errors": None}}, BadAnswer),
        ({"detail": "text"}, BadAnswer),
        ({}, BadAnswer),
        (None, BadAnswer),
        ([], BadAnswer),
    ],
)
def test_a_bulk_answer_is_a_failure_unless_it_names_the_id_as_a_success(
    body: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        dialect(V2).written(Key("variable", LONG), body)


def test_a_bulk_answer_that_names_the_id_shows_no_object() -> None:
    body: Any = {"create": {"success": [LONG], "errors": []}, "update": None, "delete": None}
    assert dialect(V2).written(Key("variable", LONG), body) is None


@pytest.mark.parametrize(
    ("version", "first", "total", "page"),
    [
        (V1, 3, 3, 100),
        (V1, 100, 250, 100),
        (V1, 50, 250, 50),
        (V1, 0, 0, 100),
        (V1, 150, 150, 150),
        (V2, 100, 101, 100),
        (V2, 0, 0, 100),
        (V2_0, 700, 700, 1000),
        (V2_0, 1000, 1500, 1000),
        (V2_0, 0, 0, 1000),
    ],
)
def test_the_first_page_tells_how_many_rows_a_page_holds(
    version: str, first: int, total: int, page: int
) -> None:
    assert dialect(version).page_size(first, total) == page


@pytest.mark.parametrize(
    ("version", "resource", "why"),
    [
        (V1, variable(LONG, 1), "has 71 characters"),
        (V1, pool("a/b"), "'/' in its name"),
        (V1, pool("p", -1), "-1 slots"),
        (V2_0, pool("p", -1), "-1 slots"),
        (V2, pool("p", -1), None),
        (V2, pool("a/b"), None),
        (V2, variable(LONG, 1), None),
        (V1, variable("a/b", 1), None),
    ],
)
def test_what_a_version_cannot_hold_is_refused(version: str, resource: Resource, why: str | None) -> None:
    said = dialect(version).refusal(resource)
    assert (said is None) if why is None else (said is not None and why in said)


D = "description"


@pytest.mark.parametrize(
    ("version", "desired", "current", "changed", "why"),
    [
        (V1, None, variable(LONG, 1), (), "no other way"),
        (V1, pool("default_pool", description="d"), pool("default_pool"), (D,), None),
        (V2, pool("default_pool", description="d"), pool("default_pool"), (D,), "default_pool"),
        (V2, pool("default_pool"), pool("default_pool", 1), ("slots",), None),
        (V2, None, variable(LONG, 1), (), None),
        (V2_0, variable(LONG, 1), variable(LONG, "2", description="d"), ("value",), "reset the description"),
        (V2_0, variable(LONG, 1), variable(LONG, "2", description=""), ("value",), None),
        (V2_0, variable(LONG, 1, description="x"), variable(LONG, "2", description="d"), ("value", D), None),
        (V2, variable(LONG, 1), variable(LONG, "2", description="d"), ("value",), None),
        (V2_0, pool(LONG), pool(LONG, 1, include_deferred=True), ("slots",), "reset the include_deferred"),
        (V2_0, pool(LONG), pool(LONG, 1, include_deferred=False), ("slots",), None),
        (
            V2_0,
            variable(LONG, 1, ["value"], description="x"),
            variable(LONG, "2"),
            (D,),
            "overwrite the value",
        ),
        (
            V2_0,
            variable(LONG, 1, ["description"], description="x"),
            variable(LONG, "2"),
            ("value",),
            "overwrite the desc",
        ),
        (V2, variable(LONG, 1, ["value"], description="x"), variable(LONG, "2"), (D,), None),
        (
            V2,
            connection(LONG, ["conn_type"], host="h"),
            connection(LONG),
            ("host",),
            "overwrite the conn_type",
        ),
        (V2, connection("c", ["conn_type"], host="h"), connection("c"), ("host",), None),
        (V2, connection(LONG, host="h"), connection(LONG), ("host",), None),
    ],
)
def test_a_change_that_would_touch_more_than_it_says_is_refused(
    version: str, desired: Resource | None, current: Resource, changed: tuple[str, ...], why: str | None
) -> None:
    action = Action.UPDATE if desired else Action.DELETE
    said = dialect(version).change_refusal(change(current.key, *changed, action=action), desired, current)
    assert (said is None) if why is None else (said is not None and why in said)


@pytest.mark.parametrize(
    ("version", "action", "methods"),
    [
        (V2, Action.CREATE, ["POST"]),
        (OLD_V1, Action.CREATE, ["POST", "PATCH"]),
        (V1, Action.CREATE, ["POST"]),
        (V2, Action.UPDATE, ["PATCH"]),
        (V2, Action.REPLACE, ["DELETE", "POST"]),
        (V2, Action.DELETE, ["DELETE"]),
        (V2, Action.ADOPT, []),
        (V2, Action.FORGET, []),
    ],
)
def test_the_writes_of_a_change_are_known_before(version: str, action: Action, methods: list[str]) -> None:
    desired = variable("a", 1, description="d")
    writes = dialect(version).writes(change(desired.key, "value", action=action), desired)
    assert [request.method for request in writes] == methods


def test_what_is_not_declared_takes_no_write_but_a_delete() -> None:
    assert dialect(V2).writes(change(Key("pool", "p"), action=Action.FORGET), None) == ()
    assert len(dialect(V2).writes(change(Key("pool", "p"), action=Action.DELETE), None)) == 1


@pytest.mark.parametrize(
    ("version", "resource", "forgotten"),
    [
        (OLD_V1, variable("a", 1, description="d"), ("description",)),
        (OLD_V1, variable("a", 1, description=""), ()),
        (OLD_V1, variable("a", 1), ()),
        (OLD_V1, pool("p", description="d"), ()),
        ("2.9.2", variable("a", 1, description="d"), ()),
        (V2, variable("a", 1, description="d"), ()),
    ],
)
def test_old_releases_forget_the_description_of_a_new_variable(
    version: str, resource: Resource, forgotten: tuple[str, ...]
) -> None:
    assert dialect(version).forgotten(resource) == forgotten
