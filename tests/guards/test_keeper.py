from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import keeper
from reconciler.amazon import Place
from reconciler.errors import (
    LedgerChanged,
    LedgerUnavailable,
    LedgerUncertain,
    Locked,
    SecretError,
    WrongLedger,
)
from reconciler.keeper import (
    FingerprintKey,
    Kept,
    Wait,
    binding_of,
    owners_elsewhere,
    read,
    read_unlocked,
    store_of,
    write,
)
from reconciler.ledger import Binding, Entry, Lease, Ledger, Pending
from reconciler.ledger_document import dump
from reconciler.manifests import Environment
from reconciler.model import Key, Secret
from reconciler.plan import Action
from reconciler.records import Record, derived_key
from reconciler.retry import Patience
from reconciler.secrets import keys
from reconciler.stores import Stored
from reconciler.stores.file import FileStore
from reconciler.targets import HttpTarget, MwaaTarget, SandboxTarget, Target
from tests.core.samples import CANARY

BINDING = Binding("prod", "mwaa://eu-west-1/prod", "123456789012")
LEDGER = Ledger(BINDING, b"salt", 41)
LEASE = Lease("run-7", "somebody at https://ci/7", "2026-01-01T00:00:00Z", 100)
TEXT, NEXT = dump(LEDGER), replace(LEDGER, serial=42)

Answer = Callable[["FakeStore", str, str | None], str]


@dataclass
class FakeStore:
    """A store in memory; each save goes as the next of ``fates`` says, and as it should after that."""

    text: str | None = None
    version: int = 1
    age: float = 0.0
    fates: list[Answer] = field(default_factory=list)
    beside: list[tuple[str, str]] = field(default_factory=list)
    key: bytes | None = None
    place: str = "s3://bucket/prod.json"
    saves: int = 0
    loads: int = 0
    unreadable: bool = False

    def load(self) -> Stored | None:
        self.loads += 1
        if self.unreadable:
            raise LedgerUnavailable("no answer")
        return None if self.text is None else Stored(self.text, f"v{self.version}", self.age)

    def save(self, text: str, replacing: str | None) -> str:
        self.saves += 1
        fate = self.fates.pop(0) if self.fates else FakeStore.put
        return fate(self, text, replacing)

    def put(self, text: str, replacing: str | None) -> str:
        if replacing != (None if self.text is None else f"v{self.version}"):
            raise LedgerChanged("another run was faster")
        self.text, self.version = text, self.version + 1
        return f"v{self.version}"

    def neighbours(self) -> Iterator[tuple[str, str]]:
        yield from self.beside

    def own_key(self, *, create: bool) -> bytes | None:
        if self.key is None and create:
            self.key = b"made".ljust(32, b".")
        return self.key


def landed(store: FakeStore, text: str, replacing: str | None) -> str:
    """The text is written, and the answer lost."""
    store.put(text, replacing)
    raise LedgerUncertain("lost after")


def not_landed(_store: FakeStore, _text: str, _replacing: str | None) -> str:
    raise LedgerUncertain("lost before")


def overtaken(store: FakeStore, _text: str, _replacing: str | None) -> str:
    """Nothing is written, and somebody else has."""
    store.text, store.version = dump(replace(LEDGER, serial=99)), store.version + 1
    raise LedgerUncertain("lost, and somebody else wrote")


def refused(_store: FakeStore, _text: str, _replacing: str | None) -> str:
    raise LedgerUnavailable("not allowed")


def kept(store: FakeStore) -> Kept:
    return Kept(store, LEDGER, None if store.text is None else f"v{store.version}", 7.0)


# Reading


def test_a_ledger_is_read_with_its_version_and_age() -> None:
    store = FakeStore(TEXT, 3, age=12.5)
    assert read(store, BINDING) == Kept(store, LEDGER, "v3", 12.5)


def test_a_ledger_that_is_not_there_yet_is_new_and_has_a_salt_of_its_own() -> None:
    one, other = read(FakeStore(), BINDING), read(FakeStore(), BINDING)
    assert (one.version, one.age, one.is_locked) == (None, 0.0, False)
    assert one.ledger == Ledger(BINDING, one.ledger.salt)
    assert len(one.ledger.salt) == 32
    assert one.ledger.salt != other.ledger.salt
    assert read(FakeStore(), None).ledger.binding == Binding("", "")


