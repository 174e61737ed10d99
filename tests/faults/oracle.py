"""What has to hold after a run, judged by what is stored and what was sent, not by the program's own eyes."""

import functools
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from reconciler.backends import Request, Response
from reconciler.errors import BadAnswer, NotApplied, ServerFailed, Unreachable
from tests.faults.modes import is_list
from tests.faults.scenarios import COLLECTIONS, Place, Scenario
from tests.faults.worlds import Ran, Raw, Row, Seen

KINDS = {"variable": "variables", "connection": "connections", "pool": "pools"}


def place_of(kind: str, id_: str) -> Place:
    return KINDS[kind], id_


def _with_values(value: Any, secrets: Mapping[str, str]) -> Any:
    """A declared value with the secrets in place of their references."""
    if isinstance(value, dict):
        if "$secret" in value:
            return secrets[value["$secret"].removeprefix("env:")]
        return {name: _with_values(item, secrets) for name, item in value.items()}
    return [_with_values(item, secrets) for item in value] if isinstance(value, list) else value


def _nothing(value: Any) -> bool:
    return value is None or value is False or value in ("", "{}") or value == {}


def _same(name: str, declared: Any, stored: Any) -> bool:
    if name == "extra":
        return (json.loads(stored) if stored else {}) == (declared or {})
    if name == "value" and not isinstance(declared, str):
        return bool(stored == json.dumps(declared, ensure_ascii=False))
    return declared == stored or (_nothing(declared) and _nothing(stored))


@dataclass(frozen=True)
class Difference:
    """A field that is stored otherwise than git declares it; ``hidden`` where only a secret differs."""

    place: Place
    field: str
    hidden: bool = False


@dataclass(frozen=True)
class Wanted:
    """What a manifest wants to be stored, and which ids it has anything to say about."""

    declared: Mapping[Place, Mapping[str, Any]]
    gone: frozenset[Place]
    plain: Mapping[Place, Mapping[str, Any]]
    """The declared fields with the references still in the secrets' places."""
    found: frozenset[Place]
    """What was there before git, whose undeclared fields are its own."""
    major: int

    @property
    def managed(self) -> frozenset[Place]:
        return frozenset(self.declared) | self.gone

    def misses(self, raw: Raw) -> Iterator[Difference]:
        """Everything that is not as it should be."""
        for place in self.gone & raw.keys():
            yield Difference(place, "is there")
        for place, fields in self.declared.items():
            if place in raw:
                yield from self._misses(place, fields, raw[place])
            else:
                yield Difference(place, "is not there")

    def _misses(self, place: Place, fields: Mapping[str, Any], row: Row) -> Iterator[Difference]:
        for name, stored in row.items():
            if name == "id" or (name not in fields and (place in self.found or _nothing(stored))):
                continue
            if name not in fields or not _same(name, fields[name], stored):
                yield Difference(place, name, hidden=self._only_hidden(place, name, stored))

    def _only_hidden(self, place: Place, name: str, stored: Any) -> bool:
        """Whether everything but the secrets of a field is as it should be."""
        if name == "password" and self.major == 2:
            return True  # it does not even tell that there is one
        declared = self.plain[place].get(name)
        if not isinstance(declared, dict):
            return False
        if "$secret" in declared:
            return stored is not None
        return name == "extra" and bool(stored) and _looks_like(declared, json.loads(stored))


def _looks_like(declared: Any, stored: Any) -> bool:
    if isinstance(declared, dict) and "$secret" in declared:
        return isinstance(stored, str)
    if isinstance(declared, dict) and isinstance(stored, dict):
        return declared.keys() == stored.keys() and all(
            _looks_like(declared[name], stored[name]) for name in declared
        )
    return bool(declared == stored)


@functools.cache
def wanted(scenario: Scenario) -> Wanted:
    """What the second manifest of a scenario wants."""
    found = frozenset(_made(request) for request in scenario.seeds)
    return wanted_of(scenario.declared, scenario.undone, scenario.rotated, scenario.major, found)


def wanted_of(
    manifest: Mapping[str, Any],
    other: Mapping[str, Any],
    secrets: Mapping[str, str],
    major: int,
    found: frozenset[Place] = frozenset(),
) -> Wanted:
    """What a manifest wants where ``other`` has been applied; ``found`` was there before git."""
    plain = dict(_resources(manifest))
    tombstones = {(collection, id_) for collection, ids in manifest.get("absent", {}).items() for id_ in ids}
    return Wanted(
        declared={place: _with_values(fields, secrets) for place, fields in plain.items()},
        gone=frozenset(dict(_resources(other)).keys() - plain.keys() - found | tombstones),
        plain=plain,
        found=found,
        major=major,
    )


