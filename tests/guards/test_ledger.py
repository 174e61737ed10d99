from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.json_text import stored_text
from reconciler.ledger import (
    Binding,
    Claims,
    Entry,
    Lease,
    Ledger,
    Pending,
    Settled,
    begun,
    claimed,
    completed,
    ended,
    rebound,
    unlocked,
    withdrawn_fields,
)
from reconciler.model import MASK, Hidden, Key, Resource, Secret, State, mapped_secrets
from reconciler.plan import Action
from reconciler.records import UNCOMPARABLE, Record, secret_places, top
from tests.core.samples import connection, pool, state, variable
from tests.guards.support import KIND_NAMES, MARKER, SECRET, recorded

LEASE = Lease("id", "somebody", "2026-01-01T00:00:00Z", 1920)
C = Key("connection", "c")
OTHER = Secret("env:OTHER", "another plaintext")


# Binding


PROD = Binding("prod", "mwaa://eu-west-1/prod", "123456789012")


@pytest.mark.parametrize(
    ("other", "misfit"),
    [
        (PROD, None),
        (replace(PROD, account=None), None),
        (replace(PROD, name="dev"), "the environment 'prod', not 'dev'"),
        (
            replace(PROD, target="mwaa://us-east-1/prod"),
            "mwaa://eu-west-1/prod, not mwaa://us-east-1/prod",
        ),
        (replace(PROD, account="210987654321"), "account 123456789012, not 210987654321"),
        (
            Binding("prod", "sandbox:/a.json"),
            "mwaa://eu-west-1/prod, not sandbox:/a.json",
        ),
        (Binding("dev", "http://localhost", "1"), "the environment 'prod', not 'dev'"),
        (Binding("prod", "http://localhost", "1"), "mwaa://eu-west-1/prod, not http://localhost"),
    ],
)
def test_a_ledger_is_bound_to_name_target_and_account(other: Binding, misfit: str | None) -> None:
    assert PROD.misfit(other) == misfit


def test_a_ledger_that_knows_no_account_fits_any() -> None:
    assert replace(PROD, account=None).misfit(PROD) is None


def test_a_sandbox_counts_by_its_name_only() -> None:
    one, other = Binding("dev", "sandbox:/a/x.json"), Binding("dev", "sandbox:/b/y.json")
    assert one.misfit(other) is None
    assert one.scope == other.scope == ("dev", "sandbox:")
    assert one.misfit(replace(other, name="prod")) == "the environment 'dev', not 'prod'"
    assert one.misfit(Binding("dev", "http://sandbox:80")) == "sandbox:/a/x.json, not http://sandbox:80"
    assert Binding("dev", "http://sandbox:80").scope == ("dev", "http://sandbox:80")


def test_a_binding_reads_as_a_name_at_a_place() -> None:
    assert str(PROD) == "'prod' at mwaa://eu-west-1/prod"


# What an entry says


def test_the_fields_of_an_entry_are_those_that_were_written_or_are_about_to_be() -> None:
    record, pending = (
        Record({"/host": "m:1", "/extra/a": "m:2"}),
        Pending(Action.UPDATE, {"/login": "m:3", "/extra/b": "m"}),
    )
    assert Entry(record).fields == {"host", "extra"}
    assert Entry(None, pending).fields == {"login", "extra"}
    assert Entry(record, pending).fields == {"host", "extra", "login"}


def test_an_entry_protects_what_its_record_protects() -> None:
    assert Entry(Record(protect=True)).protect is True
    assert Entry(Record()).protect is False
    assert Entry(None, Pending(Action.CREATE)).protect is False
    assert Entry(None, Pending(Action.CREATE, protect=True)).protect is True
    assert Entry(Record(protect=True), Pending(Action.UPDATE)).protect is True


def test_no_text_form_of_a_ledger_shows_its_salt() -> None:
    assert "pepper" not in repr(Ledger(PROD, b"pepper"))


# What is ours now that the living state is known


BEFORE = connection("c", host="old", login="l", password=SECRET)
MEANT = connection("c", host="new", login="l", password=OTHER, extra={"a": 1})
SOMETHING_ELSE = connection("c", host="theirs", login="theirs", password=None, extra=None)


