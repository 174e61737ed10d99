"""Runs that meet faults and may die of them."""

import contextlib
from collections.abc import Iterator

from reconciler.backends import Backend
from reconciler.guards import Allowed
from reconciler.manifests import Environment
from reconciler.sandbox.faults import Faulty, parse_fault
from tests.properties.reaches import Killed
from tests.properties.world import Reach, World, widened


def killing() -> None:
    raise Killed


def failing(texts: list[str]) -> Reach:
    def reach(backend: Backend) -> Backend:
        return Faulty(backend, map(parse_fault, texts), killing, lambda _seconds: None)

    return reach


def unguarded(world: World, environment: Environment) -> Allowed:
    """Whatever a refusal would ask for, allowed beforehand."""
    violations = world.plan(environment).plan.violations
    return widened(Allowed(), [one.allow for one in violations if one.allow])


@contextlib.contextmanager
def mortal(world: World) -> Iterator[None]:
    """What a dead run leaves behind is what an operator unlocks."""
    with contextlib.suppress(Killed):
        yield
    if world.store is not None and world.store.text is not None:
        world.unlock()
