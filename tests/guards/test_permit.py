import json
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.errors import StalePermit, UsageError
from reconciler.model import Key, canonical_digest
from reconciler.permit import FORMAT, Permit, Permitted, permits
from reconciler.plan import Action, Change, Plan
from reconciler.render.json import document, plan_entry, text_of
from tests.guards.support import KIND_NAMES, change, plan

TARGET = "mwaa://eu-west-1/prod"
X = Key("variable", "x")
UPDATE = change(Action.UPDATE, X, before="b", after="a")
WRITES = (Action.CREATE, Action.UPDATE, Action.REPLACE)


def permit(*changes: Change, target: str = TARGET, major: str = "2") -> Permit:
    return Permit(
        target,
        major,
        {one.key: Permitted(one.action.value, one.digest_before, one.digest_after) for one in changes},
    )


def refused(allowed: Permit, wanted: Plan, pending: Collection[Key] = ()) -> str | None:
    """What a permit says against a plan."""
    try:
        allowed.check(wanted, pending)
    except StalePermit as error:
        said = str(error)
        assert said.startswith("the saved plan does not permit this: ")
        assert said.endswith("; nothing was written")
        return said.removeprefix("the saved plan does not permit this: ").removesuffix(
            "; nothing was written"
        )
    return None


def against(permitted: Change, wanted: Change, *, resumed: bool = False) -> str | None:
    return refused(permit(permitted), plan(wanted), [wanted.key] if resumed else [])


# What is permitted


CHANGES = st.builds(
    lambda action, key, before, after: change(
        action,
        key,
        before=None if action in {Action.CREATE, Action.FORGET} else before,
        after=None if action in {Action.DELETE, Action.FORGET} else after,
    ),
    st.sampled_from(Action),
    st.builds(Key, st.sampled_from(KIND_NAMES), st.sampled_from("xyz")),
    st.sampled_from("abc"),
    st.sampled_from("abc"),
)
PLANS = st.lists(CHANGES, unique_by=lambda one: one.key)


@given(PLANS, st.data())
def test_any_part_of_a_plan_is_permitted_and_nothing_else_is(
    changes: list[Change], data: st.DataObject
) -> None:
    part = data.draw(st.lists(st.sampled_from(changes), unique=True)) if changes else []
    allowed = permit(*changes)
    assert refused(allowed, plan(*part)) is None
    extra = change(Action.UPDATE, Key("pool", "another"), before="b", after="a")
    assert refused(allowed, plan(*part, extra)) == "update pool/another is not in it"


@given(CHANGES, CHANGES, st.booleans())
def test_nothing_is_written_that_does_not_come_to_what_was_shown(
    permitted: Change, wanted: Change, resumed: bool
) -> None:
    wanted = replace(wanted, key=permitted.key)
    if against(permitted, wanted, resumed=resumed) is None:
        assert wanted.action is Action.FORGET or wanted.digest_after == permitted.digest_after
        if wanted.action is Action.DELETE:
            assert permitted.action is Action.DELETE
            assert wanted.digest_before == permitted.digest_before


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("resumed", [False, True])
def test_a_delete_is_permitted_only_of_just_what_was_shown(action: Action, resumed: bool) -> None:
    shown = change(action, X, before="b")
    wanted = change(Action.DELETE, X, before="b")
    assert (against(shown, wanted, resumed=resumed) is None) is (action is Action.DELETE)
    wanted = replace(wanted, digest_before="changed")
    assert against(shown, wanted, resumed=resumed) is not None


@pytest.mark.parametrize("action", [one for one in Action if one is not Action.FORGET])
def test_any_other_digest_of_what_is_there_is_refused_and_named(action: Action) -> None:
    shown = change(action, X, before="b", after="a")
    for before in (None, "c"):
        assert against(shown, replace(shown, digest_before=before)) == (
            f"{action.value} variable/x is not what it shows: Airflow has changed since"
        )


@pytest.mark.parametrize("action", [one for one in Action if one is not Action.FORGET])
def test_any_other_digest_of_what_it_comes_to_is_refused_and_named(action: Action) -> None:
    shown = change(action, X, before="b", after="a")
    for before, after in [("b", None), ("b", "c"), ("c", "c")]:
        for resumed in (False, True):
            wanted = replace(shown, digest_before=before, digest_after=after)
            assert against(shown, wanted, resumed=resumed) == (
                f"{action.value} variable/x is not what it shows: git or the secret has changed since"
            )