def pending(action: Action, resource: Resource = MEANT, *names: str) -> Pending:
    """What an apply is about to do that sends these fields, all of them where none is named."""
    if action is Action.DELETE:
        return Pending(action)
    sent = names or tuple(resource.compared())
    places = {place: ref for place, ref in secret_places(resource).items() if top(place) in sent}
    return Pending(action, MARKER.marks(resource, sent), places)


def shown(resource: Resource, password: object = MASK) -> Resource:
    """A resource as Airflow shows it: passwords hidden, JSON as text."""
    fields = {
        name: stored_text(mapped_secrets(value, lambda _secret: MASK))
        if name in {"value", "extra"}
        else value
        for name, value in resource.fields.items()
    }
    return replace(resource, fields=fields | ({"password": password} if "password" in fields else {}))


def claim(entry: Entry, live: Resource | None) -> Record | None:
    """The record of what is ours, ``None`` for what turned out not to be."""
    key = live.key if live else C
    found = claimed({key: entry}, state(live) if live else {}, MARKER)
    assert found.records.keys() | found.disowned == {key}
    assert not found.records.keys() & found.disowned
    return found.records.get(key)


@pytest.mark.parametrize("live", [None, shown(BEFORE), SOMETHING_ELSE])
def test_what_is_not_pending_is_ours_whatever_lives(live: Resource | None) -> None:
    record = recorded(BEFORE)
    assert claim(Entry(record), live) is record


@pytest.mark.parametrize("action", [Action.CREATE, Action.UPDATE, Action.REPLACE])
def test_what_was_to_be_protected_is_so_although_the_apply_of_it_died(action: Action) -> None:
    meant = replace(pending(action), protect=True)
    for record in (None, recorded(BEFORE)):
        found = claim(Entry(record, meant), shown(MEANT))
        assert found is not None
        assert found.protect is True
    kept = claim(Entry(replace(recorded(BEFORE), protect=True), pending(action)), shown(MEANT))
    assert kept is not None
    assert kept.protect is True


WRITES = [Action.CREATE, Action.UPDATE, Action.REPLACE]


@pytest.mark.parametrize("action", [*WRITES, Action.DELETE])
def test_what_is_pending_and_gone_is_ours_and_unsettled(action: Action) -> None:
    record = recorded(BEFORE)
    assert claim(Entry(record, pending(action)), None) == replace(record, settled=False)
    assert claim(Entry(None, pending(action)), None) == Record(settled=False)


@pytest.mark.parametrize("action", WRITES)
def test_what_was_not_ours_becomes_ours_if_it_looks_as_it_was_meant(action: Action) -> None:
    meant = pending(action)
    assert claim(Entry(None, meant), shown(MEANT)) == Record(
        marks=meant.marks,
        secrets={"/password": "env:OTHER"},
        unsure=frozenset({"/password"}),
        settled=False,
    )


@pytest.mark.parametrize("action", WRITES)
def test_what_was_not_ours_and_looks_like_something_else_is_not_ours(action: Action) -> None:
    for live in (
        SOMETHING_ELSE,
        shown(BEFORE),
        replace(shown(MEANT), fields={**shown(MEANT).fields, "host": "x"}),
    ):
        assert claim(Entry(None, pending(action)), live) is None


def test_a_creation_whose_optional_fields_are_empty_still_looks_as_it_was_meant() -> None:
    bare = connection("c", host=None, login="", password=None, extra=None)
    assert claim(Entry(None, pending(Action.CREATE)), bare) is not None
    assert claim(Entry(None, pending(Action.CREATE)), replace(bare, fields={"conn_type": "http"})) is None


def test_a_creation_that_airflow_masks_looks_as_it_was_meant_as_far_as_it_shows() -> None:
    for host in (MASK, "n***", Hidden("masked")):
        masked = replace(shown(MEANT), fields={**shown(MEANT).fields, "host": host})
        assert claim(Entry(None, pending(Action.CREATE)), masked) is not None
    elsewhere = replace(shown(MEANT), fields={**shown(MEANT).fields, "host": MASK, "login": "theirs"})
    assert claim(Entry(None, pending(Action.CREATE)), elsewhere) is None


