"""What a plan depends on, and what it does not."""

import json
import random
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from reconciler.backends import Backend
from reconciler.model import Key
from reconciler.plan import Plan
from reconciler.render.json import PLAN_FORMAT, document, plan_entry, text_of
from tests.core.samples import SPANS
from tests.properties import oracle
from tests.properties.reaches import Redacted, Relisted
from tests.properties.samples import History, histories, manifests, neighbours, vaults
from tests.properties.slices import holds
from tests.properties.world import KINDS, Crowd, Kept, Manifest, Order, World, environment

ledgers = st.booleans()
seeds = st.integers(0, 2**32)


def bytes_of(plan: Plan) -> str:
    """A plan as it is saved, its calls, which pages decide about, and the files' places aside.

    Members of JSON values stand in the order of the file, in which Airflow stores them; here they are sorted.
    """
    entry = plan_entry(plan)
    for change in entry["changes"]:
        change["origin"] = None
        change["fields"].sort(key=lambda one: list(map(str, one["path"])))
    ordered = json.loads(json.dumps({**entry, "calls": {}}, sort_keys=True))
    return text_of(document(PLAN_FORMAT, [ordered]))


def shuffled(value: Any, chance: random.Random) -> Any:
    """A value with the members of its mappings in another order, at every depth."""
    if isinstance(value, list):
        return [shuffled(item, chance) for item in value]
    if not isinstance(value, dict):
        return value
    names = list(value)
    chance.shuffle(names)
    return {name: shuffled(value[name], chance) for name in names}


def scattered(manifest: Manifest, seed: int) -> dict[str, Manifest]:
    """The same declarations in another order, spread over files."""
    chance = random.Random(seed)  # noqa: S311 - an order, no secret
    files: dict[str, Manifest] = {}
    declarations = [(name, id_) for name in KINDS for id_ in manifest[name]]
    chance.shuffle(declarations)
    for collection, id_ in declarations:
        file = files.setdefault(f"{chance.choice('abc')}.yaml", {})
        file.setdefault(collection, {})[id_] = shuffled(manifest[collection][id_], chance)
    return files


@holds(histories, neighbours, ledgers, seeds, st.integers(1, 5))
def test_a_plan_does_not_depend_on_the_order_or_the_pages_of_anything(  # noqa: PLR0913, PLR0917 - what is drawn
    version: str, history: History, crowd: Crowd, ledger: bool, seed: int, page: int
) -> None:
    world = World.made(version, crowd, history.kept, ledger=ledger)
    world.settle(world.environment(history.first))
    history.rotate(world.kept)
    plain = world.plan(world.environment(history.second)).plan
    settings = {"ledger": "file:ledger.json"} if ledger else {}
    elsewhere = environment(scattered(history.second, seed), **settings)

    def reach(backend: Backend) -> Backend:
        return Relisted(backend, seed, page)

    assert bytes_of(world.plan(elsewhere, Order(reach=reach)).plan) == bytes_of(plain)


@holds(histories, neighbours, ledgers)
def test_a_plan_writes_nothing(version: str, history: History, crowd: Crowd, ledger: bool) -> None:
    world = World.made(version, crowd, history.kept, ledger=ledger)
    world.settle(world.environment(history.first))
    history.rotate(world.kept)
    raw, text = world.airflow.raw(), world.store and world.store.text
    world.plan(world.environment(history.second))
    assert (world.airflow.raw(), world.store and world.store.text) == (raw, text)


@st.composite
def settled(draw: Any, major: int) -> tuple[Manifest, Kept]:
    return draw(manifests(major)), draw(vaults())


def fits(shown: Any, declared: str) -> bool:
    """Whether a text that is shown with masks may be the declared one, by other code than the program has."""
    pattern = "(?s:.*)".join(map(re.escape, re.split(r"\*{3,}", shown)))
    return re.fullmatch(pattern, declared) is not None


@holds(settled, ledgers, SPANS)
def test_what_airflow_hides_of_a_declared_value_is_no_drift(
    version: str, one: tuple[Manifest, Kept], ledger: bool, spans: list[tuple[int, int]]
) -> None:
    manifest, kept = one
    world = World.made(version, {}, kept, ledger=ledger)
    found = world.environment(manifest)
    assert world.settle(found).converged
    planned = world.plan(found, Order(reach=lambda backend: Redacted(backend, spans)))
    assert planned.plan.changes == ()
    assert planned.drift.changes == ()


@holds(settled, ledgers, SPANS, seeds)
def test_a_difference_beside_what_airflow_hides_is_drift(
    version: str, one: tuple[Manifest, Kept], ledger: bool, spans: list[tuple[int, int]], seed: int
) -> None:
    manifest, kept = one
    world = World.made(version, {}, kept, ledger=ledger)
    found = world.environment(manifest)
    assert world.settle(found).converged
    for key, text in texts_to_edit(manifest):
        world.airflow.edit(key, value=edited(text, seed))
    redacted = Redacted(world.airflow, spans)
    planned = world.plan(found, Order(reach=lambda _backend: redacted))
    changed = {change.key for change in planned.plan.changes}
    drifted = {change.key for change in planned.drift.changes}
    assert changed == drifted
    for key, text in texts_to_edit(manifest):
        shown = redacted.rows[key.id]["value"]
        assert (key in changed) == (not fits(shown, text)), (key, shown)


def texts_to_edit(manifest: Manifest) -> Iterator[tuple[Key, str]]:
    """Variables with a plain text that is no JSON, which Airflow shows under every version."""
    for key, body in oracle.resources(manifest):
        text = body.get("value")
        if not isinstance(text, str) or isinstance(oracle.parsed(text), dict | list | float):
            continue
        if key.kind == "variable" and key.id != "api_token":
            yield key, text


def edited(text: str, seed: int) -> str:
    """The text with one character more, less or another."""
    at = seed % (len(text) + 1)
    return text[:at] + ("E" if seed % 3 else "") + text[at + (seed % 2) :]
