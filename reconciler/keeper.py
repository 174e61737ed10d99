"""The ledger of an environment, read from its store and written back on conditions."""

import secrets as randomness
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from reconciler.amazon import Place, place_of
from reconciler.errors import LedgerChanged, LedgerUncertain, Locked, SecretError, WrongLedger
from reconciler.ledger import Binding, Ledger
from reconciler.ledger_document import dump, parse
from reconciler.manifests import Environment
from reconciler.model import Key, Secret, keyed_digest
from reconciler.records import derived_key
from reconciler.retry import Patience
from reconciler.stores import Store, open_store
from reconciler.targets import MwaaTarget, SandboxTarget

SALT_BYTES = 32
TRIES = 3
"""How often a ledger is written again that surely has not been."""

SHORTEST = 16
"""Characters of a fingerprint key, below which passwords could be searched for."""

LOOK_EVERY = 2.0
"""Seconds between two looks at a lease that is waited for."""


@dataclass(frozen=True)
class Kept:
    """A ledger as it was read, and what a write of it has to name; ``version`` is ``None`` for a new one."""

    store: Store
    ledger: Ledger
    version: str | None
    age: float = 0.0

    @property
    def is_locked(self) -> bool:
        """Whether another run's lease has not run out yet, by the store's clock."""
        return self.ledger.lease is not None and self.age < self.ledger.lease.seconds


def binding_of(environment: Environment) -> Binding:
    """What the ledger of an environment is bound to: neither credentials nor endpoints.

    A sandbox counts by its name only; its path tells ledgers apart that lie side by side.
    """
    target = environment.target
    if isinstance(target, SandboxTarget):
        return Binding(environment.name, f"sandbox:{(environment.folder / target.file).resolve()}")
    account = target.account if isinstance(target, MwaaTarget) else None
    return Binding(environment.name, str(target), account)


def store_of(environment: Environment) -> Store | None:
    """Where the ledger of an environment is kept; ``None`` where it has none."""
    if environment.ledger is None:
        return None
    return open_store(environment.ledger, environment.folder, place_of(environment.target))


def read(store: Store, binding: Binding | None, folder: str = "ENV") -> Kept:
    """The ledger in ``store``, a new one where there is none yet.

    Raises WrongLedger where it is bound to something else (``None`` asks for no binding) or cannot be
    understood, and LedgerUnavailable.
    """
    stored = store.load()
    if stored is None:
        fresh = Ledger(binding or Binding("", ""), randomness.token_bytes(SALT_BYTES))
        return Kept(store, fresh, None)
    ledger = parse(stored.text, store.place)
    misfit = None if binding is None else ledger.binding.misfit(binding)
    if misfit:
        raise WrongLedger(
            f"the ledger {store.place} is about {misfit}; after a move or a renaming: "
            f"reconciler ledger rebind {shlex.quote(folder)}; nothing was written"
        )
    return Kept(store, ledger, stored.version, stored.age)


@dataclass(frozen=True)
class Wait:
    """How long to wait for another run's lease, in seconds, and who is told for whom before the wait."""

    seconds: float
    patience: Patience
    told: Callable[[str], None] = lambda _holder: None


def read_unlocked(store: Store, binding: Binding, wait: Wait, folder: str) -> Kept:
    """The same once no other run holds the lease; raises Locked."""
    patience = wait.patience
    until = patience.clock() + wait.seconds
    kept = read(store, binding, folder)
    if kept.is_locked and wait.seconds and kept.ledger.lease:
        wait.told(kept.ledger.lease.holder)
    while kept.is_locked and patience.clock() < until and not patience.stopped():
        patience.sleep(min(LOOK_EVERY, max(0.0, until - patience.clock())))
        kept = read(store, binding)
    check_unlocked(kept, folder)
    return kept


def check_unlocked(kept: Kept, folder: str) -> None:
    """Raises Locked, with the command that ends a dead run's lease, where another run holds it."""
    lease = kept.ledger.lease
    if lease is not None and kept.is_locked:
        raise Locked(
            f"locked by {lease.holder} since {lease.since}; if that run is dead: "
            f"reconciler ledger unlock {shlex.quote(folder)} --id {shlex.quote(lease.id)}; "
            "nothing was written"
        )


def write(kept: Kept, ledger: Ledger) -> Kept:
    """Puts ``ledger`` in the place of what was read.

    Where nobody can tell whether that worked, what is there now decides. Raises LedgerChanged where
    another run was faster, LedgerUnavailable, and LedgerUncertain where it stays unknown.
    """
    text = dump(ledger)
    for _ in range(TRIES - 1):
        try:
            return _written(kept, ledger, text)
        except LedgerUncertain:
            continue
    return _written(kept, ledger, text)


def _written(kept: Kept, ledger: Ledger, text: str) -> Kept:
    try:
        version = kept.store.save(text, kept.version)
    except (LedgerUncertain, LedgerChanged):
        stored = kept.store.load()
        if stored is None or stored.text != text:
            raise
        version = stored.version
    return replace(kept, ledger=ledger, version=version, age=0.0)


def owners_elsewhere(store: Store, binding: Binding, keys: Iterable[Key]) -> dict[Key, str]:
    """Which of ``keys`` another ledger in the same place owns, of an environment with the same target."""
    wanted = frozenset(keys)
    found: dict[Key, str] = {}
    for place, text in store.neighbours() if wanted else ():
        try:
            other = parse(text, place)
        except WrongLedger:
            continue
        accounts = {other.binding.account, binding.account} - {None}
        if other.binding.target == binding.target and len(accounts) <= 1:
            found |= dict.fromkeys(wanted & other.entries.keys(), f"{place} ({other.binding})")
    return found


@dataclass(frozen=True)
class FingerprintKey:
    """The key of secrets' fingerprints, looked up once and only where it is needed."""

    environment: Environment
    store: Store
    resolve: Callable[[Secret], Secret]
    _found: dict[bool, bytes | None] = field(default_factory=dict)

    def __call__(self, *, create: bool = False) -> bytes | None:
        """The key bound to this environment; ``None`` where there is none. Raises SecretError."""
        if create not in self._found:
            master = self._master(create=create)
            purpose = "|".join(("reconciler fingerprint 1", *binding_of(self.environment).scope))
            self._found[create] = None if master is None else derived_key(master, purpose)
        return self._found[create]

    def _master(self, *, create: bool) -> bytes | None:
        configured = self.environment.fingerprint_key
        if configured is None:
            return self.store.own_key(create=create)
        if isinstance(configured, str):
            return _kms_key(configured.removeprefix("kms:"), place_of(self.environment.target))
        return _key_in(self.resolve(configured))


def _kms_key(key: str, place: Place) -> bytes:
    from reconciler.secrets.keys import kms_key  # noqa: PLC0415 - only where it is used

    return kms_key(key, place)


def _key_in(secret: Secret) -> bytes:
    digest = secret.digested(
        lambda text: keyed_digest(b"fingerprint key", text) if len(text) >= SHORTEST else ""
    )
    if not digest:
        what = "is missing" if digest is None else f"is shorter than {SHORTEST} characters"
        raise SecretError(f"the fingerprint key {secret.ref} {what}")
    return bytes.fromhex(digest)
