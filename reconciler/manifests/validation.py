"""A placed document held against its JSON Schema, every violation told in words and with its place."""

import difflib
import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators

from reconciler.errors import Problem
from reconciler.manifests.placed import PlacedDict, place_of
from reconciler.manifests.schema import SCHEMAS

TYPE_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
WORDS = {
    "enum": "must be one of {}",
    "minimum": "must be at least {}",
    "exclusiveMinimum": "must be more than {}",
    "maximum": "must be at most {}",
    "minLength": "must not be empty",
    "maxLength": "must have at most {} characters",
    "pattern": "must match {}",
}
STRICT = Draft202012Validator.TYPE_CHECKER.redefine(
    "integer", lambda _checker, value: isinstance(value, int) and not isinstance(value, bool)
)
"""JSON Schema takes 5.0 for an integer; Airflow does not."""


@functools.cache
def _validator(name: str) -> Any:
    strict = validators.extend(Draft202012Validator, type_checker=STRICT)  # type: ignore[no-untyped-call]
    return strict(SCHEMAS[name]())


def validate(document: PlacedDict, schema: str) -> list[Problem]:
    """Everything in which ``document`` differs from the named schema; no message quotes a value."""
    errors = _validator(schema).iter_errors(document)
    return [problem for error in errors for problem in _problems(document, error)]


def _problems(document: PlacedDict, error: ValidationError) -> Iterator[Problem]:
    path = list(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.schema, Mapping):
        known = list(error.schema.get("properties", {}))
        if "errorMessage" not in error.schema:
            yield from _unknown_fields(document, path, error.instance, known)
            return
    what, fix = _words(error)
    yield Problem(place_of(document, path), f"{_spelled(path)} {what}", fix)


def _unknown_fields(
    document: PlacedDict, path: list[str | int], instance: Any, known: list[str]
) -> Iterator[Problem]:
    for name in (name for name in instance if name not in known):
        origin = place_of(document, [*path, name])
        yield Problem(origin, f"{_spelled([*path, name])} is not known", did_you_mean(name, known))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A suggestion for a misspelt name, or the list of what there is."""
    names = list(known)
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else f"use one of {', '.join(names)}"


def _words(error: ValidationError) -> tuple[str, str]:
    """What is wrong and what to do about it."""
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    value: Any = error.validator_value
    instance: Any = error.instance
    if "errorMessage" in schema:
        return str(schema["errorMessage"]), ""
    if error.validator == "type":
        return _type_words(value, instance)
    if error.validator == "required":
        missing = [name for name in value if name not in instance]
        return f"lacks {', '.join(missing)}", "add it"
    if error.validator in {"minProperties", "maxProperties"}:
        return f"must hold exactly one of {', '.join(schema.get('properties', {}))}", ""
    shown = ", ".join(map(str, value)) if isinstance(value, list) else value
    return WORDS.get(str(error.validator), "is not written as it should be").format(shown), ""


def _type_words(expected: str | list[str], instance: Any) -> tuple[str, str]:
    names = [expected] if isinstance(expected, str) else [name for name in expected if name != "null"]
    wanted = " or ".join(TYPE_NAMES[name] for name in names)
    if isinstance(instance, dict) and "$secret" in instance:
        fix = "a secret may stand in a password, in extra and in the value of a variable"
        return f"must be {wanted}, not a secret reference", fix
    fix = "quote it" if names == ["string"] and not isinstance(instance, dict | list) else ""
    return f"must be {wanted}, not {_type_of(instance)}", fix


def _type_of(instance: Any) -> str:
    if instance is None:
        return "null"
    for type_, name in (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
    ):
        if isinstance(instance, type_):
            return TYPE_NAMES[name]
    return TYPE_NAMES["object"]


def _spelled(path: Iterable[str | int]) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.lstrip(".") or "the file"
