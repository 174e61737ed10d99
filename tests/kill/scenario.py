"""A settled environment, a commit that changes a little of everything, and what has to come of it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.backends import Request
from reconciler.kinds import KINDS
from reconciler.model import Key
from reconciler.sandbox.store import new_row, write_state
from tests.aws import support
from tests.e2e.tool import Ran
from tests.kill.wires import Crossing
from tests.kill.world import Rows, World, unlocking

WAREHOUSE, VENDOR = "canary-warehouse-51c9", "canary-vendor-a07e"
LAKE, ROTATED = "canary-lake-first-3d", "canary-lake-second-8e"
MAILER, TOKEN, THEIRS = "canary-mailer-66b1", "canary-token-17f0", "canary-theirs-c4d2"

SECRETS = [WAREHOUSE, VENDOR, LAKE, ROTATED, MAILER, TOKEN, THEIRS]

BEFORE: dict[str, Any] = {
    "variables": {
        "region": "eu",
        "batch_size": 500,
        "described": {"value": "as before", "description": "Once"},
        "old_flag": "on",
    },
    "connections": {
        "warehouse": {
            "conn_type": "postgres",
            "host": "warehouse.internal",
            "password": {"$secret": "env:WAREHOUSE"},
            "extra": {"sslmode": "require"},
        },
        "lake": {"conn_type": "aws", "login": "etl", "password": {"$secret": "aws-sm:LAKE"}},
        "vendor": {"conn_type": "http", "host": "vendor.example", "password": {"$secret": "env:VENDOR"}},
    },
    "pools": {"etl": {"slots": 8}},
}
"""The names of secrets in Secrets Manager are put in by ``settled``."""


def _after() -> dict[str, Any]:
    """Two creations, two updates, a rotation, a deletion, a replacement, a field withdrawn."""
    manifest = copy.deepcopy(BEFORE)
    manifest["pools"]["reports"] = {"slots": 4, "description": "Reports"}
    manifest["connections"]["mailer"] = {
        "conn_type": "smtp",
        "password": {"$secret": "aws-sm:MAILER#password"},
        "extra": {"from": "etl@example.org", "token": {"$secret": "env:TOKEN"}},
    }
    manifest["variables"]["batch_size"] = 600
    manifest["pools"]["etl"]["slots"] = 16
    del manifest["variables"]["old_flag"]
    del manifest["connections"]["vendor"]["password"]
    del manifest["variables"]["described"]["description"]
    return manifest


AFTER = _after()

DECLARED = {Key(kind[:-1], id_) for kind, table in AFTER.items() for id_ in table}

ROWS: Rows = {
    "variables": {
        "region": {"value": "eu"},
        "batch_size": {"value": "600"},
        "described": {"value": "as before"},
    },
    "connections": {
        "warehouse": {
            "conn_type": "postgres",
            "host": "warehouse.internal",
            "password": WAREHOUSE,
            "extra": '{"sslmode": "require"}',
        },
        "lake": {"conn_type": "aws", "login": "etl", "password": ROTATED},
        "vendor": {"conn_type": "http", "host": "vendor.example"},
        "mailer": {
            "conn_type": "smtp",
            "password": MAILER,
            "extra": f'{{"from": "etl@example.org", "token": "{TOKEN}"}}',
        },
    },
    "pools": {"etl": {"slots": 16}, "reports": {"slots": 4, "description": "Reports"}},
}
"""What Airflow's database has to hold in the end; what is left out is at its default."""

FOREIGN: Rows = {
    "variables": {"theirs": {"value": THEIRS, "description": "Not ours"}},
    "connections": {"theirs": {"conn_type": "http", "password": THEIRS, "extra": '{"a":1,  "b": "x"}'}},
    "pools": {"theirs": {"slots": 3, "description": "Not ours"}},
}


