import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.compare import NOTHING, FieldChange, Finding, Unverified, compare_resources
from reconciler.kinds.json_text import stored_text
from reconciler.model import MASK, Hidden, Resource, Sealed, Secret, mapped_secrets, secrets_in
from reconciler.records import is_under, leaves, pointer
from reconciler.seal import seal, seal_pair
from tests.core.samples import (
    CANARY,
    FINGERPRINT,
    JSON,
    SPANS,
    UNMASKED_JSON,
    connection,
    pool,
    redacted,
    state,
    variable,
)
from tests.guards.support import SECRET

OTHER = Secret("env:T", "an0ther-plaintext-77aa")
UNREAD = Secret("aws-sm:u", version="3")
MISSING = Secret("env:GONE")


def sealed(secret: Secret) -> Sealed:
    return secret.sealed(FINGERPRINT)


def clear(text: str, ref: str = "") -> Sealed:
    """A living text where a secret belongs, as the comparison sees it."""
    return Sealed(ref, FINGERPRINT(text))


def pair(declared: Any, live: Any, *places: str) -> tuple[Any, Any]:
    """Both sides of a variable's value; the living one as Airflow stores it."""
    ours, theirs = seal_pair(
        variable("v", declared),
        variable("v", None if live is None else stored_text(live)),
        FINGERPRINT,
        places,
    )
    return ours.fields["value"], theirs.fields["value"]


def extras(declared: Any, live: Any, *places: str) -> tuple[Any, Any]:
    ours, theirs = seal_pair(
        connection("c", extra=declared), connection("c", extra=live), FINGERPRINT, places
    )
    return ours.fields["extra"], theirs.fields["extra"]


def found(declared: Resource, live: Resource, *places: str) -> list[Finding]:
    return list(compare_resources(*seal_pair(declared, live, FINGERPRINT, places)))


# Secrets


def test_a_secret_and_what_lives_in_its_place_compare_without_being_readable() -> None:
    assert pair(SECRET, CANARY) == (sealed(SECRET), clear(CANARY, "env:S"))
    assert pair(SECRET, CANARY)[0] == pair(SECRET, CANARY)[1]
    assert pair(SECRET, "something else") == (sealed(SECRET), clear("something else", "env:S"))
    ours, theirs = pair({"a": [1, SECRET]}, {"a": [1, CANARY]})
    assert ours == theirs == {"a": [1, sealed(SECRET)]}


def test_what_airflow_hides_where_a_secret_belongs_is_hidden() -> None:
    assert pair(SECRET, MASK) == (sealed(SECRET), Hidden("hidden"))
    assert pair({"t": SECRET}, {"t": MASK}) == ({"t": sealed(SECRET)}, {"t": Hidden("hidden")})


def test_a_secret_that_is_masked_in_part_is_masked_if_it_fits_and_something_else_if_not() -> None:
    assert pair(SECRET, f"c4n4ry-{MASK}")[1] == Hidden("masked")
    assert pair(SECRET, f"x-{MASK}")[1] == clear(f"x-{MASK}", "env:S")
    assert pair(UNREAD, f"x-{MASK}")[1] == clear(f"x-{MASK}", "aws-sm:u")


def test_a_secret_that_was_not_read_has_no_fingerprint() -> None:
    assert pair(UNREAD, "x")[0] == Sealed("aws-sm:u", None)
    assert pair(MISSING, "x")[0] == Sealed("env:GONE", None, missing=True)


@pytest.mark.parametrize("live", [5, True, [1], {"a": 1}])
def test_what_is_no_text_where_a_secret_belongs_is_sealed_whole(live: object) -> None:
    theirs = pair({"t": SECRET}, {"t": live})[1]["t"]
    assert theirs == Sealed("", FINGERPRINT(json.dumps(live)))


def test_nothing_where_a_secret_belongs_stays_nothing() -> None:
    assert pair({"t": SECRET}, {"t": None})[1] == {"t": None}
    assert pair({"t": SECRET}, {})[1] == {}
    ours, theirs = seal_pair(connection("c", password=SECRET), connection("c", password=None), FINGERPRINT)
    assert (ours.fields["password"], theirs.fields["password"]) == (sealed(SECRET), None)


