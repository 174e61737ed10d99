"""Connections as URIs: the inverse of Airflow's ``Connection.get_uri``, which ``connections export`` uses.

Airflow's own reader also lowers the case of hosts, and Airflow 3's reads numbers out of the query; neither
is done here, because the connection that was exported had the other spelling.
"""

import json
import re
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from reconciler.importing.wrong import WrongError

URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+._-]*)://(?P<rest>.*)\Z", re.DOTALL)
PORT = re.compile(r"(?P<host>.*?)(?::(?P<port>[0-9]*))?\Z", re.DOTALL)
LINKS = frozenset({"file", "ftp", "gs", "http", "https", "s3", "s3a"})
"""Schemes of URIs that are the text of a variable as often as a connection."""
EXTRA = "__extra__"
"""The option that carries an extra which is no mapping of texts."""
LARGEST_PORT = 65535
FORM = "write TYPE://[LOGIN[:PASSWORD]@]HOST[:PORT][/SCHEMA][?EXTRA], each part percent-encoded"


def is_uri(value: Any) -> bool:
    """Whether a value could be a connection."""
    return isinstance(value, str) and URI.match(value) is not None


def is_link(value: Any) -> bool:
    """Whether a value could be a connection, but more often is not."""
    found = URI.match(value) if isinstance(value, str) else None
    return found is not None and found["scheme"].lower() in LINKS


def from_uri(uri: str) -> dict[str, Any]:
    """The fields of a connection, empty ones left out; raises WrongError."""
    found = URI.match(uri)
    if found is None:
        raise WrongError(f"is no connection URI; {FORM}")
    protocol, rest = _protocol(found["rest"])
    parts = _parts(rest)
    fields = {
        "conn_type": connection_type(found["scheme"]),
        **_authority(parts.netloc, protocol),
        "schema": unquote(parts.path[1:]),
        "extra": _extra(parts.query),
    }
    return {name: value for name, value in fields.items() if value not in {None, ""}}


def connection_type(scheme: str) -> str:
    """The type that a scheme stands for: a scheme can hold no underscore."""
    name = scheme.lower().replace("-", "_")
    return "postgres" if name == "postgresql" else name


def _protocol(rest: str) -> tuple[str, str]:
    """A protocol that belongs to the host, such as in ``http://https://host``, and what follows it."""
    inner = URI.match(rest)
    return (f"{inner['scheme']}://", inner["rest"]) if inner else ("", rest)


def _parts(rest: str) -> SplitResult:
    try:
        return urlsplit(f"//{rest}")
    except ValueError:
        raise WrongError(f"is no connection URI; {FORM}") from None


def _authority(netloc: str, protocol: str) -> dict[str, Any]:
    """Login, password, host and port."""
    user, _, place = netloc.rpartition("@")
    login, _, password = user.partition(":")
    host, port = _place(place)
    return {
        "host": host and protocol + host,
        "login": unquote(login),
        "password": unquote(password),
        "port": port,
    }


def _place(place: str) -> tuple[str, int | None]:
    """Host and port; the colons of an address in brackets are its own."""
    address, closed, after = place.rpartition("]")
    found = PORT.match(after if closed else place)
    port = int(found["port"] or 0) if found else 0
    if found is None or ":" in found["host"] or port > LARGEST_PORT:
        raise WrongError(f"has no port that could be one; {FORM}")
    return unquote(address.removeprefix("[") if closed else found["host"]), port or None


def _extra(query: str) -> str | None:
    found = dict(parse_qsl(query, keep_blank_values=True))
    return found.get(EXTRA, json.dumps(found)) if found else None
