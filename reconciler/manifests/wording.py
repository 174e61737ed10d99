"""What the files of an environment say to the letter: nothing merged, and no parameter filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import ManifestError, Problem
from reconciler.manifests.environment import environment_document
from reconciler.manifests.files import read_document, start_of
from reconciler.manifests.layers import files_of_layers
from reconciler.manifests.merge import in_object_form, join_files, merge_layers
from reconciler.manifests.placed import PlacedDict


@dataclass(frozen=True)
class Wording:
    """The environment's own manifests, and what it inherits from the layers below."""

    folder: Path
    files: Mapping[Path, bytes] = field(repr=False)
    documents: Mapping[Path, PlacedDict] = field(repr=False)
    """What stands in each of its own files; empty where the file is."""
    inherited: PlacedDict = field(repr=False)
    """All lower layers as one, in object form."""


def read_wording(folder: Path) -> Wording:
    """Reads an environment that has been loaded before. Raises ManifestError where that is no longer so."""
    problems: list[Problem] = []
    document = environment_document(folder, problems)
    *lower, (_, own) = files_of_layers(document, folder, problems)
    layers = [_layer(layer, files, problems) for layer, files in lower]
    files = {path: _content(path, problems) for path in own}
    documents = {path: _document(path, problems, files) for path in own}
    if problems:
        raise ManifestError(problems)
    nothing = PlacedDict({}, start_of(folder))
    return Wording(folder, files, documents, merge_layers([nothing, *layers]))


def _layer(folder: Path, files: list[Path], problems: list[Problem]) -> PlacedDict:
    documents = [in_object_form(_document(path, problems, {})) for path in files]
    return join_files([PlacedDict({}, start_of(folder)), *documents], problems)


def _document(path: Path, problems: list[Problem], instead: Mapping[Path, bytes]) -> PlacedDict:
    document = read_document(path, problems, instead)
    return document if isinstance(document, PlacedDict) else PlacedDict({}, start_of(path))


def _content(path: Path, problems: list[Problem]) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problems.append(Problem(start_of(path), f"this cannot be read: {error.strerror}", "run again"))
        return b""