def test_what_git_does_not_declare_beside_a_secret_is_sealed_and_elsewhere_it_is_not() -> None:
    ours, theirs = pair({"t": SECRET, "deep": {"n": 1}}, {"t": MASK, "old": "x", "deep": {"n": 1, "m": "y"}})
    assert ours == {"t": sealed(SECRET), "deep": {"n": 1}}
    assert theirs["old"] == clear('"x"')
    assert theirs["deep"] == {"n": 1, "m": "y"}


def test_what_git_does_not_declare_above_a_secret_is_sealed() -> None:
    assert pair({"deep": {"t": SECRET}}, {"deep": {"t": MASK}, "old": "x"})[1]["old"] == clear('"x"')


def test_a_whole_that_stands_where_secrets_belong_is_sealed() -> None:
    for live in ("text", 5, [1], [1, 2, 3]):
        assert pair({"a": [SECRET, 1]}, {"a": live})[1]["a"] == clear(json.dumps(live))
        assert pair({"a": {"t": SECRET}}, {"a": live})[1]["a"] == clear(json.dumps(live))
    assert pair({"a": [SECRET]}, {"a": {"0": CANARY}})[1]["a"] == clear(json.dumps({"0": CANARY}))
    assert pair({"a": [SECRET]}, {"a": None})[1]["a"] is None


def test_lists_of_one_length_compare_item_by_item() -> None:
    ours, theirs = pair([SECRET, {"n": 1}], [MASK, {"n": 2}])
    assert (ours, theirs) == ([sealed(SECRET), {"n": 1}], [Hidden("hidden"), {"n": 2}])


# Masks over what is no secret


def test_a_mask_that_what_git_declares_fits_is_masked() -> None:
    assert pair("eu-central-1", f"eu-{MASK}-1")[1] == Hidden("masked")
    assert pair("eu-central-1", f"us-{MASK}-1")[1] == f"us-{MASK}-1"
    assert pair({"a": "eu-central-1"}, {"a": f"eu-{MASK}-1"})[1] == {"a": Hidden("masked")}
    assert extras({"a": {"b": 12}}, json.dumps({"a": f"{{{MASK}}}"}))[1] == {"a": Hidden("masked")}


def test_a_mask_over_everything_is_hidden_unless_git_declares_just_that() -> None:
    assert pair("x", MASK)[1] == Hidden("hidden")
    assert pair({"a": 1}, MASK)[1] == Hidden("hidden")
    assert pair({"a": {"b": 1}}, {"a": MASK})[1] == {"a": Hidden("hidden")}
    assert pair({"a": SECRET}, MASK)[1] == Hidden("hidden")
    assert pair(MASK, MASK)[1] == MASK
    assert pair(f"a{MASK}", f"a{MASK}")[1] == f"a{MASK}"


def test_what_is_not_masked_is_left_as_it_is() -> None:
    for live in ("x", "**", {"a": [1, None]}, [1.5]):
        assert pair("declared", live)[1] == (live if isinstance(live, str) else stored_text(live))
    assert pair({"a": 1}, {"a": "other", "b": [2]})[1] == {"a": "other", "b": [2]}


@given(UNMASKED_JSON.filter(lambda value: value is not None))
def test_what_is_the_same_without_a_secret_stays_the_same(value: Any) -> None:
    assert found(variable("v", value), variable("v", stored_text(value))) == []


@given(st.text("ab*é", min_size=1, max_size=12), SPANS)
def test_no_mask_is_ever_drift(text: str, spans: list[tuple[int, int]]) -> None:
    for one in found(variable("v", {"a": text}), variable("v", json.dumps({"a": redacted(text, spans)}))):
        assert isinstance(one, Unverified)


# What was a secret once


def test_a_place_that_once_held_a_secret_is_sealed_on_both_sides() -> None:
    assert pair({"t": "plain", "n": 1}, {"t": "live", "n": 2}, "/value/t") == (
        {"t": clear('"plain"'), "n": 1},
        {"t": clear('"live"'), "n": 2},
    )
    assert pair("plain", "plain", "/value") == (clear('"plain"'), clear('"plain"'))


def test_a_value_whole_that_once_was_a_secret_is_sealed_with_all_that_it_holds() -> None:
    assert pair({"a": 1}, {"a": [2]}, "/value") == (clear('{"a": 1}'), clear('{"a": [2]}'))
    assert pair([1], [2], "/value") == (clear("[1]"), clear("[2]"))
    assert pair([{"a": 1}], [], "/value") == (clear('[{"a": 1}]'), clear("[]"))


