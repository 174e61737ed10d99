"""What only a ledger in a file has: permissions, half-written files, the key beside it."""

import contextlib
import os
import resource
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler import durable
from reconciler.errors import LedgerUnavailable
from reconciler.stores.file import FileStore

NOBODY = 65534
COUNT_UP = """
import sys
from pathlib import Path
from reconciler.errors import LedgerChanged
from reconciler.stores.file import FileStore
store, done = FileStore(Path(sys.argv[1])), 0
while done < 25:
    stored = store.load()
    try:
        store.save(str(int(stored.text) + 1), stored.version)
    except LedgerChanged:
        continue
    done += 1
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledgers" / "prod.json"


@contextlib.contextmanager
def read_only_folder() -> Iterator[Path]:
    """A folder that this process cannot write in, even where the tests run as root."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "folder"
        folder.mkdir()
        (folder / "prod.json").write_text("one")
        Path(made).chmod(0o755)
        folder.chmod(0o555)
        if root:
            (folder / "prod.json").chmod(0o444)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


@contextlib.contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """As a disk that is full, without filling one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_only_its_owner_may_read_a_ledger_and_its_key(path: Path) -> None:
    store = FileStore(path)
    store.save("one", None)
    store.own_key(create=True)

    assert mode(path) == 0o600
    assert mode(path.with_name("prod.json.key")) == 0o600


def test_its_place_is_its_path(path: Path) -> None:
    assert FileStore(path).place == str(path)


def test_loading_makes_no_folder(path: Path) -> None:
    store = FileStore(path)

    assert (store.load(), list(store.neighbours()), store.own_key(create=False)) == (None, [], None)
    assert not path.parent.exists()


def test_a_write_that_fails_leaves_the_old_text_and_nothing_else(path: Path) -> None:
    store = FileStore(path)
    version = store.save("one", None)

    with (
        files_no_longer_than(100),
        pytest.raises(LedgerUnavailable, match=r"cannot write the ledger .*large"),
    ):
        store.save("two" * 1000, version)

    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_old_text_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(path)
    version = store.save("one", None)

    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.save("two", version)

    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_in_is_told() -> None:
    with read_only_folder() as folder:
        store = FileStore(folder / "prod.json")
        stored = store.load()
        assert stored is not None

        with pytest.raises(
            LedgerUnavailable, match=r"cannot write the ledger .* has to be yours to write in"
        ):
            store.save("two", stored.version)
        with pytest.raises(
            LedgerUnavailable, match=r"cannot keep a key beside the ledger .*Permission denied"
        ):
            store.own_key(create=True)

        assert [file.name for file in folder.iterdir()] == ["prod.json"]


def test_a_folder_in_its_place_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    store = FileStore(path)

    with pytest.raises(LedgerUnavailable, match=r"cannot read the ledger .*: Is a directory; name a file"):
        store.load()
    with pytest.raises(LedgerUnavailable, match=r"cannot write the ledger .*: Is a directory; name a file"):
        store.save("one", None)


def test_a_folder_is_no_neighbour(path: Path) -> None:
    (path.parent / "folder.json").mkdir(parents=True)

    assert list(FileStore(path).neighbours()) == []


def test_the_age_is_told_by_the_clock_it_is_given(path: Path) -> None:
    FileStore(path).save("one", None)
    os.utime(path, (1000, 1000))

    ages = [FileStore(path, lambda now=now: now).load() for now in (1000.0, 1090.5, 900.0)]  # type: ignore[misc]

    assert [stored and stored.age for stored in ages] == [0, 90.5, 0]


def test_processes_lose_none_of_each_others_changes(path: Path) -> None:
    FileStore(path).save("0", None)
    command = [sys.executable, "-c", COUNT_UP, str(path)]

    running = [subprocess.Popen(command, cwd=Path(__file__).parents[2]) for _ in range(3)]

    assert [process.wait(30) for process in running] == [0, 0, 0]
    assert path.read_text() == "75"


def test_without_locks_it_still_saves(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "fcntl", None)
    store = FileStore(path)

    store.save("two", store.save("one", None))

    assert path.read_text() == "two"


def test_the_key_is_made_once_and_kept(path: Path) -> None:
    made = FileStore(path).own_key(create=True)

    assert made is not None
    assert len(made) == 32
    assert FileStore(path).own_key(create=True) == made
    assert FileStore(path).own_key(create=False) == made
    assert made not in {bytes(32), FileStore(path.with_name("dev.json")).own_key(create=True)}


def test_all_who_make_the_key_at_once_get_the_same(path: Path) -> None:
    start = threading.Barrier(8)

    def make(_number: int) -> bytes | None:
        start.wait(10)
        return FileStore(path).own_key(create=True)

    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(make, range(8)))

    assert keys == {path.with_name("prod.json.key").read_bytes()}


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33], ids=len)
def test_a_key_of_another_length_is_told_and_not_replaced(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    key = path.with_name("prod.json.key")
    key.write_bytes(content)

    with pytest.raises(LedgerUnavailable, match=r"prod\.json\.key does not hold 32 bytes; restore it, or"):
        FileStore(path).own_key(create=True)

    assert key.read_bytes() == content
