"""Made-up environments: what git declares, written as manifests, and how Airflow shows the same.

70 % are variables, 40 % of them nested JSON, 25 % connections, two thirds of them with ``extra``, and 5 %
pools. Every resource follows from its number alone, so that two runs, or two processes, see the same ones
and a hundred thousand need not be kept in memory.
"""

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reconciler.kinds import BY_NAME, Kind

SEED = 20_240_601
A_FILE_HOLDS = 4_000
"""Resources of one manifest file; the loader takes half a million values of one."""

WORDS = "orders invoices customers ledger shipments returns quotes payments stock prices leads visits".split()
TYPES = ("postgres", "http", "ssh", "mysql", "redis")


@dataclass(frozen=True)
class Size:
    """How many resources of each kind, and which connections have an ``extra``."""

    variables: int
    connections: int
    pools: int
    extras: Literal["some", "all", "none"] = "some"

    @classmethod
    def of(cls, resources: int) -> "Size":
        """The usual mix of so many resources."""
        connections, pools = resources * 25 // 100, resources * 5 // 100
        return cls(resources - connections - pools, connections, pools)

    def __len__(self) -> int:
        return self.variables + self.connections + self.pools

    def count(self, kind: Kind) -> int:
        """Resources of one kind."""
        counts: dict[str, int] = {
            "variable": self.variables,
            "connection": self.connections,
            "pool": self.pools,
        }
        return counts[kind.name]

    def has_extra(self, number: int) -> bool:
        """Whether the connection of that number has an ``extra``."""
        return self.extras == "all" or (self.extras == "some" and number % 3 != 0)

    @property
    def extra_count(self) -> int:
        """Connections with an ``extra``."""
        return sum(self.has_extra(number) for number in range(self.connections))


def name_of(kind: Kind, number: int) -> str:
    """An id; ids sort as their numbers do."""
    return f"{kind.name}_{number:06}_{WORDS[number % len(WORDS)]}"


def declared(size: Size, kind: Kind, number: int) -> Any:
    """One resource as a manifest has it."""
    chance = random.Random(SEED + 7 * number)  # noqa: S311 - nothing secret is made of it
    if kind.name == "variable":
        return _variable(chance, number)
    if kind.name == "pool":
        return {"slots": chance.randint(1, 128), "description": _sentence(chance), "include_deferred": False}
    return _connection(chance, number, extra=size.has_extra(number))


def _variable(chance: random.Random, number: int) -> Any:
    if number % 5 < 2:  # noqa: PLR2004 - 40 %
        return {"value": _nested(chance), "description": _sentence(chance)}
    text = f"s3://{chance.choice(WORDS)}-data/{chance.choice(WORDS)}/{number}"
    return text if number % 2 else {"value": text, "description": _sentence(chance)}


def _nested(chance: random.Random) -> dict[str, Any]:
    """What a pipeline keeps in one variable: some twenty leaves, three levels deep."""
    return {
        "source": f"s3://raw/{chance.choice(WORDS)}",
        "retries": chance.randint(0, 9),
        "columns": [chance.choice(WORDS) for _ in range(3)],
        "window": {"hours": chance.randint(1, 48), "late": chance.choice((False, True))},
        "targets": [
            {
                "table": f"{chance.choice(WORDS)}.{chance.choice(WORDS)}",
                "mode": chance.choice(("append", "overwrite", "merge")),
                "batch": chance.randint(1, 9) * 1000,
                "checks": {"rows": chance.randint(0, 500), "ratio": round(chance.random(), 3)},
            }
            for _ in range(2)
        ],
        "owner": chance.choice(WORDS),
        "alert": f"{chance.choice(WORDS)}@example.org",
    }


def _connection(chance: random.Random, number: int, *, extra: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "conn_type": TYPES[number % len(TYPES)],
        "description": _sentence(chance),
        "host": f"{chance.choice(WORDS)}-{number}.internal",
        "login": f"etl_{chance.choice(WORDS)}",
        "port": chance.randint(1024, 65535),
        "schema": chance.choice(WORDS),
    }
    timeouts = {
        "timeout": chance.randint(1, 60),
        "options": {"mode": "require", "tries": chance.randint(1, 9)},
    }
    return {**fields, "extra": timeouts} if extra else fields


def _sentence(chance: random.Random) -> str:
    return f"Read by {chance.choice(WORDS)}, owned by team {chance.choice(WORDS)}"


def manifest(size: Size, kind: Kind, numbers: Iterable[int]) -> dict[str, Any]:
    """Some resources of one kind as the content of a manifest file."""
    return {kind.collection: {name_of(kind, number): declared(size, kind, number) for number in numbers}}


def row(size: Size, kind: Kind, number: int) -> dict[str, Any]:
    """The same resource as Airflow's API shows it after it has been written as declared."""
    return as_row(kind, name_of(kind, number), declared(size, kind, number))


def as_row(kind: Kind, id_: str, body: Any) -> dict[str, Any]:
    """A declared resource as Airflow's API shows it: every field, JSON as text."""
    given = body if isinstance(body, dict) else {"value": body}
    fields = {field.name: given.get(field.name, field.default) for field in kind.fields}
    for field in kind.fields:
        if field.json_text and fields[field.name] is not None and not isinstance(fields[field.name], str):
            fields[field.name] = json.dumps(fields[field.name], ensure_ascii=False)
    return {kind.id_field: id_, **fields}


def write_environment(folder: Path, size: Size, **settings: Any) -> int:
    """Writes the manifests of an environment; returns their bytes, ``environment.yaml`` aside."""
    files = ((f"{kind.collection}-{first:06}.yaml", content) for kind, first, content in _contents(size))
    return write_files(folder, files, **settings)


def _contents(size: Size) -> Iterator[tuple[Kind, int, dict[str, Any]]]:
    for kind in BY_NAME.values():
        for first in range(0, size.count(kind), A_FILE_HOLDS):
            numbers = range(first, min(first + A_FILE_HOLDS, size.count(kind)))
            yield kind, first, manifest(size, kind, numbers)


def write_files(folder: Path, files: Iterable[tuple[str, dict[str, Any]]], **settings: Any) -> int:
    """Writes manifest files as a person would, and an ``environment.yaml``; returns the manifests' bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    configured = {"name": "benchmark", "target": "sandbox:sandbox.json", **settings}
    (folder / "environment.yaml").write_text(yaml_text(configured), encoding="utf-8")
    total = 0
    for name, content in files:
        text = yaml_text(content)
        (folder / name).write_text(text, encoding="utf-8")
        total += len(text.encode())
    return total


def yaml_text(value: dict[str, Any]) -> str:
    """Block style with two spaces, strings double-quoted where they may be read as something else."""
    return "\n".join(_lines(value, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        head = f"{indent}{key}:" if isinstance(value, dict) else f"{indent}-"
        if isinstance(item, dict | list) and item:
            yield head
            yield from _lines(item, indent + "  ")
        else:
            yield f"{head} {_scalar(item)}"


def _scalar(value: Any) -> str:
    plain = isinstance(value, str) and value.replace("_", "").replace(" ", "").isalpha()
    return (
        value if plain and value not in {"true", "false", "null"} else json.dumps(value, ensure_ascii=False)
    )
