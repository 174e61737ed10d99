"""Living values as manifests may hold them: what is or looks secret gives way to a reference."""

import hashlib
import json
import math
import re
from collections.abc import Callable
from typing import Any

from reconciler.kinds.connection import as_object
from reconciler.kinds.json_text import document, is_deeper, strict_json
from reconciler.kinds.secrecy import looks_secret, tells_secrets
from reconciler.manifests.names import unseen
from reconciler.manifests.rules import is_clear_secret
from reconciler.model import MASK, Key, Path, Secret, holds_secrets
from reconciler.seal import LONG

ROOM = 27
"""Levels of a value: manifests have 32, a section, its id, a field and a reference stand around it."""
LONGEST_NAME = 200
"""Characters of a member's name; YAML itself takes 1,024 without ado."""
LARGEST = 10**100
"""What is beyond is written as text; no reader of YAML counts that far."""

SIMPLE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*\Z")
LONGEST_STEP = 60
DIGITS = 8

IsSecret = Callable[[Path, Any], bool]
"""Whether a leaf under such names must not be written."""


def placeholder(key: Key, path: Path) -> Secret:
    """The reference that stands for a secret, of a name that no other place has.

    Names are joined by two underscores; where that loses anything, a digest of the place follows.
    """
    steps = [key.id, *(map(str, path if key.kind == "connection" else path[1:]))]
    name = "__".join(["TODO_" + key.kind, *map(_worded, steps)]).upper()
    exact = all(SIMPLE.match(step) and len(step) <= LONGEST_STEP for step in steps)
    return Secret(f"env:{name}" if exact else f"env:{name}_{fingerprint(key.kind, key.id, *path)}")


def _worded(step: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", step[:LONGEST_STEP]).strip("_")


def fingerprint(*place: str | int) -> str:
    """A short digest that tells places apart whose names have become alike."""
    return hashlib.sha256(json.dumps(place).encode()).hexdigest()[:DIGITS].upper()


def variable_value(key: Key, text: str, *, reveal: bool) -> Any:
    """What a manifest says of a variable: a structure, a number, a boolean, a reference, or the text."""
    if text and not reveal and looks_secret(key.id):
        return placeholder(key, ("value",))
    is_secret = _is_masked if reveal else _is_secret
    structure = document(text)
    if isinstance(structure, dict | list) and is_writable(structure):
        found = _covered(key, ("value",), structure, is_secret)
        return text if len(text) > LONG and not holds_secrets(found) else found
    return placeholder(key, ("value",)) if is_secret((), text) else _typed(text)


def extra_value(key: Key, text: str) -> Any:
    """What a manifest says of a connection's extra; one reference for the whole where it can say no more."""
    found = as_object(text)
    if isinstance(found, dict) and is_writable(found) and not _holds_null(found):
        return _covered(key, ("extra",), found, _is_secret)
    return None if found is None else placeholder(key, ("extra",))


def _covered(key: Key, path: Path, value: Any, is_secret: IsSecret) -> Any:
    if isinstance(value, dict):
        return {name: _covered(key, (*path, name), item, is_secret) for name, item in value.items()}
    if isinstance(value, list):
        return [_covered(key, (*path, at), item, is_secret) for at, item in enumerate(value)]
    return placeholder(key, path) if is_secret(path[1:], value) else value


def _is_secret(names: Path, value: Any) -> bool:
    return is_clear_secret(names, value) or (isinstance(value, str) and is_telling(value))


def _is_masked(_names: Path, value: Any) -> bool:
    return isinstance(value, str) and MASK in value


def is_telling(text: str) -> bool:
    """Whether a text holds a mask or something that looks secret, be it in JSON that nobody can read."""
    return MASK in text or tells_secrets(text)


def _typed(text: str) -> Any:
    """A number or a boolean out of its own spelling; any other text as it is."""
    found = strict_json(text)
    plain = isinstance(found, bool) or (isinstance(found, int) and abs(found) < LARGEST)
    return found if plain and json.dumps(found) == text else text


def is_writable(value: Any) -> bool:
    """Whether a manifest can hold a value such that the strict reader reads just that."""
    return not is_deeper(value, ROOM) and _is_writable(value)


def _is_writable(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_name, value)) and all(map(_is_writable, value.values()))
    if isinstance(value, list):
        return all(map(_is_writable, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return is_text(value) if isinstance(value, str) else value is None or abs(value) < LARGEST


def _is_name(name: str) -> bool:
    return name != "$secret" and len(name) <= LONGEST_NAME and MASK not in name and unseen(name) is None


def is_text(text: str) -> bool:
    """Whether a text is of Unicode's characters alone: halves of pairs can stand in no file."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _holds_null(value: Any) -> bool:
    """Whether a member is null, which in a manifest takes away what lower layers declare."""
    members = value.values() if isinstance(value, dict) else ()
    return any(item is None or _holds_null(item) for item in members)
