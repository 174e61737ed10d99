"""Which environments a run would be about, for people and for the matrix of a CI."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.render.json import error_entry
from reconciler.render.plain import one_line
from reconciler.render.told import Failed

FORMAT = "reconciler.environments/1"


@dataclass(frozen=True)
class Listed:
    """An environment whose files are sound, and the folder that they are in."""

    name: str
    folder: str
    target: str


def text(listed: Sequence[Listed | Failed]) -> str:
    """The folder of each, a line each; of those that cannot be read stderr tells."""
    return "".join(f"{one_line(one.folder)}\n" for one in listed if isinstance(one, Listed))


def entry(one: Listed | Failed) -> dict[str, Any]:
    """One environment in the document."""
    if isinstance(one, Failed):
        return error_entry(one.name, one.type, one.message)
    return {"name": one.name, "folder": one.folder, "target": one.target}