def test_a_ledger_of_another_environment_is_refused_with_the_way_out() -> None:
    for binding, about in [
        (replace(BINDING, name="dev"), "the environment 'prod', not 'dev'"),
        (replace(BINDING, target="http://x"), "mwaa://eu-west-1/prod, not http://x"),
        (replace(BINDING, account="2"), "account 123456789012, not 2"),
    ]:
        with pytest.raises(WrongLedger) as caught:
            read(FakeStore(TEXT), binding)
        assert str(caught.value) == (
            f"the ledger s3://bucket/prod.json is about {about}; after a move or a renaming: "
            "reconciler ledger rebind ENV; nothing was written"
        )
    assert read(FakeStore(TEXT), None).ledger == LEDGER, "who asks for no binding gets any"


def test_a_text_that_is_no_ledger_is_refused_by_its_place() -> None:
    with pytest.raises(WrongLedger, match=r"^s3://bucket/prod\.json cannot be read as a ledger"):
        read(FakeStore("{}"), BINDING)


# The lease


LOCKED = dump(replace(LEDGER, lease=LEASE))


@pytest.mark.parametrize(("age", "live"), [(0, True), (99.9, True), (100, False), (100.1, False)])
def test_a_lease_lives_its_seconds_by_the_age_that_the_store_tells(age: float, live: bool) -> None:
    assert read(FakeStore(LOCKED, age=age), BINDING).is_locked is live
    assert not read(FakeStore(TEXT, age=age), BINDING).is_locked


@dataclass
class Time:
    """A clock that only sleeping moves; what is to happen happens while somebody sleeps."""

    now: float = 1000.0
    pauses: list[float] = field(default_factory=list)
    meanwhile: Callable[[float], None] = lambda _now: None
    stop_after: float = float("inf")
    told: list[str] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.pauses.append(seconds)
        self.now += seconds
        self.meanwhile(self.now)

    @property
    def patience(self) -> Patience:
        return Patience(clock=lambda: self.now, sleep=self.sleep, stopped=lambda: self.now >= self.stop_after)


def unlocked_by(time: Time, store: FakeStore, wait: float, folder: str = "envs/prod") -> Kept:
    return read_unlocked(store, BINDING, Wait(wait, time.patience, time.told.append), folder)


def test_without_a_lease_nobody_waits() -> None:
    time, store = Time(), FakeStore(TEXT)
    assert unlocked_by(time, store, 60).ledger == LEDGER
    assert (time.pauses, store.loads) == ([], 1)


def test_a_live_lease_is_refused_at_once_unless_somebody_waits() -> None:
    time, store = Time(), FakeStore(LOCKED)
    with pytest.raises(Locked) as caught:
        unlocked_by(time, store, 0)
    assert str(caught.value) == (
        "locked by somebody at https://ci/7 since 2026-01-01T00:00:00Z; if that run is dead: "
        "reconciler ledger unlock envs/prod --id run-7; nothing was written"
    )
    assert (time.pauses, time.told, store.loads) == ([], [], 1)


def test_the_way_out_of_a_lease_can_be_pasted_into_a_shell() -> None:
    odd = dump(replace(LEDGER, lease=replace(LEASE, id="$(rm) x")))
    with pytest.raises(Locked, match=r"unlock 'my envs/\$x' --id '\$\(rm\) x';"):
        unlocked_by(Time(), FakeStore(odd), 0, "my envs/$x")


def test_a_lease_that_has_run_out_is_no_hindrance() -> None:
    time = Time()
    assert unlocked_by(time, FakeStore(LOCKED, age=100), 0).ledger.lease == LEASE
    assert time.pauses == []


def test_who_waits_looks_every_two_seconds_and_last_when_the_time_is_up() -> None:
    time, store = Time(), FakeStore(LOCKED)
    with pytest.raises(Locked):
        unlocked_by(time, store, 5)
    assert time.pauses == [2, 2, 1]
    assert time.told == ["somebody at https://ci/7"], "once, before the wait"
    assert store.loads == 4


def test_who_waits_goes_on_as_soon_as_the_lease_is_given_up() -> None:
    store = FakeStore(LOCKED)

    def meanwhile(now: float) -> None:
        if now >= 1003:
            store.text = dump(NEXT)

    time = Time(meanwhile=meanwhile)
    assert unlocked_by(time, store, 60).ledger == NEXT
    assert time.pauses == [2, 2]


