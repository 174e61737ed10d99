import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.kinds.json_text import stored_text
from reconciler.living import is_as_written, is_masked, looks_like, unseen
from reconciler.model import MASK, Hidden, Key, Resource, Secret
from reconciler.records import (
    UNCOMPARABLE,
    Marker,
    Ordered,
    Record,
    derived_key,
    field_leaves,
    is_plain,
    is_under,
    is_version,
    key_id,
    leaves,
    pointer,
    record_of,
    same_key,
    secret_places,
    top,
)
from tests.core.samples import CANARY, JSON, SPANS, UNMASKED_JSON, connection, pool, redacted, variable
from tests.guards.support import KEY, KIND_NAMES, MARKER, SALT, SECRET, recorded

TEXT = st.text(max_size=8)
STEPS = st.text("ab~/01", max_size=4) | st.integers(0, 12)
PATHS = st.lists(STEPS, min_size=1, max_size=4).map(tuple)
SEPARATE = st.lists(st.text("ab~/", max_size=4), min_size=1, max_size=4).map(tuple)


def live(value: Any, **others: Any) -> Resource:
    """A living variable as Airflow shows it."""
    return variable("v", stored_text(value), **others)


def kept(resource: Resource, current: Resource) -> bool:
    """Whether what was written of the one resource is what the other shows."""
    record = recorded(resource)
    return is_as_written(record.marks, record.secrets, current, MARKER)


# Pointers


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), ""),
        (("value",), "/value"),
        (("value", "a", 0), "/value/a/0"),
        (("extra", ""), "/extra/"),
        (("extra", "a/b~c"), "/extra/a~1b~0c"),
        (("extra", "~1"), "/extra/~01"),
    ],
)
def test_a_path_is_spelled_as_a_json_pointer(path: tuple[str | int, ...], place: str) -> None:
    assert pointer(path) == place


