"""``after_apply`` in ``environment.yaml``: what is wrong with it, and what it asks for."""

from collections.abc import Iterator
from typing import Any

from reconciler.errors import Problem
from reconciler.follows import CHANGED, COMMIT, Follow
from reconciler.manifests.acceptance import holds_reference
from reconciler.manifests.parameters import Parameters, expand
from reconciler.manifests.placed import PlacedDict, PlacedList

OF_EVENTS, OF_RUNS = ("extra",), ("conf", "wait", "timeout")
DATA = {True: "extra", False: "conf"}


def follows(environment: PlacedDict, problems: list[Problem]) -> tuple[Follow, ...]:
    """What is to be done; tells ``problems`` what makes no sense."""
    listed = environment.get("after_apply")
    items = (
        [item for item in listed if isinstance(item, PlacedDict)] if isinstance(listed, PlacedList) else []
    )
    names = _names(environment)
    for item in items:
        problems += _misfits(item)
        expand(item, names, problems)
    return tuple(_follow(item) for item in items if ("event" in item) != ("trigger" in item))


def _names(environment: PlacedDict) -> Parameters:
    """The parameters, and the two names that an apply gives a meaning to."""
    given = Parameters.of(environment)
    return Parameters(PlacedDict({**given.values, COMMIT: "", CHANGED: []}, environment.origin), given.known)


def _misfits(item: PlacedDict) -> Iterator[Problem]:
    if ("event" in item) == ("trigger" in item):
        yield Problem(
            item.origin, "after_apply takes an event or a trigger in each item", "name one of the two"
        )
        return
    strangers, kind = (OF_RUNS, "an event") if "event" in item else (OF_EVENTS, "a trigger")
    for name in strangers:
        if name in item:
            yield Problem(item.origins[name], f"{kind} has no '{name}'", "remove it")
    if "timeout" in item and not item.get("wait"):
        yield Problem(item.origins["timeout"], "timeout means nothing without wait: true", "remove it")
    if holds_reference(item):
        what = "a secret has no place in after_apply: Airflow shows extra and conf to whoever may see runs"
        yield Problem(item.origin, what, "let the DAG look it up")


def _follow(item: PlacedDict) -> Follow:
    is_event = "event" in item
    data: Any = item.get(DATA[is_event], {})
    return Follow(
        subject=item["event" if is_event else "trigger"],
        is_event=is_event,
        data=data,
        wait=bool(item.get("wait", False)),
        timeout=item.get("timeout"),
        when=tuple(item.get("when", ())),
    )
