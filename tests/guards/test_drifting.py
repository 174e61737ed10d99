from collections.abc import Collection, Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.compare import NOTHING, Cause, FieldChange
from reconciler.drifting import drift_of
from reconciler.model import Key
from reconciler.plan import Action, Change, Reason
from tests.guards.support import change, plan

X = Key("variable", "x")


def drift(
    changes: Iterable[Change], changed: Collection[Key] = (), serial: int | None = 41
) -> tuple[Change, ...]:
    told = plan(*changes, serial=serial)
    found = drift_of(told, set(changed).__contains__)
    assert replace(found, difference=told.difference) == told, "nothing but the changes is told otherwise"
    assert replace(found.difference, changes=told.changes) == told.difference
    return found.changes


def leaf(cause: Cause, *, written: bool = True, name: str = "value") -> FieldChange:
    return FieldChange((name,), "lives", "declared", cause=cause, written=written)


def update(*leaves: FieldChange, action: Action = Action.UPDATE, reason: Reason = "drift") -> Change:
    return change(action, X, reason, fields=leaves, before="lives", after="declared")


TURNED = FieldChange(("value",), "declared", "lives", cause="drift")


# With a ledger


def test_what_somebody_has_edited_is_told_from_what_was_written_to_what_lives() -> None:
    assert drift([update(leaf("drift"))]) == (
        change(Action.UPDATE, X, "drift", fields=[TURNED], before="declared", after="lives"),
    )


def test_what_was_written_is_not_told_where_git_says_something_else_now() -> None:
    (found,) = drift([update(leaf("drift", written=False))])
    assert found.fields == (replace(TURNED, before=NOTHING, written=False),)


def test_only_what_somebody_has_edited_of_a_resource_is_drift() -> None:
    causes: list[Cause] = ["manifest", "withdrawn", "secret_rotated", "secret_resend"]
    others = [leaf(cause, name=cause) for cause in causes]
    (found,) = drift([update(*others, leaf("drift"))])
    assert found.fields == (TURNED,)
    assert drift([update(*others, reason="manifest")]) == ()


def test_a_replacement_is_told_as_an_update() -> None:
    (found,) = drift([update(leaf("drift"), action=Action.REPLACE, reason="manifest")])
    assert (found.action, found.reason, found.fields) == (Action.UPDATE, "drift", (TURNED,))


def test_what_is_gone_is_missing_and_what_is_new_in_git_is_not() -> None:
    gone = change(Action.CREATE, X, "missing", fields=[leaf("manifest")], after="declared")
    assert drift([gone]) == (replace(gone, fields=()),)
    assert drift([replace(gone, reason="manifest")]) == ()


@pytest.mark.parametrize("reason", ["absent", "authoritative"])
def test_what_git_forbids_and_lives_is_drift(reason: Reason) -> None:
    doomed = change(Action.DELETE, X, reason, before="lives")
    assert drift([doomed]) == (change(Action.DELETE, X, reason, after="lives"),)


def test_what_git_has_forgotten_is_drift_only_if_somebody_has_edited_it() -> None:
    doomed = change(Action.DELETE, X, "undeclared", before="lives")
    assert drift([doomed]) == drift([doomed], [Key("variable", "y"), Key("pool", "x")]) == ()
    assert drift([doomed], [X]) == (change(Action.DELETE, X, "drift", after="lives"),)


@pytest.mark.parametrize("action", [Action.ADOPT, Action.FORGET])
def test_what_only_the_ledger_lacks_is_no_drift(action: Action) -> None:
    assert drift([change(action, X, "recorded", fields=[leaf("drift")])], [X]) == ()


def test_a_serial_of_nothing_yet_is_a_ledger_too() -> None:
    assert drift([update(leaf("manifest"))], serial=0) == ()


# Without one


@pytest.mark.parametrize("cause", ["manifest", "drift", "secret_resend"])
def test_without_a_ledger_every_update_is_drift_for_its_own_reason(cause: Cause) -> None:
    (found,) = drift([update(leaf(cause), reason="manifest")], serial=None)
    assert (found.action, found.reason) == (Action.UPDATE, "manifest")
    assert found.fields == (replace(TURNED, cause=cause),)
    assert (found.digest_before, found.digest_after) == ("declared", "lives")


def test_without_a_ledger_what_is_declared_and_not_there_is_missing() -> None:
    new = change(Action.CREATE, X, "manifest", fields=[leaf("manifest")], after="declared")
    assert drift([new], serial=None) == (replace(new, reason="missing", fields=()),)


def test_without_a_ledger_what_lives_against_git_is_drift() -> None:
    doomed = change(Action.DELETE, X, "authoritative", before="lives")
    assert drift([doomed], serial=None) == (change(Action.DELETE, X, "authoritative", after="lives"),)
    replaced = update(leaf("manifest"), action=Action.REPLACE)
    assert [one.action for one in drift([replaced], serial=None)] == [Action.REPLACE]


CHANGES = st.lists(
    st.builds(
        lambda action, name, reason: change(action, Key("variable", name), reason, fields=[leaf("drift")]),
        st.sampled_from(Action),
        st.sampled_from("abcdef"),
        st.sampled_from(["manifest", "missing", "undeclared", "absent", "recorded"]),
    ),
    unique_by=lambda one: one.key,
)


@given(CHANGES, st.sampled_from([None, 7]))
def test_drift_is_told_in_the_order_of_the_plan_and_of_nothing_else(
    changes: list[Change], serial: int | None
) -> None:
    told = [one.key for one in drift(changes, [one.key for one in changes], serial)]
    assert told == [one.key for one in changes if one.key in told]
