"""Files that other tools wrote: JSON, YAML, or lines of ``ID=URI``."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn

from reconciler.errors import ManifestError, Origin, Problem, UsageError
from reconciler.importing.wrong import WrongError
from reconciler.kinds.json_text import is_deeper
from reconciler.manifests.files import shown
from reconciler.manifests.loader import load
from reconciler.manifests.names import quoted
from reconciler.manifests.placed import PlacedDict, place_of
from reconciler.model import Path as Steps

Form = Literal["json", "yaml", "env"]

ENV_LINE = re.compile(r"[\w.-]+=")
"""How a line begins that is no YAML."""
DEEPEST = 300
"""Levels of JSON: manifests have 32, and what is deeper becomes a text or a reference."""


@dataclass(frozen=True)
class Source:
    """One file: how it is written, what it holds, and where each part of that stands."""

    file: str
    form: Form
    document: Any = field(repr=False)
    data: bytes = field(repr=False)

    def origin(self, steps: Steps) -> Origin:
        """The place of a part: JSON, whose reader knows none, is for this read as YAML if it can be."""
        placed = self.document if self.form != "json" else load(self.data, self.file)[0]
        return place_of(placed, steps) if isinstance(placed, PlacedDict) else Origin(self.file, 1, 1)

    def refuse(self, steps: Steps, what: str) -> NoReturn:
        """Raises ManifestError about a part."""
        raise refusal(self.origin(steps), what)


def refusal(origin: Origin, what: str) -> ManifestError:
    """One thing that is wrong, as an error."""
    return ManifestError([Problem(origin, what)])


def read(path: Path) -> Source:
    """The file at ``path``; raises UsageError where there is none, ManifestError where it cannot be read."""
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', 'this is no path')}") from None
    file = shown(path)
    form, document = parsed(data, file)
    return Source(file, form, document, data)


def parsed(data: bytes, file: str) -> tuple[Form, Any]:
    """How the bytes are written, and what they hold."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "yaml", _yaml(data, file)  # which tells where
    if text.lstrip()[:1] in {"{", "["}:
        return "json", _json(text, Origin(file, 1, 1))
    lines = list(_lines(text))
    if lines and ENV_LINE.match(lines[0][1]):
        return "env", _env(lines, file)
    return "yaml", _yaml(data, file)


def _yaml(data: bytes, file: str) -> Any:
    document, problems = load(data, file)
    if problems:
        raise ManifestError(problems[:1])
    return document


def _json(text: str, start: Origin) -> Any:
    try:
        return _shallow(json.loads(text, object_pairs_hook=_unique))
    except json.JSONDecodeError as error:
        place = Origin(start.file, start.line + error.lineno - 1, start.column + error.colno - 1)
        raise refusal(place, f"this is not JSON: {error.msg}") from None
    except WrongError as error:
        raise refusal(start, str(error)) from None
    except (ValueError, RecursionError):
        raise refusal(start, "this JSON is too deep, or holds a number that is too long") from None


def _shallow(found: Any) -> Any:
    """A document that Python's stack can also write again."""
    if is_deeper(found, DEEPEST):
        raise ValueError
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = set[str]()
    for name, _ in pairs:
        if name in names:
            raise WrongError(f"{quoted(name)} stands twice in one object")
        names.add(name)
    return dict(pairs)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def _env(lines: list[tuple[int, str]], file: str) -> PlacedDict:
    found = PlacedDict({}, Origin(file, 1, 1), {})
    for number, line in lines:
        origin = Origin(file, number, 1)
        name, _, value = line.partition("=")
        if not (name and value):
            raise refusal(origin, "this line is not ID=URI")
        if name in found:
            raise refusal(origin, f"{quoted(name)} stands at {found.origins[name]} already")
        start = Origin(file, number, len(name) + 2)
        found.put(name, _json(value, start) if value.startswith("{") else value, origin)
    return found
