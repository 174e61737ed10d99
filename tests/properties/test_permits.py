"""A saved plan as a permit: what has left it is not carried out, not even in part."""

import contextlib
import json
from typing import Any, NamedTuple

from hypothesis import strategies as st

from reconciler.cli import planning
from reconciler.errors import StalePermit
from reconciler.guards import Allowed
from reconciler.model import Key, canonical_digest
from reconciler.permit import permits
from reconciler.plan import Plan
from reconciler.render.json import PLAN_FORMAT, document, plan_entry, text_of
from tests.properties import found, oracle
from tests.properties.reaches import Countdown, Killed, MortalStore
from tests.properties.samples import STRANGE_IDS, History, crowds, edits, histories, neighbours, unlike
from tests.properties.slices import holds
from tests.properties.world import Crowd, Manifest, Order, Ran, World, widened

ledgers = st.booleans()
tamperings = st.none() | st.sampled_from(
    ["drop a change", "another action", "another digest", "another id", "another target", "no new digest"]
)


class Step(NamedTuple):
    """One change as a plan's document has it."""

    action: str
    key: Key
    before: str | None
    after: str | None


def saved(plan: Plan) -> str:
    """What ``plan --out`` writes."""
    return text_of(document(PLAN_FORMAT, [plan_entry(plan)]))


def steps(text: str) -> frozenset[Step]:
    (environment,) = json.loads(text)["environments"]
    return frozenset(
        Step(one["action"], Key(one["kind"], one["id"]), one["digest_before"], one["digest_after"])
        for one in environment["changes"]
    )


def tampered(text: str, how: str | None) -> str:
    """The file as somebody alters it, who mostly corrects the digest, too."""
    found = json.loads(text)
    (environment,) = found["environments"]
    changes: list[dict[str, Any]] = environment["changes"]
    match how, changes:
        case None, _:
            return text
        case "another target", _:
            environment["target"] = "sandbox:another.json"
        case "drop a change", [_, *_]:
            changes.pop()
        case "another action", [first, *_]:
            first["action"] = "delete" if first["action"] != "delete" else "update"
        case "another digest", [first, *_]:
            first["digest_after"] = "0" * 64
        case "another id", [first, *_]:
            first["id"] = "another"
        case "no new digest", [first, *_]:
            first["id"] = "another"
            return json.dumps(found)
    del found["digest"]
    return json.dumps({**found, "digest": canonical_digest(found)})


def applied(world: World, manifest: Manifest, text: str) -> Ran | None:
    """``reconciler apply --plan``; ``None`` where the file itself is refused."""
    try:
        permit = permits(text)["e"]
    except StalePermit:
        return None
    environment = world.environment(manifest)
    with_options = planning._as_saved(world.run_of(Order()), permit)
    return world.apply(environment, Order(with_options.allowed, permit=permit))


@holds(histories, neighbours, ledgers, st.booleans(), edits, crowds(STRANGE_IDS), tamperings)
def test_what_has_left_the_saved_plan_is_refused_before_anything_is_written(  # noqa: PLR0913, PLR0917 - what is drawn
    version: str,
    history: History,
    crowd: Crowd,
    ledger: bool,
    moved: bool,
    edited: tuple[tuple[Key, str, Any], ...],
    newcomers: Crowd,
    how: str | None,
) -> None:
    world = World.made(version, crowd, history.kept, ledger=ledger)
    world.settle(world.environment({**history.first, "variables": {}}))
    text = saved(_unguarded(world, history.first))
    _meanwhile(world, history, edited, newcomers, moved=moved)
    manifest = history.second if moved else history.first
    raw, kept = world.airflow.raw(), world.store and world.store.text
    permitted = tampered(text, how)
    now = steps(saved(_unguarded(world, manifest)))
    ran = applied(world, manifest, permitted)
    if ran is None or isinstance(ran.error, StalePermit):
        assert how in {"no new digest", "another target"} or not now <= steps(permitted)
        assert ran is None or ran.writes == []
        assert (world.airflow.raw(), world.store and world.store.text) == (raw, kept)
        return
    assert how != "another target"
    assert now <= steps(permitted) | _relaxed(now, steps(permitted))
    assert oracle.changed(raw, world.airflow.raw()) <= {step.key for step in steps(permitted)}


def _relaxed(now: frozenset[Step], permitted: frozenset[Step]) -> frozenset[Step]:
    """What counts as the rest of a permitted change: what is gone already is only to be forgotten."""
    by_key = {step.key: step for step in permitted}
    return frozenset(
        step
        for step in now
        if step.key in by_key
        and (step.action, by_key[step.key].action)
        in {("forget", "delete"), ("forget", "forget"), ("create", "replace")}
        and (step.action == "forget" or step.after == by_key[step.key].after)
    )


def _unguarded(world: World, manifest: Manifest) -> Plan:
    """A plan that was made with whatever its guards ask for."""
    environment = world.environment(manifest)
    plan = world.plan(environment).plan
    ways_out = [one.allow for one in plan.violations if one.allow]
    return world.plan(environment, Order(widened(Allowed(), ways_out))).plan


def _meanwhile(
    world: World, history: History, edited: tuple[tuple[Key, str, Any], ...], newcomers: Crowd, *, moved: bool
) -> None:
    """Git, the secrets, and people in Airflow's web page, between the plan and the apply."""
    if moved:
        history.rotate(world.kept)
    for key, name, value in edited:
        if key in world.airflow.raw():
            world.airflow.edit(key, **{name: value})
    for key, body in newcomers.items():
        world.airflow.create(key, body)


@holds(
    unlike,
    st.integers(1, 60),
    examples=[(found.REPLACED_WITH_A_FIELD_LESS, left) for left in range(11, 17)],
)
def test_a_run_that_died_is_resumed_with_the_same_saved_plan(
    version: str, history: History, left: int
) -> None:
    world = World.made(version, {}, history.kept)
    world.settle(world.environment(history.first))
    history.rotate(world.kept)
    text = saved(_unguarded(world, history.second))
    countdown = Countdown(left)
    environment, permit = world.environment(history.second), permits(text)["e"]
    assert world.store is not None
    order = Order(
        planning._as_saved(world.run_of(Order()), permit).allowed,
        reach=countdown.reach,
        store=MortalStore(world.store, countdown),
        permit=permit,
    )
    with contextlib.suppress(Killed):
        world.apply(environment, order)
    if world.store.text is not None:
        world.unlock()
    ran = applied(world, history.second, text)
    assert ran is not None
    if version.startswith("2.") and "replace connection/" in ran.said:
        assert (type(ran.error), ran.writes) == (
            StalePermit,
            [],
        )  # Airflow 2 shows no password, be it gone or not
        return
    assert ran.converged, ran.said
    assert world.plan(environment).plan.changes == ()
