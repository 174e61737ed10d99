"""Histories that a property has failed on once."""

from typing import Any

from tests.properties.samples import History
from tests.properties.world import Kept

A, C = {"$secret": "env:A"}, {"$secret": "safe:C"}


def _history(first: dict[str, Any], second: dict[str, Any]) -> History:
    empty: dict[str, Any] = {"variables": {}, "connections": {}, "pools": {}}
    kept = Kept({"A": "s3cr3t-word"}, {"C": ["geheim-é"]})
    return History({**empty, **first}, {**empty, **second}, kept, {})


def _connection(**fields: Any) -> dict[str, Any]:
    return {"connections": {"c": {"conn_type": "http", **fields}}}


EXTRA_WITHDRAWN = _history(_connection(extra={"a": False}), _connection())
"""Airflow 2 fails where the text of ``extra`` is ``null``."""

SECRET_BECOMES_A_PART = _history({"variables": {"a": {"value": A}}}, {"variables": {"a": {"value": [C]}}})
"""What stands where a secret once did held parts that nobody could compare: it was sent for ever."""

EMPTY_PASSWORD_WITHDRAWN = _history(_connection(password=""), _connection())
"""Nothing is to be done, and Airflow 2's connection was replaced."""

REPLACED_WITH_A_FIELD_LESS = _history(_connection(host="h", password=A), _connection(password=""))
"""Once the old row was deleted, the saved plan did not permit the new one."""

MADE_AND_FORGOTTEN = _history({"variables": {"a": {"value": A}}}, {"variables": {"b": {"value": "1"}}})
"""A run died once it had made ``a``, the next one before it had deleted it: nobody knew whose it was."""