@pytest.mark.parametrize("action", [Action.CREATE, Action.REPLACE])
def test_what_was_ours_and_is_made_anew_is_ours_as_it_was_meant_or_as_before(action: Action) -> None:
    record, meant = recorded(BEFORE), pending(action)
    entry = Entry(record, meant)
    assert claim(entry, shown(MEANT)) == Record(
        marks={**record.marks, **meant.marks},
        secrets={"/password": "env:OTHER"},
        unsure=frozenset({"/password"}),
        settled=False,
    )
    assert claim(entry, shown(BEFORE)) == replace(record, settled=False)
    assert claim(entry, SOMETHING_ELSE) is None


def test_what_is_made_anew_keeps_the_marks_of_fields_that_are_not_sent_and_no_others() -> None:
    record = recorded(connection("c", host="old", description="d", extra={"a": 1, "b": 2}))
    meant = pending(Action.REPLACE, connection("c", host="new", extra={"a": 1}), "conn_type", "host", "extra")
    found = claim(Entry(record, meant), connection("c", host="new", description="d", extra='{"a": 1}'))
    assert found is not None
    assert found.marks == {**meant.marks, "/description": record.marks["/description"]}


def test_what_was_about_to_be_deleted_is_ours_only_as_it_was_before() -> None:
    record = recorded(BEFORE)
    entry = Entry(record, pending(Action.DELETE))
    assert claim(entry, shown(BEFORE)) == replace(record, settled=False)
    assert claim(entry, SOMETHING_ELSE) is None
    assert claim(entry, shown(MEANT)) is None
    assert claim(Entry(None, pending(Action.DELETE)), shown(BEFORE)) is None


def test_an_update_leaves_ours_what_was_ours_whatever_lives() -> None:
    entry = Entry(recorded(BEFORE), pending(Action.UPDATE, MEANT, "host", "extra"))
    for live in (shown(BEFORE), shown(MEANT), SOMETHING_ELSE):
        found = claim(entry, live)
        assert found is not None
        assert not found.settled


def test_of_an_update_each_field_counts_as_sent_if_it_looks_so() -> None:
    record, meant = recorded(BEFORE), pending(Action.UPDATE, MEANT, "host", "extra")
    nothing_sent = claim(
        Entry(record, meant), replace(shown(BEFORE), fields={**shown(BEFORE).fields, "extra": None})
    )
    assert nothing_sent == replace(record, settled=False)
    all_sent = claim(Entry(record, meant), shown(MEANT))
    assert all_sent == replace(record, marks={**record.marks, **meant.marks}, settled=False)
    half = replace(shown(BEFORE), fields={**shown(BEFORE).fields, "host": "new", "extra": None})
    assert claim(Entry(record, meant), half) == replace(
        record, marks={**record.marks, "/host": meant.marks["/host"]}, settled=False
    )


def test_a_leaf_that_an_update_took_away_is_not_recorded_once_it_is_gone() -> None:
    record = recorded(variable("v", {"a": 1, "b": 2}))
    meant = pending(Action.UPDATE, variable("v", {"a": 1}))
    found = claim(Entry(record, meant), variable("v", '{"a": 1}'))
    assert found is not None
    assert found.marks == meant.marks
    still = claim(Entry(record, meant), variable("v", '{"a": 1, "b": 2}'))
    assert still is not None
    assert still.marks == record.marks


def test_after_a_broken_update_its_secrets_are_unsure_and_no_others() -> None:
    before = connection("c", password=SECRET, extra={"t": SECRET})
    after = connection("c", password=OTHER, extra={"t": SECRET})
    entry = Entry(recorded(before), pending(Action.UPDATE, after, "password"))
    found = claim(entry, shown(before))
    assert found is not None
    assert found.unsure == {"/password"}
    assert found.secrets == {"/password": "env:OTHER", "/extra/t": "env:S"}
    assert found.marks["/extra/t"] == recorded(before).marks["/extra/t"]


