"""Manifests as a zip: fetched once a version, unpacked where nothing of it can reach anything else."""

import hashlib
import io
import lzma
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from reconciler.aws.objects import fetched
from reconciler.errors import UsageError

LONGEST_ARCHIVE = 64 * 2**20
LONGEST_UNPACKED = 256 * 2**20
"""Bytes; a function has 512 MB under /tmp unless it asks for more (Lambda developer guide, "Quotas")."""

MOST_FILES = 50_000
ENCRYPTED = 0x1

BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    EOFError,
    ValueError,
    OSError,
)
"""What zipfile and those below it raise for bytes that are no zip, and for a disk that is full."""


def place() -> Path:
    """Where versions of manifests are kept between the calls of one running function."""
    return Path(tempfile.gettempdir()) / "reconciler-manifests"


def manifests(where: str) -> Path:
    """The folder that ``where`` names, or into which the newest zip at that address in S3 is unpacked.

    Raises UsageError for what is no folder or no sound zip, and Unavailable.
    """
    if where.startswith("s3://"):
        return _Kept(where, place()).newest()
    folder = Path(where)
    if not folder.is_dir():
        raise UsageError(f"RECONCILER_MANIFESTS: there is no folder {where}")
    return folder.resolve()


@dataclass(frozen=True)
class _Kept:
    """One archive in S3 and the version of it that is here: a folder, and a file that names its ETag."""

    address: str
    root: Path

    def newest(self) -> Path:
        """The folder of the newest version; an unsound one takes no other's place."""
        known = self._known()
        archive = fetched(self.address, LONGEST_ARCHIVE, known)
        if archive is None:
            return self._folder(str(known))
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".partial-") as partial:
            fresh = Path(partial) / "manifests"
            fresh.mkdir()
            unpack(archive.content, fresh, self.address)
            return self._put_in_place(fresh, archive.version)

    def _known(self) -> str | None:
        try:
            version = self._note.read_text(encoding="utf-8")
        except OSError:
            return None
        return version if self._folder(version).is_dir() else None

    def _put_in_place(self, fresh: Path, version: str) -> Path:
        """The folder appears whole; then it is the one that is known, and older ones go."""
        folder = self._folder(version)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
        note = self._note.with_suffix(".new")
        note.write_text(version, encoding="utf-8")
        note.replace(self._note)
        for old in self.root.glob(f"{self._name}-*"):
            if old != folder:
                shutil.rmtree(old, ignore_errors=True)
        return folder

    @property
    def _name(self) -> str:
        return hashlib.sha256(self.address.encode()).hexdigest()[:16]

    @property
    def _note(self) -> Path:
        return self.root / f"{self._name}.version"

    def _folder(self, version: str) -> Path:
        return self.root / f"{self._name}-{hashlib.sha256(version.encode()).hexdigest()[:16]}"


def unpack(content: bytes, folder: Path, address: str) -> None:
    """Writes every file of a zip below ``folder``; raises UsageError where it is unsound."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            wrong = next(_faults(archive.infolist()), None)
            if wrong:
                raise UsageError(f"{address}: {wrong}")
            archive.extractall(folder)
    except BROKEN as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise UsageError(f"{address} cannot be unpacked: {why}") from None


def _faults(entries: list[zipfile.ZipInfo]) -> Iterator[str]:
    """What is wrong with an archive; sizes are those that unpacking stops at."""
    if len(entries) > MOST_FILES:
        yield f"more than {MOST_FILES:,} files"
    if sum(entry.file_size for entry in entries) > LONGEST_UNPACKED:
        yield f"more than {LONGEST_UNPACKED:,} bytes when unpacked"
    names: set[str] = set()
    for entry in entries:
        wrong = _fault(entry)
        if wrong:
            yield f"{entry.filename!r} {wrong}"
        name = str(PurePosixPath(entry.filename))
        if name in names:
            yield f"{entry.filename!r} is in it twice"
        names.add(name)


def _fault(entry: zipfile.ZipInfo) -> str | None:
    """A name that may lead elsewhere, and whatever is neither a file nor a folder."""
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.orig_filename or "\0" in entry.orig_filename:
        return "leads out of it"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "is no file"
    return "is encrypted" if entry.flag_bits & ENCRYPTED else None
