"""A folder with an ``environment.yaml``, read as a whole: the environment and what it declares."""

import gc
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from reconciler.backends import PATH_LIMIT
from reconciler.errors import ManifestError, Origin, Problem
from reconciler.follows import Follow
from reconciler.guards import DEFAULT_LIMIT, Limit
from reconciler.kinds import BY_NAME, KINDS
from reconciler.manifests import rules
from reconciler.manifests.acceptance import holds_reference
from reconciler.manifests.files import (
    AS_THEY_ARE,
    ENVIRONMENT_FILE,
    Instead,
    is_file,
    is_folder,
    read_document,
    shown,
    start_of,
)
from reconciler.manifests.following import follows
from reconciler.manifests.layers import layer_folders, read_layers
from reconciler.manifests.merge import emptied, kind_sections, merge_layers
from reconciler.manifests.placed import PlacedDict, PlacedList, Places, is_literal, parts
from reconciler.manifests.validation import unreadable, validate
from reconciler.model import Key, Resource, Secret, State
from reconciler.stores.location import FileLocation, LocationError, parse_location
from reconciler.targets import HttpTarget, MwaaTarget, SandboxTarget, Target, TargetError, parse_target

KMS_KEY = re.compile(r"kms:[A-Za-z0-9:/_-]+\Z")


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
    ledger: str | None = None
    fingerprint_key: str | Secret | None = None
    """``kms:KEY``, or the secret that is the key."""
    adopt_always: bool = False
    delete_limit: Limit = DEFAULT_LIMIT
    parameters: Mapping[str, Any] = field(default_factory=dict)
    after_apply: tuple[Follow, ...] = ()
    layers: tuple[Path, ...] = ()
    """The folders whose files declare something here, lower ones first; its own is the last."""

    def authoritative(self, key: Key) -> bool:
        """Whether git alone rules the id; one that cannot be addressed stays as it is."""
        if rules.id_problem(BY_NAME[key.kind], key.id) is not None:
            return False
        return any(fnmatchcase(key.id, pattern) for pattern in self.authoritative_ids.get(key.kind, ()))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pauses Python's search for cycles: a load makes none, and each search would go over all it has made."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()  # which together make everything old, so that the next search is not at once
        if paused:
            gc.enable()


@_without_collector()
def load_environment(folder: Path, schemes: Collection[str], instead: Instead = AS_THEY_ARE) -> Environment:
    """Reads, merges and checks one environment folder, offline.

    ``schemes`` are the sources of secrets there are, ``instead`` what some of its own manifests are taken
    to hold. Raises ManifestError with every problem at once.
    """
    problems: list[Problem] = []
    document = environment_document(folder, problems)
    target = _target(document, folder, problems)
    problems += _check_ledger(document, folder, target)
    folders = layer_folders(document, folder, problems)
    layers = read_layers(document, folders, problems, instead)
    merged = merge_layers(layers)
    allow = _strings(parts(document, "secrets"), "allow")
    notable = rules.notable(merged)
    problems += rules.check_ids(merged)
    problems += rules.check(notable, schemes, allow)
    after_apply = follows(document, problems)
    for place in ("auth", "fingerprint_key"):
        problems += rules.check_references(parts(document, place), schemes, allow)
    if problems or target is None:
        raise ManifestError(problems)
    path_limit = PATH_LIMIT if isinstance(target, MwaaTarget) else None
    doubts = (*emptied(layers), *rules.warnings(merged, notable, path_limit), *_idle(document, notable))
    return Environment(
        name=document["name"],
        folder=folder,
        target=target,
        absent=_absent(merged),
        desired=_taken_out(merged),
        authoritative_ids=_authoritative(document),
        rate_limit=document.get("rate_limit"),
        warnings=doubts,
        ledger=document.get("ledger"),
        fingerprint_key=_with_secrets(document.get("fingerprint_key")),
        adopt_always=document.get("adopt") == "always",
        delete_limit=_limit(parts(document, "limits").get("deletes")),
        parameters=parts(document, "parameters"),
        after_apply=after_apply,
        layers=tuple(folders),
    )


def _check_ledger(document: PlacedDict, folder: Path, target: Target | None) -> Iterator[Problem]:
    try:
        place = parse_location(document["ledger"]) if "ledger" in document else None
        sandbox = target.file if isinstance(target, SandboxTarget) else None
        ledger = place.path if isinstance(place, FileLocation) else None
        if sandbox and ledger and (folder / ledger).resolve() == (folder / sandbox).resolve():
            what = "the ledger is the very file that the sandbox is"
            yield Problem(document.origins["ledger"], what, "name another")
    except LocationError as error:
        yield Problem(document.origins["ledger"], f"ledger: {error}")
    key = document.get("fingerprint_key")
    if isinstance(key, str) and not KMS_KEY.match(key):
        what = "fingerprint_key is neither kms:KEY nor a reference to a secret"
        yield Problem(document.origins["fingerprint_key"], what, "the key itself does not belong here")


