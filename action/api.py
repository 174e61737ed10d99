"""A forge's REST API, as little of it as is needed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

SECONDS = 30
PAGE = 100
MISSING = 404
DENIED = frozenset({401, 403})
LONGEST = 200
"""Characters of what a forge said."""


class ApiError(Exception):
    """A call that came to nothing; ``status`` is 0 where there was no answer."""

    def __init__(self, status: int, told: str) -> None:
        super().__init__(told)
        self.status = status

    @property
    def denied(self) -> bool:
        """Whether the token may not do this, or must not know that it is there."""
        return self.status in DENIED or self.status == MISSING


@dataclass(frozen=True)
class Api:
    """Calls as one user."""

    root: str
    headers: Mapping[str, str]

    def get(self, path: str, **query: str | int) -> Any:
        """The document at ``path``."""
        return _document(self._sent("GET", f"{path}?{urlencode(query)}" if query else path))

    def send(self, method: str, path: str, **fields: Any) -> Any:
        """What came of a write."""
        return _document(self._sent(method, path, fields))

    def content(self, path: str) -> bytes:
        """A file, wherever the forge redirects to."""
        return self._sent("GET", path)

    def pages(self, path: str, **query: str | int) -> Iterator[Any]:
        """Every entry of a list."""
        number, page = 0, [None] * PAGE
        while len(page) == PAGE:
            number += 1
            page = self.get(path, **query, per_page=PAGE, page=number)
            yield from page

    def _sent(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> bytes:
        """The token goes to the forge alone: a redirect leads to a store of files, which must not see it."""
        body = None if fields is None else json.dumps(fields).encode()
        agent = {"User-Agent": "reconciler"}
        request = Request(f"{self.root}{path}", body, agent, method=method)  # noqa: S310 - the forge's own URL
        for name, value in {**self.headers, "Content-Type": "application/json"}.items():
            request.add_unredirected_header(name, value)
        try:
            with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - the same
                content: bytes = answer.read()
                return content
        except HTTPError as error:
            with error:
                raise ApiError(error.code, f"{method} {path}: {error.code} {_said(error)}") from None
        except (OSError, HTTPException) as error:
            raise ApiError(0, f"{method} {path}: {error}") from None


def _said(error: HTTPError) -> str:
    """A forge's own words, on one line."""
    try:
        document = json.loads(error.read())
        said = document.get("message") or document.get("error")
    except (ValueError, AttributeError, OSError, HTTPException):
        said = error.reason
    return " ".join(str(said).split())[:LONGEST]


def _document(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        raise ApiError(0, "the answer is no JSON") from None
