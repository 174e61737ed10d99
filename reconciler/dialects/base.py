"""What both dialects share."""

import re
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from reconciler.audit import event_names
from reconciler.backends import Request
from reconciler.dialects.runs import Runs
from reconciler.errors import BadAnswer
from reconciler.kinds import BY_NAME, Kind
from reconciler.model import JsonText, Key, Resource, State
from reconciler.plan import Action, Change

FIRST_PAGE = 1000
"""What the first page asks for; servers clamp it silently, and the rows received tell the page."""

CLAMPED_PAGE = 100
"""The rows of a page on servers that clamp it."""


Group = tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """One page of a listing, with the number of rows that the server says there are in all."""

    rows: tuple[Resource, ...]
    total: int


@dataclass(frozen=True)
class Dialect(Runs):
    """Changes to requests, answers to resources: pure, for one server's version and path limit."""

    major: ClassVar[int]

    @property
    def release(self) -> tuple[int, ...]:
        """The version as numbers, such as ``(2, 11, 2)``."""
        return tuple(int(number) for number in re.findall(r"\d+", self.version)[:3])

    def fits_path(self, key: Key) -> bool:
        """Whether the id is short enough to stand in a path."""
        return self.path_limit is None or len(path_of(key)) <= self.path_limit

    def list_request(self, kind: Kind, offset: int, limit: int = FIRST_PAGE) -> Request:
        """A page of at most ``limit`` rows of ``kind`` from ``offset``, in the stable order of its ids."""
        query = {"limit": str(limit), "offset": str(offset), "order_by": kind.id_field}
        return Request("GET", f"/{kind.collection}", query)

    def get_request(self, key: Key) -> Request:
        """One resource."""
        return Request("GET", path_of(key))

    def events_request(self, kinds: Sequence[Kind], offset: int) -> Request:
        """A page of the event log, newest first, as far as it is about edits of some kinds."""
        query: dict[str, str | tuple[str, ...]] = {
            "limit": str(CLAMPED_PAGE),
            "offset": str(offset),
            "order_by": "-event_log_id",
        }
        return Request("GET", "/eventLogs", {**query, **self.only_events(event_names(kinds, self.major))})

    def delete_request(self, key: Key) -> Request:
        """Removes one resource."""
        return Request("DELETE", path_of(key))

    def page(self, kind: Kind, body: Any) -> Page:
        """A listing's answer, read strictly; raises BadAnswer."""
        rows = body.get(kind.collection) if isinstance(body, dict) else None
        total = body.get("total_entries") if isinstance(body, dict) else None
        if not isinstance(rows, list) or type(total) is not int:
            raise BadAnswer(f"the list of {kind.collection} has no rows or no total_entries")
        return Page(tuple(self.resource(kind, row) for row in rows), total)

    def resource(self, kind: Kind, item: Any) -> Resource:
        """One resource out of an answer; raises BadAnswer if it is not shaped like one."""
        if not isinstance(item, dict) or not isinstance(item.get(kind.id_field), str):
            raise BadAnswer(f"a {kind.name} in the answer has no {kind.id_field}")
        key = Key(kind.name, item[kind.id_field])
        fields = {name: item[name] for name in kind.field_names if name in item}
        return Resource(key, self.live_fields(kind, fields))

    def found(self, key: Key, body: Any) -> Resource | None:
        """The resource ``key`` in the answer to ``find_request``, an object or a listing.

        Raises BadAnswer where the answer is about another one, or a listing is cut before it gets there.
        """
        kind = BY_NAME[key.kind]
        if isinstance(body, dict) and kind.collection in body:
            return self._listed(key, self.page(kind, body))
        return self._named(key, body)

    def _listed(self, key: Key, page: Page) -> Resource | None:
        row = next((row for row in page.rows if row.key == key), None)
        if row is None and len(page.rows) < page.total:
            raise BadAnswer(f"{page.total} ids resemble {key}, and the list is cut before it gets there")
        return row

    def _named(self, key: Key, body: Any) -> Resource:
        resource = self.resource(BY_NAME[key.kind], body)
        if resource.key != key:
            raise BadAnswer(f"the answer about {key} is about {resource.key}")
        return resource

    def written(self, key: Key, body: Any) -> Resource | None:
        """The object as the answer to a write shows it; ``None`` where the answer shows none.

        Raises BadAnswer where it is no answer about ``key``, and Rejected where a 2xx tells of a failure.
        """
        return self._named(key, body)

    def live_fields(self, _kind: Kind, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields of an answer, completed by what this dialect knows of those that are missing."""
        return fields

    def body(self, resource: Resource, names: tuple[str, ...]) -> dict[str, Any]:
        """The id and the named fields with their declared values, as the API spells them."""
        kind = BY_NAME[resource.key.kind]
        fields = {name: wire_value(kind, name, resource.fields[name]) for name in names}
        return {kind.id_field: resource.key.id, **fields}

    def forgotten(self, _resource: Resource) -> tuple[str, ...]:
        """Declared fields that a create answers with but does not store: each takes a PATCH of its own."""
        return ()

    def writes(self, change: Change, desired: Resource | None) -> tuple[Request, ...]:
        """The writes that a change takes when all goes well; ``desired`` is what git declares, if it does."""
        delete = self.delete_request(change.key)
        if change.action is Action.DELETE:
            return (delete,)
        if desired is None or change.action in {Action.ADOPT, Action.FORGET}:
            return ()
        if change.action is Action.UPDATE:
            return (self.update_request(desired, change.changed),)
        again = (self.update_request(desired, (name,)) for name in self.forgotten(desired))
        before = (delete,) if change.action is Action.REPLACE else ()
        return (*before, self.create_request(desired), *again)

    def bulk_group(self, change: Change, desired: Resource | None, current: Resource | None) -> Group | None:
        """What changes of one kind must have in common to share a call; ``None`` for one that never may.

        Airflow 2 has no call that changes many.
        """
        del change, desired, current
        return None

    def bulk_request(self, changes: Sequence[Change], desired: State) -> Request:
        """The one call of changes that share it."""
        raise NotImplementedError

    def check_bulk(self, keys: Iterable[Key], body: Any) -> None:
        """Raises Rejected or BadAnswer where the answer to a shared call tells not of success for each."""
        raise NotImplementedError

    def page_size(self, rows_on_first_page: int, total: int) -> int:
        """How many rows a page holds at most, judged by the first page of a listing."""
        if 0 < rows_on_first_page < total:
            return rows_on_first_page
        return max(CLAMPED_PAGE, rows_on_first_page)

    @abstractmethod
    def only_events(self, names: tuple[str, ...]) -> Mapping[str, str | tuple[str, ...]]:
        """The parameters that narrow the event log to some names, where the release has any."""

    @abstractmethod
    def lacks_extra(self, kind: Kind) -> bool:
        """Whether a listing leaves out a field that one resource's answer has."""

    @abstractmethod
    def upserts(self, kind: Kind) -> bool:
        """Whether a create silently overwrites what is there, so that a look must come first."""

    @abstractmethod
    def create_request(self, resource: Resource) -> Request:
        """Makes a resource with every declared field."""

    @abstractmethod
    def update_request(self, resource: Resource, names: tuple[str, ...]) -> Request:
        """Changes exactly the named fields."""

    @abstractmethod
    def find_request(self, key: Key) -> Request:
        """Reads one resource however long its id is; the answer may be a listing."""

    @abstractmethod
    def refusal(self, resource: Resource) -> str | None:
        """Why a declared resource cannot be kept on this server, or ``None``."""

    @abstractmethod
    def change_refusal(
        self, change: Change, desired: Resource | None, current: Resource | None
    ) -> str | None:
        """Why a change cannot be carried out on this server, or ``None``."""


def path_of(key: Key) -> str:
    """The path of a resource, its id percent-encoded throughout."""
    return f"/{BY_NAME[key.kind].collection}/{quote(key.id, safe='', errors='surrogatepass')}"


def wire_value(kind: Kind, name: str, value: Any) -> Any:
    """A declared value in the form the API takes: variables' values and extra travel as text."""
    return JsonText(value) if kind.field(name).json_text else value
