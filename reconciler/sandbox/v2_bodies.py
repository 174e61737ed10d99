"""The request bodies of the v2 API (``datamodels/*.py``), as tables that follow from the kinds."""

from dataclasses import replace

from reconciler.kinds import Field, Kind
from reconciler.sandbox.personality import Personality
from reconciler.sandbox.validation import Column, json_object_text

_ID_LENGTH = {"variable": 250, "connection": 200, "pool": 256}
_ID_PATTERN = {"connection": r"^[\w.-]+$"}


def post_columns(personality: Personality, kind: Kind) -> tuple[Column, ...]:
    """The model of POST bodies and bulk entities."""
    identity = Column(
        kind.id_field,
        "string",
        alias="pool" if kind.name == "pool" else None,
        required=True,
        nullable=False,
        max_length=_ID_LENGTH[kind.name],
        pattern=_ID_PATTERN.get(kind.name),
    )
    return (identity, *(_column(personality, kind, field) for field in _order(kind)), *_team(personality))


def patch_columns(personality: Personality, kind: Kind) -> tuple[Column, ...]:
    """The model of PATCH bodies: a pool's asks for nothing, the others are those of POST."""
    columns = post_columns(personality, kind)
    if kind.name != "pool":
        return columns
    return tuple(
        replace(column, required=False, nullable=True, default=None, max_length=_patched_length(column))
        for column in columns
    )


def checked_pool_columns(personality: Personality, kind: Kind) -> tuple[Column, ...]:
    """The model that a pool's PATCH body is validated against a second time."""
    required = ("pool", *personality.pool_patch_required)
    columns = (
        replace(column, name="pool") if column.name == kind.id_field else column
        for column in post_columns(personality, kind)
    )
    return tuple(
        replace(column, alias=None, required=column.name in required, max_length=None)
        for column in columns
        if column.name != "team_name"
    )


def _patched_length(column: Column) -> int | None:
    return column.max_length if column.name == "team_name" else None


def _order(kind: Kind) -> tuple[Field, ...]:
    """The fields in the order of Airflow's model, which is that of its errors."""
    if kind.name != "connection":
        return kind.fields
    names = ("conn_type", "description", "host", "login", "schema", "port", "password", "extra")
    return tuple(kind.field(name) for name in names)


def _column(personality: Personality, kind: Kind, field: Field) -> Column:
    required = field.name in kind.required
    if field.name == "value":
        return Column("value", "json", required=True)
    if field.json_text:
        return Column(field.name, "string", check=json_object_text)
    wanted = field.schema["type"]
    return Column(
        field.name,
        wanted,
        alias="schema_" if field.name == "schema" else None,
        required=required,
        nullable=not required and wanted != "boolean",
        default=field.default,
        minimum=personality.fewest_slots if field.name == "slots" else None,
    )


def _team(personality: Personality) -> tuple[Column, ...]:
    if not personality.team_name:
        return ()
    return (Column("team_name", "string", max_length=50),)