@dataclass(frozen=True)
class Settled:
    """A world to which the commit has come and no apply since, to be gone back to at any time."""

    world: World
    rows: Rows
    ledger: bytes

    def restore(self) -> None:
        """As if nothing had ever been applied since the commit."""
        write_state(self.world.state, self.rows)
        self.world.restart()
        self.world.keep(self.ledger)

    def check_converged(self) -> None:
        """Everything is as git says, nothing else has changed, and another plan finds nothing to do."""
        check_rows(self.world.rows(), self.rows)
        ledger = self.world.ledger()
        assert ledger.entries.keys() == DECLARED
        assert ledger.lease is None
        assert [key for key, entry in ledger.entries.items() if entry.pending or not entry.record] == []
        planned = self.world.here("plan", "--detailed-exitcode")
        assert planned.code == 0, planned


def check_rows(rows: Rows, before: Rows) -> None:
    """What is declared holds what it should, and everything else is the very row it was."""
    for kind in KINDS:
        table, wanted = rows[kind.collection], ROWS[kind.collection]
        for id_, fields in wanted.items():
            assert id_ in table, f"{kind.name} {id_} is missing"
            assert plain(table[id_]) == plain(new_row(kind, table[id_]["id"], fields))
        ours = wanted.keys() | BEFORE[kind.collection].keys()
        assert {id_: row for id_, row in table.items() if id_ not in wanted} == {
            id_: row for id_, row in before[kind.collection].items() if id_ not in ours
        }


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without the difference between nothing and an empty text, which no Airflow keeps."""
    return {name: value or None for name, value in row.items()}


def settled(world: World) -> Settled:
    """Applies the first manifests, rotates a secret and commits the second ones."""
    _live_foreign(world)
    names = {name: support.fresh(name.lower()) for name in ("LAKE", "MAILER")}
    world.canaries += [*SECRETS, world.variables["FINGERPRINT_KEY"]]
    world.variables |= {"WAREHOUSE": WAREHOUSE, "VENDOR": VENDOR, "TOKEN": TOKEN}
    with support.client("secretsmanager") as manager:
        manager.create_secret(Name=names["LAKE"], SecretString=LAKE)
        manager.create_secret(Name=names["MAILER"], SecretString=f'{{"password": "{MAILER}"}}')
        world.declare(_named(BEFORE, names))
        first = world.apply()
        assert first.code == 0, first
        manager.put_secret_value(SecretId=names["LAKE"], SecretString=ROTATED)
    world.declare(_named(AFTER, names))
    ledger = world.kept()
    assert ledger is not None
    return Settled(world, world.rows(), ledger)


def _live_foreign(world: World) -> None:
    for collection, name in (("variables", "key"), ("connections", "connection_id"), ("pools", "name")):
        for id_, fields in FOREIGN[collection].items():
            made = world.airflow.send(Request("POST", f"/{collection}", {}, {name: id_, **fields}))
            assert made.status in (200, 201), made


def _named(manifest: Any, names: dict[str, str]) -> Any:
    """The same with the names that secrets have in Secrets Manager."""
    if isinstance(manifest, dict):
        return {key: _named(value, names) for key, value in manifest.items()}
    if isinstance(manifest, str) and manifest.startswith("aws-sm:"):
        name, hash_, key = manifest.removeprefix("aws-sm:").partition("#")
        return f"aws-sm:{names[name]}{hash_}{key}"
    return manifest


def rehearsed(start: Settled) -> list[Crossing]:
    """Every request of an apply that nobody disturbs."""
    start.restore()
    assert start.world.apply().code == 0
    crossings = start.world.wires.crossings
    start.check_converged()
    return crossings


def mended(world: World) -> Ran:
    """Applies until it is done, and unlocks as a refusal says."""
    ran = world.apply()
    if ran.code == 3:
        assert world.wires.writes == []
        unlocked = world.ran(unlocking(ran))
        assert unlocked.code == 0, unlocked
        ran = world.apply()
    return ran
