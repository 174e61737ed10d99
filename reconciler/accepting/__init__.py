"""Drift that is accepted, as the smallest edits of the manifests; what they cannot say is left to do."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.accepting.deciding import Accepted, Deciding, tombstones
from reconciler.accepting.overlays import NOTHING
from reconciler.accepting.trying import Trial
from reconciler.compare import FieldChange
from reconciler.engine import Planned
from reconciler.errors import Origin
from reconciler.exporting import Todo
from reconciler.kinds import BY_NAME
from reconciler.manifests.files import shown
from reconciler.manifests.loader import load
from reconciler.manifests.placed import PlacedDict, place_of
from reconciler.manifests.wording import Wording, read_wording
from reconciler.model import Key

__all__ = ["Edit", "Edits", "edits"]


@dataclass(frozen=True)
class Edit:
    """One thing that a file says anew: a field, or that a resource is declared or is not."""

    origin: Origin
    """Where it stands now; of what was taken out, where it stood."""
    key: Key
    what: FieldChange | str
    """A field, whose values are no secret; or ``declared`` or ``removed``."""
    parameters: tuple[str, ...] = ()
    """Parameters whose place a value has taken."""


@dataclass(frozen=True)
class Edits:
    """What is to be written, what that comes to, and what is left to do."""

    before: Mapping[Path, bytes] = field(repr=False)
    """The files as they were read; one that is not among them is new."""
    contents: Mapping[Path, bytes] = field(repr=False)
    edits: tuple[Edit, ...]
    todos: tuple[Todo, ...]


def edits(planned: Planned, schemes: Collection[str]) -> Edits:
    """The drift of one environment as edits of its own files, tried and found to say what lives.

    ``schemes`` are the sources of secrets there are. Raises ManifestError where the files are no longer
    those that were planned. Writes nothing.
    """
    comparison, drift = planned.comparison, planned.drift
    environment, current = comparison.environment, comparison.current
    wording = read_wording(environment.folder)
    vanished = {one.kind: one.message for one in planned.plan.violations if one.guard == "missing"}
    deciding = Deciding(environment, wording, current, planned.airflow.dialect, vanished)
    trial = Trial(environment, wording, current, schemes)
    found = trial.proven(deciding.found(drift))
    contents = trial.contents(found.accepted)
    documents = {path: load(data, shown(path))[0] for path, data in contents.items()}
    written = tuple(one for accepted in found.accepted for one in _told(accepted, wording, documents))
    references = [todo for one in found.accepted for todo in one.todos]
    living = tombstones(drift, trial.environment_of(contents).absent)
    return Edits(wording.files, contents, written, (*references, *found.todos, *living))


def _told(one: Accepted, wording: Wording, documents: Mapping[Path, PlacedDict]) -> Iterator[Edit]:
    new = documents[one.file]
    place = (BY_NAME[one.key.kind].collection, one.key.id)
    if one.sort == "changed":
        for change in one.fields:
            origin = place_of(new, (*place, *change.path))
            yield Edit(origin, one.key, change, one.parameters.get(change.path, ()))
    else:
        document = wording.documents[one.file] if one.body is NOTHING else new
        yield Edit(place_of(document, place), one.key, one.sort)
