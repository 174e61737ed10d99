import shlex
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.guards import DEFAULT_LIMIT, Allowed, Limit, Situation, check, warnings
from reconciler.kinds import BY_NAME, KINDS
from reconciler.model import MASK, Hidden, Key, Resource, Secret
from reconciler.plan import Action, Change, Reason, Violation
from tests.core.samples import connection, pool, state, variable
from tests.guards.support import KIND_NAMES, SECRET, change, deleted, keys, situation, updated

NOTHING = Allowed()
OLD = Key("variable", "old")
KEPT = Key("variable", "kept")


def everything(_key: Key) -> bool:
    return True


def pruning(doomed: int, owned: int, **others: Any) -> Situation:
    """So many of so many owned variables are deleted, and one that is declared stays."""
    there = keys("variable", owned)
    return situation(deleted(*there[:doomed]), declared=[KEPT], owned=there, **others)


def only(found: Collection[Violation]) -> Violation:
    (violation,) = found
    return violation


# Deletes


@pytest.mark.parametrize(
    ("limit", "owned", "most"),
    [
        (DEFAULT_LIMIT, 3, 2),
        (DEFAULT_LIMIT, 5, 2),
        (DEFAULT_LIMIT, 10, 2),
        (DEFAULT_LIMIT, 14, 2),
        (DEFAULT_LIMIT, 15, 3),
        (DEFAULT_LIMIT, 19, 3),
        (DEFAULT_LIMIT, 20, 4),
        (DEFAULT_LIMIT, 100, 20),
        (Limit(20, percent=True), 4, 0),
        (Limit(20, percent=True), 5, 1),
        (Limit(50, percent=True), 5, 2),
        (Limit(100, percent=True), 5, 5),
        (Limit(0, percent=True), 50, 0),
        (Limit(0), 50, 0),
        (Limit(1), 50, 1),
        (Limit(7), 8, 7),
        (Limit(7), 500, 7),
    ],
)
def test_deletes_are_refused_from_one_above_the_limit(limit: Limit, owned: int, most: int) -> None:
    assert limit.of(owned) == most
    for doomed in range(most + 1):
        assert check(pruning(doomed, owned, limit=limit), NOTHING) == ()
    if most < owned:
        violation = only(check(pruning(most + 1, owned, limit=limit), NOTHING))
        assert violation == Violation(
            "deletes",
            "variable",
            most + 1,
            most,
            f"{most + 1} of {owned} variables would be deleted, the limit is {most}",
            f"--allow-deletes variable={most + 1}",
        )


@given(st.integers(0, 500), st.integers(0, 300), st.integers(0, 5))
def test_a_share_of_deletes_is_rounded_down_and_a_few_are_never_too_many(
    population: int, percent: int, few: int
) -> None:
    limit = Limit(percent, percent=True, few=few).of(population)
    assert limit >= few
    assert limit == few or limit * 100 <= population * percent < (limit + 1) * 100
    assert Limit(percent).of(population) == percent


def test_each_kind_is_counted_for_itself() -> None:
    owned = [key for name in KIND_NAMES for key in keys(name, 4)]
    doomed = [key for name in KIND_NAMES for key in keys(name, 2)]
    declared = keys("variable", 4, "kept")
    assert check(situation(deleted(*doomed), declared=declared, owned=owned), NOTHING) == ()
    more = deleted(*doomed, Key("pool", "n2"), Key("connection", "n2"))
    found = check(situation(more, declared=declared, owned=owned), NOTHING)
    assert [(one.guard, one.kind, one.count, one.limit) for one in found] == [
        ("deletes", "pool", 3, 2),
        ("deletes", "connection", 3, 2),
    ]


def test_a_replacement_counts_as_a_delete() -> None:
    three = keys("connection", 3)
    changes = [*deleted(three[0]), *(change(Action.REPLACE, key) for key in three[1:])]
    violation = only(check(situation(changes, declared=three[1:], owned=keys("connection", 9)), NOTHING))
    assert (violation.guard, violation.count, violation.limit) == ("deletes", 3, 2)


