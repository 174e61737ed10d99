"""What git declares, what the ledger says and what lives, held against each other."""

import secrets as randomness
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial

from reconciler import guards
from reconciler.causes import MASKED, Ownership
from reconciler.compare import FieldChange, compare_resources
from reconciler.guards import Allowed, Situation
from reconciler.ledger import Claims, Entry, Ledger, completed, withdrawn_fields
from reconciler.living import is_as_written, is_masked
from reconciler.manifests import Environment
from reconciler.model import Key, Resource, State, keyed_digest
from reconciler.plan import Difference, Undeclared, Violation, diff
from reconciler.records import (
    Marked,
    Marker,
    Marks,
    Record,
    pointer,
    record_of,
)
from reconciler.seal import Fingerprint, alike, seal, seal_pair
from reconciler.selection import Selection


def fresh_fingerprint() -> Fingerprint:
    """Seals under a key that nobody keeps."""
    return partial(keyed_digest, randomness.token_bytes(32))


@dataclass(frozen=True)
class Comparison:
    """One environment's selected resources as declared and as they live, and what the ledger claims."""

    environment: Environment
    selection: Selection
    declared: State
    current: State
    claims: Claims
    marker: Marker
    ledger: Ledger | None
    resend_secrets: bool = False
    fingerprint: Fingerprint = field(default_factory=fresh_fingerprint)

    @cached_property
    def desired(self) -> State:
        """What is declared, with withdrawn fields of what lives at their defaults."""
        records, declared = self.claims.records, self.declared
        back = {key: completed(declared[key], records[key]) for key in self._withdrawn if key in self.current}
        return {**declared, **back} if back else declared

    @cached_property
    def _withdrawn(self) -> Mapping[Key, frozenset[str]]:
        """Fields that are to go back to their defaults, of the resources that have such."""
        records, declared = self.claims.records, self.declared
        return {
            key: names
            for key, record in records.items()
            if key in declared and (names := withdrawn_fields(declared[key], record))
        }

    @property
    def ownership(self) -> Ownership:
        """What a comparison needs to know of the ledger; made where it is used, as it refers back to this."""
        return Ownership(
            self.claims.records,
            self.claims.disowned,
            wanted=lru_cache(maxsize=1)(self.wanted),
            living=self._living_marks,
            withdrawn=self._withdrawn,
            has_ledger=self.ledger is not None,
            is_stored=self.ledger is not None and self.ledger.serial > 0,
            is_blank=self._is_blank,
        )

    def _is_blank(self, key: Key, name: str) -> bool:
        """Whether a withdrawn field, of which Airflow shows nothing, was last written as its default."""
        record, place = self.claims.records[key], pointer((name,))
        blank = self.marker.marks(self.desired[key], (name,))
        return place not in record.unsure and blank.items() <= record.marks.items()

    def wanted(self, key: Key, sent: frozenset[str] = frozenset(), marker: Marker | None = None) -> Record:
        """What is to be recorded of a declared resource, were the fields ``sent`` written now."""
        before = self.claims.records.get(key)
        return record_of(self.declared[key], marker or self.marker, before, sent.__contains__)

    def _living_marks(self, key: Key) -> Marks:
        live = self.current.get(key)
        if live is None:
            return {}
        return Marked(
            live,
            live.fields,
            lambda bound, leaf: MASKED if is_masked(leaf) else self.marker.mark_of(bound, leaf),
        )

    @property
    def once_secret(self) -> Mapping[Key, tuple[str, ...]]:
        """Leaves that stay sealed, by resource."""
        return {key: tuple(record.secrets) for key, record in self.claims.records.items()}

    @cached_property
    def difference(self) -> Difference:
        """Everything that the comparison finds."""
        states = seal(self.desired, self.current, self.fingerprint, self.once_secret)
        resend = self.desired.keys() if self.resend_secrets else ()
        equal = alike(self.desired, self.current)
        return diff(*states, self._undeclared, resend, self.ownership, equal)

    @property
    def _undeclared(self) -> Undeclared:
        absent = {key: at for key, at in self.environment.absent.items() if key in self.selection}
        return Undeclared(absent, self.environment.authoritative, self.claims.records.__contains__)

    def still_differs(self, desired: Resource, live: Resource) -> bool:
        """Whether what lives after a write is not what was meant, as far as it can be read."""
        places = self.once_secret.get(desired.key, ())
        pair = seal_pair(desired, live, self.fingerprint, places)
        return any(isinstance(one, FieldChange) for one in compare_resources(*pair))

    def is_changed(self, key: Key) -> bool:
        """Whether an owned, living resource is not what we last wrote, as far as Airflow shows it."""
        record, live = self.claims.records.get(key), self.current.get(key)
        if record is None or live is None:
            return False
        return not is_as_written(record.marks, record.secrets, live, self.marker)

    def _is_protected(self, key: Key) -> bool:
        """Whether git says so, or said so when the resource was last written."""
        declared, entry = self.environment.desired.get(key), self.ledger and self.ledger.entries.get(key)
        return (declared is not None and declared.protect) or bool(entry and entry.protect)

    def violations(self, living: State, allowed: Allowed) -> tuple[Violation, ...]:
        """The guards that stand against the plan; ``living`` is all that was read, selected or not."""
        return guards.check(self._situation(living), allowed)

    def _situation(self, living: State) -> Situation:
        entries: Mapping[Key, Entry] = {} if self.ledger is None else self.ledger.entries
        environment = self.environment
        return Situation(
            changes=self.difference.changes,
            declared=environment.desired.keys(),
            living=living.keys(),
            kinds=self.selection.chosen_kinds(),
            owned=[key for key, entry in entries.items() if entry.record and key not in self.claims.disowned],
            settled=[key for key, entry in entries.items() if entry.pending is None],
            has_ledger=self.ledger is not None,
            is_owned=lambda key: key in entries and key not in self.claims.disowned,
            is_protected=self._is_protected,
            is_changed=self.is_changed,
            authoritative=environment.authoritative,
            limit=environment.delete_limit,
            adopt_always=environment.adopt_always,
        )
