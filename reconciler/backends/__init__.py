"""The one seam: something that answers REST requests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Method = Literal["GET", "POST", "PATCH", "DELETE"]

PATH_LIMIT = 64
"""The longest ``Path`` that InvokeRestApi takes (Amazon MWAA API reference), counted as it is sent."""

AT_ONCE = 8
"""Requests under way at one time where a network is between: at a quota of ten a second they fill it up to
answers of 0.8 seconds, and a web server's few workers are not flooded."""


@dataclass(frozen=True)
class Request:
    """One call: the path is percent-encoded and relative to the REST root, such as ``/variables/a%2Fb``.

    A tuple in ``query`` stands for a parameter that is repeated. ``body`` may hold ``Secret`` and
    ``JsonText``, which only the encoder in ``backends.wire`` turns into what is sent.
    """

    method: Method
    path: str
    query: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class NotJson:
    """Stands for a body that is no JSON; it keeps a short beginning, never shown unscrubbed."""

    excerpt: str = field(repr=False)


@dataclass(frozen=True)
class Response:
    """What Airflow answered: its own status, and the body as JSON (``None`` where it is empty)."""

    status: int
    body: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class RawAnswer:
    """An answer as it came over the wire, be it Airflow's or that of a service before it.

    The names of headers are in lower case; the body may hold secrets.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


Witness = Callable[[RawAnswer], None]
"""Is shown every answer before it is judged."""


class Backend(Protocol):
    """Sends requests to one environment and returns whatever Airflow answers, errors included.

    ``send`` raises ``AirflowError`` only where Airflow gave no answer of its own.
    """

    @property
    def roots(self) -> tuple[str, ...]:
        """REST roots to try for ``/version``, newest first; ``("",)`` where the service chooses."""

    @property
    def path_limit(self) -> int | None:
        """The longest path the environment takes, in characters as sent."""

    @property
    def at_once(self) -> int:
        """How many requests may be under way at one time; more than one takes a ``send`` for threads."""

    def send(self, request: Request) -> Response:
        """One request, once: retries belong to the caller."""