@pytest.mark.parametrize("action", [Action.CREATE, Action.UPDATE, Action.ADOPT, Action.FORGET])
def test_nothing_but_deletes_and_replacements_is_counted(action: Action) -> None:
    there = keys("variable", 50)
    assert (
        check(situation([change(action, key) for key in there], declared=there, owned=there), NOTHING) == ()
    )


def test_tombstones_are_not_counted() -> None:
    there = keys("variable", 50)
    changes = [*deleted(*there[:40], reason="absent"), *deleted(*there[40:42])]
    assert check(situation(changes, declared=[KEPT], owned=there), NOTHING) == ()
    assert (
        only(
            check(situation([*changes, *deleted(there[42])], declared=[KEPT], owned=there[40:]), NOTHING)
        ).count
        == 3
    )


def test_tombstones_are_counted_where_nothing_at_all_is_declared() -> None:
    there = keys("variable", 9)
    violation = only(check(situation(deleted(there[0], reason="absent"), owned=there), NOTHING))
    assert violation == Violation(
        "deletes",
        "variable",
        1,
        0,
        "1 of 9 variables would be deleted, and nothing is declared: "
        "is this the right folder, and is it complete?",
        "--allow-deletes variable=1",
    )


def test_nothing_declared_is_no_matter_while_nothing_is_owned() -> None:
    doomed = deleted(*keys("variable", 9), reason="absent")
    living = keys("variable", 9)
    assert check(situation(doomed, living=living), NOTHING) == ()
    assert check(situation(doomed, living=living, has_ledger=False), NOTHING) == ()


def test_nothing_declared_refuses_even_one_of_many() -> None:
    there = keys("pool", 500)
    violation = only(check(situation(deleted(there[0]), owned=there), NOTHING))
    assert (violation.guard, violation.count, violation.limit) == ("deletes", 1, 0)
    assert "nothing is declared" in violation.message


def test_the_last_of_a_kind_is_not_deleted_unasked() -> None:
    violation = only(check(situation(deleted(OLD), declared=[Key("pool", "p")], owned=[OLD]), NOTHING))
    assert violation == Violation(
        "deletes",
        "variable",
        1,
        0,
        "1 of 1 variables would be deleted, which is all that is managed of this kind",
        "--allow-deletes variable=1",
    )
    assert check(situation(deleted(OLD), declared=[KEPT], owned=[OLD]), NOTHING) == ()
    assert check(situation(deleted(OLD), declared=[Key("pool", "p")], owned=[OLD, KEPT]), NOTHING) == ()


@pytest.mark.parametrize("limit", [Limit(5), Limit(100, percent=True), DEFAULT_LIMIT])
def test_no_limit_allows_all_of_a_kind(limit: Limit) -> None:
    there = keys("variable", 2)
    violation = only(
        check(situation(deleted(*there), declared=[Key("pool", "p")], owned=there, limit=limit), NOTHING)
    )
    assert (violation.count, violation.limit) == (2, 1), "the limit shown is below what is refused"


def test_what_nobody_manages_is_not_what_is_left_of_a_kind() -> None:
    living = [OLD, Key("variable", "a stranger's")]
    assert check(situation(deleted(OLD), declared=[Key("pool", "p")], owned=[OLD], living=living), NOTHING)


def test_what_has_died_is_not_what_is_left_of_a_kind() -> None:
    two = [OLD, Key("variable", "dead")]
    assert check(situation(deleted(OLD), declared=[Key("pool", "p")], owned=two, living=[OLD]), NOTHING)


def test_what_git_rules_is_left_of_a_kind_even_if_nobody_owns_it() -> None:
    living = [OLD, Key("variable", "ruled")]
    scene = situation(
        deleted(OLD),
        declared=[Key("pool", "p")],
        owned=[OLD],
        living=living,
        authoritative=lambda key: key.id == "ruled",
    )
    assert check(scene, NOTHING) == ()


