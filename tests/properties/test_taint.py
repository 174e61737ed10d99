"""Nothing that was read is ever written back."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import strategies as st

from reconciler import compare, together
from reconciler.backends import Backend
from reconciler.model import Key
from tests.properties.reaches import Live, Tainted
from tests.properties.samples import WORDS, History, faults, histories, neighbours
from tests.properties.slices import holds
from tests.properties.surviving import failing, mortal, unguarded
from tests.properties.world import Crowd, Order, World

FOREIGN = ("FOREIGN", 47111)
"""What somebody has typed into Airflow's web page: no manifest and no secret holds it."""

EDITED: dict[str, dict[str, Any]] = {
    "variable": {"value": "a FOREIGN text", "description": "FOREIGN"},
    "connection": {
        "host": "FOREIGN",
        "login": "FOREIGN",
        "port": 47111,
        "password": "FOREIGN",
        "extra": '{"FOREIGN": "FOREIGN", "n": [47111]}',
        "description": "FOREIGN",
    },
    "pool": {"slots": 47111, "description": "FOREIGN"},
}


@pytest.fixture(autouse=True)
def marked_texts_are_texts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Types are compared strictly, and for that alone a marked text counts as what it says."""
    same = compare.same

    def plainly(before: Any, after: Any) -> bool:
        return same(plain(before), plain(after))

    for module in (compare, together):
        monkeypatch.setattr(module, "same", plainly)
    return iter(())


def plain(item: Any) -> Any:
    if isinstance(item, Live):
        return str(item)
    if isinstance(item, dict):
        return {plain(name): plain(inner) for name, inner in item.items()}
    return [plain(inner) for inner in item] if isinstance(item, list) else item


@holds(
    histories, neighbours, st.booleans(), st.booleans(), st.lists(faults, max_size=2), st.sampled_from(WORDS)
)
def test_no_byte_of_what_airflow_answers_is_ever_sent_back(  # noqa: PLR0913, PLR0917 - what is drawn
    version: str,
    history: History,
    crowd: Crowd,
    ledger: bool,
    resend: bool,
    texts: list[str],
    word: str,
) -> None:
    world = World.made(version, crowd, history.kept, ledger=ledger)
    world.settle(world.environment(history.first))
    _edit_everything(world)
    history.rotate(world.kept)
    environment = world.environment(history.second)
    complaints: list[str] = []

    def reach(backend: Backend) -> Backend:
        return Tainted(failing([*texts, f"*=mask:{word}"])(backend), FOREIGN, complaints)

    with mortal(world):
        world.apply(environment, Order(unguarded(world, environment), resend=resend, reach=reach))
    _edit_everything(world)
    world.settle(environment, Order(resend=resend, reach=lambda one: Tainted(one, FOREIGN, complaints)))
    assert complaints == []


def _edit_everything(world: World) -> None:
    for key in world.airflow.raw():
        if key != Key("pool", "default_pool"):
            world.airflow.edit(key, **EDITED[key.kind])
