"""A placed document held against its JSON Schema, every violation told in words and with its place."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from reconciler.errors import Origin, Problem
from reconciler.manifests.acceptance import acceptance
from reconciler.manifests.builder import MOST_PROBLEMS
from reconciler.manifests.names import quoted
from reconciler.manifests.placed import PlacedDict, place_of, without
from reconciler.manifests.schema import SCHEMAS
from reconciler.model import MASK, Path

if TYPE_CHECKING:
    from jsonschema import ValidationError

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
BARE = {
    "integer": "write a number, without quotes",
    "number": "write a number, without quotes",
    "boolean": "write true or false, without quotes",
}
CORRECT = "correct it"
SECRET_PLACES = "a secret may stand in a password, in extra and in the value of a variable"


def validate(document: PlacedDict, schema: str) -> tuple[PlacedDict, list[Problem]]:
    """``document`` with what differs from the named schema broken, and every difference.

    No message quotes a value.
    """
    if acceptance(schema)(document):
        return document, []
    from reconciler.manifests.judge import violations  # noqa: PLC0415 - not needed where nothing is wrong

    found = islice(violations(schema, document), MOST_PROBLEMS)
    told = [one for error in found for one in _told(document, error)]
    problems = [problem for _, problem in told]
    if len(told) >= MOST_PROBLEMS:
        return unreadable(schema, document.origin), problems
    return without(document, {path for path, _ in told}), problems


def unreadable(schema: str, origin: Origin) -> PlacedDict:
    """Stands for a file of which nothing is known."""
    return PlacedDict({}, origin, broken=SCHEMAS[schema]()["properties"])


def _told(document: PlacedDict, error: "ValidationError") -> Iterator[tuple[Path, Problem]]:
    """What is wrong, with the path to what must not be looked at again."""
    path = tuple(error.absolute_path)
    schema, instance = _details(error)
    if error.validator == "required":
        missing = [name for name in schema["required"] if name not in instance]
        problem = _problem(document, path, f"lacks {', '.join(missing)}", "add it")
        yield from (((*path, name), problem) for name in missing)
    elif error.validator == "additionalProperties" and "errorMessage" not in schema:
        yield from _unknown_fields(document, path, instance, list(schema["properties"]))
    else:
        yield path, _problem(document, path, *_words(error))


def _details(error: "ValidationError") -> tuple[Mapping[str, Any], Any]:
    """The violated schema and what violates it."""
    return (error.schema if isinstance(error.schema, Mapping) else {}), error.instance


def _unknown_fields(
    document: PlacedDict, path: Path, instance: Any, known: list[str]
) -> Iterator[tuple[Path, Problem]]:
    for name in (name for name in instance if name not in known):
        fix = (
            f"write value: {{$secret: …}}; {SECRET_PLACES}"
            if name == "$secret"
            else did_you_mean(name, known)
        )
        yield (*path, name), _problem(document, (*path, name), "is not known", fix)


def _problem(document: PlacedDict, path: Path, what: str, fix: str) -> Problem:
    origin: Origin = place_of(document, path)
    return Problem(origin, f"{spelled(path)} {what}", fix)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A suggestion for a misspelt name, or the list of what there is."""
    import difflib  # noqa: PLC0415 - not needed where nothing is wrong

    names = list(known)
    near = difflib.get_close_matches(name[:100].lower(), names, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else f"use one of {', '.join(names)}"


def _words(error: "ValidationError") -> tuple[str, str]:
    """What is wrong and what to do about it."""
    schema, instance = _details(error)
    value: Any = error.validator_value
    if error.validator == "type":
        return _type_words(value, instance)
    if error.validator == "anyOf" and isinstance(instance, str) and MASK in instance:
        return MASKED
    if "errorMessage" in schema:
        return str(schema["errorMessage"]), CORRECT
    if error.validator in {"minProperties", "maxProperties"}:
        return f"must hold exactly one of {', '.join(schema.get('properties', {}))}", CORRECT
    shown = ", ".join(map(str, value)) if isinstance(value, list) else value
    return WORDS.get(str(error.validator), "is not written as it should be").format(shown), CORRECT


MASKED = ("holds '***', which is Airflow's mask and not a value", "write a secret reference")


def _type_words(expected: str | list[str], instance: Any) -> tuple[str, str]:
    names = [expected] if isinstance(expected, str) else [name for name in expected if name != "null"]
    wanted = " or ".join(TYPE_NAMES[name] for name in names)
    if isinstance(instance, dict) and "$secret" in instance:
        return f"must be {wanted}, not a secret reference", SECRET_PLACES
    fix = BARE.get(names[0], CORRECT) if isinstance(instance, str) else CORRECT
    if names == ["string"] and isinstance(instance, int | float):
        fix = "quote it"
    return f"must be {wanted}, not {_type_of(instance)}", fix


def _type_of(instance: Any) -> str:
    if instance is None:
        return "null"
    if isinstance(instance, float):
        return "a decimal number"
    types = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
    return next(TYPE_NAMES[name] for type_, name in types.items() if isinstance(instance, type_))


def spelled(path: Iterable[str | int]) -> str:
    """A path as messages show it, such as ``pools.etl.slots``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{quoted(step)[1:-1]}"
    return text.removeprefix(".") or "the file"