def _idle(document: PlacedDict, notable: list[rules.Declared]) -> Iterator[Problem]:
    """Settings that only mean something with a ledger."""
    if "ledger" in document:
        return
    for name in ("fingerprint_key", "adopt"):
        if name in document:
            yield Problem(document.origins[name], f"{name} means nothing without a ledger", "name one")
    for body in (one.body for one in notable if one.body.get("secret_version") is not None):
        what = "secret_version means nothing without a ledger, which would remember the last one"
        yield Problem(body.origins["secret_version"], what, "name one, or use --resend-secrets")


def _limit(value: int | str | None) -> Limit:
    if value is None:
        return DEFAULT_LIMIT
    text = str(value)
    return Limit(int(text.removesuffix("%")), percent=text.endswith("%"))


def environment_document(folder: Path, problems: list[Problem]) -> PlacedDict:
    """``environment.yaml`` as far as it is sound. Raises ManifestError where there is none."""
    file = folder / ENVIRONMENT_FILE
    start = start_of(file)
    if not is_file(file):
        raise ManifestError([_no_environment(folder)])
    document = read_document(file, problems)
    if document is None:
        problems.append(Problem(start, "the file is empty", "write at least name and target"))
    if not isinstance(document, PlacedDict):
        return unreadable("environment", start)
    sound, wrong = validate(document, "environment")
    problems += wrong
    return sound


def _no_environment(folder: Path) -> Problem:
    place = shown(folder)
    if is_file(folder):
        lacks, fix = "it is a file", "name the folder of an environment.yaml"
    else:
        lacks = "it has no environment.yaml" if is_folder(folder) else "there is no such folder"
        fix = "name a folder that has one, or write one with reconciler init"
    return Problem(start_of(folder / ENVIRONMENT_FILE), f"{place} is no environment: {lacks}", fix)


def _strings(document: PlacedDict, name: str) -> list[str] | None:
    value = document.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, PlacedList) else None


def _target(document: PlacedDict, folder: Path, problems: list[Problem]) -> Target | None:
    if "target" not in document:
        return None
    try:
        target = parse_target(document["target"])
    except TargetError as error:
        problems.append(Problem(document.origins["target"], f"target: {error}"))
        return None
    auth = parts(document, "auth")
    if auth and not isinstance(target, HttpTarget):
        what = "auth is for http(s):// targets only; AWS credentials come from the environment or a profile"
        problems.append(Problem(document.origins["auth"], what, "remove it"))
    if isinstance(target, HttpTarget):
        return replace(target, **_credentials(auth))
    return replace(target, folder=str(folder)) if isinstance(target, SandboxTarget) else target


def _credentials(auth: PlacedDict) -> dict[str, Any]:
    basic = parts(auth, "basic")
    return {
        "username": _with_secrets(basic.get("username")),
        "password": _as_secret(basic, "password"),
        "token": _as_secret(auth, "token"),
    }


def _as_secret(auth: PlacedDict, name: str) -> Any:
    """A literal credential, which is as secret as a referenced one; its place tells it from others."""
    value = auth.get(name)
    return Secret(str(auth.origins[name]), value) if isinstance(value, str) else _with_secrets(value)


def _with_secrets(value: Any) -> Any:
    """A value with Secrets in place of references; the very same where there are none."""
    return value if is_literal(value) or not holds_reference(value) else _replaced(value)


def _replaced(value: Any) -> Any:
    if isinstance(value, dict) and "$secret" in value:
        return Secret(value["$secret"])
    if isinstance(value, dict):
        return {name: _replaced(item) for name, item in value.items()}
    return [_replaced(item) for item in value] if isinstance(value, list) else value


def _taken_out(merged: PlacedDict) -> dict[Key, Resource]:
    """The declared resources, in place of which nothing stays in ``merged``: there may be very many."""
    desired, known = {}, set[Places]()
    for kind, section in kind_sections(merged):
        names, origins = kind.field_names, section.origins
        for id_, body in section.items():
            key = Key(kind.name, id_)
            desired[key] = _resource(key, names, body, origins.pop(id_))
            known.add(body.places)
            section[id_] = None
    for places in known:
        places.forget()
    return desired


def _resource(key: Key, names: tuple[str, ...], body: PlacedDict, origin: Origin) -> Resource:
    fields = {name: body[name] for name in names if name in body}
    if not is_literal(body):
        fields = {
            name: value if type(value) is str else _with_secrets(value) for name, value in fields.items()
        }
    if len(fields) == len(body):
        return Resource(key, fields, origin)
    return Resource(
        key,
        fields,
        origin,
        ignore=frozenset(body.get("ignore", ())),
        protect=bool(body.get("protect", False)),
        secret_version=body.get("secret_version"),
    )


def _absent(merged: PlacedDict) -> dict[Key, Origin]:
    return {Key(kind.name, id_): origin for kind in KINDS for id_, origin in rules.absent_ids(merged, kind)}


def _authoritative(document: PlacedDict) -> dict[str, tuple[str, ...]]:
    patterns = parts(document, "authoritative")
    return {kind.name: tuple(patterns.get(kind.collection, ())) for kind in KINDS}
