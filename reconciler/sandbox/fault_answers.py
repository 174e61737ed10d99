"""Airflow's answers, bent: what a fault makes of a response, without asking anybody."""

import json
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from reconciler.backends import Request, Response, wire
from reconciler.model import MASK
from reconciler.sandbox.answers import detail

TOTAL = "total_entries"
SHOWS_VALUES = ("value", "extra")

Listing = dict[str, Any]


def failure(major: int, status: int) -> Response:
    """An answer of that status in the shape of the API of a major version: v1 a problem, v2 a detail."""
    phrase = HTTPStatus(status).phrase
    if major > 2:  # noqa: PLR2004 - the last version with v1
        return detail(status, phrase)
    return Response(status, {"detail": phrase, "status": status, "title": phrase, "type": "about:blank"})


def echo(major: int, request: Request) -> Response:
    """What Airflow would answer to a POST that it stored, as far as the request alone tells."""
    body = wire.encode(request.body)
    if isinstance(body, dict):
        body.pop("password", None)
    return Response(HTTPStatus.CREATED if major > 2 else HTTPStatus.OK, body)  # noqa: PLR2004 - as above


def first_rows(response: Response, count: int) -> Response:
    """A listing that shows ``count`` rows and keeps its total; any other answer as it is."""
    return _relisted(response, lambda rows, total: (rows[:count], total))


def with_total(response: Response, total: int) -> Response:
    """A listing that claims to have ``total`` entries; any other answer as it is."""
    return _relisted(response, lambda rows, _total: (rows, total))


def _relisted(response: Response, change: Callable[[list[Any], int], tuple[list[Any], int]]) -> Response:
    body = response.body
    if not isinstance(body, dict) or TOTAL not in body:
        return response
    changed = dict(body)
    for name in (name for name, rows in body.items() if isinstance(rows, list)):
        changed[name], changed[TOTAL] = change(body[name], body[TOTAL])
    return replace(response, body=changed)


def masked(response: Response, word: str) -> Response:
    """``word`` hidden in the values and extras of an object or of a listing's rows."""
    return replace(response, body=_masked(response.body, word))


def _masked(body: Any, word: str) -> Any:
    if isinstance(body, list):
        return [_masked(row, word) for row in body]
    if not isinstance(body, dict):
        return body
    return {name: _field(name, item, word) for name, item in body.items()}


def _field(name: str, item: Any, word: str) -> Any:
    if name in SHOWS_VALUES and isinstance(item, str):
        return _text(item, word)
    return _masked(item, word) if isinstance(item, list) else item


def _text(text: str, word: str) -> str:
    """In JSON only what stands in strings is hidden, never a key: so Airflow redacts it."""
    document = _document(text)
    if document is None:
        return text.replace(word, MASK)
    hidden = _leaves(document, word)
    return text if hidden == document else json.dumps(hidden)


def _document(text: str) -> Any:
    """The object or list that ``text`` is, ``None`` where it is neither."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict | list) else None


def _leaves(item: Any, word: str) -> Any:
    if isinstance(item, dict):
        return {name: _leaves(inner, word) for name, inner in item.items()}
    if isinstance(item, list):
        return [_leaves(inner, word) for inner in item]
    return item.replace(word, MASK) if isinstance(item, str) else item