@given(SEPARATE, SEPARATE)
def test_two_paths_never_have_the_same_pointer(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (pointer(one) == pointer(other)) == (one == other)


@given(PATHS, PATHS)
def test_a_pointer_is_under_another_just_if_its_path_begins_so(
    one: tuple[str | int, ...], other: tuple[str | int, ...]
) -> None:
    begins = tuple(map(str, one[: len(other)])) == tuple(map(str, other))
    assert is_under(pointer(one), pointer(other)) is begins


@given(st.sampled_from(["value", "extra", "slots"]), PATHS)
def test_the_top_of_a_pointer_is_the_field(name: str, path: tuple[str | int, ...]) -> None:
    assert top(pointer((name,))) == top(pointer((name, *path))) == name


@given(st.lists(SEPARATE, max_size=6, unique=True), SEPARATE)
def test_marks_below_a_place_are_those_of_its_leaves(
    paths: list[tuple[str, ...]], place: tuple[str, ...]
) -> None:
    ends = [
        path for path in paths if not any(other[: len(path)] == path and other != path for other in paths)
    ]
    marks = {pointer(path): str(number) for number, path in enumerate(ends)}
    above = pointer(place)
    assert Ordered(marks).below(above) == {one: mark for one, mark in marks.items() if is_under(one, above)}


def test_namesakes_of_a_place_are_not_below_it() -> None:
    marks = Ordered({"/a": "1", "/a.b": "2", "/a0": "3", "/ab": "4", "/b/x": "5", "/b/y": "6", "/b0": "7"})
    assert marks.below("/a") == {"/a": "1"}
    assert marks.below("/b") == {"/b/x": "5", "/b/y": "6"}
    assert marks.below("/c") == {}


# Leaves


def test_an_empty_container_is_a_leaf() -> None:
    value = {"a": [], "b": {}, "c": [1, {"d": None}], "e": ()}
    assert list(leaves(value, ("value",))) == [
        (("value", "a"), []),
        (("value", "b"), {}),
        (("value", "c", 0), 1),
        (("value", "c", 1, "d"), None),
        (("value", "e"), ()),
    ]


@given(JSON)
def test_leaves_put_together_again_are_the_value(value: Any) -> None:
    found = dict(leaves(value, ()))
    assert found.keys() == dict(leaves(json.loads(json.dumps(value)), ())).keys()
    for path, leaf in found.items():
        inside = value
        for step in path:
            inside = inside[step]
        assert inside is leaf


def test_a_field_has_the_same_leaves_declared_and_alive() -> None:
    declared, living = connection("c", extra={"a": {"b": 1}}), connection("c", extra='{"a":{"b":1}}')
    assert (
        list(field_leaves(declared, "extra"))
        == list(field_leaves(living, "extra"))
        == [(("extra", "a", "b"), 1)]
    )


# Marks


def marked(value: Any) -> str:
    return MARKER.mark(Key("variable", "v"), ("value",), value)


@given(JSON, JSON)
def test_marks_of_two_values_are_the_same_just_if_the_values_are(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (marked(one) == marked(other)) is same


PLACES = st.tuples(st.builds(Key, st.sampled_from(KIND_NAMES), TEXT), SEPARATE)


@given(PLACES, PLACES, JSON)
def test_equal_values_never_share_a_mark_unless_they_stand_in_one_place(
    one: tuple[Key, tuple[str, ...]], other: tuple[Key, tuple[str, ...]], value: Any
) -> None:
    assume(one != other)
    assert MARKER.mark(*one, value) != MARKER.mark(*other, value)
    assert MARKER.mark(*one, SECRET) != MARKER.mark(*other, SECRET)


def test_a_place_is_not_told_apart_by_its_spelling_alone() -> None:
    there = [
        (Key("variable", "a"), ("b", "c")),
        (Key("variable", "a"), ("b/c",)),
        (Key("variable", "a/b"), ("c",)),
        (Key("variable", "a"), ("0",)),
        (Key("variable", "a"), (0,)),
        (Key("pool", "a"), ("b", "c")),
    ]
    assert len({MARKER.mark(key, path, 1) for key, path in there}) == len(there)


def test_a_plain_leaf_is_marked_under_the_salt_and_a_secret_under_the_key() -> None:
    assert marked("x").startswith("m:")
    assert marked(SECRET).startswith(f"h:{key_id(KEY)}:")
    key = Key("variable", "v")
    other_salt, other_key = Marker(b"t" * 32, KEY), Marker(SALT, b"l" * 32)
    assert other_salt.mark(key, ("value",), "x") != marked("x")
    assert other_salt.mark(key, ("value",), SECRET) == marked(SECRET)
    assert other_key.mark(key, ("value",), "x") == marked("x")
    assert other_key.mark(key, ("value",), SECRET) != marked(SECRET)


def test_a_mark_is_short_text_that_needs_no_escapes() -> None:
    for mark in (marked("x" * 5000), marked(SECRET), marked(None)):
        body = mark.rpartition(":")[2]
        assert len(body) == 22, "128 bits"
        assert body.replace("-", "a").replace("_", "a").isalnum()


@given(st.integers(0, 5000))
def test_no_two_spellings_make_one_mark_and_none_is_cut_short(number: int) -> None:
    assert len(marked(number)) == len("m:") + 22


def test_a_mark_stays_the_same_over_releases() -> None:
    assert marked("x") == "m:Eh_eRpqz7mzhk4M0clFHog"
    assert marked(Secret("env:S", "plain")) == "h:dce80344:vN6G167NYotnX0_FELX4Zg"


def test_a_version_is_the_mark_of_a_secret_that_has_one() -> None:
    assert marked(Secret("aws-sm:a", version="7")) == "v:7"
    assert marked(Secret("aws-sm:a", "known too", version="7")) == "v:7"
    assert marked(Secret("aws-sm:a", "", version="")) == "v:"


def test_without_a_key_or_a_value_a_secret_cannot_be_compared() -> None:
    assert Marker(SALT).mark(Key("variable", "v"), ("value",), SECRET) == UNCOMPARABLE
    assert marked(Secret("env:S")) == UNCOMPARABLE
    assert Marker(SALT).mark(Key("variable", "v"), ("value",), Secret("env:S", version="1")) == "v:1"


@given(st.text(max_size=30))
def test_a_mark_shows_nothing_of_a_value(text: str) -> None:
    assume(len(text) > 2)
    assert text not in marked(text)
    assert text not in marked(Secret("env:S", text))
    assert marked(text) != marked(Secret("env:S", text))


def test_no_text_form_of_a_marker_shows_its_keys() -> None:
    assert repr(MARKER) == "Marker()"


def test_every_leaf_of_the_named_fields_is_marked() -> None:
    declared = connection("c", host="h", login="", extra={"a": [1, SECRET], "b": {}})
    marks = MARKER.marks(declared, ["host", "login", "extra"])
    assert list(marks) == ["/host", "/login", "/extra/a/0", "/extra/a/1", "/extra/b"]
    assert marks["/host"] == MARKER.mark(declared.key, ("host",), "h")
    assert marks["/login"] == MARKER.mark(declared.key, ("login",), None), (
        "nothing is nothing however written"
    )
    assert marks["/extra/a/1"] == MARKER.mark(declared.key, ("extra", "a", 1), SECRET)
    assert MARKER.marks(declared, []) == {}


# Keys


def test_a_derived_key_is_hkdf_of_the_standard() -> None:
    """RFC 5869 with SHA-256 and no salt; its test case 3 has an empty purpose and longer output."""
    made = derived_key(bytes.fromhex("0b" * 22), "")
    assert made.hex() == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"


@given(st.binary(min_size=1, max_size=8), st.binary(min_size=1, max_size=8), TEXT, TEXT)
def test_keys_of_two_purposes_or_masters_differ(one: bytes, other: bytes, purpose: str, another: str) -> None:
    assert len(derived_key(one, purpose)) == 32
    assert (derived_key(one, purpose) == derived_key(one, another)) is (purpose == another)
    if one.rstrip(b"\0") != other.rstrip(b"\0"):
        assert derived_key(one, purpose) != derived_key(other, purpose)


def test_the_id_of_a_key_is_short_and_stays_the_same() -> None:
    assert key_id(KEY) == "dce80344"
    assert key_id(b"l" * 32) != key_id(KEY)


@pytest.mark.parametrize(
    ("mark", "other", "same"),
    [
        ("v:1", "v:2", True),
        ("v:1", "h:a:x", False),
        ("v:1", UNCOMPARABLE, False),
        ("h:a:x", "h:a:y", True),
        ("h:a:x", "h:b:x", False),
        ("h:a:x", "m:a:x", False),
        ("v:a:x", "v:b:x", True),
        (UNCOMPARABLE, UNCOMPARABLE, True),
    ],
)
def test_marks_of_secrets_compare_only_if_they_are_made_the_same_way(
    mark: str, other: str, same: bool
) -> None:
    assert same_key(mark, other) is same
    assert same_key(other, mark) is same


@pytest.mark.parametrize(
    ("mark", "plain", "version"),
    [("m:x", True, False), ("v:1", False, True), ("h:a:x", False, False), ("?", False, False)],
)
def test_a_mark_says_what_it_takes_to_make_it_again(mark: str, plain: bool, version: bool) -> None:
    assert (is_plain(mark), is_version(mark)) == (plain, version)


# What is recorded


def test_a_record_has_every_compared_leaf_and_every_secret_place() -> None:
    declared = replace(
        connection(
            "c", ignore=["login", "password"], login="x", password=SECRET, extra={"t": SECRET, "n": 1}
        ),
        protect=True,
        secret_version=3,
    )
    found = recorded(declared)
    assert found == Record(
        marks=MARKER.marks(declared, ["conn_type", "extra"]),
        secrets={"/password": "env:S", "/extra/t": "env:S"},
        protect=True,
        secret_version=3,
    )
    assert found.fields == {"conn_type", "extra"}
    assert secret_places(declared) == found.secrets


def test_what_was_a_secret_once_stays_one_as_long_as_its_field_is_declared() -> None:
    first = recorded(connection("c", password=SECRET, extra={"t": SECRET, "n": 1}))
    second = recorded(connection("c", extra={"t": "plain", "u": SECRET}), before=first)
    assert second.secrets == {"/extra/t": "", "/extra/u": "env:S"}
    third = recorded(connection("c", extra={"t": SECRET}), before=second)
    assert third.secrets == {"/extra/t": "env:S", "/extra/u": ""}
    assert recorded(connection("c"), before=third).secrets == {}


def test_protection_is_recorded_as_it_is_declared_and_a_secret_version_as_it_was_last() -> None:
    first = recorded(replace(variable("v", SECRET), protect=True, secret_version=2))
    again = recorded(variable("v", SECRET), before=first)
    assert (again.protect, again.secret_version) == (False, 2)
    raised = recorded(replace(variable("v", SECRET), secret_version=0), before=first)
    assert raised.secret_version == 0


UNREAD = Marker(SALT)


def rewritten(resource: Resource, before: Record, *sent: str, marker: Marker = UNREAD) -> Record:
    return record_of(resource, marker, before, set(sent).__contains__)


def test_a_secret_that_cannot_be_compared_keeps_the_mark_of_the_write_that_carried_it() -> None:
    declared = connection("c", host="h", password=SECRET)
    before = recorded(declared)
    moved = connection("c", host="new", password=SECRET)
    after = rewritten(moved, before, "host")
    assert after.marks["/password"] == before.marks["/password"] != UNCOMPARABLE
    assert after.marks["/host"] == MARKER.mark(moved.key, ("host",), "new")
    assert rewritten(moved, before, "password").marks["/password"] == UNCOMPARABLE


def test_a_secret_of_another_reference_keeps_no_mark() -> None:
    before = recorded(connection("c", password=SECRET))
    other = connection("c", password=Secret("env:OTHER"))
    assert rewritten(other, before).marks["/password"] == UNCOMPARABLE
    assert rewritten(connection("c", password=SECRET), Record()).marks["/password"] == UNCOMPARABLE


def test_a_secret_that_was_ignored_so_far_has_no_mark_to_keep() -> None:
    before = recorded(connection("c", ignore=["password"], password=SECRET))
    after = rewritten(connection("c", password=SECRET), before)
    assert after.marks["/password"] == UNCOMPARABLE


def test_a_secret_that_can_be_compared_gets_its_own_mark_sent_or_not() -> None:
    before = recorded(connection("c", password=Secret("env:S", "an older value")))
    declared = connection("c", password=SECRET)
    assert rewritten(declared, before, marker=MARKER).marks == recorded(declared).marks


def test_a_plain_leaf_gets_its_own_mark_sent_or_not() -> None:
    before = recorded(variable("v", 1))
    assert rewritten(variable("v", 2), before).marks == recorded(variable("v", 2)).marks


def test_a_secret_of_which_nobody_knows_what_lives_keeps_no_mark() -> None:
    before = replace(recorded(connection("c", password=SECRET)), unsure=frozenset({"/password"}))
    assert rewritten(connection("c", password=SECRET), before).marks["/password"] == UNCOMPARABLE


MISSING = Secret("env:GONE")


def test_a_secret_version_waits_for_a_secret_that_its_source_does_not_hold() -> None:
    before = Record(secret_version=2)
    there = replace(connection("c", password=SECRET, extra={"t": SECRET}), secret_version=3)
    assert recorded(there, before=before).secret_version == 3
    for fields in ({"password": MISSING}, {"extra": {"t": MISSING}}):
        gone = replace(there, fields={**there.fields, **fields})
        assert recorded(gone, before=before).secret_version == 2
        assert recorded(gone).secret_version is None
    assert (
        recorded(replace(there, fields={"password": Secret("v", version="1")}), before=before).secret_version
        == 3
    )


def test_what_is_unsure_and_missing_is_sent_once_it_is_there() -> None:
    before = Record(secret_version=2, unsure=frozenset({"/password"}))
    gone = replace(connection("c", password=MISSING), secret_version=2)
    assert recorded(gone, before=before).secret_version is None
    other = replace(before, unsure=frozenset({"/extra/t"}))
    assert recorded(gone, before=other).secret_version == 2
    assert recorded(replace(gone, fields={"password": SECRET}), before=before).secret_version == 2


def test_only_a_secret_with_neither_value_nor_version_is_missing() -> None:
    declared = connection(
        "c", password=Secret("v", version="1"), extra={"a": [MISSING, SECRET], "n": None}, ignore=["extra"]
    )
    before = Record(secret_version=2, unsure=frozenset({"/extra/a/0"}))
    assert recorded(replace(declared, secret_version=3), before=before).secret_version is None
    known = replace(declared, fields={**declared.fields, "extra": {"a": [SECRET]}}, secret_version=3)
    assert recorded(known, before=before).secret_version == 3


def test_a_record_does_not_need_one_before() -> None:
    assert record_of(variable("v", 1), MARKER, None, lambda _name: False) == Record(
        MARKER.marks(variable("v", 1), ["value"])
    )


# Whether what lives is what was written


@given(JSON, st.text(max_size=4))
def test_what_was_written_is_as_written(value: Any, text: str) -> None:
    assert kept(variable("v", value, description=text), live(value, description=text or None))


@given(UNMASKED_JSON, UNMASKED_JSON)
def test_what_somebody_made_something_else_is_not_as_written(value: Any, other: Any) -> None:
    ours, theirs = recorded(variable("v", value)), recorded(live(other))
    assert kept(variable("v", value), live(other)) is (dict(ours.marks) == dict(theirs.marks))


@given(st.text("ab*é", min_size=1, max_size=12), SPANS)
def test_a_mask_stands_for_whatever_was_written(text: str, spans: list[tuple[int, int]]) -> None:
    shown = redacted(text, spans)
    assert kept(variable("v", {"a": text, "n": 1}), live({"a": shown, "n": 1}))
    assert not kept(variable("v", {"a": text, "n": 1}), live({"a": shown, "n": 2}))


@pytest.mark.parametrize("hidden", [MASK, "eu-***-1", Hidden("hidden"), Hidden("masked")])
def test_a_leaf_is_masked_wholly_or_in_part(hidden: object) -> None:
    assert is_masked(hidden)


@pytest.mark.parametrize("shown", ["", "**", 3, None, [MASK], {"a": MASK}])
def test_anything_else_is_not_masked(shown: object) -> None:
    assert not is_masked(shown)


def test_a_hidden_field_may_be_anything() -> None:
    assert kept(connection("c", password=SECRET), connection("c", password=Hidden("hidden")))
    assert kept(connection("c", password=SECRET), connection("c", password=MASK))
    assert kept(variable("v", {"a": {"b": 1}}), live(MASK)), "a value hidden whole hides its leaves"
    assert kept(variable("v", {"a": {"b": 1}}), live({"a": MASK}))


def test_a_secret_leaf_may_be_anything() -> None:
    assert kept(variable("v", SECRET), live("whatever"))
    assert kept(variable("v", {"t": SECRET, "n": 1}), live({"t": "new", "n": 1}))
    assert kept(variable("v", {"t": SECRET, "n": 1}), live({"t": {"deep": [1]}, "n": 1}))
    assert kept(variable("v", {"t": SECRET, "n": 1}), live({"n": 1})), "nobody can tell"
    assert not kept(variable("v", {"t": SECRET, "n": 1}), live({"t": "new", "n": 2}))


def test_a_secret_place_does_not_cover_its_namesakes() -> None:
    declared = variable("v", {"t": SECRET, "tt": 1})
    assert not kept(declared, live({"t": "x", "tt": 2}))
    assert not kept(declared, live({"t": "x", "tt": 1, "t2": 3}))


def test_a_leaf_inside_that_nobody_declared_counts() -> None:
    assert not kept(variable("v", {"a": 1}), live({"a": 1, "b": 2}))
    assert not kept(variable("v", {"a": 1, "b": 2}), live({"a": 1}))
    assert not kept(variable("v", [1]), live([1, 2]))
    assert not kept(connection("c", extra={"a": 1}), connection("c", extra=None))


def test_types_count() -> None:
    assert not kept(variable("v", {"a": 1}), live({"a": True}))
    assert not kept(variable("v", {"a": 1}), live({"a": 1.0}))
    assert not kept(variable("v", {"a": 1}), live({"a": "1"}))
    assert kept(pool("p", 1), pool("p", 1))
    assert not kept(pool("p", 1), pool("p", 2))


def test_a_field_that_was_never_written_does_not_count() -> None:
    assert kept(variable("v", 1), live(1, description="somebody's words"))
    assert kept(connection("c", host="h"), connection("c", host="h", login="theirs", extra='{"a": 1}'))


def test_a_field_that_is_to_be_ignored_does_not_count() -> None:
    assert kept(variable("v", "first", ignore=["value"], description="d"), live("later", description="d"))
    assert not kept(variable("v", "first", ignore=["value"], description="d"), live("later", description="e"))


def test_a_field_that_airflow_does_not_show_does_not_count() -> None:
    declared = connection("c", host="h", extra={"a": 1})
    listed = connection("c", host="h")
    assert kept(declared, listed)
    assert not kept(declared, connection("c", host="h", extra=None))
    assert not kept(declared, connection("c", host="other"))


def test_nothing_is_nothing_however_it_is_written() -> None:
    for nothing in (None, ""):
        assert kept(connection("c", host="", extra={}), connection("c", host=nothing, extra=nothing))
        assert not kept(connection("c", host=""), connection("c", host="h"))


def test_another_salt_knows_nothing() -> None:
    record = recorded(variable("v", 1))
    assert not is_as_written(record.marks, (), live(1), Marker(b"t" * 32))


def test_another_resource_of_the_same_content_is_not_it() -> None:
    record = recorded(variable("v", 1))
    assert not is_as_written(record.marks, (), variable("w", "1"), MARKER)


def test_nothing_written_is_as_written_whatever_lives() -> None:
    assert is_as_written({}, (), live(1), MARKER)


# What nobody can see


def test_nobody_sees_what_airflow_hides_nor_what_is_or_was_a_secret() -> None:
    marks = recorded(
        connection("c", host="h", login="l", extra={"a": {"x": 1, "y": 2}, "b": 3, "t": SECRET})
    ).marks
    clear = connection("c", host="h", login="l", extra='{"a": {"x": 1, "y": 2}, "b": 3, "t": "in clear"}')
    assert unseen(marks, (), clear) == frozenset()
    assert unseen(marks, ["/extra/t", "/password"], clear) == {"/extra/t"}
    masked = connection("c", host="h***", login=Hidden("hidden"), extra='{"a": "***", "b": 3, "t": "***"}')
    assert unseen(marks, (), masked) == {"/host", "/login", "/extra/a/x", "/extra/a/y", "/extra/t"}
    assert unseen(marks, (), connection("c", extra=MASK)) == {
        place for place in marks if top(place) == "extra"
    }
    assert unseen(marks, (), connection("c")) == frozenset(), "what is not shown at all is not hidden"


# What a creation that broke off may look like


def test_optional_fields_may_be_empty_still_but_required_ones_may_not() -> None:
    declared = connection("c", host="h", extra={"a": 1}, password=SECRET)
    marks, secrets = recorded(declared).marks, recorded(declared).secrets

    def looks(current: Resource) -> bool:
        return looks_like(marks, secrets, current, MARKER)

    assert looks(connection("c", host="h", extra='{"a": 1}', password=MASK))
    assert looks(connection("c", host=None, extra=None, password=None))
    assert looks(connection("c", host="", extra="", password=""))
    assert looks(connection("c")), "what is not shown is not held against it"
    assert not looks(connection("c", host="other"))
    assert not looks(connection("c", host=None, extra='{"a": 2}'))
    assert not looks(replace(connection("c", host="h"), fields={"conn_type": "http", "host": "h"}))
    assert not looks(replace(connection("c"), fields={"conn_type": None}))


def test_a_value_that_is_empty_is_no_value_that_was_meant() -> None:
    marks: Mapping[str, str] = recorded(variable("v", "x", description="d")).marks
    assert looks_like(marks, (), live("x"), MARKER)
    assert not looks_like(marks, (), live(""), MARKER)
    assert not looks_like(marks, (), live("x", description="e"), MARKER)


def test_a_pool_may_lack_all_but_its_slots() -> None:
    marks = recorded(pool("p", 3, description="d", include_deferred=True)).marks
    assert looks_like(marks, (), pool("p", 3, description=None), MARKER)
    assert not looks_like(marks, (), pool("p", 3, include_deferred=False), MARKER), "false is no emptiness"


def test_a_canary_is_in_no_record() -> None:
    declared = connection("c", host=CANARY, password=SECRET, extra={CANARY[:5]: CANARY, "t": SECRET})
    assert CANARY not in repr(recorded(declared))