def test_who_waits_goes_on_as_soon_as_the_lease_has_run_out() -> None:
    store = FakeStore(LOCKED, age=97)
    time = Time(meanwhile=lambda now: setattr(store, "age", now - 1000 + 97))
    assert unlocked_by(time, store, 60).age == 101
    assert time.pauses == [2, 2]


def test_who_is_asked_to_stop_waits_no_longer() -> None:
    time = Time(stop_after=1001)
    with pytest.raises(Locked):
        unlocked_by(time, FakeStore(LOCKED), 60)
    assert time.pauses == [2]


def test_a_ledger_that_becomes_another_environments_while_somebody_waits_is_refused() -> None:
    store = FakeStore(LOCKED)
    other = dump(replace(LEDGER, binding=replace(BINDING, name="dev")))
    with pytest.raises(WrongLedger):
        unlocked_by(Time(meanwhile=lambda _now: setattr(store, "text", other)), store, 60)


# Writing


def test_a_ledger_is_written_in_the_place_of_the_version_that_was_read() -> None:
    store = FakeStore(TEXT, 3)
    assert write(kept(store), NEXT) == Kept(store, NEXT, "v4", 0.0)
    assert (store.text, store.saves, store.loads) == (dump(NEXT), 1, 0)


def test_a_new_ledger_is_written_only_where_there_is_none() -> None:
    store = FakeStore()
    assert write(kept(store), NEXT) == Kept(store, NEXT, "v2", 0.0)
    with pytest.raises(LedgerChanged):
        write(Kept(store, LEDGER, None), replace(NEXT, serial=43))
    assert store.text == dump(NEXT)


def test_a_write_that_follows_another_names_its_version() -> None:
    store = FakeStore(TEXT)
    after = write(write(kept(store), NEXT), replace(NEXT, serial=43))
    assert (after.version, after.ledger.serial, store.text) == ("v3", 43, dump(after.ledger))


@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_write_that_landed_though_its_answer_was_lost_is_not_repeated(before: int) -> None:
    store = FakeStore(TEXT, fates=[*[not_landed] * before, landed])
    assert write(kept(store), NEXT) == Kept(store, NEXT, "v2", 0.0)
    assert (store.saves, store.loads) == (before + 1, before + 1)


@pytest.mark.parametrize("before", [1, 2])
def test_a_write_that_did_not_land_is_repeated(before: int) -> None:
    store = FakeStore(TEXT, fates=[not_landed] * before)
    assert write(kept(store), NEXT) == Kept(store, NEXT, "v2", 0.0)
    assert store.saves == before + 1


def test_after_three_tries_a_write_stays_uncertain() -> None:
    store = FakeStore(TEXT, fates=[not_landed] * 9)
    with pytest.raises(LedgerUncertain, match="lost before"):
        write(kept(store), NEXT)
    assert (store.saves, store.text) == (3, TEXT)


def test_a_write_that_lands_late_is_found_by_the_next_try() -> None:
    def late(store: FakeStore, text: str, replacing: str | None) -> str:
        store.fates.insert(0, lambda again, *_: again.put(text, replacing) and again.put(text, replacing))
        raise LedgerUncertain("on its way")

    store = FakeStore(TEXT, fates=[late])
    assert write(kept(store), NEXT) == Kept(store, NEXT, "v2", 0.0)
    assert store.saves == 2


def test_a_write_that_somebody_else_has_overtaken_is_refused() -> None:
    store = FakeStore(TEXT, fates=[overtaken])
    with pytest.raises(LedgerChanged, match="another run was faster"):
        write(kept(store), NEXT)
    assert store.saves == 2
    assert store.text == dump(replace(LEDGER, serial=99)), "what they wrote stays"


def test_a_version_that_is_not_the_one_that_was_read_is_refused_at_once() -> None:
    store = FakeStore(TEXT)
    with pytest.raises(LedgerChanged):
        write(replace(kept(store), version="v0"), NEXT)
    assert (store.saves, store.text) == (1, TEXT)


def test_a_ledger_that_has_vanished_is_not_written_anew() -> None:
    store = FakeStore(None)
    with pytest.raises(LedgerChanged):
        write(replace(kept(store), version="v1"), NEXT)
    assert store.text is None


def test_a_write_that_surely_failed_is_not_repeated() -> None:
    store = FakeStore(TEXT, fates=[refused])
    with pytest.raises(LedgerUnavailable, match="not allowed") as caught:
        write(kept(store), NEXT)
    assert not isinstance(caught.value, LedgerUncertain)
    assert (store.saves, store.loads) == (1, 0)


