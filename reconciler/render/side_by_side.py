"""Two environments side by side, as people and machines read them."""

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.compare import NOTHING
from reconciler.errors import Origin
from reconciler.model import Sealed, canonical_digest
from reconciler.render.json import origin_entry
from reconciler.render.page import WHOLE, Page, json_text, pair_lines, rows
from reconciler.render.plain import many, one_line
from reconciler.render.text import dotted
from reconciler.side_by_side import Difference, FieldDifference, Side, SideBySide, Where

FORMAT = "reconciler.compare/1"
SYMBOLS: dict[Where, str] = {"first": "-", "both": "~", "second": "+"}


def text(found: SideBySide, page: Page = WHOLE) -> str:
    """Both environments, one line for each resource that differs, its fields below, and a summary."""
    lines = [*_headers(found.first, found.second), "", *_differences(found, page), *_unverified(found)]
    return "\n".join([*lines, _summary(found)]) + "\n"


def _headers(*sides: Side) -> Iterator[str]:
    names, targets = (
        max(map(len, texts)) for texts in zip(*((s.name, s.target) for s in sides), strict=True)
    )
    for side in sides:
        seen = "as declared" if side.airflow_version is None else f"Airflow {side.airflow_version}"
        yield f"{side.name:<{names}}  {side.target:<{targets}} · {seen}"


def _differences(found: SideBySide, page: Page) -> Iterator[str]:
    cells = [_row(one, found) for one in found.differences]
    for one, row in zip(found.differences, rows(cells, page), strict=True):
        yield from row
        for field in one.fields:
            yield from pair_lines(dotted(field.path), _value(field.first), _value(field.second), page)
    if cells:
        yield ""


def _row(one: Difference, found: SideBySide) -> tuple[str, str, str]:
    """What differs, where the one side declares it, and where the other does or that it does not have it."""
    subject = f"  {SYMBOLS[one.where]} {one.key.kind} {one_line(one.key.id)}"
    first, second = map(_place, one.origins)
    if one.where == "both":
        return subject, first, second
    name = found.first.name if one.where == "first" else found.second.name
    return subject, first if one.where == "first" else second, f"only in {name}"


def _place(origin: Origin | None) -> str:
    return f"{origin.file}:{origin.line}" if origin else ""


def _value(value: Any) -> str:
    if isinstance(value, Sealed):
        return f"(secret {value.ref})" if value.ref else "(secret)"
    return json_text(value)


def _unverified(found: SideBySide) -> Iterator[str]:
    for one in found.unverified:
        yield f"  ? {one.key.kind} {one.key.id}: {dotted(one.path)} is unverified, {one.why}"
    if found.unverified:
        yield ""


def _summary(found: SideBySide) -> str:
    numbers = {
        f"only in {found.first.name}": found.count("first"),
        f"only in {found.second.name}": found.count("second"),
        "different": found.count("both"),
    }
    counted = ", ".join(f"{number} {words}" for words, number in numbers.items() if number)
    reads = many(found.first.reads + found.second.reads, "read")
    return (
        f"Compare: {counted or 'no difference'}; {found.equal} equal, {len(found.unverified)} unverified. "
        f"{reads}."
    )


def document(environments: Sequence[dict[str, Any]], found: SideBySide | None) -> dict[str, Any]:
    """The document, with a digest of itself; nothing is compared where an environment has failed."""
    body = {
        "format": FORMAT,
        "environments": list(environments),
        "comparison": None if found is None else _comparison(found),
    }
    return {**body, "digest": canonical_digest(body)}


def side_entry(side: Side) -> dict[str, Any]:
    """One environment; the version is null where nothing but git was asked."""
    return {
        "name": side.name,
        "target": side.target,
        "airflow_version": side.airflow_version,
        "calls": {"read": side.reads},
    }


def _comparison(found: SideBySide) -> dict[str, Any]:
    return {
        "differences": [_difference(one) for one in found.differences],
        "summary": {
            "first": found.count("first"),
            "second": found.count("second"),
            "both": found.count("both"),
            "equal": found.equal,
            "unverified": len(found.unverified),
        },
        "unverified": [
            {"kind": one.key.kind, "id": one.key.id, "path": list(one.path), "why": one.why}
            for one in found.unverified
        ],
    }


def _difference(one: Difference) -> dict[str, Any]:
    first, second = map(origin_entry, one.origins)
    return {
        "in": one.where,
        "kind": one.key.kind,
        "id": one.key.id,
        "origins": {"first": first, "second": second},
        "fields": [_field_entry(field) for field in one.fields],
    }


def _field_entry(field: FieldDifference) -> dict[str, Any]:
    """A side that has nothing there is left out; of a secret there is only the reference, if git has one."""
    sides = {"first": field.first, "second": field.second}
    told = {name: _told(value) for name, value in sides.items() if value is not NOTHING}
    return {"path": list(field.path), **told, "secret": field.secret}


def _told(value: Any) -> Any:
    return {"ref": value.ref or None} if isinstance(value, Sealed) else value
