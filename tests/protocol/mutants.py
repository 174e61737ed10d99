"""Protocols that are one rule short of the real one, made of altered functions and stores."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from reconciler import guards
from reconciler.ledger import (
    Claims,
    Entry,
    Intended,
    Lease,
    Ledger,
    Pending,
    Settled,
    begun,
    claimed,
    ended,
)
from reconciler.model import Key, Resource, State
from reconciler.records import Marker, Record
from reconciler.stores import Stored
from reconciler.writer import Writer
from tests.protocol.machine import Memory, Rules
from tests.protocol.truth import DELETED, LEAKED, LOST, OVERWRITTEN, WRONG

Document = dict[str, Any]


@dataclass
class Altered:
    """A store that keeps something else than it is given."""

    memory: Memory
    alter: Callable[[Document, Document], Document]
    place: str = "altered"

    def load(self) -> Stored | None:
        return self.memory.load()

    def save(self, text: str, replacing: str | None) -> str:
        kept = self.alter(json.loads(self.memory.text), json.loads(text))
        return self.memory.save(json.dumps(kept, sort_keys=True) + "\n", replacing)

    def neighbours(self) -> Iterator[tuple[str, str]]:
        return self.memory.neighbours()

    def own_key(self, *, create: bool) -> bytes | None:
        return self.memory.own_key(create=create)


def only_a_lease_first(before: Document, text: Document) -> Document:
    """What is going to be ours is written at the end alone."""
    return {**text, "owned": before["owned"]} if text["lease"] else text


def without_pending(_before: Document, text: Document) -> Document:
    """What is meant counts as written at once."""
    return {
        **text,
        "owned": {kind: {id_: _plain(one) for id_, one in of.items()} for kind, of in text["owned"].items()},
    }


def _plain(entry: Document) -> Document:
    if "pending" not in entry:
        return entry
    pending, nothing = entry["pending"], {"protect": False, "secret_version": None}
    record = {**nothing, "marks": {}, "secrets": {}, **{k: v for k, v in entry.items() if k != "pending"}}
    return {
        **record,
        "marks": {**record["marks"], **pending["marks"]},
        "secrets": {**record["secrets"], **pending["secrets"]},
    }


def claiming(is_ours: Callable[[Entry], bool]) -> Callable[..., Claims]:
    """Claims that take what they would disown for ours all the same, where ``is_ours`` says so."""

    def altered(entries: Mapping[Key, Entry], current: State, marker: Marker) -> Claims:
        claims = claimed(entries, current, marker)
        kept = {
            key: replace(entries[key].record or _as_meant(entries[key].pending), settled=False)
            for key in claims.disowned
            if is_ours(entries[key])
        }
        return Claims({**claims.records, **kept}, claims.disowned - kept.keys())

    return altered


def _as_meant(pending: Pending | None) -> Record:
    return Record(pending.marks, pending.secrets) if pending else Record()


def sure_of_secrets(entries: Mapping[Key, Entry], current: State, marker: Marker) -> Claims:
    """A secret that a broken run was sending counts as sent."""
    claims = claimed(entries, current, marker)
    records = {key: replace(record, unsure=frozenset()) for key, record in claims.records.items()}
    return Claims(records, claims.disowned)


def letting_go(before: Ledger, begun: Ledger, settled: Iterable[Settled], untouched: Iterable[Key]) -> Ledger:
    """What is not certain at the end is forgotten."""
    after = ended(before, begun, settled, untouched)
    certain = {key: entry for key, entry in after.entries.items() if entry.pending is None}
    return replace(after, entries=certain)


def forgetful(ledger: Ledger, intended: Intended, lease: Lease, *_claims: object) -> Ledger:
    """What an earlier run has left pending is overwritten by what is meant now."""
    return begun(ledger, intended, lease)


def unverified(*_anything: object) -> tuple[tuple[Key, ...], str | None]:
    """Every 2xx is believed."""
    return (), None


def without(*given_up: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """The guards but these."""
    return tuple(guard for guard in guards.GUARDS if guard not in given_up)


def looking_away(writer: Writer, key: Key, _ignored: frozenset[str] = frozenset()) -> Resource | None:
    """What lives is deleted whether or not it is what the plan saw."""
    return writer.airflow.find(key)


class Mutant(NamedTuple):
    """A protocol, what it does that none may, and after how many events that shows."""

    rules: Rules
    crimes: frozenset[str]
    depth: int
    intrusions: bool = False


MUTANTS = {
    "the ledger learns of a creation at the end only": Mutant(
        Rules(store=lambda memory: Altered(memory, only_a_lease_first)), frozenset({LEAKED, LOST}), 1
    ),
    "what is meant is not told from what is written": Mutant(
        Rules(store=lambda memory: Altered(memory, without_pending)), frozenset({WRONG, OVERWRITTEN}), 2
    ),
    "what looks different is ours after a broken creation": Mutant(
        Rules(claimed=claiming(lambda entry: entry.record is None)), frozenset({OVERWRITTEN}), 2
    ),
    "what looks different is ours after a broken deletion": Mutant(
        Rules(claimed=claiming(lambda entry: entry.record is not None)), frozenset({OVERWRITTEN}), 3
    ),
    "secrets of a broken run are not sent again": Mutant(
        Rules(claimed=sure_of_secrets), frozenset({WRONG}), 2
    ),
    "the result is not looked at": Mutant(Rules(verified=unverified), frozenset({LEAKED, WRONG}), 2),
    "what an unfinished run has left is forgotten by the next": Mutant(
        Rules(begun=forgetful), frozenset({LEAKED}), 2
    ),
    "what failed is let go of": Mutant(Rules(ended=letting_go), frozenset({LEAKED, LOST}), 1),
    "what was changed is deleted unasked": Mutant(
        Rules(guards=without(guards.changed)), frozenset({DELETED}), 2
    ),
    "what is there already is overwritten unasked": Mutant(
        Rules(guards=without(guards.foreign)), frozenset({OVERWRITTEN}), 1
    ),
    "nobody looks before a deletion": Mutant(
        Rules(is_as_it_was=looking_away), frozenset({DELETED}), 2, intrusions=True
    ),
}
