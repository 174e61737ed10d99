"""One entry of a file as the fields that Airflow shows; all functions raise WrongError."""

from collections.abc import Mapping
from typing import Any

from reconciler.importing.uris import from_uri
from reconciler.importing.wrong import WrongError
from reconciler.kinds import is_empty
from reconciler.kinds.json_text import stored_text
from reconciler.manifests.names import quoted
from reconciler.model import MASK

Fields = dict[str, Any]

TEXTS = ("conn_type", "description", "host", "login", "password", "schema")
CONNECTION = frozenset({*TEXTS, "conn_id", "port", "extra", "extra_dejson", "uri"})
"""What Airflow takes as the fields of a connection, in an export and in its own files of secrets."""
POOL = frozenset({"slots", "description", "include_deferred", "team_name"})
DESCRIBED = {"value", "description"}
"""What Airflow 3 writes of a variable that has a description."""


def is_connection(value: Any) -> bool:
    """Whether this is what Airflow writes of a connection."""
    return isinstance(value, dict) and "conn_type" in value and value.keys() <= CONNECTION


def is_pool(value: Any) -> bool:
    """Whether this is what Airflow writes of a pool."""
    return isinstance(value, dict) and "slots" in value and value.keys() <= POOL


def connection(value: Any) -> Fields:
    """A connection as Airflow 3 shows it: of its password only that there is one."""
    fields = from_uri(value) if isinstance(value, str) else _fields(_known(value, CONNECTION))
    if "conn_type" not in fields:
        raise WrongError("has no conn_type")
    return {**fields, "password": MASK} if "password" in fields else fields


def pool(value: Any) -> Fields:
    """A pool."""
    given = _known(value, POOL)
    if "slots" not in given:
        raise WrongError("has no slots")
    deferred = given.get("include_deferred", False)
    if not isinstance(deferred, bool):
        raise WrongError("has an include_deferred that is neither true nor false")
    texts = {name: _text(name, given[name]) for name in ("description",) if name in given}
    return {"slots": _number("slots", given["slots"]), **texts, "include_deferred": deferred}


def variable(value: Any) -> Fields:
    """A variable, its value as the text that Airflow stores.

    A text that is itself a JSON string has lost its quotes in Airflow's export, for good.
    """
    if isinstance(value, dict) and value.keys() == DESCRIBED and isinstance(value["description"], str):
        return {"value": stored_text(value["value"]), "description": value["description"]}
    return {"value": stored_text(value)}


def _fields(given: Mapping[str, Any]) -> Fields:
    alone = "uri" in given and "conn_type" not in given
    told = from_uri(_text("uri", given["uri"])) if alone else {}
    texts = {name: _text(name, given[name]) for name in TEXTS if name in given}
    return {**told, **texts, **_port(given), **_extra(given)}


def _port(given: Mapping[str, Any]) -> Fields:
    port = _number("port", given.get("port", 0))
    return {"port": port} if port else {}


def _extra(given: Mapping[str, Any]) -> Fields:
    extra = given.get("extra", given.get("extra_dejson"))
    if not isinstance(extra, str | dict | None):
        raise WrongError("has an extra that is neither a mapping nor text")
    return {"extra": stored_text(extra)} if extra else {}


def _known(value: Any, names: frozenset[str]) -> Fields:
    """The items of a mapping that are not empty."""
    if not isinstance(value, dict):
        raise WrongError("is no mapping")
    for name in value:
        if name not in names:
            raise WrongError(f"has the unknown name {quoted(name)}; known are {', '.join(sorted(names))}")
    return {name: item for name, item in value.items() if not is_empty(item)}


def _text(name: str, value: Any) -> str:
    """A text; people write those that are numbers without quotes."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise WrongError(f"has a {name} that is no text; put quotes around it")
    return str(value)


def _number(name: str, value: Any) -> int:
    """An integer, or a text that spells one."""
    digits = value.removeprefix("-") if isinstance(value, str) else ""
    if digits.isascii() and digits.isdigit() and len(digits) < 10:  # noqa: PLR2004 - beyond any count
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongError(f"has a {name} that is no number")
    return value


def settings_text(name: str, value: Any) -> str:
    """A text of ``airflow_settings.yaml``."""
    return stored_text(value) if isinstance(value, float) else _text(name, value)
