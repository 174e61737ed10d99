"""One Airflow: its live state, read as a whole or one resource at a time."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeVar

from reconciler.abreast import abreast
from reconciler.backends import Request, Response
from reconciler.dialects import CLAMPED_PAGE, FIRST_PAGE, Dialect, Page
from reconciler.errors import BadAnswer, Inconsistent, Rejected, ServiceFailed
from reconciler.kinds import BY_NAME, Kind
from reconciler.model import Key, Resource, State
from reconciler.retry import Purpose
from reconciler.session import HTTP_NOT_FOUND, Session

T = TypeVar("T")

ATTEMPTS_TO_LIST = 3
"""How often a listing is read that contradicts itself, since rows may move while it is paged."""

SMALLEST_PAGE = 1
"""Rows. A page that the service does not carry, for it is larger than 6 MB or takes longer than ten seconds
(MWAA user guide), is asked for in smaller ones down to this; nothing documents what the service says then."""


@dataclass(frozen=True)
class Reading:
    """A live state, with how many rows each listing had, and its first page."""

    state: State
    totals: dict[str, int]
    first_pages: dict[str, int]


@dataclass(frozen=True)
class _Listing:
    rows: list[Resource]
    first_page: int


_Pages = list[Page | Inconsistent]
"""Pages of one listing in their order; what is no page at all stands for itself until it is judged."""


@dataclass(frozen=True)
class Airflow:
    """An environment whose dialect is known."""

    session: Session
    dialect: Dialect

    def read(self, kinds: Iterable[Kind], detailed: Container[Key]) -> Reading:
        """Every resource of ``kinds``; those in ``detailed`` whole where a listing cuts them short.

        Raises AirflowError, and Inconsistent where listings go on contradicting themselves or each other.
        """
        listings = self._list(tuple(kinds))
        state = {row.key: row for listing in listings.values() for row in listing.rows}
        cut = [key for key in state if self.dialect.lacks_extra(BY_NAME[key.kind]) and key in detailed]
        self.session.announce(len(cut))
        for key, whole in zip(cut, self._abreast([partial(self._whole, key) for key in cut]), strict=True):
            if whole is None:
                del state[key]
            else:
                state[key] = whole
        return Reading(
            state,
            {name: len(listing.rows) for name, listing in listings.items()},
            {name: listing.first_page for name, listing in listings.items()},
        )

    def find_all(self, keys: Iterable[Key]) -> dict[Key, Resource]:
        """Those of ``keys`` that live, each asked for by itself."""
        wanted = tuple(keys)
        found = self._abreast([partial(self.find, key) for key in wanted])
        return {key: one for key, one in zip(wanted, found, strict=True) if one is not None}

    def _abreast(self, work: Sequence[Callable[[], T]]) -> list[T]:
        return abreast(work, self.session.backend.at_once)

    def _whole(self, key: Key) -> Resource | None:
        """A resource that has been listed; ``None`` only if it has gone: else it would pass for deleted."""
        for _ in range(ATTEMPTS_TO_LIST):
            whole = self.find(key)
            if whole is not None or not self._is_listed(key):
                return whole
        raise Inconsistent(f"{key} is listed, and is not there")

    def _is_listed(self, key: Key) -> bool:
        listing = self._list((BY_NAME[key.kind],))[key.kind]
        return any(row.key == key for row in listing.rows)

    def find(self, key: Key) -> Resource | None:
        """One resource as it lives now; ``None`` if it does not."""
        answer = self.session.ask(self.dialect.find_request(key), key)
        return None if answer.status == HTTP_NOT_FOUND else self.dialect.found(key, answer.body)

    def _list(self, kinds: tuple[Kind, ...], attempts: int = ATTEMPTS_TO_LIST) -> dict[str, _Listing]:
        """The listings of ``kinds``; one that contradicts itself is read again as a whole."""
        found = dict[str, _Listing]()
        wrong = list[tuple[Kind, Inconsistent]]()
        for kind, pages in zip(kinds, self._paged(kinds), strict=True):
            try:
                found[kind.name] = _joined(kind, pages)
            except Inconsistent as error:
                wrong.append((kind, error))
        if wrong and attempts == 1:
            raise wrong[0][1]
        again = self._list(tuple(kind for kind, _ in wrong), attempts - 1) if wrong else {}
        listings = {**found, **again}
        return {kind.name: listings[kind.name] for kind in kinds}

    def _paged(self, kinds: tuple[Kind, ...]) -> list[_Pages]:
        """All pages of each listing: the first ones say how many there are, and of which size."""
        self.session.announce(len(kinds))
        pages: list[_Pages] = [
            [first] for first in self._abreast([partial(self._first, kind, FIRST_PAGE) for kind in kinds])
        ]
        parts = (
            (found, partial(self._part, kind, offset, size))
            for kind, found in zip(kinds, pages, strict=True)
            for size, total in _sizes(found[0])
            for offset in range(size, total, size)
            if _is_filled(found[-1])
        )
        sizes = [one for found in pages for one in _sizes(found[0])]
        self.session.announce(sum(-(-total // size) - 1 for size, total in sizes))
        wave = self.session.backend.at_once
        while now := list(islice(parts, wave)):
            for (found, _), rest in zip(now, self._abreast([part for _, part in now]), strict=True):
                found.extend(rest)
            wave *= 2  # an announced total may be wrong: what comes of it is seen before all is asked for
        return pages

    def _first(self, kind: Kind, limit: int) -> Page | Inconsistent:
        """The first page, as large as the server gives it and the service carries it."""
        return self._page(kind, 0, limit) or self._first(kind, _smaller(limit))

    def _part(self, kind: Kind, offset: int, limit: int) -> _Pages:
        """The rows from ``offset`` on, in as few pages as the service carries."""
        page = self._page(kind, offset, limit)
        if page is not None:
            left = limit - _received(page, limit, offset)
            return [page, *(self._part(kind, offset + limit - left, left) if left else ())]
        part = _smaller(limit)
        end = offset + limit
        starts = range(offset, end, part)
        return [page for start in starts for page in self._part(kind, start, min(part, end - start))]

    def _page(self, kind: Kind, offset: int, limit: int) -> Page | Inconsistent | None:
        """One page; ``None`` where the service fails, and might carry a smaller one."""
        request = self.dialect.list_request(kind, offset, limit)

        def answered() -> Response | None:
            try:
                return self.session.send(request, Key(kind.name, ""))
            except ServiceFailed:
                if limit == SMALLEST_PAGE:
                    raise
                return None

        answer = self.session.patience.keep_trying(Purpose.READ, answered)
        return None if answer is None else self._read_page(kind, _there(request, answer))

    def _read_page(self, kind: Kind, answer: Response) -> Page | Inconsistent:
        try:
            return self.dialect.page(kind, answer.body)
        except BadAnswer as error:
            return Inconsistent(str(error))

    def expect(self, request: Request, key: Key | None = None, fields: tuple[str, ...] = ()) -> Response:
        """The answer to a request for something that must be there; a 404 raises Rejected."""
        return _there(request, self.session.send(request, key, fields))

    def expect_read(self, request: Request, key: Key) -> Response:
        """The same for a read, tried again as long as that makes sense."""
        return _there(request, self.session.ask(request, key))


def _there(request: Request, answer: Response) -> Response:
    if answer.status == HTTP_NOT_FOUND:
        raise Rejected(f"{request.method} {request.path} answered 404: it is not there", HTTP_NOT_FOUND)
    return answer


def _sizes(first: Page | Inconsistent) -> Iterator[tuple[int, int]]:
    """The rows of a page and of the whole listing, where the first page tells of others."""
    if isinstance(first, Page) and first.rows:
        yield len(first.rows), first.total


def _is_filled(page: Page | Inconsistent) -> bool:
    return isinstance(page, Page) and bool(page.rows)


def _received(page: Page | Inconsistent, limit: int, offset: int) -> int:
    """How many of ``limit`` rows there is no need to ask for again; a server may cut any page short."""
    if isinstance(page, Inconsistent) or not page.rows or offset + len(page.rows) >= page.total:
        return limit
    return min(limit, len(page.rows))


def _smaller(limit: int) -> int:
    """The next size of a page: first what most servers clamp to anyway, then halves."""
    return CLAMPED_PAGE if limit > CLAMPED_PAGE else limit // 2


def _joined(kind: Kind, pages: _Pages) -> _Listing:
    """The rows of a listing; raises Inconsistent where its pages contradict each other."""
    sound = [_sound(page) for page in pages]
    rows = [row for page in sound for row in page.rows]
    total = sound[0].total
    if any(page.total != total for page in sound) or len(rows) > total:
        raise Inconsistent(f"the number of {kind.collection} changed while they were listed")
    if len(rows) < total:
        raise Inconsistent(f"{total} {kind.collection} are announced, {len(rows)} are listed")
    if len({row.key for row in rows}) < len(rows):
        raise Inconsistent(f"the list of {kind.collection} names one of them twice")
    return _Listing(rows, len(sound[0].rows))


def _sound(page: Page | Inconsistent) -> Page:
    if isinstance(page, Inconsistent):
        raise page
    return page
