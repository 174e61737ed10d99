from collections.abc import Collection
from typing import Any

import pytest

from reconciler import batches as module
from reconciler.batches import MOST_CHARACTERS, MOST_SHARED, SHARED_FROM, Batch, batches
from reconciler.dialects import dialect_for
from reconciler.model import Key, Resource, Secret
from reconciler.plan import Action, Undeclared
from tests.core.samples import CANARY, connection, difference, pool, state, variable

SECRET = Secret("env:S", CANARY)
MANY = SHARED_FROM


def split(version: str, desired: Collection[Resource], current: Collection[Resource]) -> tuple[Batch, ...]:
    dialect = dialect_for(version, 64)
    assert dialect
    changes = difference(desired, current, Undeclared({}, lambda _key: True)).changes
    found = batches(dialect, changes, state(*desired), state(*current))
    assert sorted(one.key for batch in found for one in batch.changes) == sorted(one.key for one in changes)
    return found


def sizes(version: str, desired: Collection[Resource], current: Collection[Resource]) -> list[int]:
    return [len(batch.changes) for batch in split(version, desired, current)]


def variables(count: int, value: Any = "v", **fields: Any) -> list[Resource]:
    return [variable(f"v{number:04}", value, **fields) for number in range(count)]


def connections(count: int, **fields: Any) -> list[Resource]:
    return [connection(f"c{number:04}", **fields) for number in range(count)]


def pools(count: int, slots: int = 1, **fields: Any) -> list[Resource]:
    return [pool(f"p{number:04}", slots, **fields) for number in range(count)]


def test_a_few_changes_take_a_call_each_and_many_share_one() -> None:
    assert sizes("3.3.1", variables(MANY - 1), []) == [1] * (MANY - 1)
    assert sizes("3.3.1", variables(MANY), []) == [MANY]


def test_five_thousand_creates_are_at_most_twenty_calls() -> None:
    assert len(split("3.3.1", variables(5000), [])) == -(-5000 // MOST_SHARED) <= 20


def test_airflow_2_has_no_shared_calls() -> None:
    assert sizes("2.11.2", variables(50), []) == [1] * 50
    assert sizes("2.11.2", [], variables(50)) == [1] * 50


def test_what_carries_a_secret_goes_alone() -> None:
    desired = [
        *variables(MANY, SECRET),
        *connections(MANY, password=SECRET),
        *(connection(f"d{number}", extra={"a": [SECRET]}) for number in range(MANY)),
    ]
    assert sizes("3.3.1", desired, []) == [1] * 3 * MANY


def test_a_secret_that_is_not_sent_keeps_nothing_from_sharing() -> None:
    desired = connections(MANY, host="new", password=SECRET)
    current = connections(MANY, host="old", password="***")
    assert sizes("3.3.1", desired, current) == [MANY]


def test_a_demanded_secret_goes_alone() -> None:
    """A variable's value is demanded even where only its description changes."""
    desired = variables(MANY, SECRET, description="new")
    assert sizes("3.3.1", desired, variables(MANY, "***", description="old")) == [1] * MANY


@pytest.mark.parametrize("version", ["3.2.1", "3.3.1"])
def test_updates_share_a_call_by_their_mask(version: str) -> None:
    desired = [*variables(MANY, "new", description="d"), *pools(MANY, 2)]
    current = [
        *(variable(one.key.id, "old", description="d") for one in desired[: MANY // 2]),
        *(variable(one.key.id, "new", description="e") for one in desired[MANY // 2 : MANY]),
        *pools(MANY, 1),
    ]
    assert sizes(version, desired, current) == [MANY] + [1] * MANY
    assert next(batch.kind for batch in split(version, desired, current)) == "pool"


def test_updates_without_a_mask_share_a_call_only_where_nothing_else_is_lost() -> None:
    """Airflow 3.0 takes away a description that a bulk update does not name, and resets include_deferred."""
    for described in ("theirs", None):
        current = variables(MANY, "old", description=described)
        shared = sizes("3.0.6", variables(MANY, "new"), current)
        assert shared == ([1] * MANY if described else [MANY])
    assert sizes("3.0.6", pools(MANY, 2), pools(MANY, 1, include_deferred=True)) == [1] * MANY
    assert sizes("3.0.6", pools(MANY, 2), pools(MANY, 1, include_deferred=False)) == [MANY]
    declared = variables(MANY, "new", description="ours")
    assert sizes("3.0.6", declared, variables(MANY, "old", description="ours")) == [MANY]


@pytest.mark.parametrize("version", ["3.0.6", "3.3.1"])
def test_connections_share_a_call_whatever_changes_of_each(version: str) -> None:
    desired = connections(MANY, host="h", login="l")
    current = [
        *(connection(one.key.id, host="old", login="l") for one in desired[:5]),
        *(connection(one.key.id, host="h", login="old") for one in desired[5:]),
    ]
    assert sizes(version, desired, current) == [MANY]


def test_an_ignored_type_keeps_connections_from_sharing() -> None:
    """The body must name the type, and no mask would keep it from being written."""
    ignoring = [
        Resource(one.key, one.fields, one.origin, frozenset({"conn_type"}))
        for one in connections(MANY, host="new")
    ]
    assert sizes("3.3.1", ignoring, connections(MANY, host="old")) == [1] * MANY


def test_deletes_share_a_call() -> None:
    assert sizes("3.3.1", [], connections(MANY)) == [MANY]


def test_what_airflow_reserves_goes_alone() -> None:
    desired = [pool("default_pool", 5), *pools(MANY, 2)]
    current = [pool("default_pool", 128), *pools(MANY, 1)]
    (alone,) = [batch for batch in split("3.3.1", desired, current) if not batch.is_shared]
    assert alone.changes[0].key == Key("pool", "default_pool")


def test_a_replaced_connection_goes_alone() -> None:
    desired = connections(MANY, password="")
    found = split("3.3.1", desired, connections(MANY, password="***"))
    assert [(batch.action, len(batch.changes)) for batch in found] == [(Action.REPLACE, 1)] * MANY


def test_long_ids_share_calls_too() -> None:
    desired = [variable("x" * 200 + str(number), "v") for number in range(MANY)]
    assert sizes("3.3.1", desired, []) == [MANY]


def test_deletes_come_after_all_else() -> None:
    desired = [*variables(MANY), pool("new", 1)]
    current = [*connections(MANY), pool("old", 1)]
    found = [(batch.kind, batch.action.value) for batch in split("3.3.1", desired, current)]
    assert found == [
        ("pool", "create"),
        ("variable", "create"),
        ("connection", "delete"),
        ("pool", "delete"),
    ]


def test_large_values_make_smaller_batches() -> None:
    value = "x" * (MOST_CHARACTERS // 4)
    found = sizes("3.3.1", variables(MANY, value), [])
    assert found == [3, 3, 3, 1]
    assert sizes("3.3.1", variables(MANY, "x" * MOST_CHARACTERS * 2), []) == [1] * MANY


def test_no_batch_is_larger_than_what_the_service_carries_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SHARED", 4)
    assert sizes("3.3.1", variables(11), []) == [4, 4, 3]
