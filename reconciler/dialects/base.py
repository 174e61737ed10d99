"""What both dialects share."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from reconciler.backends import JsonText, Request
from reconciler.errors import BadAnswer
from reconciler.kinds import BY_NAME, Kind
from reconciler.model import Key, Resource
from reconciler.plan import Change

FIRST_PAGE = 1000
"""What the first page asks for; servers clamp it silently, and the rows received tell the page."""


@dataclass(frozen=True)
class Page:
    """One page of a listing, with the number of rows that the server says there are in all."""

    rows: tuple[Resource, ...]
    total: int


@dataclass(frozen=True)
class Dialect(ABC):
    """Changes to requests, answers to resources: pure, for one server's version and path limit."""

    version: str
    path_limit: int | None

    major: ClassVar[int]
    page_after_clamp: ClassVar[int]

    @property
    def release(self) -> tuple[int, ...]:
        """The version as numbers, such as ``(2, 11, 2)``."""
        return tuple(int(number) for number in re.findall(r"\d+", self.version)[:3])

    def fits_path(self, key: Key) -> bool:
        """Whether the id is short enough to stand in a path."""
        return self.path_limit is None or len(path_of(key)) <= self.path_limit

    def list_request(self, kind: Kind, offset: int) -> Request:
        """A page of ``kind`` from ``offset``, in the stable order of its ids."""
        query = {"limit": str(FIRST_PAGE), "offset": str(offset), "order_by": kind.id_field}
        return Request("GET", f"/{kind.collection}", query)

    def get_request(self, key: Key) -> Request:
        """One resource."""
        return Request("GET", path_of(key))

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
        """The resource ``key`` in the answer to ``find_request``, an object or a listing."""
        kind = BY_NAME[key.kind]
        if isinstance(body, dict) and kind.collection in body:
            return next((row for row in self.page(kind, body).rows if row.key == key), None)
        return self.resource(kind, body)

    def written(self, key: Key, body: Any) -> Resource | None:
        """The object as the answer to a write shows it; ``None`` where the answer shows none."""
        return self.resource(BY_NAME[key.kind], body)

    def live_fields(self, _kind: Kind, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields of an answer, completed by what this dialect knows of those that are missing."""
        return fields

    def body(self, resource: Resource, names: tuple[str, ...]) -> dict[str, Any]:
        """The id and the named fields with their declared values, as the API spells them."""
        kind = BY_NAME[resource.key.kind]
        fields = {name: wire_value(kind, name, resource.fields[name]) for name in names}
        return {kind.id_field: resource.key.id, **fields}

    def page_size(self, rows_on_first_page: int, total: int) -> int:
        """How many rows a page holds, judged by the first page of a listing."""
        return rows_on_first_page if 0 < rows_on_first_page < total else self.page_after_clamp

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
    return f"/{BY_NAME[key.kind].collection}/{quote(key.id, safe='')}"


def wire_value(kind: Kind, name: str, value: Any) -> Any:
    """A declared value in the form the API takes: variables' values and extra travel as text."""
    return JsonText(value) if kind.field(name).json_text else value
