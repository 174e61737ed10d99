"""One request to a resource or collection, with all that its handler needs; both APIs share it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.backends import Request
from reconciler.kinds import Kind
from reconciler.sandbox.listing import Item
from reconciler.sandbox.masking import Masker
from reconciler.sandbox.personality import Personality
from reconciler.sandbox.store import Table, in_order

COUNTERS = ("occupied_slots", "running_slots", "queued_slots", "scheduled_slots")
INFINITE = -1
DEFAULT_POOL = "default_pool"

Query = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Call:
    """A request that was routed; ``key`` is empty for a collection."""

    personality: Personality
    masker: Masker
    kind: Kind
    table: Table
    query: Query
    body: Any
    key: str = ""

    def last(self, name: str) -> str | None:
        """A query parameter; of a repeated one the last, as most frameworks have it."""
        return self.query[name][-1] if self.query.get(name) else None

    def load(self, keys: Iterable[str]) -> list[Item]:
        """Rows as they come from the database, upon which the masker remembers their secrets."""
        items = [(key, self.table[key]) for key in keys]
        for item in items:
            self.learn(item)
        return items

    def learn(self, item: Item) -> None:
        """Remember the secrets of a row that has been loaded."""
        key, row = item
        if self.kind.name == "variable":
            self.masker.learn_variable(key, row["value"])
        elif self.kind.name == "connection":
            self.masker.learn_password(row["password"])

    def items(self) -> list[Item]:
        """All rows, in the order of their ids."""
        return in_order(self.table)


def query_of(request: Request) -> Query:
    """The query with every value as a tuple."""
    return {
        name: (value,) if isinstance(value, str) else tuple(map(str, value))
        for name, value in request.query.items()
    }


def pool_counters(slots: int) -> dict[str, int]:
    """What a pool shows besides its fields, in an environment in which nothing runs."""
    return {**dict.fromkeys(COUNTERS, 0), "open_slots": slots, "deferred_slots": 0}


def health() -> dict[str, Any]:
    """The health of an environment of which only the web server runs."""
    return {
        "metadatabase": {"status": "healthy"},
        "scheduler": {"status": "unhealthy", "latest_scheduler_heartbeat": None},
        "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
        "dag_processor": {"status": None, "latest_dag_processor_heartbeat": None},
    }