def test_another_action_is_refused_and_named() -> None:
    for permitted, wanted in [
        (Action.UPDATE, Action.DELETE),
        (Action.UPDATE, Action.REPLACE),
        (Action.UPDATE, Action.CREATE),
        (Action.CREATE, Action.UPDATE),
        (Action.ADOPT, Action.UPDATE),
        (Action.DELETE, Action.UPDATE),
        (Action.UPDATE, Action.FORGET),
    ]:
        told = against(change(permitted, X, before="b", after="a"), change(wanted, X, before="b", after="a"))
        assert told == f"{wanted.value} variable/x is not what it shows: there it is to {permitted.value}"


def test_a_resource_is_permitted_by_kind_and_id() -> None:
    for key in (Key("variable", "y"), Key("pool", "x")):
        assert refused(permit(UPDATE), plan(replace(UPDATE, key=key))) == f"update {key} is not in it"


def test_everything_that_has_left_the_permit_is_told_at_once() -> None:
    other = change(Action.DELETE, Key("pool", "p"), before="b")
    wanted = plan(other, replace(UPDATE, digest_after="c"), target="mwaa://eu-west-1/dev", version="3.0.6")
    assert refused(permit(UPDATE), wanted) == (
        "it is for mwaa://eu-west-1/prod, not mwaa://eu-west-1/dev; "
        "it is for Airflow 2, and this is Airflow 3; "
        "delete pool/p is not in it; "
        "update variable/x is not what it shows: git or the secret has changed since"
    )


def test_the_major_version_counts_and_the_minor_does_not() -> None:
    assert refused(permit(UPDATE), plan(UPDATE, version="2.7.2")) is None
    assert refused(permit(UPDATE, major="3"), plan(UPDATE, version="3.3.1")) is None
    assert refused(permit(UPDATE), plan(version="3.0.0")) == "it is for Airflow 2, and this is Airflow 3"
    assert (
        refused(permit(UPDATE, major="20"), plan(version="2.0"))
        == "it is for Airflow 20, and this is Airflow 2"
    )


def test_the_ledgers_serial_does_not_count() -> None:
    for serial in (None, 1, 99):
        assert refused(permit(UPDATE), plan(UPDATE, serial=serial)) is None


def test_a_plan_that_found_no_key_of_fingerprints_permits_the_same_once_there_is_one() -> None:
    for action in WRITES:
        shown = change(action, X, before="b", after="keyless")
        keyed = replace(shown, digest_after="keyed", digests_keyless=frozenset({"keyless"}))
        assert against(shown, keyed) is None
        assert against(replace(shown, digest_after="an older key's"), keyed) == (
            f"{action.value} variable/x is not what it shows: git or the secret has changed since"
        )
        assert against(shown, replace(keyed, digest_before="c")) == (
            f"{action.value} variable/x is not what it shows: Airflow has changed since"
        )
    rest = replace(
        change(Action.UPDATE, X, before="half", after="keyed"), digests_keyless=frozenset({"keyless"})
    )
    assert against(change(Action.CREATE, X, after="keyless"), rest, resumed=True) is None


# What a broken apply has left


@pytest.mark.parametrize("action", WRITES)
def test_what_a_broken_apply_was_about_to_write_may_be_written_from_where_it_stands(action: Action) -> None:
    shown = change(action, X, before="b", after="a")
    for rest in (Action.CREATE, Action.UPDATE, Action.ADOPT):
        wanted = change(rest, X, before="half", after="a")
        assert against(shown, wanted, resumed=True) is None
        exempt = shown.action is Action.REPLACE and rest is Action.CREATE
        assert (against(shown, wanted) is None) is exempt


@pytest.mark.parametrize("permitted", [Action.DELETE, Action.ADOPT, Action.FORGET])
@pytest.mark.parametrize("rest", [Action.CREATE, Action.UPDATE, Action.REPLACE])
def test_what_was_not_to_be_written_is_not_resumed(permitted: Action, rest: Action) -> None:
    shown = change(permitted, X, before="b", after="a")
    assert against(shown, change(rest, X, before="half", after="a"), resumed=True) is not None


@pytest.mark.parametrize("permitted", Action)
def test_a_replacement_is_never_the_rest_of_something(permitted: Action) -> None:
    shown = change(permitted, X, before="b", after="a")
    wanted = change(Action.REPLACE, X, before="half", after="a")
    assert against(shown, wanted, resumed=True) is not None


def test_a_replacement_that_has_deleted_only_may_create() -> None:
    shown = change(Action.REPLACE, X, before="b", after="a")
    assert against(shown, change(Action.CREATE, X, after="a")) is None
    assert against(shown, change(Action.CREATE, X, after="c")) is not None
    assert (
        against(change(Action.UPDATE, X, before="b", after="a"), change(Action.CREATE, X, after="a"))
        is not None
    )


