import json
from typing import Any

from reconciler.kinds.json_text import NO_DOCUMENT, canonical, document, stored_text, strict_json
from reconciler.kinds.table import Field, Kind
from reconciler.model import Sealed, Secret


def typed(text: str) -> Any:
    """An integer, boolean or null out of its own spelling; any other text unchanged."""
    parsed = strict_json(text)
    scalar = parsed is None or isinstance(parsed, bool | int)
    return parsed if scalar and json.dumps(parsed) == text else text


def pair_value(declared: Any, live: Any) -> tuple[Any, Any]:
    """Both sides parsed where both denote JSON documents, else as exact text.

    A live ``null`` means that Airflow could not decrypt the row; it differs from every declared value.
    """
    if not isinstance(live, str):
        return (declared if declared is not None else "null"), live
    if isinstance(declared, Secret):
        return declared.spelled(canonical), canonical(live)
    ours, theirs = document(declared), document(live)
    if ours is not NO_DOCUMENT and theirs is not NO_DOCUMENT:
        return ours, theirs
    return declared, (live if isinstance(declared, str) else typed(live))


def form_value(value: Any) -> Any:
    """The document that a value denotes, or else the text that Airflow stores; a secret as it is."""
    if isinstance(value, Secret | Sealed):
        return value
    parsed = document(value)
    return stored_text(value) if parsed is NO_DOCUMENT else parsed


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
            form=form_value,
            merged_whole=True,
            json_text=True,
        ),
        Field("description", {"type": "string"}, "Shown in Airflow's list of variables."),
    ),
)
