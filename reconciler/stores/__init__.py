"""Where the text of a ledger lives, knowing nothing of what it says."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from reconciler.amazon import Place
from reconciler.stores.location import FileLocation, LocationError, S3Location, parse_location

__all__ = [
    "FileLocation",
    "LocationError",
    "S3Location",
    "Store",
    "Stored",
    "open_store",
    "parse_location",
    "store_at",
]


@dataclass(frozen=True)
class Stored:
    """One reading of a ledger."""

    text: str = field(repr=False)
    version: str
    """What a write has to name that replaces what was read."""
    age: float
    """Seconds since it was written, by the store's own clock."""


class Store(Protocol):
    """One ledger's place. Whatever cannot be read or written raises LedgerUnavailable."""

    @property
    def place(self) -> str:
        """The place as messages show it."""

    def load(self) -> Stored | None:
        """The ledger as it is now, ``None`` where there is none yet; WrongLedger if it is no text."""

    def save(self, text: str, replacing: str | None) -> str:
        """Put ``text`` in the place of the version ``replacing``, or of nothing; returns the new version.

        Raises LedgerChanged where another version lives, and LedgerUncertain where nobody can tell
        whether the text was written.
        """

    def neighbours(self) -> Iterator[tuple[str, str]]:
        """Places and texts of the other ``*.json`` beside this one; what is no text is left out."""

    def own_key(self, *, create: bool) -> bytes | None:
        """32 secret bytes kept beside the ledger, made on demand; ``None`` where there are none."""


def open_store(location: str, folder: Path, target_place: Place) -> Store:
    """The store that a location names, relative to ``folder``; raises LocationError.

    What an S3 location leaves out, ``target_place`` says, its endpoint aside.
    """
    return store_at(parse_location(location), folder, target_place)


def store_at(location: FileLocation | S3Location, folder: Path, target_place: Place) -> Store:
    """The same where the location has been taken apart."""
    match location:
        case FileLocation(path):
            from reconciler.stores.file import FileStore  # noqa: PLC0415 - only where it is used

            return FileStore(folder / path)
        case S3Location() as found:
            from reconciler.stores.s3 import S3Store  # noqa: PLC0415 - botocore takes long to import

            return S3Store(found.bucket, found.key, _place(found, target_place))


def _place(location: S3Location, target: Place) -> Place:
    return Place(
        location.region or target.region,
        location.profile or target.profile,
        location.role_arn or target.role_arn,
        location.endpoint_url,
    )
