import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.backends import wire
from reconciler.compare import FieldChange, digest
from reconciler.dialects import dialect_for
from reconciler.errors import Origin
from reconciler.kinds import BY_NAME
from reconciler.kinds.json_text import stored_text
from reconciler.model import MASK, Hidden, Key, Resource, Secret
from reconciler.plan import Action, Undeclared
from tests.core.samples import ORIGIN, connection, difference, only_change, pool, state, variable

SECRET = Secret("env:S", "the-plaintext")
IDS = st.sampled_from(["a", "b", "c", "default_pool"])
VALUES = st.sampled_from(
    [1, 1.0, True, "1", "", None, {"n": 1}, '{"n":1}', {"n": [1, 2]}, {"n": [1, 3], "m": None}, [1]]
)
WORDS = st.sampled_from(["", "one", "two"])

VARIABLES = st.builds(lambda id_, value, text: variable(id_, value, description=text), IDS, VALUES, WORDS)
POOLS = st.builds(
    lambda id_, slots, deferred: pool(id_, slots, include_deferred=deferred),
    IDS,
    st.integers(0, 2),
    st.booleans(),
)
CONNECTIONS = st.builds(
    lambda id_, host, extra, password: connection(id_, host=host, extra=extra, password=password),
    IDS,
    WORDS,
    st.sampled_from([{}, {"a": 1}, {"a": 2, "token": Secret("env:T", "tt")}]),
    st.sampled_from(["", SECRET]),
)
STATES = st.lists(VARIABLES | POOLS | CONNECTIONS, max_size=8).map(lambda all_: state(*all_))


