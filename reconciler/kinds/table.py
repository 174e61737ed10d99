"""What a kind's table holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Schema = Mapping[str, Any]

Pair = Callable[[Any, Any], tuple[Any, Any]]
"""Brings a declared and a live value into forms that compare as Airflow would read them."""

SecretPlace = Literal["never", "whole", "leaves"]


def is_empty(value: Any) -> bool:
    """Whether Airflow may turn ``value`` into nothing: ``null`` and ``""`` are one on the way through it."""
    return value is None or value == ""


def form_plain(value: Any) -> Any:
    """A value as it is, nothing being ``None`` however it is written."""
    return None if is_empty(value) else value


def pair_plain(declared: Any, live: Any) -> tuple[Any, Any]:
    """Both values as they are, but nothing equals nothing however it is written."""
    return (None, None) if is_empty(declared) and is_empty(live) else (declared, live)


@dataclass(frozen=True)
class Field:
    """One field of a kind, named as in manifests and in Airflow's API."""

    name: str
    schema: Schema
    doc: str
    default: Any = None
    secret: SecretPlace = "never"
    pair: Pair = pair_plain
    form: Callable[[Any], Any] = form_plain
    """The one form in which a value counts, whichever side it comes from; the ledger marks its leaves."""
    merged_whole: bool = False
    """Whether a higher layer replaces the value as one, keeping its nulls."""
    json_text: bool = False
    """Whether the API carries the value as text that holds JSON."""


@dataclass(frozen=True)
class Kind:
    """One kind of resource."""

    name: str
    collection: str
    id_field: str
    id_length: int
    rank: int
    fields: tuple[Field, ...]
    required: tuple[str, ...]
    shorthand: str | None = None
    """The field that a value which is no mapping stands for."""
    reserved: frozenset[str] = frozenset()
    """Ids that Airflow itself owns: never deleted."""

    def field(self, name: str) -> Field:
        """The field called ``name``; raises KeyError if the kind has none."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    def empty(self, name: str) -> Any:
        """What a field returns to that git no longer declares, in the form that every version takes.

        Airflow 2 does not take ``null`` for a description, nor as the text of ``extra``.
        """
        field = self.field(name)
        nothing: dict[str, Any] = {"string": "", "object": {}}
        return nothing.get(field.schema.get("type", "")) if field.default is None else field.default

    @cached_property
    def field_names(self) -> tuple[str, ...]:
        """The names of all fields, in the order of the table."""
        return tuple(field.name for field in self.fields)
