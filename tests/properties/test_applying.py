"""What an apply comes to: what git says, with the fewest writes, and nothing else."""

import json

from hypothesis import assume
from hypothesis import strategies as st

from reconciler.model import Key
from tests.properties import found, oracle
from tests.properties.requests import but_for_the_demanded, writes
from tests.properties.samples import UNLIKE, History, edits, histories, neighbours, strangers
from tests.properties.slices import holds
from tests.properties.world import Crowd, Manifest, Raw, World

PAST = (found.EXTRA_WITHDRAWN, found.SECRET_BECOMES_A_PART, found.EMPTY_PASSWORD_WITHDRAWN)

ledgers = st.booleans()
ignoring = lambda major: histories(major, ignores=True, words=UNLIKE)  # noqa: E731 - as the others


@holds(histories, neighbours, ledgers, examples=[(one, {}, True) for one in PAST])
def test_after_an_apply_the_plan_is_empty(version: str, history: History, crowd: Crowd, ledger: bool) -> None:
    world = World.made(version, crowd, history.kept, ledger=ledger)
    for manifest in (history.first, history.second):
        environment = world.environment(manifest)
        ran = world.settle(environment)
        assert ran.converged, ran.said
        assert world.plan(environment).plan.changes == ()
        history.rotate(world.kept)


@holds(histories, neighbours, ledgers)
def test_to_apply_twice_is_to_apply_once(version: str, history: History, crowd: Crowd, ledger: bool) -> None:
    world = World.made(version, crowd, history.kept, ledger=ledger)
    for manifest in (history.first, history.second):
        world.settle(world.environment(manifest))
        raw, text = world.airflow.raw(), world.store and world.store.text
        again = world.apply(world.environment(manifest))
        assert (again.writes, world.airflow.raw()) == ([], raw)
        assert (world.store and world.store.text) == text
        history.rotate(world.kept)


@holds(histories, strangers, examples=[(one, {}) for one in PAST])
def test_what_we_own_is_stored_as_git_says_to_the_last_secret(
    version: str, history: History, crowd: Crowd
) -> None:
    world = World.made(version, crowd, history.kept)
    for manifest in (history.first, history.second):
        ran = world.settle(world.environment(manifest))
        raw = world.airflow.raw()
        assert ran.converged, ran.said
        assert oracle.misses(manifest, raw, world.kept) == {}
        assert oracle.leftovers(manifest, raw) == {}
        assert raw.keys() == oracle.declared(manifest) | crowd.keys() | {Key("pool", "default_pool")}
        history.rotate(world.kept)


@holds(ignoring, edits, examples=[(one, ()) for one in PAST])
def test_an_apply_sends_one_write_for_each_difference_and_masks_exactly_what_differs(
    version: str, history: History, edited: tuple[tuple[Key, str, object], ...]
) -> None:
    world = World.made(version, {}, history.kept)
    _sound(world, history)
    world.settle(world.environment(history.first))
    history.rotate(world.kept)
    _edit(world, edited, history)
    before = oracle.Before(world.airflow.raw(), world.ledger, world.kept, int(version[0]))
    wanted = map(but_for_the_demanded, before.writes(history.second))
    found = writes(world.settle(world.environment(history.second)).writes)
    assert sorted(map(but_for_the_demanded, found)) == sorted(wanted)
    _check_ignored(history.second, before, world.airflow.raw())
    assert world.apply(world.environment(history.second)).writes == []


def _sound(_world: World, history: History) -> None:
    """Airflow cannot express some changes of what has a long id and is ignored in part.

    A secret that was ignored and is not any more is sent: nobody can see whether it is still the same.
    """
    before = dict(oracle.resources(history.first))
    for manifest in (history.first, history.second):
        for key, body in oracle.resources(manifest):
            ignored = {*body.get("ignore", ())}
            assume(not (len(key.id) > 60 and ignored))
            seen_again = {*before.get(key, {}).get("ignore", ())} - ignored
            assume(not any(holds_secret(body.get(name)) for name in seen_again))


def holds_secret(value: object) -> bool:
    """Whether a declared value refers to a secret anywhere."""
    return "$secret" in json.dumps(value)


def _edit(world: World, edited: tuple[tuple[Key, str, object], ...], history: History) -> None:
    """Nobody looks up the value of a secret that has versions, so that an edit of it is not seen."""
    unseen = {key for one in (history.first, history.second) for key in oracle.versioned(one)}
    for key, name, value in edited:
        if key in world.airflow.raw() and not (name == "value" and key in unseen):
            world.airflow.edit(key, **{name: value})


def _check_ignored(manifest: Manifest, before: oracle.Before, after: Raw) -> None:
    for key, body in oracle.resources(manifest):
        if key in before.raw and not before.is_replaced(key, body):
            for name in body.get("ignore", ()):
                assert after[key][name] == before.raw[key][name], (key, name)
