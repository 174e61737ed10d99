import json
from typing import Any

from reconciler.kinds.table import Field, Kind
from reconciler.model import Secret

NOTHING = object()


def stored_text(value: Any) -> str:
    """The text that Airflow stores for a declared value: strings as they are, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _strict_json(text: str) -> Any:
    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return NOTHING


def _document(value: Any) -> Any:
    """``value`` as the object, array or float it denotes, or NOTHING if it is another kind of text.

    Airflow 3 parses and re-serialises just these three on display (blanks, escapes and the spelling of
    floats change); every other text it shows as stored.
    """
    parsed = _strict_json(value) if isinstance(value, str) else value
    return parsed if isinstance(parsed, dict | list | float) else NOTHING


def _typed(text: str) -> Any:
    """An integer, boolean or null out of its own spelling; any other text unchanged."""
    parsed = _strict_json(text)
    scalar = parsed is None or isinstance(parsed, bool | int)
    return parsed if scalar and json.dumps(parsed) == text else text


def pair_value(declared: Any, live: Any) -> tuple[Any, Any]:
    """Both sides parsed where both denote JSON documents, else as exact text.

    A live ``null`` means that Airflow could not decrypt the row; it differs from every declared value.
    """
    if isinstance(declared, Secret) or not isinstance(live, str):
        return (declared if declared is not None else "null"), live
    ours, theirs = _document(declared), _document(live)
    if ours is not NOTHING and theirs is not NOTHING:
        return ours, theirs
    return declared, (live if isinstance(declared, str) else _typed(live))


VARIABLE = Kind(
    name="variable",
    collection="variables",
    id_field="key",
    id_length=250,
    rank=1,
    required=("value",),
    shorthand="value",
    fields=(
        Field(
            "value",
            {},
            "Any value. Text is stored as it is; everything else as JSON text.",
            secret="leaves",
            pair=pair_value,
            merged_whole=True,
            json_text=True,
        ),
        Field("description", {"type": "string"}, "Shown in Airflow's list of variables."),
    ),
)