def test_only_what_is_pending_is_resumed() -> None:
    wanted = replace(UPDATE, digest_before="half")
    assert refused(permit(UPDATE), plan(wanted), [Key("variable", "y"), Key("pool", "x")]) is not None
    assert refused(permit(UPDATE), plan(wanted), [X]) is None


def test_what_is_deleted_already_may_be_forgotten() -> None:
    forget = change(Action.FORGET, X)
    for action in Action:
        shown = change(action, X, before="b")
        permitted = action in {Action.DELETE, Action.FORGET}
        assert (against(shown, forget) is None) is permitted
        assert (against(shown, forget, resumed=True) is None) is permitted


# The file


ENVIRONMENT: Mapping[str, Any] = {
    "name": "prod",
    "target": TARGET,
    "airflow_version": "2.11.2",
    "options": {"only": ["variable/*"]},
    "changes": [
        {"action": "update", "kind": "variable", "id": "x", "digest_before": "b", "digest_after": "a"},
        {"action": "delete", "kind": "pool", "id": "p", "digest_before": "d", "digest_after": None},
    ],
}


def digested(body: Mapping[str, Any]) -> str:
    return json.dumps({**body, "digest": canonical_digest(body)})


def saved(*environments: object, **others: Any) -> str:
    return digested({"format": FORMAT, "environments": list(environments), **others})


def test_a_saved_plan_is_read_environment_by_environment() -> None:
    dev = {**ENVIRONMENT, "name": "dev", "changes": [], "airflow_version": "3.0.6"}
    del dev["options"]
    assert permits(saved(ENVIRONMENT, dev)) == {
        "prod": Permit(
            TARGET,
            "2",
            {X: Permitted("update", "b", "a"), Key("pool", "p"): Permitted("delete", "d", None)},
            {"only": ["variable/*"]},
        ),
        "dev": Permit(TARGET, "3", {}, {}),
    }


def test_an_environment_that_failed_is_not_permitted_anything() -> None:
    failed = {"name": "dev", "error": {"type": "Unreachable", "message": "x"}}
    assert permits(saved(ENVIRONMENT, failed)).keys() == {"prod"}
    assert permits(saved(failed)) == permits(saved()) == {}


def test_what_is_planned_and_saved_is_permitted() -> None:
    wanted = plan(UPDATE, change(Action.DELETE, Key("pool", "p"), before="d"))
    found = permits(text_of(document(FORMAT, [plan_entry(wanted)])))
    assert found.keys() == {"prod"}
    assert refused(found["prod"], wanted) is None
    assert found["prod"] == permit(*wanted.changes)


def refusal(text: str, error: type[StalePermit | UsageError]) -> str:
    with pytest.raises(error) as caught:
        permits(text)
    assert type(caught.value) is error
    return str(caught.value)


NO_PLAN = "the saved plan is no plan: make one with plan --out FILE"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "3",
        '"digest"',
        "[]",
        '["digest"]',
        "{}",
        '{"digest": ""}',
        '{"digest": "", "format": "reconciler.plan/1"}',
        '{"digest": "", "environments": []}',
        '{"format": "reconciler.plan/1", "environments": []}',
        "[" * 100_000,
    ],
)
def test_what_is_no_plan_is_refused_as_such(text: str) -> None:
    assert refusal(text, UsageError) == NO_PLAN


@pytest.mark.parametrize("format_", ["reconciler.plan/2", "reconciler.report/1", None, 1, []])
def test_a_plan_of_another_format_is_refused(format_: object) -> None:
    assert refusal(digested({"format": format_, "environments": []}), StalePermit) == (
        "the saved plan is of another format than reconciler.plan/1; plan again"
    )


ALTERED = "the saved plan does not have the digest that it states: it was altered; plan again"


def leaf_places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [place for name, item in value.items() for place in leaf_places(item, (*path, name))]
    if isinstance(value, list):
        return [place for at, item in enumerate(value) for place in leaf_places(item, (*path, at))]
    return [path]


@pytest.mark.parametrize("path", leaf_places(json.loads(saved(ENVIRONMENT))), ids=str)
def test_a_plan_that_was_altered_anywhere_is_refused(path: tuple[str | int, ...]) -> None:
    altered = json.loads(saved(ENVIRONMENT))
    inside = altered
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = "altered"
    said = refusal(json.dumps(altered), StalePermit)
    assert said == ALTERED if path != ("format",) else "another format" in said


