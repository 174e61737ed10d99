"""A folder with an ``environment.yaml``, read as a whole: the environment and what it declares."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from reconciler.errors import ManifestError, Origin, Problem
from reconciler.kinds import KINDS, Kind
from reconciler.manifests import rules
from reconciler.manifests.files import manifests_in, read_document, shown
from reconciler.manifests.merge import in_object_form, join_files, merge_layers
from reconciler.manifests.parameters import expand
from reconciler.manifests.placed import PlacedDict, PlacedList, plain
from reconciler.manifests.validation import validate
from reconciler.model import Key, Resource, Secret, State
from reconciler.targets import HttpTarget, SandboxTarget, Target, TargetError, parse_target

META = frozenset({"ignore", "protect", "sensitive", "secret_version"})


@dataclass(frozen=True)
class Environment:
    """One Airflow to reconcile, with everything that git says about it."""

    name: str
    folder: Path
    target: Target
    desired: State
    absent: Mapping[Key, Origin]
    authoritative_ids: Mapping[str, tuple[str, ...]]
    rate_limit: float | None
    warnings: tuple[Problem, ...]
    settings: frozenset[str]
    """The top-level names that ``environment.yaml`` uses."""

    def authoritative(self, key: Key) -> bool:
        """Whether git alone rules the id."""
        return any(fnmatchcase(key.id, pattern) for pattern in self.authoritative_ids.get(key.kind, ()))


def load_environment(folder: Path, schemes: frozenset[str]) -> Environment:
    """Reads, merges and checks one environment folder, offline.

    ``schemes`` are the sources of secrets there are. Raises ManifestError with every problem at once.
    """
    problems: list[Problem] = []
    document = _environment_document(folder, problems)
    target = _target(document, folder, problems)
    merged = merge_layers(
        [_layer(layer, document, problems) for layer in _layers(document, folder, problems)]
    )
    allow = _strings(_mapping(document, "secrets"), "allow")
    problems += _checks(merged, schemes, allow) if not problems else []
    problems += _auth_checks(document, schemes, allow)
    if problems or target is None:
        raise ManifestError(problems)
    return Environment(
        name=document["name"],
        folder=folder,
        target=target,
        desired=_desired(merged),
        absent=_absent(merged),
        authoritative_ids=_authoritative(document),
        rate_limit=document.get("rate_limit"),
        warnings=tuple(_warnings(merged)),
        settings=frozenset(document),
    )


def _environment_document(folder: Path, problems: list[Problem]) -> PlacedDict:
    file = folder / "environment.yaml"
    start = Origin(shown(file), 1, 1)
    if not file.is_file():
        what = f"{shown(folder)} is no environment: {'it has' if folder.is_dir() else 'there is'} no "
        what += "environment.yaml" if folder.is_dir() else "such folder"
        raise ManifestError([Problem(start, what, "name a folder that has one")])
    document = read_document(file, problems)
    if document is None:
        raise ManifestError(
            problems or [Problem(start, "the file is empty", "write at least name and target")]
        )
    problems += validate(document, "environment")
    return document


def _mapping(document: PlacedDict, name: str) -> PlacedDict:
    value = document.get(name)
    return value if isinstance(value, PlacedDict) else PlacedDict({}, document.origin)


def _strings(document: PlacedDict, name: str) -> list[str] | None:
    value = document.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, PlacedList) else None


def _target(document: PlacedDict, folder: Path, problems: list[Problem]) -> Target | None:
    text = document.get("target")
    if not isinstance(text, str):
        return None
    try:
        target = parse_target(text)
    except TargetError as error:
        problems.append(Problem(document.origins["target"], f"target: {error}", ""))
        return None
    auth = _mapping(document, "auth")
    if auth and not isinstance(target, HttpTarget):
        what = "auth is for http(s):// targets only; AWS credentials come from the environment or a profile"
        problems.append(Problem(document.origins["auth"], what, "remove it"))
    if isinstance(target, HttpTarget):
        return replace(target, **_credentials(auth))
    return replace(target, file=shown(folder / target.file)) if isinstance(target, SandboxTarget) else target


def _credentials(auth: PlacedDict) -> dict[str, Any]:
    basic = _mapping(auth, "basic")
    found = {"username": basic.get("username"), "password": basic.get("password"), "token": auth.get("token")}
    return {name: _with_secrets(value) for name, value in found.items()}


def _layers(document: PlacedDict, folder: Path, problems: list[Problem]) -> list[Path]:
    found = []
    listed = document.get("layers")
    if not isinstance(listed, PlacedList):
        return [folder]
    for name, origin in zip(listed, listed.origins, strict=True):
        layer = folder / str(name)
        if layer.is_dir():
            found.append(layer)
        else:
            problems.append(
                Problem(origin, f"there is no folder {shown(layer)}", "correct the path of the layer")
            )
    return [*found, folder]


def _layer(folder: Path, environment: PlacedDict, problems: list[Problem]) -> PlacedDict:
    parameters = plain(_mapping(environment, "parameters"))
    documents = [PlacedDict({}, Origin(shown(folder), 1, 1))]
    for file in manifests_in(folder, problems):
        document = read_document(file, problems)
        if document is None:
            continue
        expanded = expand(document, parameters, problems)
        wrong = validate(expanded, "manifest")
        problems += wrong
        if not wrong:
            documents.append(in_object_form(expanded))
    return join_files(documents, problems)


def _resources(merged: PlacedDict) -> list[tuple[Kind, str, PlacedDict, Origin]]:
    return [
        (kind, id_, body, merged[kind.collection].origins[id_])
        for kind in KINDS
        for id_, body in (merged.get(kind.collection) or {}).items()
    ]


def _checks(merged: PlacedDict, schemes: frozenset[str], allow: list[str] | None) -> list[Problem]:
    problems = list(rules.check_ids(merged))
    for kind, id_, body, origin in _resources(merged):
        placed = PlacedDict(body, origin, body.origins)
        problems += rules.check_resource(kind, id_, placed)
        problems += rules.check_references(placed, schemes, allow)
    return problems


def _auth_checks(document: PlacedDict, schemes: frozenset[str], allow: list[str] | None) -> list[Problem]:
    auth = document.get("auth")
    if not isinstance(auth, PlacedDict):
        return []
    return list(rules.check_references(auth, schemes, allow))


def _warnings(merged: PlacedDict) -> list[Problem]:
    return [
        problem for kind, id_, body, _ in _resources(merged) for problem in rules.warnings(kind, id_, body)
    ]


def _with_secrets(value: Any) -> Any:
    if isinstance(value, dict) and "$secret" in value:
        return Secret(value["$secret"])
    if isinstance(value, dict):
        return {name: _with_secrets(item) for name, item in value.items()}
    return [_with_secrets(item) for item in value] if isinstance(value, list) else value


def _desired(merged: PlacedDict) -> dict[Key, Resource]:
    return {
        Key(kind.name, id_): Resource(
            key=Key(kind.name, id_),
            fields={name: _with_secrets(body[name]) for name in kind.field_names if name in body},
            origin=origin,
            ignore=frozenset(body.get("ignore", ())),
            protect=bool(body.get("protect", False)),
            secret_version=body.get("secret_version"),
        )
        for kind, id_, body, origin in _resources(merged)
    }


def _absent(merged: PlacedDict) -> dict[Key, Origin]:
    absent = merged.get("absent") or {}
    return {
        Key(kind.name, id_): origin
        for kind in KINDS
        for id_, origin in zip(
            absent.get(kind.collection, []), getattr(absent.get(kind.collection), "origins", []), strict=True
        )
    }


def _authoritative(document: PlacedDict) -> dict[str, tuple[str, ...]]:
    patterns = _mapping(document, "authoritative")
    return {kind.name: tuple(patterns.get(kind.collection, ())) for kind in KINDS}
