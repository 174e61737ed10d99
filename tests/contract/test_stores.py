"""What every place of a ledger keeps to: a file, and an object in S3."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from moto.backends import get_backend

from reconciler.amazon import Place
from reconciler.errors import LedgerChanged, LedgerUnavailable, WrongLedger
from reconciler.stores import Store, open_store
from tests.aws import support

UNICODE = '{"id": "größe/名前/🦀", "line": "\\u2028", "nul": "\\u0000", "end": "\r\n"}'


class Ground(Protocol):
    """One ledger's place as a test handles it from outside."""

    def store(self) -> Store: ...

    def put(self, name: str, content: bytes) -> str:
        """Writes beside the ledger, or over it; returns the place as messages show it."""

    def remove(self, name: str) -> None: ...

    def grow_old(self, seconds: float) -> None:
        """Makes the ledger look written that long ago; a negative number means the future."""

    def nowhere(self) -> Store:
        """A store in a place that does not exist and cannot be made."""


LEDGER = "prod.json"


@dataclass(frozen=True)
class Folder:
    folder: Path

    def store(self) -> Store:
        return open_store(f"file:{LEDGER}", self.folder, Place())

    def put(self, name: str, content: bytes) -> str:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return str(file)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    def grow_old(self, seconds: float) -> None:
        then = (self.folder / LEDGER).stat().st_mtime - seconds
        os.utime(self.folder / LEDGER, (then, then))

    def nowhere(self) -> Store:
        self.put("file", b"")
        return open_store("file:file/prod.json", self.folder, Place())


@dataclass(frozen=True)
class Bucket:
    name: str
    prefix = "airflow/"

    def store(self) -> Store:
        return open_store(f"s3://{self.name}/{self.prefix}{LEDGER}", Path(), Place())

    def put(self, name: str, content: bytes) -> str:
        with support.client("s3") as s3:
            s3.put_object(Bucket=self.name, Key=self.prefix + name, Body=content)
        return f"s3://{self.name}/{self.prefix}{name}"

    def remove(self, name: str) -> None:
        with support.client("s3") as s3:
            s3.delete_object(Bucket=self.name, Key=self.prefix + name)

    def grow_old(self, seconds: float) -> None:
        backend: Any = get_backend("s3")[support.ACCOUNT]["aws"]
        backend.get_object(self.name, self.prefix + LEDGER).last_modified -= timedelta(seconds=seconds)

    def nowhere(self) -> Store:
        return open_store(f"s3://{support.fresh('nowhere')}/prod.json", Path(), Place())


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with support.aws_server() as url:
        yield url