def test_the_order_of_keys_in_what_is_sealed_does_not_count() -> None:
    ours, theirs = pair({"t": {"a": 1, "b": 2}}, {"t": {"b": 2, "a": 1}}, "/value/t")
    assert ours == theirs


def test_a_place_inside_a_list_that_once_held_a_secret_is_sealed() -> None:
    assert pair([1, {"t": "x"}], [1, {"t": "y"}], "/value/1/t") == (
        [1, {"t": clear('"x"')}],
        [1, {"t": clear('"y"')}],
    )


@pytest.mark.parametrize("live", ["text", 5, True, {}, []])
def test_what_stands_in_the_way_to_a_place_that_once_held_a_secret_is_sealed_whole(live: object) -> None:
    ours, theirs = pair({"a": {"t": 1}, "n": 1}, {"a": live, "n": 1}, "/value/a/t")
    assert ours == {"a": {"t": clear("1")}, "n": 1}
    assert theirs == {"a": clear(json.dumps(live)), "n": 1}


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_where_a_secret_once_was_is_nothing(nothing: object) -> None:
    ours, theirs = pair({"t": nothing}, {"t": nothing}, "/value/t")
    assert ours == theirs == {"t": nothing}


def test_a_namesake_of_a_place_that_once_held_a_secret_is_left_as_it_is() -> None:
    ours, theirs = pair({"t": 1, "tt": 2}, {"t": 1, "tt": 3}, "/value/t", "/extra/tt", "/val")
    assert (ours["tt"], theirs["tt"]) == (2, 3)


def test_a_secret_that_still_is_one_stays_sealed_as_such() -> None:
    assert pair({"t": SECRET}, {"t": MASK}, "/value/t") == ({"t": sealed(SECRET)}, {"t": Hidden("hidden")})
    assert pair({"t": SECRET}, {"t": CANARY}, "/value/t")[1] == {"t": clear(CANARY, "env:S")}


def test_what_holds_sealed_parts_can_be_sealed_whole() -> None:
    ours, theirs = pair({"a": {"t": SECRET, "h": "x"}}, {"a": {"t": CANARY, "h": "y"}}, "/value/a")
    sealed_part = ["env:S", FINGERPRINT(CANARY)]
    assert ours == {"a": clear(json.dumps({"h": "x", "t": sealed_part}))}
    assert theirs == {"a": clear(json.dumps({"h": "y", "t": sealed_part}))}
    assert pair([SECRET, {"t": OTHER}], [CANARY, {"t": "x"}], "/value")[0] == clear(
        json.dumps([sealed_part, {"t": ["env:T", FINGERPRINT("an0ther-plaintext-77aa")]}])
    )


def test_a_whole_with_a_hidden_part_cannot_be_compared() -> None:
    assert pair({"a": {"t": SECRET, "h": "x"}}, {"a": {"t": "x", "h": [MASK]}}, "/value/a")[1]["a"] != Hidden(
        "hidden"
    )
    assert pair({"a": {"h": "x"}}, {"a": {"h": MASK}}, "/value/a")[1] == {"a": Hidden("hidden")}
    assert pair({"a": {"b": 1, "h": "xyz"}}, {"a": {"b": 1, "h": "x***"}}, "/value/a")[1] == {
        "a": Hidden("masked")
    }


@pytest.mark.parametrize(
    ("secrets", "missing"),
    [([UNREAD], False), ([SECRET, UNREAD], False), ([MISSING], True), ([UNREAD, MISSING, SECRET], True)],
)
def test_a_whole_with_a_secret_that_was_not_read_cannot_be_compared(
    secrets: list[Secret], missing: bool
) -> None:
    ours, _ = pair({"a": [1, *secrets]}, {"a": [2]}, "/value/a")
    assert ours == {"a": Sealed("", None, missing=missing)}


def test_once_secrets_of_other_fields_are_left_alone() -> None:
    ours, theirs = seal_pair(
        connection("c", login="l", password="", extra={"t": "x"}),
        connection("c", login="m", password="p", extra='{"t": "y"}'),
        FINGERPRINT,
        ["/extra/t"],
    )
    assert ours.fields == {
        "conn_type": "postgres",
        "login": "l",
        "password": "",
        "extra": {"t": clear('"x"')},
    }
    assert theirs.fields == {
        "conn_type": "postgres",
        "login": "m",
        "password": "p",
        "extra": {"t": clear('"y"')},
    }


