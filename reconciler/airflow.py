"""One Airflow: its live state, read as a whole or one resource at a time."""

from collections.abc import Container, Iterable
from contextlib import suppress
from dataclasses import dataclass

from reconciler.backends import Request, Response
from reconciler.dialects import Dialect, Page
from reconciler.errors import BadAnswer, Inconsistent, Rejected
from reconciler.kinds import BY_NAME, Kind
from reconciler.model import Key, Resource, State
from reconciler.session import HTTP_NOT_FOUND, Session

ATTEMPTS_TO_LIST = 3
"""How often a listing is read that contradicts itself, since rows may move while it is paged."""


@dataclass(frozen=True)
class Reading:
    """A live state, with how many rows each listing had, and its first page."""

    state: State
    totals: dict[str, int]
    first_pages: dict[str, int]


@dataclass(frozen=True)
class Airflow:
    """An environment whose dialect is known."""

    session: Session
    dialect: Dialect

    def read(self, kinds: Iterable[Kind], detailed: Container[Key]) -> Reading:
        """Every resource of ``kinds``; those in ``detailed`` whole where a listing cuts them short.

        Raises AirflowError, and Inconsistent where listings go on contradicting themselves or each other.
        """
        state: dict[Key, Resource] = {}
        totals: dict[str, int] = {}
        first_pages: dict[str, int] = {}
        for kind in kinds:
            rows, first_pages[kind.name] = self._list(kind)
            totals[kind.name] = len(rows)
            state.update({row.key: row for row in rows})
        cut = [key for key in state if self.dialect.lacks_extra(BY_NAME[key.kind]) and key in detailed]
        for key in cut:
            whole = self._whole(key)
            if whole is None:
                del state[key]
            else:
                state[key] = whole
        return Reading(state, totals, first_pages)

    def _whole(self, key: Key) -> Resource | None:
        """A resource that has been listed; ``None`` only if it has gone: else it would pass for deleted."""
        for _ in range(ATTEMPTS_TO_LIST):
            whole = self.find(key)
            if whole is not None or all(row.key != key for row in self._list(BY_NAME[key.kind])[0]):
                return whole
        raise Inconsistent(f"{key} is listed, and is not there")

    def find(self, key: Key) -> Resource | None:
        """One resource as it lives now; ``None`` if it does not."""
        answer = self.session.ask(self.dialect.find_request(key), key)
        return None if answer.status == HTTP_NOT_FOUND else self.dialect.found(key, answer.body)

    def _list(self, kind: Kind) -> tuple[list[Resource], int]:
        for _ in range(ATTEMPTS_TO_LIST - 1):
            with suppress(Inconsistent):
                return self._list_once(kind)
        return self._list_once(kind)

    def _list_once(self, kind: Kind) -> tuple[list[Resource], int]:
        rows: list[Resource] = []
        total: int | None = None
        first = 0
        while total is None or len(rows) < total:
            request = self.dialect.list_request(kind, len(rows))
            page = self._page(kind, _there(request, self.session.ask(request, Key(kind.name, ""))))
            first = first or len(page.rows)
            rows += page.rows
            if total not in {None, page.total} or len(rows) > page.total:
                raise Inconsistent(f"the number of {kind.collection} changed while they were listed")
            if not page.rows and len(rows) < page.total:
                raise Inconsistent(f"{page.total} {kind.collection} are announced, {len(rows)} are listed")
            total = page.total
        if len({row.key for row in rows}) < len(rows):
            raise Inconsistent(f"the list of {kind.collection} names one of them twice")
        return rows, first

    def _page(self, kind: Kind, answer: Response) -> Page:
        try:
            return self.dialect.page(kind, answer.body)
        except BadAnswer as error:
            raise Inconsistent(str(error)) from None

    def expect(self, request: Request, key: Key | None = None, fields: tuple[str, ...] = ()) -> Response:
        """The answer to a request for something that must be there; a 404 raises Rejected."""
        return _there(request, self.session.send(request, key, fields))


def _there(request: Request, answer: Response) -> Response:
    if answer.status == HTTP_NOT_FOUND:
        raise Rejected(f"{request.method} {request.path} answered 404: it is not there", HTTP_NOT_FOUND)
    return answer
