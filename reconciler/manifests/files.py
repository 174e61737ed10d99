"""Which files a folder gives, and how their paths are shown."""

import os
from pathlib import Path

from reconciler.errors import Origin, Problem
from reconciler.manifests.loader import LONGEST_FILE, load
from reconciler.manifests.placed import PlacedDict

ENVIRONMENT_FILE = "environment.yaml"


def shown(path: Path) -> str:
    """A path as people see it: relative to the working directory where it is under it."""
    absolute, here = os.path.normpath(path.absolute()), os.getcwd()  # noqa: PTH109 - normpath joins no links
    inside = absolute == here or absolute.startswith(here.rstrip(os.sep) + os.sep)
    return os.path.relpath(absolute, here) if inside else absolute


def read_document(file: Path, problems: list[Problem]) -> PlacedDict | None:
    """The mapping that a file holds, ``None`` if it is empty or broken; tells ``problems`` what is wrong."""
    start = Origin(shown(file), 1, 1)
    try:
        with file.open("rb") as stream:
            data = stream.read(LONGEST_FILE + 1)
    except OSError as error:
        problems.append(Problem(start, f"the file cannot be read: {error.strerror}", "check its permissions"))
        return None
    document, found = load(data, shown(file))
    problems += found
    if document is None or isinstance(document, PlacedDict):
        return document
    problems.append(Problem(start, "the file must hold a mapping", "start with a name and a colon"))
    return None


def manifests_in(folder: Path, problems: list[Problem]) -> list[Path]:
    """The manifests of a folder and its sub-folders, sorted; hidden ones and ``environment.yaml`` aside."""
    found = []
    for file in sorted(folder.rglob("*")):
        inner = file.relative_to(folder).parts
        if any(part.startswith(".") for part in inner) or not file.is_file():
            continue
        start = Origin(shown(file), 1, 1)
        if file.suffix == ".yml":
            problems.append(Problem(start, "manifests end in .yaml", "rename the file"))
        elif file.name == ENVIRONMENT_FILE and len(inner) > 1:
            problems.append(
                Problem(start, "an environment stands inside another folder of manifests", "move it")
            )
        elif file.suffix == ".yaml" and file.name != ENVIRONMENT_FILE:
            found.append(file)
    return found