def test_a_living_field_that_git_does_not_declare_is_left_as_it_is_unless_it_once_held_a_secret() -> None:
    live = connection("c", login="l", extra=CANARY)
    assert seal_pair(connection("c"), live, FINGERPRINT)[1].fields == live.fields
    theirs = seal_pair(connection("c"), live, FINGERPRINT, ["/extra"])[1]
    assert theirs.fields == {**live.fields, "extra": clear(json.dumps(CANARY))}


# Whole states


def test_resources_on_both_sides_are_made_comparable_and_the_others_are_not_lost() -> None:
    both, new, theirs_only = variable("both", SECRET), connection("new", password=SECRET), pool("theirs")
    ours, theirs = seal(state(both, new), state(variable("both", CANARY), theirs_only), FINGERPRINT)
    assert ours == state(variable("both", sealed(SECRET)), connection("new", password=sealed(SECRET)))
    assert theirs == state(variable("both", clear(CANARY, "env:S")), theirs_only)
    assert (len(ours), len(theirs)) == (2, 2)


def test_each_resource_has_its_own_once_secret_places() -> None:
    one, other = variable("one", "x"), variable("other", "x")
    ours, theirs = seal(state(one, other), state(one, other), FINGERPRINT, {one.key: ["/value"]})
    assert ours == theirs == state(variable("one", clear('"x"')), other)


def test_sealing_changes_no_state_in_place() -> None:
    desired, current = state(variable("v", SECRET)), state(variable("v", CANARY))
    seal(desired, current, FINGERPRINT)
    assert desired == state(variable("v", SECRET))
    assert current == state(variable("v", CANARY))


def test_what_a_resource_says_beside_its_fields_is_kept() -> None:
    declared = variable("v", SECRET, ignore=["description"], description="d")
    (ours, theirs) = seal_pair(declared, variable("v", CANARY), FINGERPRINT)
    assert (ours.key, ours.origin, ours.ignore) == (declared.key, declared.origin, declared.ignore)
    assert theirs.key == declared.key


def planted(value: Any, secrets: Mapping[int, Secret]) -> Any:
    """``value`` with some of its leaves replaced by secrets."""
    at = iter(range(1000))

    def walk(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: walk(item) for name, item in part.items()}
        if isinstance(part, list):
            return [walk(item) for item in part]
        return secrets.get(next(at), part)

    return walk(value)


PLANS = st.dictionaries(st.integers(0, 7), st.sampled_from([SECRET, OTHER]), max_size=3)


@given(JSON, PLANS, JSON, st.booleans())
def test_no_secret_comes_out_of_sealing_and_none_that_lives_in_a_secrets_place(
    value: Any, secrets: Mapping[int, Secret], other: Any, masked: bool
) -> None:
    declared = planted(value, secrets)
    live = mapped_secrets(declared, lambda one: MASK if masked else one.reveal())
    for theirs in (live, other, {"wrapped": live}):
        both = pair(declared, theirs)
        assert not list(secrets_in(both))
        shown = repr(pair(declared, live))
        assert CANARY not in shown
        assert "an0ther-plaintext" not in shown


@given(JSON, PLANS)
def test_what_airflow_shows_in_clear_or_hides_is_never_drift_from_itself(
    value: Any, secrets: Mapping[int, Secret]
) -> None:
    declared = planted(value, secrets)
    for masked in (True, False):
        live = mapped_secrets(declared, lambda one, masked=masked: MASK if masked else one.reveal())  # type: ignore[misc]
        if live is None:
            continue
        for one in found(variable("v", declared), variable("v", stored_text(live))):
            assert isinstance(one, Unverified) or MASK in stored_text(value)


@given(UNMASKED_JSON, UNMASKED_JSON, st.data())
def test_a_place_that_once_held_a_secret_is_never_shown(value: Any, live: Any, data: st.DataObject) -> None:
    places = [pointer(path) for path, _ in leaves(value, ("value",))]
    once = data.draw(st.lists(st.sampled_from(places), min_size=1, unique=True))
    told = found(variable("v", value), variable("v", stored_text(live)), *once)
    for one in told:
        if isinstance(one, FieldChange) and any(is_under(pointer(one.path), place) for place in once):
            assert one.secret or all(side in {NOTHING, None, ""} for side in (one.before, one.after))