def test_a_write_that_cannot_be_looked_after_is_told() -> None:
    store = FakeStore(TEXT, fates=[landed], unreadable=True)
    with pytest.raises(LedgerUnavailable):
        write(kept(store), NEXT)
    assert store.saves == 1


FATES = st.lists(st.sampled_from([landed, not_landed, overtaken, refused, FakeStore.put]), max_size=4)


@given(FATES)
def test_whatever_happens_a_write_that_is_said_to_have_worked_has(fates: list[Answer]) -> None:
    store = FakeStore(TEXT, fates=fates)
    try:
        after = write(kept(store), NEXT)
    except (LedgerChanged, LedgerUnavailable):
        return
    assert store.text == dump(NEXT)
    assert after == Kept(store, NEXT, f"v{store.version}", 0.0)


# Where a ledger is, and what it is bound to


def environment(target: Target, **others: Any) -> Environment:
    settings: dict[str, Any] = {
        "name": "prod",
        "folder": Path("/srv/envs/prod"),
        "target": target,
        "desired": {},
        "absent": {},
        "authoritative_ids": {},
        "rate_limit": None,
        "warnings": (),
    }
    return Environment(**settings | others)


MWAA = MwaaTarget("eu-west-1", "prod", account="123456789012", profile="p", endpoint_url="http://localhost:1")
HTTP = HttpTarget("http://localhost:8080", username="u", password="p", token="t")


def test_a_ledger_is_bound_to_neither_credentials_nor_endpoints() -> None:
    assert binding_of(environment(MWAA)) == BINDING
    assert binding_of(environment(HTTP)) == Binding("prod", "http://localhost:8080")


def test_a_sandbox_is_told_apart_by_the_whole_path_of_its_file() -> None:
    target = SandboxTarget("../x.json")
    assert binding_of(environment(target)) == Binding("prod", "sandbox:/srv/envs/x.json")


def test_an_environment_without_a_ledger_has_no_store() -> None:
    assert store_of(environment(MWAA)) is None


def test_a_ledger_in_a_file_is_relative_to_the_folder() -> None:
    store = store_of(environment(MWAA, ledger="file:ledger.json"))
    assert isinstance(store, FileStore)
    assert store.place == "/srv/envs/prod/ledger.json"


def test_a_ledger_in_s3_is_where_the_environment_is() -> None:
    store = store_of(environment(MWAA, ledger="s3://my-bucket/prod.json"))
    assert store is not None
    assert store.place == "s3://my-bucket/prod.json"
    assert vars(store)["_where"] == Place("eu-west-1", "p", None, None), "endpoints are each one's own"


# Ledgers side by side


A, B, C = (Key("variable", name) for name in "abc")


def neighbour(*owned: Key, target: str = BINDING.target, **others: Entry) -> str:
    entries = {key: Entry(Record()) for key in owned}
    entries |= {Key("variable", name): entry for name, entry in others.items()}
    return dump(Ledger(Binding("team", target), b"", 1, entries))


def test_what_another_ledger_of_the_same_target_owns_is_named_with_its_owner() -> None:
    store = FakeStore(
        beside=[
            ("s3://bucket/team.json", neighbour(A, Key("pool", "b"))),
            ("s3://bucket/elsewhere.json", neighbour(B, target="mwaa://us-east-1/prod")),
            ("s3://bucket/package.json", '{"name": "no ledger at all"}'),
            ("s3://bucket/more.json", neighbour(c=Entry(None, Pending(Action.CREATE)))),
        ]
    )
    assert owners_elsewhere(store, BINDING, [A, B, C]) == {
        A: "s3://bucket/team.json ('team' at mwaa://eu-west-1/prod)",
        C: "s3://bucket/more.json ('team' at mwaa://eu-west-1/prod)",
    }
    assert owners_elsewhere(store, BINDING, [B]) == {}


def test_an_environment_of_the_same_name_in_another_account_is_another_target() -> None:
    theirs = dump(Ledger(Binding("team", BINDING.target, "210987654321"), b"", 1, {A: Entry(Record())}))
    store = FakeStore(beside=[("s3://bucket/team.json", theirs)])
    assert owners_elsewhere(store, BINDING, [A]) == {}
    for account in (None, "210987654321"):
        assert owners_elsewhere(store, replace(BINDING, account=account), [A]).keys() == {A}


