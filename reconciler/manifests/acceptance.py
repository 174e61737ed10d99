"""Whether a document is in order, and nothing else.

Nearly every document is. So JSON Schema's own validator, which is slow, and slow to import, judges only what
this module does not accept. What it accepts, the validator accepts; what it does not may still be in order.
"""

import functools
import operator
import re
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any

from reconciler.manifests.placed import PlacedDict, PlacedList, is_literal
from reconciler.manifests.schema import LEAF_REF, SCHEMAS

Test = Callable[[Any], bool]
Schema = Mapping[str, Any]
Compile = Callable[[Schema], Test]
Keyword = Callable[[Schema, Compile], Test]

OBJECTS = frozenset({dict, PlacedDict})
ARRAYS = frozenset({list, PlacedList})
NUMBERS = frozenset({int, float})
TYPES: dict[str, frozenset[type]] = {
    "object": OBJECTS,
    "array": ARRAYS,
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": NUMBERS,
    "boolean": frozenset({bool}),
    "null": frozenset({NoneType}),
}
WORDLESS = frozenset({"$schema", "$defs", "title", "description", "errorMessage", "then", "else"})
"""Keywords that say nothing of their own about a value."""


def holds_reference(value: Any) -> bool:
    """Whether a reference to a secret, or what looks like one, stands somewhere in a value."""
    if isinstance(value, dict):
        return "$secret" in value or any(map(holds_reference, value.values()))
    return isinstance(value, list) and any(map(holds_reference, value))


@functools.cache
def acceptance(name: str) -> Test:
    """The test of documents against the named schema."""
    schema = SCHEMAS[name]()
    definitions: dict[str, Test] = {}

    def compiled(part: Schema) -> Test:
        if "$ref" in part:
            return _reference(part["$ref"], definitions)
        return _all([KEYWORDS[word](part, compiled) for word in part if word not in WORDLESS])

    for key, part in schema["$defs"].items():
        definitions[f"#/$defs/{key}"] = compiled(part)
    return compiled(schema)


def _reference(reference: str, definitions: Mapping[str, Test]) -> Test:
    if reference == LEAF_REF:
        return lambda value: is_literal(value) or not holds_reference(value) or definitions[LEAF_REF](value)
    return definitions[reference]


def _all(tests: list[Test]) -> Test:
    first, *others = [test for test in tests if test is not _anything] or [_anything]
    if not others:
        return first
    rest = _all(others)
    return lambda value: first(value) and rest(value)


def _anything(_value: Any) -> bool:
    return True


def _nothing(_value: Any) -> bool:
    return False


def _type(part: Schema, _compiled: Compile) -> Test:
    names = [part["type"]] if isinstance(part["type"], str) else part["type"]
    types = frozenset().union(*(TYPES[name] for name in names))
    return lambda value: type(value) in types


def _one_of_texts(texts: list[Any]) -> Test:
    """Texts only: among numbers and booleans, JSON's equality is not Python's."""
    known = frozenset(text for text in texts if isinstance(text, str))
    return lambda value: type(value) is str and value in known


def _condition(part: Schema, compiled: Compile) -> Test:
    holds, then, otherwise = (compiled(part[word]) for word in ("if", "then", "else"))
    return lambda value: then(value) if holds(value) else otherwise(value)


def _properties(part: Schema, compiled: Compile) -> Test:
    tests = {name: compiled(inner) for name, inner in part.get("properties", {}).items()}
    others = part.get("additionalProperties", {})
    other = compiled(others) if isinstance(others, Mapping) else _nothing
    find = tests.get

    def test(value: Any) -> bool:
        if type(value) in OBJECTS:
            for name, item in value.items():
                if not find(name, other)(item):
                    return False
        return True

    return test


def _items(part: Schema, compiled: Compile) -> Test:
    item = compiled(part["items"])
    return lambda value: type(value) not in ARRAYS or all(map(item, value))


def _any(part: Schema, compiled: Compile) -> Test:
    tests = [compiled(inner) for inner in part["anyOf"]]
    return lambda value: any(test(value) for test in tests)


def _pattern(part: Schema, _compiled: Compile) -> Test:
    matches = re.compile(part["pattern"]).fullmatch
    return lambda value: type(value) is not str or matches(value) is not None


def _limit(types: frozenset[type], holds: Callable[[Any, Any], bool], word: str) -> Keyword:
    """A keyword that compares values of some types with its own."""

    def keyword(part: Schema, _compiled: Compile) -> Test:
        limit = part[word]
        return lambda value: type(value) not in types or holds(value, limit)

    return keyword


KEYWORDS: dict[str, Keyword] = {
    "type": _type,
    "enum": lambda part, _compiled: _one_of_texts(part["enum"]),
    "const": lambda part, _compiled: _one_of_texts([part["const"]]),
    "if": _condition,
    "properties": lambda part, compiled: (
        _anything if "additionalProperties" in part else _properties(part, compiled)
    ),
    "additionalProperties": _properties,
    "items": _items,
    "anyOf": _any,
    "allOf": lambda part, compiled: _all([compiled(inner) for inner in part["allOf"]]),
    "pattern": _pattern,
    "required": _limit(OBJECTS, lambda value, names: all(name in value for name in names), "required"),
    "minimum": _limit(NUMBERS, operator.ge, "minimum"),
    "maximum": _limit(NUMBERS, operator.le, "maximum"),
    "exclusiveMinimum": _limit(NUMBERS, operator.gt, "exclusiveMinimum"),
    "minLength": _limit(TYPES["string"], lambda value, limit: len(value) >= limit, "minLength"),
    "maxLength": _limit(TYPES["string"], lambda value, limit: len(value) <= limit, "maxLength"),
    "minProperties": _limit(OBJECTS, lambda value, limit: len(value) >= limit, "minProperties"),
    "maxProperties": _limit(OBJECTS, lambda value, limit: len(value) <= limit, "maxProperties"),
}
"""The keywords that our schemas use; no other is understood."""
