"""The ledger: what we own, what we last wrote of it, what an apply is about to do, and who holds the lease.

It is written twice by an apply that writes to Airflow. ``begun`` names all that is going to be ours and
what is meant with it, before the first call; ``ended`` keeps what is known after the last one. Whatever
happens between, ``claimed`` tells the next run what is ours: nothing is lost, and nothing of a stranger's
is taken for ours because it has the name of something that a broken run was about to make.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.kinds import BY_NAME
from reconciler.living import is_as_written, looks_like, unseen
from reconciler.model import Key, Resource, State
from reconciler.plan import Action
from reconciler.records import UNCOMPARABLE, Marker, Marks, Record, top

RUN_SECONDS = 1800
"""How long a run may take unless told otherwise."""

LEASE_GRACE = 120
"""Seconds that a lease outlives its run's deadline, so that a run is over before another takes its place."""


@dataclass(frozen=True)
class Binding:
    """The environment that a ledger is about: its name, its target, and the AWS account where it is known."""

    name: str
    target: str
    account: str | None = None

    @property
    def scope(self) -> tuple[str, str]:
        """Name and target; a sandbox counts by its name only, wherever its file is."""
        return self.name, "sandbox:" if self.target.startswith("sandbox:") else self.target

    def misfit(self, environment: "Binding") -> str | None:
        """In which point a ledger's binding is not that of an environment; ``None`` if it is."""
        if self.name != environment.name:
            return f"the environment '{self.name}', not '{environment.name}'"
        if self.scope != environment.scope:
            return f"{self.target}, not {environment.target}"
        if None not in {self.account, environment.account} and self.account != environment.account:
            return f"account {self.account}, not {environment.account}"
        return None

    def __str__(self) -> str:
        return f"'{self.name}' at {self.target}"


@dataclass(frozen=True)
class Lease:
    """Who may write to the environment, and for how many seconds from the moment it was written."""

    id: str
    holder: str
    since: str
    seconds: float


@dataclass(frozen=True)
class Pending:
    """What an apply is about to do to one resource: the marks of the fields it sends.

    ``protect`` is what git asks for: it holds from before the first call.
    """

    action: Action
    marks: Marks = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    protect: bool = False


@dataclass(frozen=True)
class Entry:
    """One owned resource; ``record`` is ``None`` for one that was not ours before what is pending."""

    record: Record | None
    pending: Pending | None = None

    @property
    def fields(self) -> frozenset[str]:
        """The top-level fields that were written or are about to be."""
        written = self.record.fields if self.record else frozenset()
        return written | frozenset(map(top, self.pending.marks if self.pending else ()))

    @property
    def protect(self) -> bool:
        """Whether the resource must not be deleted."""
        return any(one is not None and one.protect for one in (self.record, self.pending))


@dataclass(frozen=True)
class Ledger:
    """One environment's ledger as it stands in its store."""

    binding: Binding
    salt: bytes = field(repr=False)
    serial: int = 0
    entries: Mapping[Key, Entry] = field(default_factory=dict)
    lease: Lease | None = None


@dataclass(frozen=True)
class Claims:
    """What is ours now that the living state is known."""

    records: Mapping[Key, Record]
    disowned: frozenset[Key]


def claimed(entries: Mapping[Key, Entry], current: State, marker: Marker) -> Claims:
    """Each entry held against what lives; what a broken run left is ours only if it looks like ours."""
    found = {key: _claim(entry, current.get(key), marker) for key, entry in entries.items()}
    return Claims(
        {
            key: record if record is entries[key].record else replace(record, protect=entries[key].protect)
            for key, record in found.items()
            if record is not None
        },
        frozenset(key for key, record in found.items() if record is None),
    )


def _claim(entry: Entry, live: Resource | None, marker: Marker) -> Record | None:
    record, pending = entry.record, entry.pending
    if pending is None:
        return record
    if live is None:
        return replace(record or Record(), settled=False)
    if pending.action is Action.UPDATE and record is not None:
        return _half_updated(record, pending, live, marker)
    if looks_like(pending.marks, pending.secrets, live, marker) and pending.action is not Action.DELETE:
        return _sent(record or Record(), pending, live)
    if record is not None and is_as_written(record.marks, record.secrets, live, marker):
        return replace(record, settled=False)
    return None