def test_a_tombstone_is_not_what_is_left_of_a_kind() -> None:
    tombstone = Key("variable", "buried")
    changes = [*deleted(OLD), *deleted(tombstone, reason="absent")]
    violation = only(check(situation(changes, declared=[Key("pool", "p")], owned=[OLD, tombstone]), NOTHING))
    assert (violation.count, violation.limit) == (1, 0)
    assert "all that is managed" in violation.message
    only_buried = deleted(OLD, tombstone, reason="absent")
    assert check(situation(only_buried, declared=[Key("pool", "p")], owned=[OLD, tombstone]), NOTHING) == ()


def test_the_default_pool_is_not_what_is_left_of_the_pools() -> None:
    mine, default = Key("pool", "etl"), Key("pool", "default_pool")
    scene = situation(
        deleted(mine, reason="authoritative"),
        declared=[KEPT],
        living=[mine, default],
        has_ledger=False,
        authoritative=everything,
    )
    assert "all that is managed" in only(check(scene, NOTHING)).message
    assert check(replace(scene, declared=[KEPT, default]), NOTHING) == ()


def test_a_kind_that_is_replaced_whole_is_not_gone() -> None:
    one = Key("connection", "c")
    assert check(situation([change(Action.REPLACE, one)], declared=[one], owned=[one]), NOTHING) == ()


def test_a_part_of_a_kind_is_not_called_all_of_it() -> None:
    there = keys("variable", 30)
    violation = only(check(situation(deleted(*there[:7]), declared=[Key("pool", "p")], owned=there), NOTHING))
    assert violation.message == "7 of 30 variables would be deleted, the limit is 6"


def test_without_a_ledger_the_share_is_of_the_living_ids_that_git_rules() -> None:
    ruled, others = keys("variable", 20, "etl_"), keys("variable", 80, "x")

    def scene(doomed: int) -> Situation:
        return situation(
            deleted(*ruled[:doomed], reason="authoritative"),
            declared=[KEPT],
            living=[*ruled, *others],
            has_ledger=False,
            authoritative=lambda key: key.id.startswith("etl_"),
        )

    assert check(scene(4), NOTHING) == ()
    violation = only(check(scene(5), NOTHING))
    assert violation.message == "5 of 20 variables would be deleted, the limit is 4"


def test_with_a_ledger_the_share_is_of_what_is_owned() -> None:
    ruled = keys("variable", 100, "etl_")
    scene = situation(
        deleted(*ruled[:3], reason="authoritative"),
        declared=[KEPT],
        owned=keys("variable", 10),
        living=[*ruled, *keys("variable", 10)],
        authoritative=everything,
    )
    assert only(check(scene, NOTHING)).message == "3 of 10 variables would be deleted, the limit is 2"


@pytest.mark.parametrize(("number", "refused"), [(3, True), (4, False), (5, True), (0, True)])
def test_the_exact_number_of_deletes_is_allowed_and_no_other(number: int, refused: bool) -> None:
    found = check(pruning(4, 10), Allowed(deletes={"variable": number}))
    assert bool(found) is refused
    if refused:
        assert only(found).message == (
            f"4 of 10 variables would be deleted, and --allow-deletes variable={number} allows another number"
        )
        assert only(found).allow == "--allow-deletes variable=4"
        assert only(found).limit == 2


def test_a_number_of_another_kind_allows_nothing() -> None:
    assert check(pruning(4, 10), Allowed(deletes={"pool": 4}))


@pytest.mark.parametrize(("doomed", "number"), [(2, 0), (2, 1), (2, 3), (2, 50), (1, 0), (1, 2)])
def test_a_stale_number_is_refused_although_the_limit_would_do(doomed: int, number: int) -> None:
    violation = only(check(pruning(doomed, 10), Allowed(deletes={"variable": number})))
    assert (violation.count, violation.limit) == (doomed, 2)
    assert f"--allow-deletes variable={number} allows another number" in violation.message


