"""Text that holds JSON, as Airflow stores and shows it."""

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any

from reconciler.model import ATOMS, MASK

DEEPEST = 64
"""Levels of JSON that are compared as JSON; manifests have at most 32, and Python's stack ends somewhere."""

OPENINGS = frozenset("{[-0123456789")
"""How a text begins that denotes an object, an array or a number."""

NO_DOCUMENT = object()
"""Stands for a text that is no JSON, or whose JSON Airflow shows exactly as it is stored."""


def stored_text(value: Any) -> str:
    """The text that Airflow stores for a declared value: strings as they are, anything else as JSON."""
    return value if isinstance(value, str) else _stored(value)


_stored = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would make an encoder for each value


def strict_json(text: str) -> Any:
    """What ``text`` denotes as JSON (RFC 8259, so without NaN), or NO_DOCUMENT."""
    try:
        return _strict(text)
    except (ValueError, RecursionError):
        return NO_DOCUMENT


def _refused(constant: str) -> Any:
    raise ValueError(constant)


_strict = json.JSONDecoder(parse_constant=_refused).decode  # json.loads would make a decoder for each text


def document(value: Any) -> Any:
    """``value`` as the object, array or float it denotes, or NO_DOCUMENT if it is anything else.

    Airflow 3 parses and re-serialises just these three on display (blanks, escapes and the spelling of
    floats change); every other text it shows as stored.
    """
    if isinstance(value, str) and value.lstrip()[:1] not in OPENINGS:
        return NO_DOCUMENT
    if not isinstance(value, str):  # out of a manifest, so not deep
        return value if isinstance(value, dict | list | float) else NO_DOCUMENT
    parsed = strict_json(value)
    comparable = isinstance(parsed, dict | list | float) and not is_deeper(parsed, DEEPEST)
    return parsed if comparable else NO_DOCUMENT


def is_deeper(value: Any, levels: int) -> bool:
    """Whether containers stand inside each other more than ``levels`` times; asks no deeper than that."""
    layer = [value]
    for _ in range(levels):
        layer = [item for item in chain.from_iterable(map(_inside, layer)) if type(item) not in ATOMS]
        if not layer:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def canonical(value: Any) -> str:
    """A document in its one spelling, any other text unchanged; a leaf that is masked whole is a bare mask.

    Bare, because the mask may stand for a number, an object or an array as well as for a string.
    """
    parsed = document(value)
    if parsed is NO_DOCUMENT:
        return stored_text(value)
    return json.dumps(parsed, sort_keys=True, ensure_ascii=False).replace(f'"{MASK}"', MASK)
