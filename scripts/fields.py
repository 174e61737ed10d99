"""Writes the tables of fields in docs/manifests.md out of the kinds and schemas; run by ``make docs``."""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.kinds import Field, Kind, kind_named
from reconciler.manifests.schema import environment_schema, manifest_schema

TABLE = re.compile(r"(<!-- fields: (?P<of>\w+) -->\n)[^<]*(<!-- end of fields -->\n)")
CODE = re.compile(r"\$\{\w+\}|[\w()/]+:[^\s,;]*[A-Z]{3}[^\s,;]*(?<!\.)|\w+_\*")
"""Parameters, addresses and patterns within a sentence."""
TYPES = {
    "object": "mapping",
    "array": "list",
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
}
OWN_DEFAULTS = {"protect": "`false`", "sensitive": "as its name looks"}
ANY, SECRET = "anything", "secret reference"
Schema = Mapping[str, Any]


def page(text: str) -> str:
    """The page with every table as it has to be today."""
    return TABLE.sub(lambda found: f"{found[1]}\n{table(found['of'])}\n{found[3]}", text)


def table(of: str) -> str:
    """The table of a kind, or of ``environment``."""
    if of == "environment":
        return lines(("name", "type", "means"), environment())
    return lines(("field", "type", "default", "means"), resource(kind_named(of)))


def lines(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """Rows as Markdown."""
    dashes = tuple("---" for _ in head)
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, dashes, *rows))


def resource(kind: Kind) -> Iterator[tuple[str, ...]]:
    """Airflow's own fields, then those that the program reads."""
    known = {field.name for field in kind.fields}
    for field in kind.fields:
        yield f"`{field.name}`", type_of_field(field), default(kind, field), cell(field.doc)
    for name, schema in manifest_schema()["$defs"][kind.name]["properties"].items():
        if name not in known:
            yield f"`{name}`", type_of(schema), OWN_DEFAULTS.get(name, "none"), cell(schema["description"])


def default(kind: Kind, field: Field) -> str:
    """What a field has that no manifest declares."""
    if field.name in kind.required:
        return "required"
    empty = kind.empty(field.name)
    return "none" if empty in (None, "", {}) else f"`{str(empty).lower()}`"


def environment() -> Iterator[tuple[str, ...]]:
    """What ``environment.yaml`` may say, what stands inside included."""
    schema = environment_schema()
    for name, inner in schema["properties"].items():
        required = "Required. " if name in schema["required"] else ""
        yield f"`{name}`", type_of(inner), required + cell(inner["description"])
        yield from inside(name, inner)


def inside(path: str, schema: Schema) -> Iterator[tuple[str, ...]]:
    """What stands in a mapping."""
    for name, inner in schema.get("properties", {}).items():
        yield f"`{path}.{name}`", type_of(inner), cell(inner["description"])
        yield from inside(f"{path}.{name}", inner)


def type_of_field(field: Field) -> str:
    """The type of a field, and where secrets may stand in it."""
    if field.secret == "whole":
        return SECRET
    type_ = type_of(field.schema) + between(field.schema)
    return f"{type_}, {SECRET}s in it" if field.secret == "leaves" else type_


def type_of(schema: Schema) -> str:
    """The type of a value in words."""
    if "enum" in schema:
        return " or ".join(f"`{one}`" for one in schema["enum"])
    if "if" in schema:
        return f"text or {SECRET}"
    types = schema.get("type", [])
    names = [types] if isinstance(types, str) else [name for name in types if name != "null"]
    named = " or ".join(TYPES.get(name, name) for name in names) or ANY
    if "items" not in schema:
        return named
    return f"{named} of {'fields' if 'enum' in schema['items'] else type_of(schema['items'])}"


def between(schema: Schema) -> str:
    """The limits of a value."""
    if "maxLength" in schema:
        return f", up to {schema['maxLength']} characters"
    if "maximum" in schema:
        return f", {schema['minimum']} to {schema['maximum']}"
    return f", at least {schema['minimum']}" if "minimum" in schema else ""


def cell(text: str) -> str:
    """A text on one line of a table."""
    return CODE.sub(r"`\g<0>`", " ".join(text.split()).replace("|", "\\|"))


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(page(file.read_text(encoding="utf-8")), encoding="utf-8")