def test_a_number_is_no_matter_where_nothing_is_deleted() -> None:
    assert check(pruning(0, 10), Allowed(deletes={"variable": 3})) == ()


@pytest.mark.parametrize(("number", "refused"), [(3, True), (4, False), (5, False)])
def test_a_permit_allows_at_most_its_number_of_deletes(number: int, refused: bool) -> None:
    assert bool(check(pruning(4, 10), Allowed(deletes={"variable": number}, at_most=True))) is refused


def test_all_of_a_kind_and_nothing_declared_have_the_same_way_out() -> None:
    there = keys("variable", 4)
    for declared in ([], [Key("pool", "p")]):
        scene = situation(deleted(*there), declared=declared, owned=there)
        assert check(scene, Allowed(deletes={"variable": 3}))
        assert check(scene, Allowed(deletes={"variable": 4})) == ()


# What has vanished


@pytest.mark.parametrize(
    ("owned", "gone", "limit"),
    [
        (1, 1, None),
        (2, 2, None),
        (3, 0, None),
        (3, 1, 0),
        (3, 3, 0),
        (4, 1, None),
        (4, 2, 1),
        (10, 3, None),
        (10, 4, 3),
        (20, 6, None),
        (20, 7, 6),
        (100, 30, None),
        (100, 31, 30),
        (100, 100, 30),
    ],
)
def test_from_three_owned_on_more_than_three_tenths_do_not_vanish_unnoticed(
    owned: int, gone: int, limit: int | None
) -> None:
    there = keys("variable", owned)
    found = check(situation(declared=there, owned=there, living=there[gone:]), NOTHING)
    assert found == (
        ()
        if limit is None
        else (
            Violation(
                "missing",
                "variable",
                gone,
                limit,
                f"{gone} of {owned} variables that the ledger owns are gone: "
                "is this another environment, or was it built anew?",
                f"--allow-missing variable={gone}",
            ),
        )
    )


@pytest.mark.parametrize(
    ("number", "at_most", "refused"),
    [
        (3, False, True),
        (4, False, False),
        (5, False, True),
        (3, True, True),
        (4, True, False),
        (5, True, False),
    ],
)
def test_what_has_vanished_is_allowed_by_its_number(number: int, at_most: bool, refused: bool) -> None:
    there = keys("pool", 10)
    scene = situation(declared=there, owned=there, living=there[4:])
    assert bool(check(scene, Allowed(missing={"pool": number}, at_most=at_most))) is refused


def test_the_numbers_of_deletes_and_of_missing_ones_are_not_each_others() -> None:
    there = keys("pool", 10)
    assert check(situation(declared=there, owned=there, living=there[4:]), Allowed(deletes={"pool": 4}))
    assert check(pruning(4, 10), Allowed(missing={"variable": 4}))


def test_vanishing_is_judged_kind_by_kind_and_only_where_it_was_read() -> None:
    owned = [*keys("variable", 3), *keys("connection", 10)]
    scene = situation(declared=owned, owned=owned, living=keys("connection", 10))
    assert [one.kind for one in check(scene, NOTHING)] == ["variable"]
    assert check(replace(scene, kinds=(BY_NAME["connection"],)), NOTHING) == ()


def test_what_a_broken_apply_may_not_have_made_yet_has_not_vanished() -> None:
    owned = keys("variable", 10)
    scene = situation(declared=owned, owned=owned, living=owned[5:], settled=owned[4:])
    assert check(scene, NOTHING) == ()


# Protection


