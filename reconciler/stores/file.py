"""A ledger in a file."""

import contextlib
import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from reconciler.durable import locked, replace_whole
from reconciler.errors import LedgerChanged, LedgerUnavailable, WrongLedger
from reconciler.stores import Stored

KEY_LENGTH = 32
HINTS = {
    errno.EACCES: "; its folder has to be yours to write in",
    errno.EPERM: "; its folder has to be yours to write in",
    errno.EROFS: "; name a place that can be written to",
    errno.ENOSPC: "; make room, nothing was changed",
    errno.EISDIR: "; name a file",
    errno.ENOTDIR: "; one of its folders is a file",
}


class FileStore:
    """A file that is only ever replaced whole, under a lock on its folder; its version is its SHA-256."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._key_path = path.with_name(f"{path.name}.key")
        self._clock = clock

    @property
    def place(self) -> str:
        """The path."""
        return str(self._path)

    def load(self) -> Stored | None:
        """The file as it is now."""
        with _explained("read", self._path):
            try:
                with self._path.open("rb") as stream:
                    content, written = stream.read(), os.fstat(stream.fileno()).st_mtime
            except FileNotFoundError:
                return None
        return Stored(self._decoded(content), _version(content), max(0.0, self._clock() - written))

    def save(self, text: str, replacing: str | None) -> str:
        """Replace the file in one step, so that a crash leaves the old text or the new one."""
        content = text.encode()
        with _explained("write", self._path), locked(self._path.parent):
            found = _read(self._path)
            if (None if found is None else _version(found)) != replacing:
                raise LedgerChanged(
                    f"{self.place} is not what this run has read: another one changed it; run again"
                )
            replace_whole(self._path, content)
        return _version(content)

    def neighbours(self) -> Iterator[tuple[str, str]]:
        """The other ``*.json`` files of the folder, in order."""
        with _explained("list the folder of", self._path):
            paths = [path for path in _json_files(self._path.parent) if path != self._path]
        for path in paths:
            yield from _texts(path)

    def own_key(self, *, create: bool) -> bytes | None:
        """The bytes of ``PATH.key``, which whoever comes first makes."""
        with _explained("keep a key beside", self._path):
            key = _read(self._key_path)
            if key is None and create:
                key = self._made_key()
        if key is not None and len(key) != KEY_LENGTH:
            raise LedgerUnavailable(
                f"{self._key_path} does not hold {KEY_LENGTH} bytes; restore it, or remove it and every "
                "secret counts as changed once"
            )
        return key

    def _made_key(self) -> bytes:
        with locked(self._path.parent):
            found = _read(self._key_path)
            if found is not None:
                return found
            key = os.urandom(KEY_LENGTH)
            replace_whole(self._key_path, key)
            return key

    def _decoded(self, content: bytes) -> str:
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise WrongLedger(f"{self.place} is no ledger: it is not UTF-8; restore it") from None


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _json_files(folder: Path) -> list[Path]:
    """Not ``glob``, which takes a folder that may not be read for an empty one."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(".json") and path.is_file())
    except FileNotFoundError:
        return []


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    """Place and text of a file, unless it has gone or is no text."""
    with _explained("read", path):
        content = _read(path)
    with contextlib.suppress(UnicodeDecodeError):
        if content is not None:
            yield str(path), content.decode()


@contextlib.contextmanager
def _explained(verb: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = HINTS.get(error.errno or 0, "")
        raise LedgerUnavailable(f"cannot {verb} the ledger {path}: {error.strerror}{hint}") from error
