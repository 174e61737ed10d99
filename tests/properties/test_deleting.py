"""What is deleted: never more than the guards let pass, and never what is protected."""

from typing import Any, NamedTuple

from hypothesis import strategies as st

from reconciler.guards import Allowed
from reconciler.model import Key
from tests.properties import oracle
from tests.properties.samples import Draw
from tests.properties.slices import holds
from tests.properties.world import KINDS, Kept, Manifest, Order, World

IDS = [f"id_{number}" for number in range(14)]
BODIES: dict[str, dict[str, Any]] = {
    "variables": {"value": "1"},
    "connections": {"conn_type": "http"},
    "pools": {"slots": 1},
}


class Purge(NamedTuple):
    """A commit that takes much away, and what the operator lets happen."""

    first: Manifest
    second: Manifest
    allowed: dict[str, int]
    strangers: frozenset[str]
    """Ids of variables that somebody has made, and git declares absent or rules."""
    authoritative: bool
    ledger: bool


@st.composite
def purges(draw: Draw) -> Purge:
    first: Manifest = {}
    second: Manifest = {"absent": {}}
    for collection, body in BODIES.items():
        declared = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=12))
        kept = draw(st.integers(0, len(declared)))
        protected = set(draw(st.lists(st.sampled_from(IDS), max_size=1)))
        first[collection] = {id_: {**body, "protect": id_ in protected} for id_ in declared}
        second[collection] = {id_: {**body, "protect": id_ in protected} for id_ in declared[:kept]}
        gone = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=2))
        second["absent"][collection] = [id_ for id_ in gone if id_ not in second[collection]]
    allowed = draw(st.dictionaries(st.sampled_from(sorted(KINDS.values())), st.integers(0, 8), max_size=2))
    strangers = frozenset(draw(st.lists(st.sampled_from([*IDS, "etl_1", "etl_2", "etl_3"]), max_size=4)))
    return Purge(first, second, allowed, strangers, draw(st.booleans()), draw(st.booleans()))


@holds(purges(), few=20)
def test_no_more_is_deleted_than_the_limit_or_the_exact_number_that_was_given(
    version: str, purge: Purge
) -> None:
    world = World.made(version, {}, Kept(), ledger=purge.ledger)
    rules = {"authoritative": {"variables": ["etl_*"]}} if purge.authoritative else {}
    assert world.settle(world.environment(purge.first, **rules)).converged
    _join(world, purge)
    before, ledger = world.airflow.raw(), world.ledger
    ran = world.apply(world.environment(purge.second, **rules), Order(Allowed(purge.allowed)))
    deleted = before.keys() - world.airflow.raw().keys()
    if ran.report is None:
        assert (ran.writes, oracle.changed(before, world.airflow.raw())) == ([], frozenset())
    protected = {key for key, entry in (ledger.entries.items() if ledger else ()) if entry.protect}
    assert not deleted & protected
    assert Key("pool", "default_pool") not in deleted
    owned = frozenset(ledger.entries) if ledger else frozenset()
    ruled = {key for key in before if key.kind == "variable" and key.id.startswith("etl_")}
    managed = owned | (ruled if purge.authoritative else set())
    assert deleted <= managed | oracle.tombstones(purge.second)
    for kind in KINDS.values():
        _check_number(purge, kind, deleted, managed, owned)


def _join(world: World, purge: Purge) -> None:
    for id_ in sorted(purge.strangers):
        key = Key("variable", id_)
        if key not in world.airflow.raw():
            world.airflow.create(key, {"value": "theirs"})


def _check_number(
    purge: Purge, kind: str, deleted: frozenset[Key] | set[Key], managed: Any, owned: frozenset[Key]
) -> None:
    declared = oracle.declared(purge.second)
    nothing_declared = not declared and owned
    tombstones = frozenset() if nothing_declared else oracle.tombstones(purge.second)
    counted = [key for key in deleted if key.kind == kind and key not in tombstones]
    given = purge.allowed.get(kind)
    if not counted or given == len(counted):
        return
    assert given is None
    population = [key for key in (owned if purge.ledger else managed) if key.kind == kind]
    assert len(counted) <= max(2, len(population) * 20 // 100)
    assert not nothing_declared
    assert any(key.kind == kind for key in (managed | declared) - deleted)