def test_after_a_broken_write_whatever_airflow_hides_is_unsure() -> None:
    before = connection("c", host="h", login="l", extra={"a": 1, "b": 2})
    after = connection("c", host="new", login="l", extra={"a": 3, "b": 2})
    live = connection("c", host="n***", login=MASK, extra='{"a": "***", "b": 2}')
    for entry in (
        Entry(recorded(before), pending(Action.UPDATE, after, "host", "extra")),
        Entry(None, pending(Action.CREATE, after, "host", "extra")),
        Entry(recorded(before), pending(Action.REPLACE, after, "host", "extra")),
    ):
        found = claim(entry, live)
        assert found is not None
        assert found.unsure == {"/host", "/extra/a"}


def test_after_a_broken_write_what_was_a_secret_once_is_unsure() -> None:
    record = replace(recorded(connection("c", extra={"t": "x", "n": 1})), secrets={"/extra/t": ""})
    after = connection("c", extra={"t": "y", "n": 1})
    for action in (Action.UPDATE, Action.CREATE, Action.REPLACE):
        found = claim(Entry(record, pending(action, after, "extra")), shown(after))
        assert found is not None
        assert found.unsure == {"/extra/t"}


def test_an_ignored_secret_is_not_unsure() -> None:
    declared = connection("c", ignore=["password"], host="h", password=SECRET)
    meant = replace(pending(Action.CREATE, declared), secrets=secret_places(declared))
    found = claim(Entry(None, meant), shown(declared))
    assert found is not None
    assert (found.unsure, found.secrets) == (frozenset(), {"/password": "env:S"})


def test_what_is_protected_stays_so_over_a_broken_apply() -> None:
    record = replace(recorded(BEFORE), protect=True, secret_version=4)
    for action, live in [
        (Action.UPDATE, shown(MEANT)),
        (Action.REPLACE, shown(MEANT)),
        (Action.DELETE, shown(BEFORE)),
        (Action.CREATE, None),
    ]:
        found = claim(Entry(record, pending(action)), live)
        assert found is not None
        assert (found.protect, found.secret_version) == (True, 4)


def test_each_entry_is_held_against_its_own_resource() -> None:
    made, taken = variable("made", 1), variable("taken", 1)
    entries = {one.key: Entry(None, pending(Action.CREATE, one)) for one in (made, taken)}
    found = claimed(
        entries, state(variable("made", "1"), variable("taken", "2"), variable("unknown", "1")), MARKER
    )
    assert found.records.keys() == {made.key}
    assert found.disowned == {taken.key}


# Before the first call and after the last one


A, B, NEW = (Key("variable", name) for name in ("a", "b", "new"))
RECORD_A, RECORD_B = recorded(variable("a", 1)), recorded(variable("b", 1))
LEDGER = Ledger(PROD, b"salt", 41, {A: Entry(RECORD_A), B: Entry(RECORD_B)})
UPDATE_A, CREATE_NEW = pending(Action.UPDATE, variable("a", 2)), pending(Action.CREATE, variable("new", 1))
BEGUN = begun(LEDGER, {A: UPDATE_A, NEW: CREATE_NEW}, LEASE)


def test_before_the_first_call_the_ledger_names_all_that_may_become_ours() -> None:
    assert begun(LEDGER, {A: UPDATE_A, NEW: CREATE_NEW}, LEASE) == Ledger(
        PROD,
        b"salt",
        42,
        {A: Entry(RECORD_A, UPDATE_A), B: Entry(RECORD_B), NEW: Entry(None, CREATE_NEW)},
        LEASE,
    )
    assert LEDGER.entries == {A: Entry(RECORD_A), B: Entry(RECORD_B)}, "a ledger is not changed in place"


def test_what_is_meant_now_takes_the_place_of_what_was_meant_before() -> None:
    delete = pending(Action.DELETE)
    again = begun(BEGUN, {A: delete}, LEASE)
    assert again.entries[A] == Entry(RECORD_A, delete)
    assert again.entries[NEW] == Entry(None, CREATE_NEW)


