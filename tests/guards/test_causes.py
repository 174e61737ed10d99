from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconciler.causes import GRAVITY, MASKED, NOTHING_OWNED, Ownership
from reconciler.compare import Cause, FieldChange, Finding, Unverified
from reconciler.model import Key, Why
from reconciler.records import Record

KEY = Key("connection", "c")


def ownership(
    record: Record,
    wanted: Record | None = None,
    living: Mapping[str, str] | None = None,
    withdrawn: frozenset[str] = frozenset(),
) -> Ownership:
    """What the ledger says of the one connection, what it would say, and the marks of what lives."""
    return Ownership(
        {KEY: record},
        frozenset(),
        {KEY: record if wanted is None else wanted}.__getitem__,
        {KEY: record.marks if living is None else living}.__getitem__,
        {KEY: withdrawn},
    )


def judged(known: Ownership, finding: Finding) -> Finding:
    (found,) = known.judged(KEY, [finding])
    return found


def cause(known: Ownership, *path: str | int, secret: bool = False) -> Cause:
    found = judged(known, FieldChange(path, "old", "new", secret=secret))
    assert isinstance(found, FieldChange)
    return found.cause


# What is read


HOST = Record({"/host": "m:written"})


@pytest.mark.parametrize(
    ("living", "why"),
    [
        ({"/host": "m:written"}, "manifest"),
        ({"/host": "m:something else"}, "drift"),
        ({"/host": MASKED}, "manifest"),
        ({}, "drift"),
        ({"/host": "m:written", "/login": "m:something else"}, "manifest"),
    ],
)
def test_a_difference_from_what_was_written_is_drift_and_one_from_what_lives_untouched_is_git(
    living: Mapping[str, str], why: Cause
) -> None:
    assert cause(ownership(HOST, living=living), "host") == why


def test_all_that_stands_below_a_difference_is_held_against_what_was_written() -> None:
    record = Record({"/extra/a/x": "m:1", "/extra/a/y": "m:2", "/extra/ab": "m:3"})
    untouched = dict(record.marks)
    for living, why in [
        (untouched, "manifest"),
        (untouched | {"/extra/ab": "m:4"}, "manifest"),
        (untouched | {"/extra/a/x": "m:4"}, "drift"),
        (untouched | {"/extra/a/z": "m:4"}, "drift"),
        (untouched | {"/extra/a/x": MASKED, "/extra/a/y": "m:4"}, "manifest"),
        ({"/extra/a/x": "m:1"}, "drift"),
    ]:
        assert cause(ownership(record, living=living), "extra", "a") == why


def test_a_field_that_was_never_written_is_gits() -> None:
    assert cause(ownership(HOST, living={"/login": "m:theirs"}), "login") == "manifest"
    wanted = Record({**HOST.marks, "/login": "m:new"})
    assert cause(ownership(HOST, wanted), "login", secret=True) == "manifest"


def test_a_field_that_git_no_longer_declares_is_withdrawn_whatever_lives() -> None:
    known = ownership(HOST, living={"/host": "m:something else"}, withdrawn=frozenset({"host"}))
    assert cause(known, "host") == "withdrawn"
    assert cause(known, "host", secret=True) == "withdrawn"
    assert judged(known, Unverified(KEY, ("host",), "hidden")) == FieldChange(
        ("host",), secret=True, cause="withdrawn", written=False
    )
    other = ownership(HOST, living={"/host": "m:written"}, withdrawn=frozenset({"login"}))
    assert cause(other, "host") == "manifest"


def test_a_field_that_git_no_longer_declares_is_left_alone_where_it_is_hidden_and_was_its_default() -> None:
    asked: list[tuple[Key, str]] = []

    def is_blank(key: Key, name: str) -> bool:
        asked.append((key, name))
        return name == "password"

    fields = frozenset({"password", "extra"})
    known = replace(ownership(HOST, withdrawn=fields), is_blank=is_blank)
    hidden, other = Unverified(KEY, ("password",), "hidden"), Unverified(KEY, ("extra", "t"), "hidden")
    assert judged(known, hidden) is hidden
    assert isinstance(judged(known, other), FieldChange)
    assert asked == [(KEY, "password"), (KEY, "extra")]
    assert cause(known, "password") == "withdrawn", "what is not hidden is different from its default"
    assert isinstance(judged(ownership(HOST, withdrawn=fields), hidden), FieldChange)