def test_a_plan_to_which_something_was_added_or_of_which_something_was_taken_is_refused() -> None:
    altered = json.loads(saved(ENVIRONMENT))
    assert refusal(json.dumps({**altered, "more": None}), StalePermit) == ALTERED
    altered["environments"][0]["changes"].pop()
    assert refusal(json.dumps(altered), StalePermit) == ALTERED


def test_the_spelling_of_a_plan_does_not_count() -> None:
    altered = json.loads(saved(ENVIRONMENT))
    assert permits(json.dumps(altered, indent=4, sort_keys=True)) == permits(saved(ENVIRONMENT))


STRANGE = "the saved plan is not as this version writes it; plan again"


@pytest.mark.parametrize(
    "environment",
    [
        None,
        3,
        "prod",
        [],
        {},
        {**ENVIRONMENT, "changes": None},
        {**ENVIRONMENT, "changes": [None]},
        {**ENVIRONMENT, "changes": [{}]},
        {**ENVIRONMENT, "changes": [{**ENVIRONMENT["changes"][0], "id": ["x"]}]},
        {**ENVIRONMENT, "airflow_version": None},
        {**ENVIRONMENT, "name": []},
        {**ENVIRONMENT, "options": 3},
        {**ENVIRONMENT, "options": ["ab", 3]},
        *(
            {name: value for name, value in ENVIRONMENT.items() if name != gone}
            for gone in ("name", "target", "changes")
        ),
        *(
            {
                **ENVIRONMENT,
                "changes": [
                    {name: value for name, value in ENVIRONMENT["changes"][0].items() if name != gone}
                ],
            }
            for gone in ENVIRONMENT["changes"][0]
        ),
    ],
)
def test_a_plan_that_is_not_shaped_like_one_is_refused(environment: object) -> None:
    assert refusal(saved(environment), StalePermit) == STRANGE


OPTIONS: Mapping[str, Any] = {
    "kinds": ["variable"],
    "only": ["variable/*"],
    "resend_secrets": True,
    "allow_deletes": {"variable": 3},
    "allow_missing": {"pool": 0},
    "adopt": ["pool/p"],
    "allow_delete": ["variable/a/b"],
}


def test_what_shaped_a_saved_plan_is_kept() -> None:
    for options in (OPTIONS, {**OPTIONS, "kinds": [], "allow_deletes": {}}, {}):
        assert permits(saved({**ENVIRONMENT, "options": options}))["prod"].options == options


NO_TEXTS: list[object] = [None, "a/b", {}, [1], ["a/b", None]]
NO_KEYS: list[object] = [["x"], ["a/b", ""]]
NO_NUMBERS: list[object] = [None, [], 3, {"pool": "3"}, {"pool": True}, {"pool": 1, "variable": 1.0}]
UNSOUND = {
    **dict.fromkeys(("kinds", "only"), NO_TEXTS),
    **dict.fromkeys(("adopt", "allow_delete"), NO_TEXTS + NO_KEYS),
    **dict.fromkeys(("allow_deletes", "allow_missing"), NO_NUMBERS),
}


@pytest.mark.parametrize(("name", "value"), [(name, one) for name, each in UNSOUND.items() for one in each])
def test_options_that_no_plan_has_are_refused(name: str, value: object) -> None:
    assert refusal(saved({**ENVIRONMENT, "options": {**OPTIONS, name: value}}), StalePermit) == STRANGE


@pytest.mark.parametrize("environments", [None, 3, {"a": 1}])
def test_environments_that_are_no_list_are_refused(environments: object) -> None:
    assert refusal(digested({"format": FORMAT, "environments": environments}), StalePermit) == STRANGE


@given(st.integers(0, len(saved(ENVIRONMENT))), st.text(max_size=2), st.integers(0, 2))
@example(len(saved(ENVIRONMENT)), "\n", 0)
def test_a_plan_that_was_altered_byte_by_byte_says_what_it_said_or_is_refused(
    at: int, piece: str, length: int
) -> None:
    text = saved(ENVIRONMENT)
    try:
        found = permits(text[:at] + piece + text[at + length :])
    except (UsageError, StalePermit):
        return
    assert found == permits(text)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_plan_that_is_nested_deep_is_refused_like_any_other(opening: str, closing: str) -> None:
    """Reading stops at another depth than digesting, and both depend on how deep the caller stands."""
    for depth in range(1, sys.getrecursionlimit() + 50):
        nested = opening * depth + "0" + closing * depth
        text = f'{{"format": "{FORMAT}", "digest": "", "environments": {nested}}}'
        with pytest.raises((UsageError, StalePermit)):
            permits(text)
