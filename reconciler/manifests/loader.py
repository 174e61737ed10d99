"""Strict YAML: any bytes at all give a placed document, or problems that never quote a value."""

import re
from typing import Any

import yaml

from reconciler.errors import Origin, Problem
from reconciler.manifests.builder import Builder, StopReading
from reconciler.manifests.placed import BROKEN

LONGEST_FILE = 16 * 1024 * 1024
PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

UNREADABLE = r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""What YAML allows in no file; compiled only where something is wrong, because that takes a while."""


def load(data: bytes, file: str) -> tuple[Any, list[Problem]]:
    """The document in ``data`` and everything wrong with it.

    ``None`` stands for an empty document, BROKEN for one that cannot be read to its end.
    """
    if len(data) > LONGEST_FILE:
        return BROKEN, [Problem(Origin(file, 1, 1), "the file is longer than 16 MiB", "split it")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place_in(data[: error.start].decode("utf-8", "replace"), file)
        return BROKEN, [Problem(place, "this is not UTF-8 text", "save the file as UTF-8")]
    builder = Builder(file, text)
    try:
        return builder.document(PARSER(text).get_event), builder.problems
    except StopReading:
        return BROKEN, builder.problems
    except yaml.MarkedYAMLError as error:
        return BROKEN, [*builder.problems, _syntax_problem(error, text, file)]
    except (yaml.YAMLError, ValueError):
        return BROKEN, [*builder.problems, _forbidden_character(text, file)]


def _place_in(before: str, file: str) -> Origin:
    """The place of what follows ``before``."""
    return Origin(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    """Where and why, without the excerpt of the file that the parser's own message carries."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Problem(Origin(file, 1, 1), "this is not YAML", "check the file")
    origin = Origin(file, mark.line + 1, mark.column + 1)
    lines = text.splitlines()
    rest = lines[mark.line][mark.column :] if mark.line < len(lines) else ""
    if rest.startswith("\t"):
        return Problem(origin, "a tab cannot indent YAML", "use spaces")
    what = f"this is not YAML: {_unquoted(error.problem or 'unexpected text')}{_since(error)}"
    return Problem(origin, what, "check quotes, colons and indentation")


def _since(error: yaml.MarkedYAMLError) -> str:
    """What the parser was at, where that began on an earlier line."""
    mark = error.context_mark
    if mark is None or not error.context or (error.problem_mark and mark.line >= error.problem_mark.line):
        return ""
    return f" {_unquoted(error.context)} that starts at line {mark.line + 1}"


def _unquoted(message: str) -> str:
    return re.sub(r"'[^ ,'][^']+'", "…", message)


def _forbidden_character(text: str, file: str) -> Problem:
    found = re.search(UNREADABLE, text)
    place = _place_in(text[: found.start()] if found else "", file)
    what = "this is not YAML: a control character stands here"
    return Problem(place, what, "remove it, or escape it in double quotes")