def _made(request: Request) -> Place:
    collection = request.path.removeprefix("/")
    return collection, request.body[COLLECTIONS[collection]]


def _resources(manifest: Mapping[str, Any]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    for collection in COLLECTIONS:
        for id_, body in manifest.get(collection, {}).items():
            yield (collection, id_), (body if isinstance(body, dict) else {"value": body})


def owned(ledger: str, *, written: bool = False) -> frozenset[Place]:
    """What a ledger says is ours, or only what it says has been written."""
    return frozenset(
        place_of(kind, id_)
        for kind, entries in json.loads(ledger)["owned"].items()
        for id_, entry in entries.items()
        if not written or "marks" in entry
    )


def unfinished(ledger: str) -> list[str]:
    """What a ledger says is not at its end: a lease, and resources that are pending."""
    document = json.loads(ledger)
    pending = [
        f"{kind}/{id_} is pending"
        for kind, entries in document["owned"].items()
        for id_, entry in entries.items()
        if "pending" in entry
    ]
    return [*pending, *(["it is locked"] if document["lease"] else [])]


def may_have_written(seen: Seen) -> bool:
    """Whether a client that saw this has to reckon with a change."""
    if seen.request.method == "GET":
        return False
    if seen.answer is None:
        return isinstance(seen.error, Unreachable | ServerFailed | BadAnswer | NotApplied)
    return seen.answer.status >= 500 or (seen.answer.status < 300 and not _failed_in_bulk(seen.answer))


def _answered(seen: Seen) -> frozenset[Place]:
    """What a write was about that was answered as if it had worked."""
    if seen.request.method == "GET" or seen.answer is None or seen.answer.status >= 300:
        return frozenset()
    return addressed(seen.request)


def addressed(request: Request) -> frozenset[Place]:
    """The resources that a request names."""
    _, collection, *rest = request.path.split("/")
    if rest:
        return frozenset({(collection, unquote(rest[0]))})
    if request.method == "GET":
        terms = (str(term) for name, term in request.query.items() if "_pattern" in name)
        return frozenset((collection, term) for term in terms)
    bodies = request.body["actions"][0]["entities"] if "actions" in request.body else [request.body]
    ids = (body if isinstance(body, str) else body[COLLECTIONS[collection]] for body in bodies)
    return frozenset((collection, id_) for id_ in ids)


def _is_told_gone(place: Place, ran: Ran) -> bool:
    """Whether Airflow has said of one resource that it is not there."""
    return any(
        seen.answer and seen.answer.status == 404 and place in addressed(seen.request) for seen in ran.calls
    )


def _knows_better(place: Place, ran: Ran) -> bool:
    """Whether something was made or deleted although a look before it showed another one than the plan."""
    listed = [at for at, seen in enumerate(ran.calls) if seen.answer and seen.request.path == f"/{place[0]}"]
    if not listed or ran.theirs[place] <= listed[0]:
        return False
    later = ran.calls[ran.theirs[place] :]
    about = [seen for seen in later if seen.answer and place in addressed(seen.request)]
    return any(
        first.request.method == "GET" and first.answer.status == 200 and _is_final(second)
        for first, second in itertools.pairwise(about)
        if first.answer
    )


def _rash(ran: Ran, major: int) -> Iterator[str]:
    """What was made without a look: again, or where Airflow 2 would put it in the place of another."""
    last: dict[Place, Seen] = {}
    for seen in ran.calls:
        for place in addressed(seen.request):
            before = last.get(place)
            if before and _makes(before) and _makes(seen) and may_have_written(before):
                yield f"{place} was made again without a look"
            if seen.request.path == "/variables" and _makes(seen) and major == 2 and before is None:
                yield f"{place} was made without a look"
            last[place] = seen
        if is_list(seen.request):
            last |= {place: seen for place in last if seen.request.path == f"/{place[0]}"}


def _makes(seen: Seen) -> bool:
    body = seen.request.body or {}
    return seen.request.method == "POST" or ("actions" in body and body["actions"][0]["action"] == "create")


def _is_final(seen: Seen) -> bool:
    """Whether a call has made or deleted something."""
    if not _answered(seen):
        return False
    body = seen.request.body or {}
    action = body["actions"][0]["action"] if "actions" in body else seen.request.method
    return action in {"POST", "DELETE", "create", "delete"}


def _is_shown(place: Place, ran: Ran) -> bool:
    """Whether the program was shown a list, after somebody's change to something that it had to do with."""
    told = {place_of(*outcome.change.key) for outcome in ran.report.outcomes} if ran.report else {place}
    later = ran.calls[ran.theirs[place] :]
    return place in told and any(seen.answer and seen.request.path == f"/{place[0]}" for seen in later)


def _failed_in_bulk(answer: Response) -> bool:
    results = answer.body.values() if isinstance(answer.body, dict) else ()
    return any(isinstance(one, dict) and one.get("errors") for one in results)


@dataclass(frozen=True)
class After:
    """What is stored after a run in Airflow, and in the ledger before and after."""

    wanted: Wanted
    raw: Raw
    ledger_before: str
    ledger: str

    @property
    def misses(self) -> list[Difference]:
        return list(self.wanted.misses(self.raw))

    @property
    def complaints_of_ledger(self) -> list[str]:
        found = owned(self.ledger)
        more, less = found - self.wanted.declared.keys(), self.wanted.declared.keys() - found
        return [
            *unfinished(self.ledger),
            *(f"{place} is owned" for place in sorted(more)),
            *(f"{place} is not owned" for place in sorted(less)),
        ]

    def is_done(self, ran: Ran) -> bool:
        """Whether everything is as git wants it, as far as the program can know."""
        return not self._visible(ran) and not self.complaints_of_ledger

    def _visible(self, ran: Ran) -> list[Difference]:
        """What is not as it should be, and not only out of the program's sight."""
        blind = ran.theirs.keys() | {place for seen in ran.calls for place in _answered(seen)}
        unseen = {place for place in ran.theirs if not _is_shown(place, ran)}
        return [
            miss
            for miss in self.misses
            if miss.place not in unseen and not (miss.hidden and miss.place in blind)
        ]

    def complaints(self, ran: Ran) -> Iterator[str]:
        """Whatever a run that met a fault must not do."""
        yield from self._of_strangers(ran)
        yield from self._of_exit_code(ran)
        yield from self._of_report(ran)
        if ran.report is None and ran.writes:
            yield f"there is no report, and {ran.writes[0].request} was sent"

    def _of_strangers(self, ran: Ran) -> Iterator[str]:
        for place in sorted(ran.ours - self.wanted.managed):
            yield f"{place} is not ours and was changed"
        for place in sorted(ran.theirs):
            if _knows_better(place, ran):
                yield f"{place} was changed by somebody, was looked at, and was written over"
        yield from _rash(ran, self.wanted.major)

    def _of_exit_code(self, ran: Ran) -> Iterator[str]:
        wrote = bool(ran.ours) or any(map(may_have_written, ran.calls))
        gone = {miss.place for miss in self.misses if _is_told_gone(miss.place, ran)}
        recorded = owned(self.ledger, written=True) != owned(self.ledger_before, written=True)
        expected = {0} if self.is_done(ran) else {4} if wrote or recorded else {1, 3}
        expected |= {4} if gone else set()
        if ran.code not in expected:
            yield f"exit {ran.code}, not {sorted(expected)}: {self._state(ran)}"
        if ran.code != 0 and not ran.said and not (ran.report and ran.report.remaining):
            yield f"exit {ran.code} and no word why"

    def _state(self, ran: Ran) -> str:
        return f"{self.misses[:2]} {self.complaints_of_ledger[:2]} {ran.said!r}"

    def _of_report(self, ran: Ran) -> Iterator[str]:
        if ran.report is None:
            return
        told = {place_of(*one.change.key): one.result for one in ran.report.outcomes}
        for place in sorted(ran.ours):
            if told.get(place) not in {"done", "unknown"}:
                yield f"{place} was changed and is reported as {told.get(place)}"
        if ran.report.error and "could not be verified" in ran.report.error:
            return
        remaining = {place_of(*key) for key in ran.report.remaining}
        wrong = {miss.place for miss in self._visible(ran) if not _is_told_gone(miss.place, ran)}
        for place in sorted(wrong - remaining):
            if told.get(place) == "done":
                yield f"{place} is reported as done and is not"