def _half_updated(record: Record, pending: Pending, live: Resource, marker: Marker) -> Record:
    """Each field counts as sent if it looks so; what it hides is unsure either way."""
    fields = {top(place) for place in pending.marks}
    arrived = {
        name for name in fields if is_as_written(_of(pending.marks, name), pending.secrets, live, marker)
    }
    kept = {place: mark for place, mark in record.marks.items() if top(place) not in arrived}
    sent = {place: mark for place, mark in pending.marks.items() if top(place) in arrived}
    return replace(_sent(record, pending, live), marks={**kept, **sent})


def _of(marks: Marks, name: str) -> Marks:
    return {place: mark for place, mark in marks.items() if top(place) == name}


def _sent(record: Record, pending: Pending, live: Resource) -> Record:
    """The record of a resource to which the pending write has got through, as far as one can see.

    Where one cannot, be it that a secret was to go, it is unsure.
    """
    fields = {top(place) for place in pending.marks}
    kept = {place: mark for place, mark in record.marks.items() if top(place) not in fields}
    return replace(
        record,
        marks={**kept, **pending.marks},
        secrets={**record.secrets, **pending.secrets},
        unsure=unseen(pending.marks, {**record.secrets, **pending.secrets}, live),
        settled=False,
    )


Intended = Mapping[Key, Pending]
"""What an apply is going to do, by resource; what is not ours and is only deleted is not among it."""


def begun(
    ledger: Ledger, intended: Intended, lease: Lease, claims: Mapping[Key, Record] | None = None
) -> Ledger:
    """The ledger before the first call: all that may become ours, what is meant with it, and the lease.

    ``claims`` are the records that hold now: what an earlier run has left pending is not forgotten.
    """
    entries = dict(ledger.entries)
    records = {key: entry.record for key, entry in entries.items()} if claims is None else claims
    for key, pending in intended.items():
        entries[key] = _begun(records.get(key), pending)
    return replace(ledger, serial=ledger.serial + 1, entries=entries, lease=lease)


def _begun(record: Record | None, pending: Pending) -> Entry:
    """What nobody can tell of a record is not claimed to be known; what was never written is no record."""
    if record is None or replace(record, protect=False) == Record(settled=False):
        return Entry(None, pending)
    marks = {**record.marks, **dict.fromkeys(record.unsure, UNCOMPARABLE)}
    version = None if record.unsure else record.secret_version
    return Entry(replace(record, marks=marks, secret_version=version, unsure=frozenset()), pending)


@dataclass(frozen=True)
class Settled:
    """What is certain of one resource after the last call; without a record it is no longer ours."""

    key: Key
    record: Record | None


def ended(before: Ledger, begun: Ledger, settled: Iterable[Settled], untouched: Iterable[Key]) -> Ledger:
    """The ledger after the last call, the lease given up.

    What is neither ``settled`` nor ``untouched``, which goes back to what it was, stays pending.
    """
    entries = dict(begun.entries)
    for key in untouched:
        _put(entries, key, before.entries.get(key))
    for one in settled:
        _put(entries, one.key, None if one.record is None else Entry(one.record))
    return replace(begun, serial=begun.serial + 1, entries=entries, lease=None)


def _put(entries: dict[Key, Entry], key: Key, entry: Entry | None) -> None:
    if entry is None:
        entries.pop(key, None)
    else:
        entries[key] = entry


def unlocked(ledger: Ledger) -> Ledger:
    """The same without a lease; what is pending stays so."""
    return replace(ledger, serial=ledger.serial + 1, lease=None)


def rebound(ledger: Ledger, binding: Binding) -> Ledger:
    """The same ledger for an environment that has moved or was renamed."""
    return replace(ledger, serial=ledger.serial + 1, binding=binding)


def withdrawn_fields(resource: Resource, record: Record) -> frozenset[str]:
    """Fields that we wrote and that git no longer declares."""
    return record.fields - resource.fields.keys()


def completed(resource: Resource, record: Record) -> Resource:
    """A declared resource with the fields that it no longer declares at their defaults."""
    kind = BY_NAME[resource.key.kind]
    back = {name: kind.empty(name) for name in sorted(withdrawn_fields(resource, record))}
    return replace(resource, fields={**resource.fields, **back}) if back else resource