def test_what_holds_of_what_an_earlier_run_left_pending_is_kept_beside_what_is_meant_now() -> None:
    made = replace(recorded(variable("new", 1)), settled=False)
    claims = {A: RECORD_A, NEW: made}
    again = begun(BEGUN, {A: UPDATE_A, NEW: pending(Action.DELETE)}, LEASE, claims)
    assert again.entries == {
        A: Entry(RECORD_A, UPDATE_A),
        B: Entry(RECORD_B),
        NEW: Entry(made, pending(Action.DELETE)),
    }
    other = begun(BEGUN, {A: UPDATE_A, NEW: CREATE_NEW}, LEASE, {})
    assert other.entries == {A: Entry(None, UPDATE_A), B: Entry(RECORD_B), NEW: Entry(None, CREATE_NEW)}, (
        "what turned out not to be ours has no record"
    )


def test_what_was_never_written_is_no_record() -> None:
    again = begun(BEGUN, {NEW: CREATE_NEW}, LEASE, {NEW: Record(settled=False)})
    assert again.entries[NEW] == Entry(None, CREATE_NEW)
    protected = Record(protect=True, settled=False)
    assert begun(BEGUN, {NEW: CREATE_NEW}, LEASE, {NEW: protected}).entries[NEW] == Entry(None, CREATE_NEW)


def test_what_nobody_can_tell_is_not_claimed_to_be_known() -> None:
    record = replace(
        recorded(connection("c", password=SECRET, host="h")),
        secret_version=3,
        unsure=frozenset({"/password"}),
        settled=False,
    )
    meant = pending(Action.UPDATE, connection("c", host="new"), "host")
    entry = begun(LEDGER, {C: meant}, LEASE, {C: record}).entries[C]
    assert entry == Entry(
        replace(
            record, marks={**record.marks, "/password": UNCOMPARABLE}, secret_version=None, unsure=frozenset()
        ),
        meant,
    )
    sure = replace(record, unsure=frozenset())
    assert begun(LEDGER, {C: meant}, LEASE, {C: sure}).entries[C] == Entry(sure, meant)


def killed_twice(first: Pending, live: Resource, second: Pending, before: Record | None = None) -> Claims:
    """What is ours after a run that died after its write, and one that died before its own."""
    key = live.key
    start = Ledger(PROD, b"", 1, {} if before is None else {key: Entry(before)})
    once = begun(start, {key: first}, LEASE)
    claims = claimed(once.entries, state(live), MARKER).records
    return claimed(begun(once, {key: second}, LEASE, claims).entries, state(live), MARKER)


def test_two_broken_runs_lose_nothing_even_if_git_changes_its_mind_between_them() -> None:
    create, made = pending(Action.CREATE, variable("v", 1)), variable("v", "1")
    update, written = pending(Action.UPDATE, variable("v", 1)), recorded(variable("v", 0))
    for second in (
        pending(Action.UPDATE, variable("v", 2)),
        pending(Action.DELETE),
        pending(Action.CREATE, variable("v", 2)),
    ):
        assert killed_twice(create, made, second).disowned == frozenset()
        assert killed_twice(update, made, second, written).disowned == frozenset()


def test_after_the_last_call_the_ledger_keeps_what_is_certain() -> None:
    record = recorded(variable("a", 2))
    made = recorded(variable("new", 1))
    after = ended(LEDGER, BEGUN, [Settled(A, record), Settled(NEW, made)], [])
    assert after == Ledger(PROD, b"salt", 43, {A: Entry(record), B: Entry(RECORD_B), NEW: Entry(made)})


def test_what_is_settled_without_a_record_is_no_longer_ours() -> None:
    after = ended(LEDGER, BEGUN, [Settled(B, None), Settled(Key("pool", "never there"), None)], [A, NEW])
    assert after.entries == {A: Entry(RECORD_A)}


def test_what_was_not_touched_goes_back_to_what_it_was() -> None:
    after = ended(LEDGER, BEGUN, [], [A, NEW])
    assert (after.entries, after.lease, after.serial) == (LEDGER.entries, None, 43)
    twice = begun(BEGUN, {A: pending(Action.DELETE)}, LEASE)
    assert ended(BEGUN, twice, [], [A]).entries == BEGUN.entries, "what was pending before stays so"