@pytest.mark.parametrize("reason", ["undeclared", "absent", "authoritative"])
def test_what_is_protected_is_not_deleted_and_no_option_lifts_that(reason: Reason) -> None:
    scene = situation(deleted(OLD, reason=reason), declared=[KEPT], owned=[OLD], protected=[OLD])
    allowed = Allowed(deletes={"variable": 1}, delete=frozenset({OLD}), adopt=frozenset({OLD}))
    by_number = allowed if reason != "absent" else replace(allowed, deletes={})
    assert check(scene, by_number) == (
        Violation(
            "protect",
            "variable",
            1,
            0,
            "variable/old is protected and would be deleted; "
            "declare it with protect: false and apply that first",
            None,
        ),
    )


def test_what_is_protected_is_not_replaced() -> None:
    one = Key("connection", "c")
    scene = situation([change(Action.REPLACE, one)], declared=[one], owned=[one], protected=[one])
    assert only(check(scene, NOTHING)).message == (
        "connection/c is protected and would be replaced, which deletes it first; "
        "declare it with protect: false and apply that first"
    )


@pytest.mark.parametrize("action", [Action.CREATE, Action.UPDATE, Action.ADOPT, Action.FORGET])
def test_what_is_protected_may_be_anything_but_deleted(action: Action) -> None:
    assert (
        check(situation([change(action, OLD)], declared=[OLD], owned=[OLD], protected=[OLD]), NOTHING) == ()
    )


def test_what_is_not_protected_is_deleted_beside_what_is() -> None:
    scene = situation(deleted(OLD), declared=[KEPT], owned=[OLD, KEPT], protected=[KEPT])
    assert check(scene, NOTHING) == ()


# What somebody has changed


def test_what_somebody_has_changed_is_not_pruned_unasked() -> None:
    scene = situation(deleted(OLD), declared=[KEPT], owned=[OLD], edited=[OLD])
    assert check(scene, NOTHING) == (
        Violation(
            "changed",
            "variable",
            1,
            0,
            "variable/old would be deleted, and somebody has changed it since it was written",
            "--allow-delete variable/old",
        ),
    )
    assert check(scene, Allowed(delete=frozenset({OLD}))) == ()
    assert check(scene, Allowed(delete=frozenset({KEPT}), adopt=frozenset({OLD})))


@pytest.mark.parametrize("reason", ["absent", "authoritative"])
def test_what_git_names_is_deleted_whatever_somebody_made_of_it(reason: Reason) -> None:
    scene = situation(deleted(OLD, reason=reason), declared=[KEPT], owned=[OLD, KEPT], edited=[OLD])
    assert check(scene, NOTHING) == ()


@pytest.mark.parametrize("action", [Action.UPDATE, Action.REPLACE, Action.FORGET, Action.ADOPT])
def test_what_somebody_has_changed_may_be_written_over(action: Action) -> None:
    scene = situation([change(action, OLD, "undeclared")], declared=[OLD], owned=[OLD], edited=[OLD])
    assert check(scene, NOTHING) == ()


@pytest.mark.parametrize(
    ("guard", "scene"),
    [
        ("protect", situation(deleted(OLD), declared=[KEPT], owned=[OLD], protected=[OLD])),
        ("changed", situation(deleted(OLD), declared=[KEPT], owned=[OLD], edited=[OLD])),
        ("adopt", situation([change(Action.UPDATE, OLD)], declared=[OLD])),
    ],
)
def test_what_stands_against_one_resource_names_it(guard: str, scene: Situation) -> None:
    assert {one.guard: one.key for one in check(scene, NOTHING)}[guard] == OLD


# What is not ours


@pytest.mark.parametrize("action", [Action.UPDATE, Action.REPLACE])
def test_what_was_there_before_us_and_differs_is_not_overwritten_unasked(action: Action) -> None:
    one = Key("connection", "theirs")
    scene = situation([change(action, one)], declared=[one])
    assert check(scene, NOTHING) == (
        Violation(
            "adopt",
            "connection",
            1,
            0,
            "connection/theirs is there already, is not ours, and differs",
            "--adopt connection/theirs",
        ),
    )
    assert check(scene, Allowed(adopt=frozenset({one}))) == ()
    assert check(scene, Allowed(delete=frozenset({one}), adopt=frozenset({OLD})))
    assert check(replace(scene, adopt_always=True), NOTHING) == ()
    assert check(replace(scene, has_ledger=False), NOTHING) == ()
    assert check(replace(scene, is_owned=everything), NOTHING) == ()


