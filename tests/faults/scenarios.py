"""What is declared, what lives, and what people do meanwhile: scenarios as data."""

import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from reconciler.backends import Request
from reconciler.manifests import Environment, load_environment
from reconciler.sandbox.fault_grammar import Mode, parse_fault

FOLDER = Path(__file__).with_name("scenarios")
LEDGER = "file:ledger.json"
SCHEMES = frozenset({"env"})
COLLECTIONS = {"variables": "key", "connections": "connection_id", "pools": "name"}

Place = tuple[str, str]
"""A resource by its collection and id."""


class Person(Request):
    """A request that is not ours."""


@dataclass(frozen=True)
class People:
    """Somebody's interference: any of the requests, put before any of our calls.

    ``refused_at_once`` says that a plan which sees it has to be refused, ``hides`` that Airflow may not
    show it, ``same`` that they make, as far as one can see, what we were about to.
    """

    name: str
    requests: tuple[Person, ...]
    refused_at_once: bool = False
    hides: bool = False
    same: bool = False


@dataclass(frozen=True, eq=False)
class Scenario:
    """Two states of an environment's folder, the secrets of each, and everybody else's resources."""

    name: str
    version: str
    before: Environment
    after: Environment
    declared: Mapping[str, Any]
    """The manifest of ``after`` as a person wrote it."""
    undone: Mapping[str, Any]
    """That of ``before``."""
    secrets: Mapping[str, str]
    rotated: Mapping[str, str]
    seeds: tuple[Request, ...]
    vanished: tuple[Person, ...]
    people: Mapping[str, People]

    @property
    def major(self) -> int:
        return int(self.version[0])


@functools.cache
def turned_back(found: Scenario) -> Scenario:
    """The same with its first manifest coming last."""
    return replace(
        found,
        before=found.after,
        after=found.before,
        declared=found.undone,
        undone=found.declared,
        secrets=found.rotated,
        rotated=found.secrets,
    )


def person(text: str) -> Person:
    """``METHOD PATH [JSON]`` as somebody else's request."""
    mode: Mode = parse_fault(f"1=mutate:{text}").mode
    found: Request = mode.argument
    return Person(found.method, found.path, found.query, found.body)


def _posts(document: Mapping[str, Any]) -> tuple[Request, ...]:
    return tuple(
        Request("POST", f"/{collection}", body=body)
        for collection, bodies in document.items()
        for body in bodies
    )


@functools.cache
def _document(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return document


def names(major: int) -> list[str]:
    """The scenarios that there are on an Airflow of that major version."""
    found = [path.stem for path in sorted(FOLDER.glob("*.yaml")) if path.stem != "foreign"]
    return [name for name in found if _document(name).get("only", major) == major]


def rivals() -> dict[str, Any]:
    """Two states of git, and the one that was before them."""
    document: dict[str, Any] = yaml.safe_load(FOLDER.with_name("rivals.yaml").read_text())
    return document


def foreign() -> tuple[Request, ...]:
    """What makes everybody else's resources."""
    return _posts(_document("foreign"))


@functools.cache
def scenario(name: str, version: str, target: str | None = None) -> Scenario:
    """A scenario on an Airflow of that version."""
    document = _document(name)
    environments = [
        environment(document[state], target or f"sandbox:none.json?airflow={version[0]}")
        for state in ("before", "after")
    ]
    people = {
        title: People(title, tuple(map(person, told["requests"])), **_flags(told))
        for title, told in document.get("people", {}).items()
    }
    return Scenario(
        name=name,
        version=version,
        before=environments[0],
        after=environments[1],
        declared=document["after"],
        undone=document["before"],
        secrets=document["secrets"],
        rotated=document.get("rotated", document["secrets"]),
        seeds=(*foreign(), *_posts(document.get("seeds", {}))),
        vanished=tuple(map(person, document.get("vanished", ()))),
        people=people,
    )


def _flags(told: Mapping[str, Any]) -> dict[str, bool]:
    return {name: flag for name, flag in told.items() if name != "requests"}


def environment(manifest: Mapping[str, Any], target: str, **settings: Any) -> Environment:
    """A folder with one manifest, read as the program reads it."""
    settings = {"name": "faults", "target": target, "ledger": LEDGER, **settings}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "environment.yaml").write_text(yaml.safe_dump(settings))
        (folder / "manifest.yaml").write_text(yaml.safe_dump(dict(manifest), sort_keys=False))
        return load_environment(folder, SCHEMES)
