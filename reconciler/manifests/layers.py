"""The folders of an environment, each read as one layer."""

from pathlib import Path

from reconciler.errors import Origin, Problem
from reconciler.manifests.files import (
    AS_THEY_ARE,
    Instead,
    is_folder,
    manifests_in,
    read_document,
    shown,
    start_of,
)
from reconciler.manifests.merge import in_object_form, join_files
from reconciler.manifests.parameters import Parameters, expand
from reconciler.manifests.placed import BROKEN, PlacedDict, PlacedList
from reconciler.manifests.validation import unreadable, validate


def read_layers(
    environment: PlacedDict, folders: list[Path], problems: list[Problem], instead: Instead = AS_THEY_ARE
) -> list[PlacedDict]:
    """Every layer of an environment, its own folder on top; tells ``problems`` what is wrong."""
    parameters = Parameters.of(environment)
    others = frozenset(layer.resolve() for layer in folders)
    layers = [_layer(layer, others, parameters, problems, instead) for layer in folders]
    listed = environment.get("layers")
    missing = "layers" in environment.broken or len(folders) <= len(listed if listed is not None else ())
    return [unreadable("manifest", environment.origin), *layers] if missing else layers


def layer_folders(environment: PlacedDict, folder: Path, problems: list[Problem]) -> list[Path]:
    """The layers' folders that can be read, lower ones first, ``folder`` last."""
    found: list[Path] = []
    listed = environment.get("layers")
    for name, origin in zip(listed, listed.origins, strict=True) if isinstance(listed, PlacedList) else ():
        wrong = _refusal(name, folder, found)
        if wrong is None:
            found.append(folder / name)
        else:
            problems.append(Problem(origin, *wrong))
    return [*found, folder]


def _refusal(name: str, folder: Path, others: list[Path]) -> tuple[str, str] | None:
    """Why a folder cannot be a layer, and what to do."""
    layer = folder / name
    if not is_folder(layer):
        return f"there is no folder {shown(layer)}", "correct the path of the layer"
    if any(layer.resolve() == other.resolve() for other in [folder, *others]):
        return (
            f"{shown(layer)} is a layer already",
            "name every layer once; this folder is always the top one",
        )
    return None


def files_of_layers(
    environment: PlacedDict, folder: Path, problems: list[Problem]
) -> list[tuple[Path, list[Path]]]:
    """Every layer's folder with its manifests, the environment's own last."""
    folders = layer_folders(environment, folder, problems)
    others = frozenset(layer.resolve() for layer in folders)
    return [(layer, manifests_in(layer, others, problems)) for layer in folders]


def _layer(
    folder: Path, others: frozenset[Path], parameters: Parameters, problems: list[Problem], instead: Instead
) -> PlacedDict:
    """The manifests of one folder as one; layers that stand inside it are read as themselves."""
    start = Origin(shown(folder), 1, 1)
    known = len(problems)
    files = manifests_in(folder, others, problems)
    files += [file for file in instead if file.parent == folder and file not in files]
    hidden = unreadable("manifest", start) if len(problems) > known else PlacedDict({}, start)
    return join_files([hidden, *(_manifest(file, parameters, problems, instead) for file in files)], problems)


def _manifest(file: Path, parameters: Parameters, problems: list[Problem], instead: Instead) -> PlacedDict:
    """One file, with all that is wrong in it broken."""
    document = read_document(file, problems, instead)
    if document is BROKEN:
        return unreadable("manifest", start_of(file))
    if document is None:
        return PlacedDict({}, start_of(file))
    sound, wrong = validate(expand(document, parameters, problems), "manifest")
    problems += wrong
    return in_object_form(sound)