@pytest.mark.parametrize(
    ("wanted", "written"), [({"/host": "m:written"}, True), ({"/host": "m:other"}, False), ({}, False)]
)
def test_a_difference_says_whether_git_wants_what_was_written(
    wanted: Mapping[str, str], written: bool
) -> None:
    known = ownership(HOST, Record(wanted), {"/host": "m:theirs"})
    assert judged(known, FieldChange(("host",), "old", "new")) == FieldChange(
        ("host",), "old", "new", cause="drift", written=written
    )


def test_only_what_stands_below_a_difference_decides_whether_it_is_what_was_written() -> None:
    record = Record({"/extra/a": "m:1", "/extra/b": "m:2"})
    found = judged(
        ownership(record, Record({"/extra/a": "m:1", "/extra/b": "m:3"})), FieldChange(("extra", "a"))
    )
    assert isinstance(found, FieldChange)
    assert found.written is True


# What is hidden


PLACE = "/password"


def record(mark: str | None, ref: str | None = "env:S", *, unsure: bool = False) -> Record:
    return Record(
        {} if mark is None else {PLACE: mark},
        {} if ref is None else {PLACE: ref},
        unsure=frozenset({PLACE} if unsure else ()),
    )


def verdict(before: Record, wanted: Record, why: Why = "hidden") -> Cause | None:
    """Why a hidden password is sent; ``None`` where it stays unverified."""
    unverified = Unverified(KEY, ("password",), why, "env:S")
    found = judged(ownership(before, wanted), unverified)
    if isinstance(found, Unverified):
        assert found == unverified
        return None
    assert found == FieldChange(("password",), secret=True, ref="env:S", cause=found.cause, written=False)
    return found.cause


@pytest.mark.parametrize(
    ("before", "wanted", "why"),
    [
        (record("v:1"), record("v:1"), None),
        (record("v:1"), record("v:2"), "secret_rotated"),
        (record("h:k:1"), record("h:k:1"), None),
        (record("h:k:1"), record("h:k:2"), "secret_rotated"),
        (record("h:k:1"), record("h:l:1"), "secret_resend"),
        (record("h:k:1"), record("v:1"), "secret_resend"),
        (record("v:1"), record("h:k:1"), "secret_resend"),
        (record("?"), record("?"), None),
        (record("?"), record("v:1"), "secret_resend"),
        (record("?"), record("h:k:1"), "secret_resend"),
        (record("v:1"), record("?"), None),
        (record("h:k:1"), record("?"), None),
        (record("v:1"), record("v:1", "env:T"), "manifest"),
        (record("v:1"), record("v:2", "env:T"), "manifest"),
        (record("h:k:1"), record("h:k:1", "env:T"), None),
        (record("h:k:1"), record("h:k:2", "env:T"), "manifest"),
        (record("h:k:1"), record("h:l:1", "env:T"), "manifest"),
        (record("?"), record("?", "env:T"), "manifest"),
        (record("v:1"), record("?", "env:T"), "manifest"),
        (record("?"), record("v:1", "env:T"), "manifest"),
        (record("m:1", None), record("v:1"), "manifest"),
        (record("v:1"), record("m:1", ""), "manifest"),
        (record("m:1", None), record("m:1", None), None),
        (record("m:1", ""), record("m:1", ""), None),
        (record("m:1", None), record("m:2", None), "manifest"),
        (record("m:1", ""), record("m:1", None), None),
        (record("m:1", ""), record("m:2", ""), "manifest"),
        (record(None), record("v:1"), "manifest"),
        (record("v:1"), record(None), "manifest"),
        (record(None, None), record(None, None), None),
    ],
)
def test_what_is_hidden_is_sent_if_what_was_written_is_not_what_git_wants(
    before: Record, wanted: Record, why: Cause | None
) -> None:
    assert verdict(before, wanted) == why
    assert verdict(before, wanted, "masked") == why
    assert verdict(before, wanted, "value not read") == why


@pytest.mark.parametrize(
    "wanted", [record("v:1"), record("v:2"), record("?"), record("v:1", "env:T"), record(None)]
)
def test_a_secret_that_a_broken_run_was_sending_is_sent_again(wanted: Record) -> None:
    before = record("v:1", unsure=True)
    assert verdict(before, wanted) == "secret_resend"


def test_a_secret_that_its_source_lacks_is_not_sent_whatever_the_marks_say() -> None:
    for before, wanted in [(record("v:1"), record("?")), (record("v:1"), record("v:2", "env:T"))]:
        assert verdict(before, wanted, "secret missing") is None