def test_what_airflow_itself_makes_is_nobodys() -> None:
    for key, refused in [
        (Key("pool", "default_pool"), False),
        (Key("pool", "etl"), True),
        (Key("variable", "default_pool"), True),
    ]:
        assert bool(check(situation([change(Action.UPDATE, key)], declared=[key]), NOTHING)) is refused


@pytest.mark.parametrize("action", [Action.CREATE, Action.ADOPT, Action.DELETE, Action.FORGET])
def test_only_overwriting_takes_what_is_not_ours(action: Action) -> None:
    assert check(situation([change(action, OLD, "absent")], declared=[KEPT]), NOTHING) == ()


# The way out


IDS = st.text(min_size=1, max_size=12) | st.sampled_from(
    ["a b", "it's", '"', "$(rm)", "`x`", "--yes", "é", "a\nb"]
)


@given(IDS, st.sampled_from(KIND_NAMES))
def test_a_shell_reads_the_way_out_as_it_was_meant(id_: str, kind: str) -> None:
    key = Key(kind, id_)
    pruned = situation(deleted(key), declared=[Key(kind, f"{id_}x")], owned=[key], edited=[key])
    taken = situation([change(Action.UPDATE, key)], declared=[key])
    assert shlex.split(only(check(pruned, NOTHING)).allow or "") == ["--allow-delete", f"{kind}/{id_}"]
    assert shlex.split(only(check(taken, NOTHING)).allow or "") == ["--adopt", f"{kind}/{id_}"]


