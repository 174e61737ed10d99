"""Which files a folder gives, and how their paths are shown."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from reconciler.errors import Origin, Problem
from reconciler.manifests.loader import LONGEST_FILE, load
from reconciler.manifests.placed import BROKEN, PlacedDict

ENVIRONMENT_FILE = "environment.yaml"

Instead = Mapping[Path, bytes]
"""What files are to be read as, whatever stands in them, so that an edit is tried before it is written."""
AS_THEY_ARE: Instead = MappingProxyType({})


def shown(path: Path) -> str:
    """A path as people see it: relative to the working directory where it is under it."""
    absolute, here = os.path.normpath(path.absolute()), os.getcwd()  # noqa: PTH109 - normpath joins no links
    inside = absolute == here or absolute.startswith(here.rstrip(os.sep) + os.sep)
    return os.path.relpath(absolute, here) if inside else absolute


def start_of(path: Path) -> Origin:
    """The first character of a file."""
    return Origin(shown(path), 1, 1)


def is_folder(path: Path) -> bool:
    """Whether there is such a folder that can be looked into; false for any path that cannot be."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether there is such a file; false for any path that cannot be."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_document(file: Path, problems: list[Problem], instead: Instead = AS_THEY_ARE) -> Any:
    """The mapping that a file holds, ``None`` if it is empty, BROKEN if it cannot be read."""
    start = start_of(file)
    try:
        data = instead[file] if file in instead else _bytes_of(file)
    except OSError as error:
        problems.append(_unreadable(file, error))
        return BROKEN
    document, found = load(data, shown(file))
    problems += found
    if document is None or document is BROKEN or isinstance(document, PlacedDict):
        return document
    problems.append(Problem(start, "the file must hold a mapping", "start with a name and a colon"))
    return BROKEN


def _bytes_of(file: Path) -> bytes:
    """What is in a file, as far as it is read. Raises OSError."""
    with file.open("rb") as stream:
        return stream.read(LONGEST_FILE + 1)


def _unreadable(path: Path, error: OSError) -> Problem:
    return Problem(
        start_of(path), f"this cannot be read: {error.strerror}", "check the path and its permissions"
    )


def manifests_in(folder: Path, others: frozenset[Path], problems: list[Problem]) -> list[Path]:
    """The manifests of a folder and its sub-folders, sorted; hidden ones and ``environment.yaml`` aside.

    ``others`` are resolved sub-folders to leave out. Whatever looks like a manifest and is not read is
    told: what is missing may be taken for withdrawn.
    """
    root = folder.resolve()
    found = sorted(_walk(folder, others, problems))
    return [path for path in found if _is_manifest(path, root, problems)]


def _walk(folder: Path, others: frozenset[Path], problems: list[Problem]) -> Iterator[Path]:
    """All that stands in a folder and its sub-folders and is no folder itself; links are not followed."""
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        problems.append(_unreadable(folder, error))
        return
    for path in entries:
        if path.is_symlink() or not is_folder(path):
            if path.name != ENVIRONMENT_FILE:
                yield path
        elif path.resolve() in others:
            continue
        elif is_file(path / ENVIRONMENT_FILE):
            what = "an environment stands inside another folder of manifests"
            problems.append(Problem(start_of(path / ENVIRONMENT_FILE), what, "move it out of there"))
        else:
            yield from _walk(path, others, problems)


def _is_manifest(path: Path, root: Path, problems: list[Problem]) -> bool:
    try:
        problem = _refusal(path, root)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, from resolve()
        problem = getattr(error, "strerror", None) or "too many links", "check where it leads"
    if problem is not None:
        problems.append(Problem(start_of(path), *problem))
    return problem is None and path.suffix == ".yaml"


def _refusal(path: Path, root: Path) -> tuple[str, str] | None:
    """Why what stands at ``path`` is not read although it looks as if it should be, and what to do."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return "this link to a folder is not followed", "name the folder under 'layers' in environment.yaml"
    if path.suffix.lower() not in {".yaml", ".yml"}:
        return None
    if path.suffix != ".yaml":
        return "manifests end in .yaml", "rename the file"
    if not path.resolve().is_relative_to(root):
        return "this link leads out of its folder", "put the file itself here, or its folder under 'layers'"
    return None if stat.S_ISREG(mode) else ("this is no regular file", "remove it")
