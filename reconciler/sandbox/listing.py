"""What both APIs do to a table before they show it as a list."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconciler.kinds import Kind
from reconciler.sandbox.answers import Refusal, check_parameters, detail, problem, unprocessable
from reconciler.sandbox.personality import Personality
from reconciler.sandbox.store import Row
from reconciler.sandbox.validation import parsed_integer

Item = tuple[str, Row]
"""A resource's key and row."""


def _value(item: Item, kind: Kind, column: str) -> Any:
    key, row = item
    return key if column == kind.id_field else row.get(column)


def ordered(
    items: Iterable[Item],
    kind: Kind,
    columns: Sequence[str],
    *,
    nulls_last: bool = False,
    reverse_ties: bool = False,
) -> list[Item]:
    """The items, which come by id, sorted by columns; ``-`` before a column reverses it.

    SQLite takes NULL for the smallest value; ``nulls_last`` puts it behind the others in any direction.
    With ``reverse_ties`` the direction of the first column is that of the ids where all columns are equal.
    """
    found = list(items)
    if reverse_ties and columns and columns[0].startswith("-"):
        found.reverse()
    for column in reversed(columns):
        descending = column.startswith("-")
        found = _sorted(found, kind, column.lstrip("-"), descending, nulls_last and not descending)
    return found


def _sorted(items: list[Item], kind: Kind, column: str, descending: bool, nulls_high: bool) -> list[Item]:  # noqa: FBT001 - all positional, one caller
    def rank(item: Item) -> tuple[bool, Any]:
        value = _value(item, kind, column)
        return (value is None) == nulls_high, 0 if value is None else value

    return sorted(items, key=rank, reverse=descending)


def like(term: str) -> re.Pattern[str]:
    """SQL's ``ILIKE '%term%'``, in which ``_`` and ``%`` are wildcards."""
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(char, re.escape(char)) for char in term), re.IGNORECASE | re.DOTALL)


def prefix(term: str) -> str:
    """What a ``…_prefix_pattern`` compares: the term without what is no letter or digit at its end."""
    return re.sub(r"[\W_]+\Z", "", term)


def page_of(  # noqa: PLR0913, PLR0917 - what a query may say, and what it says
    personality: Personality,
    query: Mapping[str, str],
    parameters: frozenset[str],
    column: str,
    columns: frozenset[str],
    rows: Iterable[Mapping[str, Any]],
) -> list[Mapping[str, Any]]:
    """The rows that a query asks for, sorted by ``column`` unless it says something else; raises Refusal."""
    check_parameters(personality, query, parameters)
    is_v2, order = personality.api == "v2", query.get("order_by", column)
    name = order.lstrip("-")
    if name not in columns:
        text = f"Ordering with '{name}' is disallowed or the attribute does not exist on the model"
        raise Refusal(detail(400, text) if is_v2 else problem(personality, 400, text))
    start, size = _number(personality, query, "offset"), _size(personality, query)
    shown = sorted(rows, key=lambda row: (row.get(name) or "", row["id"]), reverse=order.startswith("-"))
    return shown[start : start + size]


def _size(personality: Personality, query: Mapping[str, str]) -> int:
    """How many rows a page has at most; to the v1 API a limit of 0 is none."""
    given = _number(personality, query, "limit")
    is_given = "limit" in query and (given > 0 or personality.api == "v2")
    size = given if is_given else personality.page_default
    return size if personality.page_max is None else min(size, personality.page_max)


def _number(personality: Personality, query: Mapping[str, str], name: str) -> int:
    number, wrong = parsed_integer(query.get(name, "0"), ("query", name))
    if wrong is not None:
        raise Refusal(unprocessable([wrong]) if personality.api == "v2" else problem(personality, 400))
    return int(number)
