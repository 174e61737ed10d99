"""What may stand between the program and Airflow, or its ledger."""

import json
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.backends import Backend, Request, Response
from reconciler.backends.around import Around
from reconciler.model import MASK, JsonText, Secret
from reconciler.stores import Store, Stored
from tests.core.samples import redacted

SHOWN = ("value", "extra")
"""Fields in which Airflow hides what it takes for secret."""


class Killed(BaseException):
    """The process ends here: nobody catches this."""


@dataclass
class Between(Around):
    """A backend in front of another."""

    at_once = 1

    def rehearse(self, request: Request) -> Response:
        found: Any = self.backend
        answer: Response = found.rehearse(request)
        return answer


@dataclass
class Countdown:
    """Kills the run at the boundary of this number, before or after calls and writes of the ledger."""

    left: int

    def passed(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def reach(self, backend: Backend) -> Backend:
        return Mortal(backend, self)


@dataclass
class Mortal(Between):
    """Each call has a boundary before and one after it."""

    countdown: Countdown

    def send(self, request: Request) -> Response:
        self.countdown.passed()
        answer = self.backend.send(request)
        self.countdown.passed()
        return answer


@dataclass
class MortalStore:
    """Each write of the ledger has, too."""

    store: Store
    countdown: Countdown

    @property
    def place(self) -> str:
        return self.store.place

    def load(self) -> Stored | None:
        return self.store.load()

    def save(self, text: str, replacing: str | None) -> str:
        self.countdown.passed()
        version = self.store.save(text, replacing)
        self.countdown.passed()
        return version

    def neighbours(self) -> Iterator[tuple[str, str]]:
        yield from self.store.neighbours()

    def own_key(self, *, create: bool) -> bytes | None:
        return self.store.own_key(create=create)


@dataclass
class Relisted(Between):
    """Lists in an order of its own, the same all the time, and in pages of at most ``page`` rows."""

    seed: int
    page: int

    def send(self, request: Request) -> Response:
        if request.method != "GET" or "offset" not in request.query:
            return self.backend.send(request)
        whole = replace(request, query={**request.query, "limit": "1000", "offset": "0"})
        answer = self.backend.send(whole)
        start, limit = int(str(request.query["offset"])), int(str(request.query["limit"]))
        return replace(answer, body=self._cut(answer.body, start, min(limit, self.page)))

    def _cut(self, body: dict[str, Any], start: int, limit: int) -> dict[str, Any]:
        def cut(rows: list[Any]) -> list[Any]:
            mixed = list(rows)
            random.Random(self.seed).shuffle(mixed)  # noqa: S311 - an order, no secret
            return mixed[start : start + limit]

        return {name: cut(item) if isinstance(item, list) else item for name, item in body.items()}


@dataclass
class Redacted(Between):
    """Hides parts of what it shows: the spans of every text, and in JSON of every text within."""

    spans: list[tuple[int, int]]
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was shown last, by id."""

    def send(self, request: Request) -> Response:
        answer = self.backend.send(request)
        return replace(answer, body=self._hidden(answer.body)) if request.method == "GET" else answer

    def _hidden(self, body: Any) -> Any:
        if isinstance(body, list):
            return [self._hidden(row) for row in body]
        if not isinstance(body, dict):
            return body
        shown = {
            name: self._text(item) if name in SHOWN and isinstance(item, str) else self._hidden(item)
            for name, item in body.items()
        }
        id_ = shown.get("key") or shown.get("connection_id")
        if isinstance(id_, str):
            self.rows[id_] = shown
        return shown

    def _text(self, text: str) -> str:
        try:
            document = json.loads(text)
        except ValueError:
            document = None
        if isinstance(document, dict | list):
            return json.dumps(self._leaves(document), ensure_ascii=False)
        return redacted(text, self.spans)

    def _leaves(self, item: Any) -> Any:
        if isinstance(item, dict):
            return {name: self._leaves(inner) for name, inner in item.items()}
        if isinstance(item, list):
            return [self._leaves(inner) for inner in item]
        return redacted(item, self.spans) if isinstance(item, str) else item


class Live(str):
    """A text that came out of Airflow."""

    __slots__ = ()


def lively(item: Any) -> Any:
    """An answer in which every text is marked."""
    if isinstance(item, str):
        return Live(item)
    if isinstance(item, dict):
        return {lively(name): lively(inner) for name, inner in item.items()}
    return [lively(inner) for inner in item] if isinstance(item, list) else item


def leaves_in(item: Any) -> Iterator[Any]:
    """Everything in a request's body that is no container, names of members included, secrets aside."""
    if isinstance(item, JsonText):
        yield from leaves_in(item.value)
    elif isinstance(item, Mapping):
        for name, inner in item.items():
            yield from leaves_in(name)
            yield from leaves_in(inner)
    elif isinstance(item, list | tuple):
        for inner in item:
            yield from leaves_in(inner)
    elif not isinstance(item, Secret):
        yield item


@dataclass
class Tainted(Between):
    """Marks every text that it answers, and complains of a write that carries one, or a mask.

    ``foreign`` are texts and numbers that only Airflow has, and no manifest: these are found without a mark,
    too. The ids of what is deleted are let pass, for nothing but a list may name them.
    """

    foreign: Collection[Any] = ()
    complaints: list[str] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        if request.method != "GET":
            self.complaints += [f"{leaf!r} is sent by {request}" for leaf in self._wrong(request)]
        answer = self.backend.send(request)
        return replace(answer, body=lively(answer.body))

    def _wrong(self, request: Request) -> Iterator[Any]:
        path = request.path if request.method != "DELETE" else ""
        for leaf in (path, *leaves_in(request.query), *leaves_in(_without_doomed(request.body))):
            text = str(leaf)
            if isinstance(leaf, Live) or MASK in text or any(str(one) in text for one in self.foreign):
                yield leaf


def _without_doomed(body: Any) -> Any:
    """A body without the ids that a bulk call deletes."""
    if not isinstance(body, dict) or "actions" not in body:
        return body
    return [{**one, "entities": []} if one["action"] == "delete" else one for one in body["actions"]]


@dataclass
class Meanwhile(Between):
    """Somebody does something just before the call of this number."""

    at: int
    deed: Callable[[], None]

    def send(self, request: Request) -> Response:
        self.at -= 1
        if self.at == 0:
            self.deed()
        return self.backend.send(request)
