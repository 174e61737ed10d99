"""Git, people, another checkout, the network and death, who all do as they like with one environment."""

import copy
import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any

import jsonschema
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reconciler.errors import Locked
from reconciler.guards import Allowed
from reconciler.ledger_document import ledger_schema
from reconciler.manifests import Environment
from reconciler.model import Key
from reconciler.plan import Action
from tests.properties import oracle
from tests.properties.reaches import Countdown, Killed, MortalStore
from tests.properties.requests import writes
from tests.properties.samples import (
    FIELDS,
    IDS,
    NEWCOMER,
    REFERENCES,
    REQUIRED,
    STRANGE_IDS,
    UNLIKE,
    VISIBLE,
    bodies,
    faults,
    legal,
    manifests,
    rows,
    strangers,
    vaults,
)
from tests.properties.surviving import failing, unguarded
from tests.properties.world import COLLECTIONS, KINDS, Crowd, Kept, Manifest, Order, Ran, Raw, World

LONG_WORDS = tuple(word for word in UNLIKE if len(word) > 5)
"""Secrets that nothing else can look like."""

THEIRS = "a secret of their own"
DEFAULT_POOL = Key("pool", "default_pool")
ROUNDS = 4
"""How often an operator may have to lift a protection, one thing leading to another."""

declarable = st.sampled_from([Key(KINDS[name], id_) for name, ids in IDS.items() for id_ in ids])
anything = declarable | st.sampled_from(
    [Key(KINDS[name], id_) for name, ids in STRANGE_IDS.items() for id_ in ids]
)
OPTIONAL = sorted({name for fields in FIELDS.values() for name in fields})
NAMES = sorted({*OPTIONAL, *(name for fields in REQUIRED.values() for name in fields)})

checkouts = st.sampled_from(["main", "main", "main", "other"])
numbers = st.integers(0, 20)


def _declaration(key: Key) -> st.SearchStrategy[tuple[Key, dict[str, Any]]]:
    return st.tuples(st.just(key), bodies(COLLECTIONS[key.kind], ignores=True, protects=True))


def _creation(key: Key) -> st.SearchStrategy[tuple[Key, dict[str, Any]]]:
    return st.tuples(st.just(key), rows(COLLECTIONS[key.kind]))


declarations = declarable.flatmap(_declaration)
creations = anything.flatmap(_creation)
field_changes = st.one_of(
    [
        st.tuples(st.just(KINDS[collection]), st.just(name), values)
        for fields in (FIELDS, REQUIRED)
        for collection, names in fields.items()
        for name, values in names.items()
    ]
)
populous = st.fixed_dictionaries(
    {
        name: st.fixed_dictionaries(
            {
                id_: bodies(name, ignores=True, protects=True).map(functools.partial(legal, id_))
                for id_ in ids[:2]
            }
        )
        for name, ids in IDS.items()
    }
)
"""A manifest with two resources of each kind."""

a_meta = st.one_of(
    st.fixed_dictionaries({"protect": st.booleans()}),
    st.fixed_dictionaries({"ignore": st.lists(st.sampled_from(NAMES), max_size=1)}),
    st.fixed_dictionaries({"secret_version": st.integers(1, 3)}),
)


def picked(keys: Iterable[Key], number: int) -> Key | None:
    """One of the keys that there are, if there is any."""
    found = sorted(keys)
    return found[number % len(found)] if found else None


@functools.cache
def schema() -> Any:
    return jsonschema.Draft202012Validator(ledger_schema())


