"""The ledger: whether it can be read, is ours, is free and can be written on conditions."""

import shlex
from collections.abc import Generator
from dataclasses import replace
from pathlib import PurePath

from reconciler import keeper
from reconciler.amazon import place_of
from reconciler.diagnosis import Finding, failed, failure, ok, skipped, warning
from reconciler.doctor.means import Means, all_skipped
from reconciler.doctor.references import has_versions, listed, references
from reconciler.doctor.scratch import scratch_name
from reconciler.errors import LedgerChanged, LedgerUnavailable, ReconcilerError
from reconciler.manifests import Environment
from reconciler.secrets import Secrets
from reconciler.stores import FileLocation, Store, parse_location, store_at
from reconciler.stores.file import FileStore

DEPENDENT = ("ledger writes", "fingerprint key")
NOWHERE = '"reconciler-doctor"'
"""A version that no object has: a write that replaces it must be refused."""


def ledger(
    environment: Environment, means: Means, secrets: Secrets
) -> Generator[Finding, None, keeper.Kept | None]:
    """Everything about the ledger of an environment."""
    store = keeper.store_of(environment)
    if store is None:
        why = "environment.yaml names no ledger"
        yield skipped("ledger", f"{why}: only what stands under absent or authoritative is ever deleted")
        yield from all_skipped(DEPENDENT, why)
        return None
    kept = yield from _read(environment, store)
    yield _writes(environment, means)
    yield _key(environment, store, secrets)
    return kept


def _read(environment: Environment, store: Store) -> Generator[Finding, None, keeper.Kept | None]:
    folder = str(environment.folder)
    try:
        kept = keeper.read(store, keeper.binding_of(environment), folder)
    except ReconcilerError as error:
        yield failure("ledger", error)
        return None
    yield _lease(kept, folder)
    return kept


def _lease(kept: keeper.Kept, folder: str) -> Finding:
    lease, ledger = kept.ledger.lease, kept.ledger
    seen = f"{kept.store.place}, serial {ledger.serial}, {len(ledger.entries)} owned"
    if kept.version is None:
        return ok("ledger", f"{kept.store.place}: none yet, the first apply makes it")
    if lease is None:
        return ok("ledger", seen)
    who = f"{lease.holder} since {lease.since}"
    if not kept.is_locked:
        return warning("ledger", f"{seen}; left locked by {who}", "that run is dead: the next apply mends it")
    command = f"reconciler ledger unlock {shlex.quote(folder)} --id {shlex.quote(lease.id)}"
    return warning("ledger", f"{seen}; locked by {who}", f"wait, or if that run is dead: {command}")


def _writes(environment: Environment, means: Means) -> Finding:
    """A write that must be refused, to a name beside the ledger: it is the condition that refuses it."""
    if not means.scratch:
        return skipped("ledger writes", "nothing is written without --scratch")
    beside = _beside(environment, f"{scratch_name(means.clock())}.json")
    try:
        beside.save("{}", NOWHERE)
    except LedgerChanged:
        return ok("ledger writes", "a write on a condition that does not hold was refused, as it should be")
    except LedgerUnavailable as error:
        seen, _, advice = str(error).partition("; ")
        alone = "a policy that names the ledger alone is right, and then this says nothing"
        return warning("ledger writes", seen, f"{advice}; {alone}" if advice else alone)
    return failed(
        "ledger writes",
        f"{beside.place} was written although a condition forbade it: two runs would overwrite each other",
        "remove that object, and keep the ledger in a store that knows conditional writes",
    )


def _beside(environment: Environment, name: str) -> Store:
    """The store of another ledger in the same place."""
    location = parse_location(environment.ledger or "")
    if isinstance(location, FileLocation):
        beside = str(PurePath(location.path).with_name(name))
        return store_at(replace(location, path=beside), environment.folder, place_of(environment.target))
    folder = location.key[: location.key.rfind("/") + 1]
    return store_at(replace(location, key=folder + name), environment.folder, place_of(environment.target))


def _key(environment: Environment, store: Store, secrets: Secrets) -> Finding:
    """Whether the key of secrets' fingerprints can be had; what it is, nobody sees."""
    try:
        key = keeper.FingerprintKey(environment, store, secrets)()
    except ReconcilerError as error:
        return failure("fingerprint key", error)
    if key is not None:
        return ok("fingerprint key", "it can be used")
    if isinstance(store, FileStore):
        return ok("fingerprint key", "none yet: the first apply makes one beside the ledger")
    unversioned = sorted({ref for ref in references(environment) if not has_versions(ref)})
    if not unversioned:
        return ok("fingerprint key", "none, and none is needed: every secret's source tells versions")
    seen = f"none, and without one changes of {listed(unversioned)} go unnoticed"
    return warning("fingerprint key", seen, "name one in environment.yaml: fingerprint_key: kms:KEY")