def test_what_is_neither_settled_nor_untouched_stays_pending() -> None:
    after = ended(LEDGER, BEGUN, [], [])
    assert (after.entries, after.lease) == (BEGUN.entries, None)


def test_what_is_settled_outweighs_that_it_was_not_touched() -> None:
    record = recorded(variable("a", 2))
    assert ended(LEDGER, BEGUN, [Settled(A, record)], [A]).entries[A] == Entry(record)


KEYS = st.builds(Key, st.sampled_from(KIND_NAMES), st.sampled_from("abc"))
RECORDS = st.builds(Record, st.just({"/value": "m:x"}), protect=st.booleans())
PENDINGS = st.builds(Pending, st.sampled_from([*WRITES, Action.DELETE]))
ENTRIES = st.builds(Entry, RECORDS, st.none() | PENDINGS) | st.builds(Entry, st.none(), PENDINGS)
LEDGERS = st.builds(Ledger, st.just(PROD), st.just(b"s"), st.integers(0, 9), st.dictionaries(KEYS, ENTRIES))


@given(LEDGERS, st.dictionaries(KEYS, PENDINGS))
def test_an_apply_that_touched_nothing_leaves_the_ledger_as_it_was(
    ledger: Ledger, intended: Mapping[Key, Pending]
) -> None:
    started = begun(ledger, intended, LEASE)
    assert started.entries.keys() == ledger.entries.keys() | intended.keys()
    assert all(started.entries[key].pending == meant for key, meant in intended.items())
    after = ended(ledger, started, [], intended)
    assert after == replace(ledger, serial=ledger.serial + 2)


@given(LEDGERS)
def test_a_lease_is_given_up_and_nothing_else(ledger: Ledger) -> None:
    assert unlocked(replace(ledger, lease=LEASE)) == replace(ledger, serial=ledger.serial + 1)


@given(LEDGERS, st.none() | st.just(LEASE))
def test_a_ledger_moves_with_its_environment_and_keeps_all_it_knows(
    ledger: Ledger, lease: Lease | None
) -> None:
    other = Binding("prod2", "mwaa://eu-west-1/prod2")
    moved = rebound(replace(ledger, lease=lease), other)
    assert moved == replace(ledger, serial=ledger.serial + 1, binding=other, lease=lease)


# Fields that git no longer declares


def test_a_field_that_git_no_longer_declares_goes_back_to_its_default() -> None:
    written = connection("c", host="h", port=5, extra={"a": 1}, password=SECRET, description="d")
    declared = connection("c", host="h")
    record = recorded(written)
    assert withdrawn_fields(declared, record) == {"port", "extra", "password", "description"}
    assert completed(declared, record).fields == {
        "conn_type": "postgres",
        "host": "h",
        "description": "",
        "extra": {},
        "password": "",
        "port": None,
    }
    wide = recorded(pool("p", 1, include_deferred=True))
    assert completed(pool("p", 1), wide).fields == {"slots": 1, "include_deferred": False}


def test_completion_keeps_everything_else_of_a_resource() -> None:
    declared = replace(connection("c"), protect=True, ignore=frozenset({"host"}), secret_version=1)
    record = recorded(connection("c", login="l"))
    assert completed(declared, record) == replace(declared, fields={"conn_type": "postgres", "login": ""})


def test_what_is_declared_whole_is_not_completed() -> None:
    declared = connection("c", host="h", login="l")
    record = recorded(connection("c", host="x"))
    assert withdrawn_fields(declared, record) == frozenset()
    assert completed(declared, record) is declared


STATES: list[State] = [{}, state(shown(BEFORE)), state(shown(MEANT)), state(SOMETHING_ELSE)]


@given(st.sampled_from([*WRITES, Action.DELETE]), st.booleans(), st.sampled_from(STATES))
def test_nothing_that_a_broken_run_left_counts_as_settled(
    action: Action, was_ours: bool, current: State
) -> None:
    entry = Entry(recorded(BEFORE) if was_ours else None, pending(action))
    found = claimed({C: entry}, current, MARKER)
    assert all(not record.settled for record in found.records.values())
    assert found.records.keys() | found.disowned == {C}