def plaintext(value: Any) -> Any:
    """What a server would hold of a declared value."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {name: plaintext(item) for name, item in value.items()}
    return [plaintext(item) for item in value] if isinstance(value, list) else value


def living(resource: Resource) -> Resource:
    """``resource`` as Airflow 3 shows it once it is stored."""
    fields = plaintext(resource.fields)
    for name in {"value", "extra"} & fields.keys():
        fields[name] = stored_text(fields[name])
    if "password" in fields:
        fields["password"] = MASK if fields["password"] else None
    return replace(resource, fields=fields)


def all_undeclared(_key: Key) -> bool:
    return True


@given(STATES)
def test_nothing_differs_from_itself(desired: Mapping[Key, Resource]) -> None:
    found = difference(desired.values(), map(living, desired.values()))
    assert found.changes == ()
    assert found.unchanged == tuple(sorted(desired))
    assert found.unmanaged == ()


@given(STATES, STATES, st.booleans())
def test_what_a_plan_says_carried_out_leaves_nothing_to_plan(
    desired: Mapping[Key, Resource], before: Mapping[Key, Resource], prune: bool
) -> None:
    undeclared = Undeclared({}, all_undeclared if prune else lambda _key: False)
    current = {key: living(resource) for key, resource in before.items()}
    for change in difference(desired.values(), current.values(), undeclared).changes:
        if change.action is Action.DELETE:
            del current[change.key]
        elif change.action is Action.UPDATE:
            new = living(desired[change.key]).fields
            changed = {name: new[name] for name in change.changed}
            current[change.key] = replace(
                current[change.key], fields={**current[change.key].fields, **changed}
            )
        else:
            current[change.key] = living(desired[change.key])
    after = difference(desired.values(), current.values(), undeclared)
    assert after.changes == ()
    spared = {Key("pool", "default_pool")} & current.keys() - desired.keys()
    assert set(after.unmanaged) == (spared if prune else before.keys() - desired.keys())


@given(STATES, STATES)
def test_every_key_is_told_of_once(desired: Mapping[Key, Resource], before: Mapping[Key, Resource]) -> None:
    found = difference(desired.values(), map(living, before.values()))
    told = [change.key for change in found.changes] + [*found.unchanged, *found.unmanaged]
    assert sorted(told) == sorted(desired.keys() | before.keys())


@given(STATES, STATES)
def test_a_plan_does_not_depend_on_the_order_of_what_it_is_given(
    desired: Mapping[Key, Resource], before: Mapping[Key, Resource]
) -> None:
    lives = [living(resource) for resource in before.values()]
    there = difference(desired.values(), lives)
    assert there == difference([*desired.values()][::-1], lives[::-1])


@given(STATES, STATES)
def test_creates_and_updates_come_by_rank_and_deletes_last_in_reverse(
    desired: Mapping[Key, Resource], before: Mapping[Key, Resource]
) -> None:
    found = difference(desired.values(), map(living, before.values()), Undeclared({}, all_undeclared))
    rank = {"pool": 0, "variable": 1, "connection": 2}
    order = [
        (1, -rank[one.key.kind]) if one.action is Action.DELETE else (0, rank[one.key.kind])
        for one in found.changes
    ]
    assert order == sorted(order)


def test_a_create_tells_every_declared_field_and_no_before() -> None:
    desired = connection(
        "c", ignore=["host"], host="h", login="", password=SECRET, extra={"a": [1], "k": [SECRET, 2]}
    )
    change = only_change(desired, None)
    assert (change.action, change.reason, change.origin, change.digest_before) == (
        Action.CREATE,
        "manifest",
        ORIGIN,
        None,
    )
    assert change.digest_after
    assert change.fields == (
        FieldChange(("conn_type",), after="postgres"),
        FieldChange(("host",), after="h"),
        FieldChange(("login",), after=""),
        FieldChange(("password",), secret=True, ref="env:S"),
        FieldChange(("extra", "a"), after=[1]),
        FieldChange(("extra", "k", 0), secret=True, ref="env:S"),
        FieldChange(("extra", "k", 1), after=2),
    )


def test_a_literal_that_looks_secret_is_not_shown_when_it_is_created() -> None:
    change = only_change(variable("x", {"token": "in clear", "n": 1}, description="d"), None)
    assert change.fields == (
        FieldChange(("value", "n"), after=1),
        FieldChange(("value", "token"), secret=True),
        FieldChange(("description",), after="d"),
    )


def test_only_the_value_of_a_variable_with_a_secret_looking_name_is_not_shown() -> None:
    change = only_change(variable("api_key", "1", description="d"), None)
    assert change.fields == (FieldChange(("value",), secret=True), FieldChange(("description",), after="d"))
    (named, *_) = only_change(connection("api_key", host="h"), None).fields
    assert named == FieldChange(("conn_type",), after="postgres")


def test_a_delete_tells_no_fields() -> None:
    key = Key("variable", "old")
    undeclared = Undeclared({key: Origin("absent.yaml", 9, 1)}, lambda _key: False)
    (change,) = difference([], [variable("old", "x", description="d")], undeclared).changes
    assert (change.action, change.reason, change.origin) == (
        Action.DELETE,
        "absent",
        Origin("absent.yaml", 9, 1),
    )
    assert (change.fields, change.digest_after) == ((), None)
    assert change.digest_before


@pytest.mark.parametrize(
    ("undeclared", "reason"),
    [
        (Undeclared({Key("pool", "p"): ORIGIN}, all_undeclared), "absent"),
        (Undeclared({}, all_undeclared), "authoritative"),
        (Undeclared({}, lambda _key: False), None),
    ],
)
def test_undeclared_ids_are_deleted_only_where_git_says_so(
    undeclared: Undeclared, reason: str | None
) -> None:
    found = difference([], [pool("p")], undeclared)
    assert [change.reason for change in found.changes] == ([reason] if reason else [])
    assert found.unmanaged == (() if reason else (Key("pool", "p"),))


def test_the_default_pool_is_never_deleted() -> None:
    key = Key("pool", "default_pool")
    found = difference([], [pool("default_pool")], Undeclared({key: ORIGIN}, all_undeclared))
    assert not found.changes
    assert found.unmanaged == (key,)
    assert not difference([], [], Undeclared({Key("pool", "gone"): ORIGIN}, all_undeclared)).changes


def test_a_password_is_taken_away_by_a_replace_which_tells_what_the_new_row_will_lack() -> None:
    desired = connection(
        "c", ignore=["login"], password="", host="h", login="declared", extra={"a": 1, "t": SECRET}
    )
    current = connection(
        "c",
        password=MASK,
        host="h",
        login="theirs",
        description="words",
        port=0,
        schema="",
        extra='{"a": 1, "t": "***"}',
    )
    change = only_change(desired, current)
    assert change.action is Action.REPLACE
    assert change.fields[0] == FieldChange(("password",), secret=True)
    assert {(field.path, field.before, field.after) for field in change.fields[1:]} == {
        (("description",), "words", FieldChange(()).after),
        (("port",), 0, FieldChange(()).after),
        (("login",), "theirs", "declared"),
    }
    assert not difference([desired], [current]).unverified, "a new row is written whole"


def test_an_undeclared_extra_that_a_replace_loses_is_told_without_its_value() -> None:
    current = connection("c", password=MASK, extra='{"a": "b"}')
    change = only_change(connection("c", password=""), current)
    assert change.fields == (FieldChange(("password",), secret=True), FieldChange(("extra",), secret=True))


def test_resending_sends_what_cannot_be_compared_and_nothing_else() -> None:
    desired = connection("c", password=SECRET, host="h", extra={"t": SECRET, "n": 1})
    current = connection("c", password=MASK, host="h", extra='{"t": "***", "n": 1}')
    assert not difference([desired], [current]).changes
    change = only_change(desired, current, resend=True)
    assert (change.action, change.reason) == (Action.UPDATE, "secret_resend")
    assert change.fields == (
        FieldChange(("password",), secret=True, ref="env:S", cause="secret_resend"),
        FieldChange(("extra", "t"), secret=True, ref="env:S", cause="secret_resend"),
    )
    assert not difference([desired], [current], resend=[desired.key]).unverified


def test_resending_does_not_send_what_is_the_same_or_what_its_source_lacks() -> None:
    clear = [(variable("x", SECRET), variable("x", "the-plaintext"))]
    missing = [(variable("x", Secret("env:GONE")), variable("x", MASK))]
    for desired, current in clear + missing:
        assert not difference([desired], [current], resend=[desired.key]).changes


def test_resending_a_hidden_empty_password_replaces_the_connection() -> None:
    desired = connection("c", password="")
    change = only_change(desired, connection("c", password=Hidden("hidden")), resend=True)
    assert (change.action, change.reason) == (Action.REPLACE, "secret_resend")


def test_a_change_beside_a_resend_keeps_its_own_reason() -> None:
    change = only_change(
        connection("c", password=SECRET, host="new"), connection("c", password=MASK, host="old"), resend=True
    )
    assert change.reason == "manifest"
    assert change.changed == ("host", "password")


def test_digests_change_with_what_is_readable_and_not_with_the_order_of_keys() -> None:
    def of(value: Any) -> str:
        return digest(variable("x", value), ("value",))

    values = [
        {"a": 1},
        {"a": 1.0},
        {"a": True},
        {"a": None},
        {},
        [],
        "1",
        1,
        None,
        "",
        SECRET,
        Secret("env:T", "x"),
    ]
    assert len({of(value) for value in values}) == len(values)
    assert of({"a": 1, "b": 2}) == of({"b": 2, "a": 1})
    assert of(Secret("env:S", "one")) == of(Secret("env:S", "another"))
    assert digest(variable("x", "1"), ("value", "description")) == of("1"), (
        "a field that is not there adds nothing"
    )
    assert digest(connection("c", password=Hidden("hidden")), ("password",)) != of(None)


def test_a_digest_is_of_what_is_declared_and_of_what_it_is_compared_with() -> None:
    desired = variable("x", 2, ignore=["description"], description="ignored")
    change = only_change(desired, variable("x", "1", description="theirs"))
    assert change.digest_before == digest(variable("x", 1), ("value",))
    assert change.digest_after == digest(variable("x", "2", description="ignored"), ("value", "description"))
    assert len(str(json.dumps(change.digest_after))) == 66


@given(STATES, STATES)
def test_what_a_change_leads_to_has_one_digest_whatever_lives(
    desired: Mapping[Key, Resource], other: Mapping[Key, Resource]
) -> None:
    fresh = {change.key: change.digest_after for change in difference(desired.values(), []).changes}
    found = difference(desired.values(), map(living, other.values())).changes
    assert all(change.digest_after == fresh[change.key] for change in found)


def test_a_digest_that_was_saved_before_there_was_a_key_still_fits() -> None:
    change = replace(
        only_change(variable("x", SECRET), None), digest_after="keyed", digests_keyless=frozenset({"plain"})
    )
    assert change.leads_to("keyed")
    assert change.leads_to("plain")
    assert not change.leads_to("another")
    assert not change.leads_to(None)
    assert not replace(change, digests_keyless=frozenset()).leads_to(None)
    assert replace(change, digest_after=None).leads_to(None)


LIVE = "l1ve-byte"


@pytest.mark.parametrize("version", ["2.8.1", "2.11.2", "3.0.6", "3.3.1"])
@given(desired=STATES, before=STATES, mask=st.sampled_from([LIVE, MASK, f"{LIVE}***"]), long=st.booleans())
def test_no_byte_of_a_request_comes_from_a_live_read(
    version: str, desired: Mapping[Key, Resource], before: Mapping[Key, Resource], mask: str, long: bool
) -> None:
    dialect = dialect_for(version, 12 if long else 64)
    assert dialect
    live = [
        replace(one, fields=dict.fromkeys(BY_NAME[one.key.kind].field_names, mask)) for one in before.values()
    ]
    plan = difference(desired.values(), live, Undeclared({}, all_undeclared), desired.keys())
    for change in plan.changes:
        for request in dialect.writes(change, desired.get(change.key)):
            sent = json.dumps([request.path, request.query, wire.encode(request.body)])
            assert LIVE not in sent
            assert MASK not in sent