def test_nobody_looks_at_ledgers_beside_for_nothing() -> None:
    class Shy(FakeStore):
        def neighbours(self) -> Iterator[tuple[str, str]]:
            raise AssertionError

    assert owners_elsewhere(Shy(), BINDING, []) == {}


# The key of fingerprints


def fingerprint_key(
    store: FakeStore | None = None,
    found: Mapping[str, Secret] | None = None,
    **settings: Any,
) -> FingerprintKey:
    known = found or {}
    target = settings.pop("target", MWAA)
    return FingerprintKey(environment(target, **settings), store or FakeStore(), lambda one: known[one.ref])


LONG = Secret("env:K", "sixteen letters!")


def secret_key(secret: Secret = LONG, **settings: Any) -> bytes | None:
    return fingerprint_key(None, {"env:K": secret}, fingerprint_key=Secret("env:K"), **settings)()


def test_a_key_in_a_secret_is_what_fingerprints_are_made_with() -> None:
    key = secret_key()
    assert key is not None
    assert len(key) == 32
    assert key == secret_key(Secret("env:other", "sixteen letters!")), "it depends on the value only"
    assert key != secret_key(Secret("env:K", "sixteen letters?"))


def test_a_key_is_bound_to_its_environment() -> None:
    made = {
        secret_key(),
        secret_key(name="dev"),
        secret_key(target=MwaaTarget("us-east-1", "prod")),
        secret_key(target=HTTP),
        secret_key(target=SandboxTarget("a.json")),
    }
    assert len(made) == 5
    assert secret_key(target=MwaaTarget("eu-west-1", "prod")) in made, "the account is no part of it"
    assert secret_key(target=SandboxTarget("b.json"), folder=Path("/elsewhere")) in made, (
        "nor a sandbox's file"
    )


def test_a_key_stays_the_same_over_releases() -> None:
    key = secret_key()
    assert key is not None
    assert key.hex() == "6a4b7969122e0bd4c5541b4c616b35e2cc55eee2aa8a9cac280f848617b2636f"


@pytest.mark.parametrize("length", [0, 1, 15])
def test_a_key_that_could_be_searched_for_is_refused(length: int) -> None:
    with pytest.raises(SecretError) as caught:
        secret_key(Secret("env:K", CANARY[:length]))
    assert str(caught.value) == "the fingerprint key env:K is shorter than 16 characters"


def test_a_key_that_is_missing_is_refused() -> None:
    with pytest.raises(SecretError, match=r"^the fingerprint key env:K is missing$"):
        secret_key(Secret("env:K"))


def test_a_key_of_kms_is_asked_for_where_the_environment_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Place]] = []

    def kms_key(key_id: str, place: Place) -> bytes:
        asked.append((key_id, place))
        return b"m" * 32

    monkeypatch.setattr(keys, "kms_key", kms_key)
    key = fingerprint_key(fingerprint_key="kms:alias/reconciler")
    assert key() == key() == derived_key(b"m" * 32, "reconciler fingerprint 1|prod|mwaa://eu-west-1/prod")
    assert asked == [("alias/reconciler", Place("eu-west-1", "p", None, "http://localhost:1"))], "asked once"


def test_without_a_setting_the_stores_own_key_is_used_where_there_is_one() -> None:
    assert fingerprint_key()() is None
    key = fingerprint_key(FakeStore(key=b"o" * 32))()
    assert key == derived_key(b"o" * 32, "reconciler fingerprint 1|prod|mwaa://eu-west-1/prod")


def test_the_stores_own_key_is_made_only_on_demand() -> None:
    store = FakeStore()
    key = fingerprint_key(store)
    assert key() is None
    assert store.key is None
    made = key(create=True)
    assert made == fingerprint_key(store)()
    assert made is not None


def test_a_key_is_looked_up_once() -> None:
    asked: list[str] = []

    def resolve(secret: Secret) -> Secret:
        asked.append(secret.ref)
        return LONG

    key = FingerprintKey(environment(MWAA, fingerprint_key=Secret("env:K")), FakeStore(), resolve)
    assert key() == key()
    assert asked == ["env:K"]


def test_waiting_and_repeating_have_their_figures() -> None:
    assert (keeper.TRIES, keeper.SHORTEST, keeper.LOOK_EVERY, keeper.SALT_BYTES) == (3, 16, 2.0, 32)
