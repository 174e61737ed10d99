"""What holds although calls go wrong, runs die, and somebody else applies at the same time."""

from hypothesis import strategies as st

from reconciler.errors import LedgerChanged, Locked
from reconciler.model import Key
from tests.properties import found, oracle
from tests.properties.reaches import Countdown, Meanwhile, MortalStore
from tests.properties.samples import NEWCOMER, History, faults, strangers, unlike
from tests.properties.slices import holds
from tests.properties.surviving import failing, mortal, unguarded
from tests.properties.world import Crowd, Manifest, Order, Ran, World

OURS_ALWAYS = {Key("pool", "default_pool")}

boundaries = st.integers(1, 60)
ledgers = st.booleans()


@holds(unlike, strangers, st.lists(faults, min_size=1, max_size=2), ledgers)
def test_other_peoples_resources_stay_as_they_are_whatever_goes_wrong(
    version: str, history: History, crowd: Crowd, texts: list[str], ledger: bool
) -> None:
    world = World.made(version, crowd, history.kept, ledger=ledger)
    before = {key: world.airflow.raw()[key] for key in crowd}
    world.settle(world.environment(history.first))
    history.rotate(world.kept)
    environment = world.environment(history.second)
    allowed = unguarded(world, environment)
    for _ in range(2):
        with mortal(world):
            world.apply(environment, Order(allowed, reach=failing(texts)))
        raw = world.airflow.raw()
        assert {key: raw.get(key) for key in crowd} == before
        assert raw.get(NEWCOMER, {}).get("value") in {None, "theirs"}
    ran = world.settle(environment)
    assert ran.converged, ran.said
    assert {key: world.airflow.raw().get(key) for key in crowd} == before


@holds(
    unlike,
    strangers,
    st.lists(boundaries, min_size=2, max_size=2),
    examples=[(found.MADE_AND_FORGOTTEN, {}, [left, 10]) for left in (12, 14)],
)
def test_a_run_that_dies_at_any_boundary_is_mended_by_another(
    version: str, history: History, crowd: Crowd, counts: list[int]
) -> None:
    world = World.made(version, crowd, history.kept)
    for manifest, left in zip((history.first, history.second), counts, strict=True):
        environment, countdown = world.environment(manifest), Countdown(left)
        assert world.store is not None
        mortals = Order(
            unguarded(world, environment), reach=countdown.reach, store=MortalStore(world.store, countdown)
        )
        with mortal(world):
            world.apply(environment, mortals)
        history.rotate(world.kept)
    _check_mended(world, history.second, crowd)


def _check_mended(world: World, manifest: Manifest, crowd: Crowd) -> None:
    """Everything is as git says, ours is what git declares, and nothing has been left behind."""
    environment = world.environment(manifest)
    ran = world.settle(environment)
    assert ran.converged, ran.said
    assert world.plan(environment).plan.changes == ()
    raw, ledger = world.airflow.raw(), world.ledger
    assert oracle.misses(manifest, raw, world.kept) == {}
    assert raw.keys() == oracle.declared(manifest) | crowd.keys() | OURS_ALWAYS
    owned = frozenset() if ledger is None else ledger.entries.keys()
    assert owned == oracle.declared(manifest)


@holds(unlike, st.lists(st.tuples(st.booleans(), st.none() | boundaries), max_size=4))
def test_of_two_appliers_in_turn_the_last_one_decides(
    version: str, history: History, turns: list[tuple[bool, int | None]]
) -> None:
    world = World.made(version, {}, history.kept)
    checkouts = (history.first, history.second)
    for which, left in turns:
        countdown = Countdown(left or 0)
        with mortal(world):
            world.apply(world.environment(checkouts[which]), Order(reach=countdown.reach))
    last = checkouts[turns[-1][0]] if turns else history.first
    _check_mended(world, last, {})


@holds(unlike, boundaries.filter(lambda number: number < 30))
def test_two_appliers_at_once_end_in_what_one_of_them_wants(version: str, history: History, at: int) -> None:
    world = World.made(version, {}, history.kept)
    first, second = world.environment(history.first), world.environment(history.second)
    world.settle(first)
    history.rotate(world.kept)
    met: list[Ran] = []
    order = Order(
        unguarded(world, second),
        reach=lambda backend: Meanwhile(backend, at, lambda: met.append(world.settle(first))),
    )
    ran = world.apply(second, order)
    _check_one_won(ran, *met)
    raw, kept = world.airflow.raw(), world.kept
    assert not (oracle.misses(history.first, raw, kept) and oracle.misses(history.second, raw, kept))
    assert world.ledger is None or world.ledger.lease is None


def _check_one_won(ran: Ran, met: Ran | None = None) -> None:
    """Whoever came second to the ledger wrote nothing at all."""
    if met is not None and isinstance(met.error, Locked):
        assert met.writes == []
    elif isinstance(ran.error, LedgerChanged):
        assert ran.writes == []
    else:
        assert met is None or not met.plan.changes
        return
    others = met if isinstance(ran.error, LedgerChanged) else ran
    assert others is not None
    assert others.converged, others.said