@pytest.fixture(params=["file", "s3"])
def ground(
    request: pytest.FixtureRequest, aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Ground:
    if request.param == "file":
        return Folder(tmp_path / "state" / "ledgers")
    support.use(monkeypatch, aws)
    return Bucket(support.bucket())


def test_what_was_never_saved_is_none(ground: Ground) -> None:
    assert ground.store().load() is None


@pytest.mark.parametrize("text", ["{}", "", UNICODE, '"' + "é" * 500_000 + '"'], ids=len)
def test_what_was_saved_is_loaded_byte_for_byte(ground: Ground, text: str) -> None:
    store = ground.store()
    version = store.save(text, None)

    stored = store.load()

    assert stored is not None
    assert stored.text == text
    assert stored.version == version


def test_a_save_replaces_the_version_that_it_names(ground: Ground) -> None:
    store = ground.store()
    first = store.save("one", None)
    second = store.save("two", first)
    third = store.save("three", second)

    stored = store.load()

    assert stored is not None
    assert (stored.text, stored.version) == ("three", third)
    assert len({first, second, third}) == 3


def test_a_first_save_needs_none_to_be_there(ground: Ground) -> None:
    ground.store().save("theirs", None)
    store = ground.store()

    with pytest.raises(LedgerChanged, match="is not what this run has read: another one changed it"):
        store.save("ours", None)

    assert text(store) == "theirs"


def test_a_stale_version_is_refused(ground: Ground) -> None:
    mine, theirs = ground.store(), ground.store()
    stale = mine.save("one", None)
    theirs.save("two", stale)

    with pytest.raises(LedgerChanged):
        mine.save("three", stale)

    assert text(mine) == "two"


def test_a_version_of_what_has_been_removed_is_refused(ground: Ground) -> None:
    store = ground.store()
    version = store.save("one", None)
    ground.remove(LEDGER)

    with pytest.raises(LedgerChanged):
        store.save("two", version)

    assert store.load() is None


def test_a_change_from_outside_is_noticed(ground: Ground) -> None:
    store = ground.store()
    version = store.save("one", None)
    ground.put(LEDGER, b"edited")

    with pytest.raises(LedgerChanged):
        store.save("two", version)


def test_of_two_that_replace_at_once_exactly_one_wins(ground: Ground) -> None:
    store = ground.store()
    version = store.save("before", None)

    winner = only_winner(at_once(2, lambda number: ground.store().save(f"text {number}", version)))

    assert text(store) == f"text {winner}"


def test_of_eight_that_create_at_once_exactly_one_wins(ground: Ground) -> None:
    winner = only_winner(at_once(8, lambda number: ground.store().save(f"text {number}", None)))

    assert text(ground.store()) == f"text {winner}"


def test_the_age_grows(ground: Ground) -> None:
    store = ground.store()
    store.save("one", None)
    assert 0 <= age(store) < 30

    ground.grow_old(3600)

    assert 3590 < age(store) < 3630


def test_the_age_is_never_negative(ground: Ground) -> None:
    store = ground.store()
    store.save("one", None)
    ground.grow_old(-3600)

    assert age(store) == 0


def test_the_neighbours_are_the_other_json_files_beside_it(ground: Ground) -> None:
    store = ground.store()
    store.save("own", None)
    expected = [(ground.put(name, name.encode()), name) for name in ("dev.json", "größe.json", "test.json")]
    for name in ("prod.json.key", "notes.txt", "deeper/dev.json"):
        ground.put(name, b"no neighbour")

    assert list(store.neighbours()) == expected


def test_a_neighbour_that_is_no_text_is_left_out(ground: Ground) -> None:
    ground.put("binary.json", b"\xff\xfe")

    assert list(ground.store().neighbours()) == []


def test_where_there_is_nothing_there_are_no_neighbours(ground: Ground) -> None:
    assert list(ground.store().neighbours()) == []


def test_a_ledger_that_is_no_text_is_told(ground: Ground) -> None:
    ground.put(LEDGER, b"\xff\xfe")

    with pytest.raises(WrongLedger, match=r"prod\.json is no ledger: it is not UTF-8"):
        ground.store().load()


@pytest.mark.parametrize("act", ["load", "save", "neighbours"])
def test_a_place_that_cannot_be_is_told(ground: Ground, act: str) -> None:
    store = ground.nowhere()
    acts: dict[str, Callable[[], object]] = {
        "load": store.load,
        "save": lambda: store.save("one", None),
        "neighbours": lambda: list(store.neighbours()),
    }

    with pytest.raises(LedgerUnavailable, match=r"Not a directory|there is no bucket|File exists"):
        acts[act]()


def test_a_key_is_asked_for_without_making_one(ground: Ground) -> None:
    assert ground.store().own_key(create=False) is None


def text(store: Store) -> str:
    stored = store.load()
    assert stored is not None
    return stored.text


def age(store: Store) -> float:
    stored = store.load()
    assert stored is not None
    return stored.age


def only_winner(outcomes: list[str | Exception]) -> int:
    """The number of the one that returned a version; all others must have met LedgerChanged."""
    winners = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, str)]
    assert len(winners) == 1
    assert {type(outcome) for outcome in outcomes} == {str, LedgerChanged}
    return winners[0]


def at_once(count: int, act: Callable[[int], str]) -> list[str | Exception]:
    """What each of several threads that start together returns or raises."""
    start = threading.Barrier(count)

    def run(number: int) -> str | Exception:
        start.wait(10)
        try:
            return act(number)
        except LedgerChanged as error:
            return error

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))
