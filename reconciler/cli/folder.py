"""A folder that is written as a whole: tried out elsewhere first, and nothing outside of it is touched."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.durable import replace_whole
from reconciler.errors import ManifestError, UsageError
from reconciler.exporting import WRITTEN, Document
from reconciler.manifests import load_environment
from reconciler.secrets import Schemes
from reconciler.selection import Selection


@dataclass(frozen=True)
class Folder:
    """Where an environment is exported to."""

    path: Path
    overwrite: bool = False

    def check(self) -> None:
        """Raises UsageError where nothing may be written."""
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path} is no folder")
        if self.path.exists() and not self.overwrite and any(self.path.iterdir()):
            raise UsageError(f"{self.path} is not empty; name a new folder, or say --overwrite")

    def write(self, documents: Sequence[Document], selection: Selection) -> None:
        """Writes the files, the last one being what makes the folder an environment.

        Raises UsageError or ManifestError, nothing being written, where the folder would not be sound.
        """
        names = {document.path for document in documents}
        self._check_stale(names, selection)
        self._check_inside(names)
        self._rehearse(documents)
        try:
            _written(self.path, documents)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise UsageError(
                f"{self.path} is not whole: {why}; once that is mended, say --overwrite"
            ) from None

    def _check_stale(self, names: set[str], selection: Selection) -> None:
        """What an earlier export wrote and this one does not would declare what is gone, or all twice."""
        if selection.only:
            return
        stale = [
            name
            for kind in selection.chosen_kinds()
            for name in (f"{kind.collection}.yaml", *self._inside(kind.collection))
            if name not in names and self._is_ours(name)
        ]
        if stale:
            raise UsageError(f"an earlier export wrote {', '.join(stale)} to {self.path}; remove them first")

    def _inside(self, folder: str) -> Iterator[str]:
        for path in sorted((self.path / folder).glob("*.yaml")):
            yield f"{folder}/{path.name}"

    def _is_ours(self, name: str) -> bool:
        path = self.path / name
        return path.is_file() and path.read_bytes().startswith(WRITTEN.encode())

    def _check_inside(self, names: set[str]) -> None:
        """A link might lead elsewhere; the files themselves are replaced, not what they link to."""
        root = self.path.resolve()
        for name in sorted(names):
            check_inside(self.path, name)
            if (root / name).is_dir():
                raise UsageError(f"{self.path / name} is a folder; remove it")

    def _rehearse(self, documents: Sequence[Document]) -> None:
        """Reads everything back as the next plan will, together with the manifests that stay."""
        with tempfile.TemporaryDirectory() as place:
            trial = Path(place) / "environment"
            shutil.copytree(
                self.path, trial, symlinks=True, ignore=_not_read
            ) if self.path.exists() else trial.mkdir()
            _written(trial, documents)
            try:
                load_environment(trial, Schemes())
            except ManifestError as error:
                told = str(error).replace(str(trial), str(self.path))
                raise UsageError(f"nothing was written, for it could not be read back:\n{told}") from None


def check_inside(folder: Path, name: str) -> None:
    """Raises UsageError where the file's own folder is elsewhere, by a link."""
    file = folder.resolve() / name
    if file.parent.resolve() != file.parent:
        raise UsageError(f"{name} would be written outside of {folder}; remove the link")


def _not_read(folder: str, names: list[str]) -> set[str]:
    """All that is neither a folder nor a manifest."""
    return {
        name
        for name in names
        if name.startswith(".") or not ((Path(folder) / name).is_dir() or name.endswith(".yaml"))
    }


def _written(folder: Path, documents: Sequence[Document]) -> None:
    for document in documents:
        path = folder / document.path
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_whole(path, document.text.encode())