def test_a_difference_of_a_secret_in_clear_is_told_from_the_marks_too() -> None:
    assert cause(ownership(record("v:1"), record("v:2")), "password", secret=True) == "secret_rotated"
    assert cause(ownership(record("v:1"), record("v:1")), "password", secret=True) == "drift", (
        "what was written is what git wants, so somebody has changed it"
    )


def test_of_several_leaves_that_one_mask_hides_the_gravest_cause_is_told() -> None:
    before = {"/value/a": "v:1", "/value/b": "h:k:1", "/value/c": "m:1", "/value/d": "v:1"}
    refs = dict.fromkeys(before, "env:S")
    key = Key("variable", "v")

    def told(**changed: str) -> Cause | None:
        wanted = Record({**before, **{f"/value/{name}": mark for name, mark in changed.items()}}, refs)
        known = replace(NOTHING_OWNED, records={key: Record(before, refs)}, wanted={key: wanted}.__getitem__)
        (found,) = known.judged(key, [Unverified(key, ("value",), "hidden")])
        return found.cause if isinstance(found, FieldChange) else None

    assert told() is None
    assert told(a="v:2") == "secret_rotated"
    assert told(b="h:l:1") == "secret_resend"
    assert told(a="v:2", b="h:l:1") == "secret_rotated"
    assert told(a="v:2", b="h:l:1", e="v:1") == "manifest"


def test_leaves_beside_a_hidden_one_do_not_count() -> None:
    refs = {"/extra/t": "env:S", "/extra/tt": "env:S"}
    before = Record({"/extra/t": "v:1", "/extra/tt": "v:1"}, refs)
    wanted = Record({"/extra/t": "v:1", "/extra/tt": "v:2"}, refs)
    finding = Unverified(KEY, ("extra", "t"), "hidden")
    assert judged(ownership(before, wanted), finding) is finding


def test_a_reference_that_is_empty_is_none() -> None:
    finding = Unverified(KEY, ("password",), "hidden", "")
    found = judged(ownership(record("m:1", ""), record("m:2", "")), finding)
    assert isinstance(found, FieldChange)
    assert found.ref is None


def test_the_causes_are_told_by_their_gravity() -> None:
    assert GRAVITY == ("drift", "manifest", "withdrawn", "secret_rotated", "secret_resend")


# Around it


def test_what_is_not_owned_is_not_judged() -> None:
    findings: list[Finding] = [FieldChange(("host",), 1, 2), Unverified(KEY, ("password",), "hidden")]
    assert NOTHING_OWNED.judged(KEY, findings) == findings
    known = ownership(HOST, living={"/host": "m:theirs"})
    assert known.judged(Key("connection", "another"), findings) == findings


def test_nothing_is_owned_without_a_ledger() -> None:
    assert not NOTHING_OWNED.has_ledger
    assert not NOTHING_OWNED.records
    assert not NOTHING_OWNED.withdrawn
    assert not NOTHING_OWNED.living(KEY)
    assert NOTHING_OWNED.wanted(KEY) == Record()
    assert NOTHING_OWNED.disowned == frozenset()


FULL = Record({"/host": "m:1"}, {"/password": "env:S"}, protect=True, secret_version=1)


@pytest.mark.parametrize(
    ("changed", "current"),
    [
        ({}, True),
        ({"marks": {"/host": "m:2"}}, False),
        ({"secrets": {}}, False),
        ({"protect": False}, False),
        ({"secret_version": 2}, False),
        ({"unsure": frozenset({"/password"})}, True),
    ],
)
def test_a_ledger_is_up_to_date_if_it_says_all_that_it_should(changed: dict[str, Any], current: bool) -> None:
    assert ownership(FULL, replace(FULL, **changed)).is_current(KEY) is current


def test_a_ledger_is_not_up_to_date_about_what_a_broken_run_left() -> None:
    assert not ownership(replace(FULL, settled=False), FULL).is_current(KEY)
    assert ownership(FULL, replace(FULL, settled=False)).is_current(KEY)


@pytest.mark.parametrize(
    ("before", "declared", "raised"),
    [
        (None, None, False),
        (1, None, False),
        (None, 1, True),
        (1, 1, False),
        (1, 2, True),
        (2, 1, True),
        (None, 0, True),
    ],
)
def test_another_secret_version_asks_for_secrets_to_be_sent_again(
    before: int | None, declared: int | None, raised: bool
) -> None:
    assert ownership(Record(secret_version=before)).was_raised(KEY, declared) is raised
    assert not ownership(Record(secret_version=before)).was_raised(Key("pool", "p"), declared)
