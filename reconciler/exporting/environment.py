"""``environment.yaml`` of an exported folder."""

from collections.abc import Iterator
from typing import Any

from reconciler.exporting.documents import Document
from reconciler.exporting.resources import Todo
from reconciler.model import Path, Secret
from reconciler.records import leaves
from reconciler.targets import HttpTarget, Target, spelled_out


def environment(name: str, target: Target, todos: tuple[Todo, ...] = ()) -> Document:
    """Name and target; credentials only where they are references already."""
    auth = _auth(target) if isinstance(target, HttpTarget) else {}
    content = {"name": name, "target": spelled_out(target), **({"auth": auth} if auth else {})}
    return Document("environment.yaml", content, (*_missing(auth), *todos))


def _auth(target: HttpTarget) -> dict[str, Any]:
    if target.token is not None:
        return {"token": _reference(target.token, ("token",))}
    if target.username is None:
        return {}
    found = {"username": target.username, "password": target.password}
    return {"basic": {name: _reference(value, (name,)) for name, value in found.items()}}


def _reference(value: str | Secret | None, path: Path) -> Secret:
    """A reference as it is; what stands in the file in clear is known before anybody looks it up."""
    if isinstance(value, Secret) and not value.known:
        return value
    return Secret(f"env:TODO_AUTH_{'_'.join(map(str, path)).upper()}")


def _missing(auth: dict[str, Any]) -> Iterator[Todo]:
    for path, leaf in leaves(auth, ("auth",)):
        if isinstance(leaf, Secret) and leaf.ref.startswith("env:TODO_AUTH_"):
            yield Todo(".".join(map(str, path)), leaf.ref)