class Life(RuleBasedStateMachine):
    """One environment with everybody who has to do with it; Airflow is of ``version``."""

    def __init__(self, version: str) -> None:
        super().__init__()
        self.version = version
        self.git: dict[str, Manifest] = {}
        self.foreign: Raw = {}
        """Rows whose ids git has never heard of, as their owners left them."""
        self.people: set[Key] = {NEWCOMER}
        """Whatever people have made or changed: that may be theirs."""
        self.bodies: dict[Key, dict[str, Any]] = {}
        """What git last said of each resource, for who has to bring it back to take its protection away."""
        self.faults: list[str] = []
        self.left = 0
        self.checked: str | None = None

    @initialize(kept=vaults(LONG_WORDS), crowd=strangers, main=populous, other=manifests(2))
    def begin(self, kept: Kept, crowd: Crowd, main: Manifest, other: Manifest) -> None:
        self.world = World.made(self.version, crowd, kept)
        self.foreign = {key: self.world.airflow.raw()[key] for key in crowd}
        self.git = {"main": {**main, "absent": {}}, "other": {**other, "absent": {}}}

    # Somebody who writes manifests

    def _section(self, checkout: str, key: Key) -> dict[str, Any]:
        section: dict[str, Any] = self.git[checkout][COLLECTIONS[key.kind]]
        return section

    def _declare(self, checkout: str, key: Key, body: Mapping[str, Any]) -> None:
        absent = self.git[checkout]["absent"]
        absent[COLLECTIONS[key.kind]] = [
            id_ for id_ in absent.get(COLLECTIONS[key.kind], []) if id_ != key.id
        ]
        self._section(checkout, key)[key.id] = legal(key.id, dict(body))

    def _declared(self, checkout: str, number: int) -> Key | None:
        """One of what a manifest declares."""
        return picked(oracle.declared(self.git[checkout]), number)

    @rule(checkout=checkouts, declared=st.lists(declarations, min_size=1, max_size=3))
    def git_declares(self, checkout: str, declared: list[tuple[Key, dict[str, Any]]]) -> None:
        for key, body in declared:
            self._declare(checkout, key, body)

    @rule(checkout=checkouts, number=numbers, change=field_changes)
    def git_changes_a_field(self, checkout: str, number: int, change: tuple[str, str, Any]) -> None:
        kind, name, value = change
        mine = [key for key in oracle.declared(self.git[checkout]) if key.kind == kind]
        if key := picked(mine, number):
            self._declare(checkout, key, {**self._section(checkout, key)[key.id], name: value})

    @rule(checkout=checkouts, number=numbers, name=st.sampled_from(OPTIONAL))
    def git_withdraws_a_field(self, checkout: str, number: int, name: str) -> None:
        if key := self._declared(checkout, number):
            self._section(checkout, key)[key.id].pop(name, None)

    @rule(checkout=checkouts, number=numbers, meta=a_meta)
    def git_protects_ignores_or_asks_for_secrets_again(
        self, checkout: str, number: int, meta: dict[str, Any]
    ) -> None:
        if key := self._declared(checkout, number):
            fields = self._section(checkout, key)[key.id]
            ignored = [name for name in meta.get("ignore", ()) if name in fields]
            fields |= {**meta, **({"ignore": ignored} if "ignore" in meta else {})}

    @rule(checkout=checkouts, number=numbers, other=declarable)
    def git_renames(self, checkout: str, number: int, other: Key) -> None:
        key = self._declared(checkout, number)
        if key and key.kind == other.kind and DEFAULT_POOL not in {key, other}:
            self._declare(checkout, other, self._section(checkout, key).pop(key.id))

    @rule(checkout=checkouts, number=numbers, gone=st.booleans())
    def git_forgets_or_wants_gone(self, checkout: str, number: int, gone: bool) -> None:
        if key := self._declared(checkout, number):
            del self._section(checkout, key)[key.id]
            if gone and key != DEFAULT_POOL:
                self.git[checkout]["absent"].setdefault(COLLECTIONS[key.kind], []).append(key.id)

    @rule()
    def the_other_checkout_is_brought_up_to_date(self) -> None:
        self.git["other"] = copy.deepcopy(self.git["main"])

    @rule(reference=st.sampled_from(REFERENCES))
    def a_secret_is_rotated(self, reference: str) -> None:
        self.world.kept.rotate(reference, f"secret number {len(list(self.world.kept))} of its kind")

    # Somebody at Airflow's web page

    @rule(made=creations)
    def somebody_creates(self, made: tuple[Key, dict[str, Any]]) -> None:
        key, row = made
        if key not in self.world.airflow.raw():
            self.world.airflow.create(key, row)
            self._is_theirs(key)

    @rule(number=numbers, how=st.sampled_from(["shown", "shown", "secret", "deleted"]))
    def somebody_changes_or_deletes(self, number: int, how: str) -> None:
        key = picked(self.world.airflow.raw().keys() - {DEFAULT_POOL}, number)
        if key is None:
            return
        shown = list(VISIBLE[COLLECTIONS[key.kind]].items())
        if how == "deleted":
            self.world.airflow.drop(key)
        elif how == "secret" and key.kind != "pool":
            self.world.airflow.edit(key, **{"password" if key.kind == "connection" else "value": THEIRS})
        else:
            self.world.airflow.edit(key, **dict([shown[number % len(shown)]]))
        self._is_theirs(key)

    def _is_theirs(self, key: Key) -> None:
        self.people.add(key)
        if key.id in STRANGE_IDS[COLLECTIONS[key.kind]]:
            row = self.world.airflow.raw().get(key)
            self.foreign = {one: there for one, there in self.foreign.items() if one != key}
            self.foreign |= {key: row} if row is not None else {}

    # What befalls the next run

    @rule(checkout=checkouts, text=faults)
    def the_network_fails(self, checkout: str, text: str) -> None:
        self.faults = [*self.faults[-1:], text]
        self._apply_with_care(checkout)

    @rule(checkout=checkouts, left=st.integers(8, 40), noticed=st.booleans())
    def a_run_dies(self, checkout: str, left: int, noticed: bool) -> None:
        self.left = left
        self._apply_with_care(checkout)
        if noticed:
            self.world.unlock()

    @rule(word=st.none() | st.sampled_from(LONG_WORDS))
    def airflow_hides_a_word_or_forgets_them_all(self, word: str | None) -> None:
        if word is None:
            self.world.airflow = self.world.airflow.restarted()
        else:
            self.faults = [*self.faults[-1:], f"*=mask:{word[:3]}"]

    # The program

    @rule(checkout=checkouts)
    def plan(self, checkout: str) -> None:
        raw, text = self.world.airflow.raw(), self._text
        self.world.plan(self.world.environment(self.git[checkout]))
        assert (self.world.airflow.raw(), self._text) == (raw, text)

    @rule(checkout=checkouts, resend=st.sampled_from([False, False, False, True]))
    def apply(self, checkout: str, resend: bool) -> None:
        self._apply(checkout, Allowed(), resend=resend)

    @rule(checkout=checkouts)
    def apply_with_whatever_the_refusal_asks_for(self, checkout: str) -> None:
        self._apply_with_care(checkout)

    def _apply_with_care(self, checkout: str) -> None:
        environment = self.world.environment(self.git[checkout])
        self._apply(checkout, unguarded(self.world, environment))

    def _apply(self, checkout: str, allowed: Allowed, *, resend: bool = False) -> None:
        manifest = self.git[checkout]
        environment = self.world.environment(manifest)
        before = Snapshot(self.world, manifest, allowed)
        ran = self._carried_out(environment, allowed, resend=resend)
        before.check(ran)
        self.bodies |= {key: copy.deepcopy(body) for key, body in oracle.resources(manifest)}
        if ran is not None and ran.converged and not self.faults:
            assert self.world.plan(environment).plan.changes == ()
        self.faults, self.left = [], 0

    def _carried_out(self, environment: Environment, allowed: Allowed, *, resend: bool) -> Ran | None:
        """``None`` for a run that has died."""
        countdown = Countdown(self.left)
        assert self.world.store is not None
        order = Order(
            allowed,
            resend=resend,
            reach=lambda backend: countdown.reach(failing(self.faults)(backend)),
            store=MortalStore(self.world.store, countdown),
        )
        try:
            return self.world.apply(environment, order)
        except Killed:
            return None

    @property
    def is_locked(self) -> bool:
        return self.world.ledger is not None and self.world.ledger.lease is not None

    @precondition(lambda self: bool(self.git) and self.is_locked)
    @rule()
    def an_operator_unlocks_the_ledger(self) -> None:
        self.world.unlock()

    # What always holds

    @property
    def _text(self) -> str | None:
        return None if self.world.store is None else self.world.store.text

    @invariant()
    def other_peoples_resources_are_as_they_left_them(self) -> None:
        if self.git:
            raw = self.world.airflow.raw()
            assert {key: raw.get(key) for key in self.foreign} == self.foreign

    @invariant()
    def the_ledger_is_sound_and_holds_no_value(self) -> None:
        if not self.git or self._text is None or self._text == self.checked:
            return
        self.checked = self._text
        assert self.world.ledger is not None
        schema().validate(json.loads(self._text))
        for value in (*self.world.kept, THEIRS, "EDITED"):
            assert value not in self._text
            assert json.dumps(value)[1:-1] not in self._text

    def teardown(self) -> None:
        """Whatever has happened: main can be applied, by the ways out that the refusals print."""
        if self.git:
            self.world.unlock()
            self._converge()
            self._check_end()
        super().teardown()

    def _converge(self) -> None:
        for _ in range(ROUNDS):
            ran = self.world.settle(self.world.environment(self.git["main"]))
            if ran.converged:
                return
            assert ran.violations, (ran.said, ran.report and ran.report.remaining)
            self._unprotect(ran)
        raise AssertionError(f"{ran.said}")

    def _unprotect(self, ran: Ran) -> None:
        """Declares what is protected with ``protect: false``, applies that, and goes back to what was meant.

        What would be replaced for want of a password gets one meanwhile.
        """
        meant = copy.deepcopy(self.git["main"])
        ledger = self.world.ledger
        entries = {} if ledger is None else ledger.entries
        for change in ran.plan.changes:
            if change.action is Action.REPLACE:
                self._lift("main", change.key, self._section("main", change.key)[change.key.id])
                meant[COLLECTIONS[change.key.kind]][change.key.id]["protect"] = False
            elif change.action is Action.DELETE and change.key in entries and entries[change.key].protect:
                self._lift("main", change.key, self.bodies[change.key])
        self.world.settle(self.world.environment(self.git["main"]))
        self.git["main"] = meant

    def _lift(self, checkout: str, key: Key, body: Mapping[str, Any]) -> None:
        password = {"password": {"$secret": REFERENCES[0]}} if key.kind == "connection" else {}
        self._declare(checkout, key, {**body, **password, "ignore": [], "protect": False})

    def _check_end(self) -> None:
        manifest = self.git["main"]
        environment = self.world.environment(manifest)
        assert self.world.plan(environment).plan.changes == ()
        ledger = self.world.ledger
        entries = {} if ledger is None else ledger.entries
        assert entries.keys() == oracle.declared(manifest)
        assert not [key for key, entry in entries.items() if entry.pending is not None]
        leaks = (
            self.world.airflow.raw().keys() - oracle.declared(manifest) - self.people - self.foreign.keys()
        )
        assert leaks <= {DEFAULT_POOL}
        self._check_secrets(manifest)

    def _check_secrets(self, manifest: Manifest) -> None:
        """What nobody can see is right once it is sent again; Airflow 2 replaces empty passwords for that."""
        for _, body in oracle.resources(manifest):
            body["protect"] = False
        for resend in (False, True):
            ran = self.world.settle(self.world.environment(manifest), Order(resend=resend))
            assert ran.converged, ran.said
        assert oracle.misses(manifest, self.world.airflow.raw(), self.world.kept) == {}


