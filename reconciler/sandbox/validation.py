"""The validation of bodies in the v2 API: pydantic's rules and words, as far as Airflow's models use them."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from reconciler.sandbox.answers import Error

Loc = tuple[str | int, ...]
Type = Literal["string", "integer", "boolean", "json", "object", "moment"]
Checked = tuple[Any, Error | None]

_YES = frozenset({"1", "true", "t", "yes", "y", "on"})
_NO = frozenset({"0", "false", "f", "no", "n", "off"})


@dataclass(frozen=True)
class Column:
    """One field of a request body."""

    name: str
    type: Type
    alias: str | None = None
    """Another name by which a body may give it, where the name itself is absent."""
    required: bool = False
    nullable: bool = True
    default: Any = None
    max_length: int | None = None
    pattern: str | None = None
    minimum: int | None = None
    check: Callable[[Any], tuple[Any, str | None]] | None = None


def error(kind: str, loc: Loc, msg: str, value: Any, **ctx: Any) -> Error:
    """One entry of a 422."""
    return {"type": kind, "loc": list(loc), "msg": msg, "input": value, **({"ctx": ctx} if ctx else {})}


def validated(
    columns: tuple[Column, ...], body: Any, loc: Loc = ("body",)
) -> tuple[dict[str, Any], list[Error]]:
    """The fields that the body sets, coerced, and everything that is wrong with it."""
    if not isinstance(body, Mapping):
        text = "Input should be a valid dictionary or object to extract fields from"
        return {}, [error("model_attributes_type", loc, text, body)]
    fields: dict[str, Any] = {}
    errors: list[Error] = []
    used = set()
    for column in columns:
        given = column.alias if column.alias in body and column.name not in body else column.name
        used.add(given)
        if given in body:
            fields[column.name], wrong = _checked(column, body[given], (*loc, given or column.name))
            errors += [wrong] if wrong else []
        elif column.required:
            errors.append(error("missing", (*loc, column.name), "Field required", dict(body)))
    errors += [
        error("extra_forbidden", (*loc, name), "Extra inputs are not permitted", value)
        for name, value in body.items()
        if name not in used
    ]
    return fields, errors


def with_defaults(columns: tuple[Column, ...], fields: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of a body, those that it does not set at their defaults."""
    return {column.name: fields.get(column.name, column.default) for column in columns}


def _checked(column: Column, value: Any, loc: Loc) -> Checked:
    if value is None and column.nullable:
        return None, None
    value, wrong = _COERCIONS[column.type](value, loc)
    if wrong is None:
        wrong = _constraint(column, value, loc)
    if wrong is None and column.check:
        return _custom(column.check, value, loc)
    return value, wrong


def _constraint(column: Column, value: Any, loc: Loc) -> Error | None:
    if column.max_length is not None and len(value) > column.max_length:
        text = f"String should have at most {column.max_length} characters"
        return error("string_too_long", loc, text, value, max_length=column.max_length)
    if column.pattern is not None and not re.search(column.pattern, value):
        text = f"String should match pattern '{column.pattern}'"
        return error("string_pattern_mismatch", loc, text, value, pattern=column.pattern)
    if column.minimum is not None and value < column.minimum:
        text = f"Input should be greater than or equal to {column.minimum}"
        return error("greater_than_equal", loc, text, value, ge=column.minimum)
    return None


def _custom(check: Callable[[Any], tuple[Any, str | None]], value: Any, loc: Loc) -> Checked:
    changed, wrong = check(value)
    if wrong is None:
        return changed, None
    return value, error("value_error", loc, f"Value error, {wrong}", value, error={})


def _string(value: Any, loc: Loc) -> Checked:
    if isinstance(value, str):
        return value, None
    return value, error("string_type", loc, "Input should be a valid string", value)


def _integer(value: Any, loc: Loc) -> Checked:
    if isinstance(value, int):
        return int(value), None
    if isinstance(value, float):
        text = "Input should be a valid integer, got a number with a fractional part"
        return (
            (int(value), None) if value.is_integer() else (value, error("int_from_float", loc, text, value))
        )
    if isinstance(value, str):
        return parsed_integer(value, loc)
    return value, error("int_type", loc, "Input should be a valid integer", value)


def parsed_integer(text: str, loc: Loc) -> Checked:
    """An integer out of its spelling, such as a query parameter."""
    if re.fullmatch(r"\s*[+-]?\d+(_\d+)*(\.0*)?\s*", text, re.ASCII):
        return int(text.strip().partition(".")[0]), None
    wrong = "Input should be a valid integer, unable to parse string as an integer"
    return text, error("int_parsing", loc, wrong, text)


def _boolean(value: Any, loc: Loc) -> Checked:
    word = value.lower() if isinstance(value, str) else value
    if word in (0, 1) or (isinstance(word, str) and word in _YES | _NO):
        return (word == 1 or word in _YES), None
    if isinstance(value, str | int) or (isinstance(value, float) and value.is_integer()):
        text = "Input should be a valid boolean, unable to interpret input"
        return value, error("bool_parsing", loc, text, value)
    return value, error("bool_type", loc, "Input should be a valid boolean", value)


def _json(value: Any, _loc: Loc) -> Checked:
    return value, None


def _object(value: Any, loc: Loc) -> Checked:
    if isinstance(value, Mapping):
        return value, None
    return value, error("dict_type", loc, "Input should be a valid dictionary", value)


def _moment(value: Any, loc: Loc) -> Checked:
    """A time with its zone, kept as it is written."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value, error(
            "datetime_from_date_parsing", loc, "Input should be a valid datetime or date", value
        )
    if moment.tzinfo is None:
        return value, error("timezone_aware", loc, "Input should have timezone info", value)
    return value, None


_COERCIONS: Mapping[Type, Callable[[Any, Loc], Checked]] = {
    "string": _string,
    "integer": _integer,
    "boolean": _boolean,
    "json": _json,
    "object": _object,
    "moment": _moment,
}


def json_object_text(text: str) -> tuple[str, str | None]:
    """A connection's ``extra``: text of a JSON object; nothing at all counts as an empty object."""
    wanted = "The `extra` field must be a valid JSON object (e.g., {'key': 'value'})"
    if text == "":
        return "{}", None
    try:
        parsed = json.loads(text)
    except ValueError:
        return text, f"{wanted}, but encountered non-JSON in `extra` field"
    return text, None if isinstance(parsed, dict) else wanted