KEYS = st.builds(Key, st.sampled_from(KIND_NAMES), st.sampled_from("abcdefgh"))
SETS = st.frozensets(KEYS)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Whatever a plan can come to: what is declared is written, what is owned and not declared deleted."""
    declared, owned, living = draw(SETS), draw(SETS), draw(SETS)
    absent, protected, edited = draw(SETS) - declared, draw(SETS), draw(SETS)
    changes: list[Change] = []
    for key in sorted(living | declared):
        if key in declared:
            writes = [Action.UPDATE, Action.REPLACE, Action.ADOPT] if key in living else [Action.CREATE]
            changes.append(change(draw(st.sampled_from(writes)), key))
        elif key in absent:
            changes += deleted(key, reason="absent")
        elif key in owned:
            changes += deleted(key)
    return situation(
        changes,
        declared=declared,
        owned=owned,
        living=living,
        protected=protected,
        edited=edited,
        has_ledger=draw(st.booleans()),
        limit=draw(st.builds(Limit, st.integers(0, 60), percent=st.booleans(), few=st.integers(0, 2))),
        adopt_always=draw(st.booleans()),
    )


def taking(found: Collection[Violation]) -> Allowed:
    """What somebody allows who does as each violation says."""
    told = [one.allow.split() for one in found if one.allow]

    def numbers(option: str) -> dict[str, int]:
        given = [value.split("=") for name, value in told if name == option]
        return {kind: int(number) for kind, number in given}

    def named(option: str) -> frozenset[Key]:
        return frozenset(Key(*value.split("/")) for name, value in told if name == option)

    return Allowed(
        numbers("--allow-deletes"), numbers("--allow-missing"), named("--adopt"), named("--allow-delete")
    )


@given(situations())
def test_the_way_out_that_a_violation_names_lifts_it_and_only_protection_has_none(scene: Situation) -> None:
    found = check(scene, NOTHING)
    left = check(scene, taking(found))
    assert {one.guard for one in left} <= {"protect"}
    assert left == tuple(one for one in found if one.guard == "protect")


@given(situations())
def test_a_violation_says_more_than_is_allowed_and_tells_of_each_thing_once(scene: Situation) -> None:
    found = check(scene, NOTHING)
    assert all(one.count > one.limit >= 0 for one in found)
    assert len(found) == len(set(found))


@given(situations(), st.sampled_from(KIND_NAMES))
def test_without_deletes_of_a_kind_no_number_of_them_matters(scene: Situation, kind: str) -> None:
    others = tuple(
        one
        for one in scene.changes
        if one.key.kind != kind or one.action not in {Action.DELETE, Action.REPLACE}
    )
    quiet = replace(scene, changes=others)
    assert check(quiet, NOTHING) == check(quiet, Allowed(deletes={kind: 3}))


@given(situations())
def test_all_that_is_managed_of_a_kind_never_goes_unasked(scene: Situation) -> None:
    gone = {one.key for one in scene.changes if one.action is Action.DELETE}
    for kind in KINDS:
        of_kind = [one for one in scene.changes if one.key.kind == kind.name and one.key in gone]
        pruned = [one for one in of_kind if one.reason != "absent"]
        left = {key for key in scene.living if scene.is_owned(key)} | set(scene.declared)
        if pruned and not [key for key in left - gone if key.kind == kind.name]:
            assert ("deletes", kind.name) in {(one.guard, one.kind) for one in check(scene, NOTHING)}


# Warnings


def told(desired: Resource, current: Resource, found: Change) -> list[str]:
    said = warnings((found,), state(desired), state(current))
    assert all(one.key == found.key for one in said)
    return [one.message for one in said]


def redirected(*fields: str) -> list[str]:
    return [f"the destination of its credentials changes ({', '.join(fields)}) while the secret stays"]


C = Key("connection", "c")


@pytest.mark.parametrize("name", ["host", "port", "conn_type"])
@pytest.mark.parametrize("password", [Hidden("hidden"), MASK, "in clear"])
def test_a_new_destination_of_a_password_that_stays_is_told(name: str, password: object) -> None:
    current = connection("c", password=password)
    assert told(connection("c"), current, updated(C, (name,))) == redirected(name)


def test_every_part_of_a_new_destination_is_named_once() -> None:
    found = updated(C, ("host",), ("port",), ("conn_type",), ("login",))
    current = connection("c", password=MASK)
    assert told(connection("c"), current, found) == redirected("host", "port", "conn_type")


@pytest.mark.parametrize("path", [("login",), ("schema",), ("description",), ("extra", "host"), ("extra",)])
def test_a_change_that_leads_nowhere_else_is_not_told(path: tuple[str, ...]) -> None:
    assert told(connection("c"), connection("c", password=MASK), updated(C, path)) == []


@pytest.mark.parametrize("password", [None, ""])
def test_a_new_destination_without_a_secret_is_not_told(password: str | None) -> None:
    assert told(connection("c"), connection("c", password=password), updated(C, ("host",))) == []
    assert told(connection("c"), connection("c"), updated(C, ("host",))) == []


def test_a_new_destination_of_a_declared_secret_that_stays_is_told() -> None:
    plain = connection("c")
    for desired in (
        connection("c", password=SECRET),
        connection("c", extra={"token": SECRET}),
        connection("c", extra={"deep": [1, {"token": SECRET}]}),
        connection("c", ignore=["password"], password=SECRET),
    ):
        assert told(desired, plain, updated(C, ("host",))) == redirected("host")


def test_a_new_destination_of_a_new_secret_is_not_told() -> None:
    new_password = updated(C, ("host",), ("password",))
    current = connection("c", password=MASK)
    assert told(connection("c", password=SECRET), current, new_password) == []
    new_token = updated(C, ("host",), ("extra", "token"))
    assert told(connection("c", extra={"token": SECRET}), connection("c"), new_token) == []
    whole = updated(C, ("host",), ("extra",))
    assert told(connection("c", extra={"token": SECRET}), connection("c"), whole) == []


def test_a_secret_stays_although_another_leaf_or_another_secret_beside_it_changes() -> None:
    desired = connection("c", extra={"token": SECRET, "retries": 3, "other": Secret("env:T")})
    for beside in (("extra", "retries"), ("extra", "other"), ("extra", "tok")):
        found = updated(C, ("host",), beside)
        assert told(desired, connection("c"), found) == redirected("host")
    both = connection("c", password=SECRET, extra={"token": SECRET})
    assert told(both, connection("c"), updated(C, ("host",), ("password",))) == redirected("host")
    assert told(both, connection("c"), updated(C, ("host",), ("extra", "token"))) == redirected("host")


def test_a_secret_that_is_only_sent_again_stays() -> None:
    found = change(
        Action.UPDATE,
        C,
        fields=[
            *updated(C, ("host",)).fields,
            *updated(C, ("password",), cause="secret_resend").fields,
        ],
    )
    assert told(connection("c", password=SECRET), connection("c", password=MASK), found) == redirected("host")
    assert told(connection("c"), connection("c", password=MASK), found) == redirected("host")


REPLACED = "a password is taken away, which takes a new connection: the old one is deleted first"


def test_a_password_that_is_taken_away_is_told() -> None:
    found = updated(C, ("password",), action=Action.REPLACE)
    assert told(connection("c", password=""), connection("c", password=MASK), found) == [REPLACED]


def test_a_new_row_elsewhere_takes_only_declared_secrets_there() -> None:
    found = updated(C, ("host",), ("password",), cause="secret_resend", action=Action.REPLACE)
    current = connection("c", password=Hidden("hidden"))
    assert told(connection("c", password=""), current, found) == [REPLACED]
    kept = connection("c", password="", extra={"token": SECRET})
    assert told(kept, current, found) == [*redirected("host"), REPLACED]


@pytest.mark.parametrize(("slots", "said"), [(0, ["no task runs in a pool of 0 slots"]), (1, []), (-1, [])])
def test_a_pool_that_is_shut_is_told(slots: int, said: list[str]) -> None:
    key = Key("pool", "p")
    assert told(pool("p", slots), pool("p", 4), updated(key, ("slots",))) == said
    assert told(pool("p", slots), pool("p", slots), updated(key, ("description",))) == []


def test_only_what_is_written_over_is_warned_of() -> None:
    desired, current = state(pool("p", 0)), state(pool("p", 4))
    for action in (Action.CREATE, Action.DELETE, Action.ADOPT, Action.FORGET):
        assert warnings((updated(Key("pool", "p"), ("slots",), action=action),), desired, current) == ()


def many(updates: int, of: int) -> Iterator[tuple[str, str]]:
    there = [variable(f"v{at}", 1) for at in range(of)]
    found = tuple(updated(one.key, ("value",)) for one in there[:updates])
    for one in warnings(found, state(*there, *(pool(f"p{at}") for at in range(50))), state(*there)):
        yield str(one.key), one.message


@pytest.mark.parametrize(
    ("updates", "of", "is_told"),
    [(10, 10, False), (11, 11, True), (11, 21, True), (11, 22, False), (50, 100, False), (51, 100, True)],
)
def test_more_than_ten_and_more_than_half_of_a_kind_changing_at_once_is_told(
    updates: int, of: int, is_told: bool
) -> None:
    said = [("variable/v0", f"{updates} of {of} variables change at once")] if is_told else []
    assert list(many(updates, of)) == said


def test_creations_are_no_change_of_many() -> None:
    there = [variable(f"v{at}", 1) for at in range(20)]
    found = tuple(updated(one.key, ("value",), action=Action.CREATE) for one in there)
    assert warnings(found, state(*there), {}) == ()


def test_the_changes_of_two_kinds_are_not_added_up() -> None:
    there = [*(variable(f"v{at}", 1) for at in range(10)), *(pool(f"p{at}") for at in range(10))]
    found = tuple(updated(one.key, ("description",)) for one in there)
    assert warnings(found, state(*there), state(*there)) == ()