class Snapshot:
    """What a run starts from, and what it may come to."""

    def __init__(self, world: World, manifest: Manifest, allowed: Allowed) -> None:
        self.world, self.manifest, self.allowed = world, manifest, allowed
        self.raw = world.airflow.raw()
        self.entries = {} if world.ledger is None else dict(world.ledger.entries)
        self.is_locked = world.ledger is not None and world.ledger.lease is not None

    def check(self, ran: Ran | None) -> None:
        """``ran`` is ``None`` for a run that has died."""
        raw = self.world.airflow.raw()
        touched = oracle.changed(self.raw, raw) - {NEWCOMER}
        assert touched <= oracle.declared(self.manifest) | self.entries.keys() | oracle.tombstones(
            self.manifest
        )
        self._check_adopted(touched)
        self._check_protected(raw)
        if ran is not None and ran.report is None:
            assert {write.key for write in writes(ran.writes)} <= {NEWCOMER}
            assert touched == frozenset()
        if self.is_locked:
            assert ran is None or isinstance(ran.error, Locked)
        elif ran is not None:
            assert self.world.ledger is None or self.world.ledger.lease is None

    def _check_adopted(self, touched: frozenset[Key]) -> None:
        """Airflow's own pool is nobody's."""
        strangers = {key for key in touched - {DEFAULT_POOL} if key in self.raw and key not in self.entries}
        assert strangers <= self.allowed.adopt | oracle.tombstones(self.manifest)

    def _check_protected(self, raw: Raw) -> None:
        declared = dict(oracle.resources(self.manifest))
        for key, entry in self.entries.items():
            if entry.protect and key in self.raw:
                assert key in raw
                assert raw[key]["id"] == self.raw[key]["id"], key
        assert all(key in raw for key, body in declared.items() if body.get("protect") and key in self.raw)
