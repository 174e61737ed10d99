"""Ledgers in memory, by a clock of their own, and the ways in which a store can fail."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from reconciler.errors import LedgerChanged, LedgerUnavailable, LedgerUncertain
from reconciler.stores import Store, Stored


@dataclass
class Clock:
    """A clock that stands still unless somebody sleeps by it."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Memory:
    """Keeps what a file or an object would, conditions included."""

    clock: Clock = field(default_factory=Clock)
    text: str | None = None
    serial: int = 0
    written: float = 0.0
    key: bytes | None = None
    saved: list[float] = field(default_factory=list)
    """When it was written, by the clock."""

    place = "memory:ledger"

    def load(self) -> Stored | None:
        if self.text is None:
            return None
        return Stored(self.text, str(self.serial), self.clock() - self.written)

    def save(self, text: str, replacing: str | None) -> str:
        if (None if self.text is None else str(self.serial)) != replacing:
            raise LedgerChanged(f"{self.place} is not what this run has read: another one changed it")
        self.text, self.serial, self.written = text, self.serial + 1, self.clock()
        self.saved.append(self.written)
        return str(self.serial)

    def neighbours(self) -> Iterator[tuple[str, str]]:
        yield from ()

    def own_key(self, *, create: bool) -> bytes | None:
        if self.key is None and create:
            self.key = b"k" * 32
        return self.key


@dataclass(frozen=True)
class StoreFault:
    """From the ``first`` to the ``last`` call of an operation, this happens; ``None`` never ends."""

    operation: str
    mode: str
    first: int
    last: int | None

    def __str__(self) -> str:
        last = "" if self.last == self.first else f"-{self.last or ''}"
        return f"{self.operation} {self.first}{last}={self.mode}"

    def holds(self, operation: str, number: int) -> bool:
        return operation == self.operation and self.first <= number <= (self.last or number)


@dataclass
class FaultyStore:
    """A store that fails as it is told; ``elsewhere`` is what another run does to the ledger meanwhile."""

    store: Store
    faults: tuple[StoreFault, ...]
    elsewhere: Callable[[Store], None]
    calls: dict[str, int] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return self.store.place

    def _met(self, operation: str) -> str | None:
        number = self.calls[operation] = self.calls.get(operation, 0) + 1
        return next((one.mode for one in self.faults if one.holds(operation, number)), None)

    def load(self) -> Stored | None:
        self._fail(self._met("load"))
        return self.store.load()

    def save(self, text: str, replacing: str | None) -> str:
        mode = self._met("save")
        self._fail(mode)
        if mode == "changed":
            self.elsewhere(self.store)
        version = self.store.save(text, replacing)
        if mode == "uncertain_after":
            raise LedgerUncertain("nobody can tell whether the ledger was written")
        return version

    def neighbours(self) -> Iterator[tuple[str, str]]:
        self._fail(self._met("neighbours"))
        yield from self.store.neighbours()

    def own_key(self, *, create: bool) -> bytes | None:
        self._fail(self._met("own_key"))
        return self.store.own_key(create=create)

    def _fail(self, mode: str | None) -> None:
        if mode == "unavailable":
            raise LedgerUnavailable("the ledger cannot be reached")
        if mode == "uncertain_before":
            raise LedgerUncertain("nobody can tell whether the ledger was written")
