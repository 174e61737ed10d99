"""Airflow 3: ``/api/v2``. Sources: airflow-core's ``public/*.py``, and the contract tests of this project."""

from dataclasses import dataclass
from typing import Any, ClassVar

from reconciler.backends import Request
from reconciler.dialects.base import FIRST_PAGE, Dialect, path_of
from reconciler.errors import BadAnswer, Rejected
from reconciler.kinds import BY_NAME, Kind, is_empty
from reconciler.model import Key, Resource
from reconciler.plan import Action, Change

PATTERNS = {
    "variable": "variable_key_pattern",
    "connection": "connection_id_pattern",
    "pool": "pool_name_pattern",
}
MASKS_IN_BULK = (3, 2)
"""The first release whose bulk update takes a mask; before, absent fields of variables and pools are lost."""

CLAMPS_PAGES = (3, 1)
"""The first release that cuts pages at 100 rows."""

HTTP_BAD_REQUEST = 400

INFINITE_POOLS = (3, 2)
"""The first release that can show a pool without a limit."""


@dataclass(frozen=True)
class V2(Dialect):
    """The public REST API of Airflow 3."""

    major: ClassVar[int] = 3

    def page_size(self, rows_on_first_page: int, total: int) -> int:
        """Airflow 3.0 gives as many rows as are asked for."""
        if self.release < CLAMPS_PAGES:
            return FIRST_PAGE
        return super().page_size(rows_on_first_page, total)

    def lacks_extra(self, _kind: Kind) -> bool:
        """A listing shows what one resource's answer shows."""
        return False

    def upserts(self, _kind: Kind) -> bool:
        """POST of what exists is a 409."""
        return False

    def create_request(self, resource: Resource) -> Request:
        """POST with every declared field, or one bulk action where the id fits no path."""
        kind = BY_NAME[resource.key.kind]
        body = self.body(resource, tuple(resource.fields))
        if self.fits_path(resource.key):
            return Request("POST", f"/{kind.collection}", body=body)
        return _bulk(kind, {"action": "create", "action_on_existence": "fail", "entities": [body]})

    def update_request(self, resource: Resource, names: tuple[str, ...]) -> Request:
        """PATCH with a repeated mask: of a comma-joined one nothing is changed, with 200."""
        key = resource.key
        body = self.body(resource, tuple(dict.fromkeys((*self._demanded(resource), *names))))
        if key.kind == "pool":
            body.setdefault("include_deferred", BY_NAME["pool"].field("include_deferred").default)
        if self.fits_path(key):
            return Request("PATCH", path_of(key), {"update_mask": names}, body)
        mask = {"update_mask": list(names)} if self.release >= MASKS_IN_BULK else {}
        action = {"action": "update", "action_on_non_existence": "fail", "entities": [body], **mask}
        return _bulk(BY_NAME[key.kind], action)

    def _demanded(self, resource: Resource) -> tuple[str, ...]:
        """What the body must hold beside the changed fields, whatever the mask says (422)."""
        required = BY_NAME[resource.key.kind].required
        if self._heeds_mask(resource.key):
            return required
        return (*required, *(name for name in self._lost_in_bulk(resource.key) if name in resource.fields))

    def _heeds_mask(self, key: Key) -> bool:
        """Whether an update leaves alone what its mask does not name."""
        return self.fits_path(key) or (self.release >= MASKS_IN_BULK and key.kind != "connection")

    def _lost_in_bulk(self, key: Key) -> tuple[str, ...]:
        """Fields that a bulk update without a mask resets when they are left out (Airflow 3.0)."""
        return {"variable": ("description",), "pool": ("include_deferred",)}.get(key.kind, ())

    def delete_request(self, key: Key) -> Request:
        """DELETE, or one bulk action where the id fits no path."""
        if self.fits_path(key):
            return super().delete_request(key)
        action = {"action": "delete", "action_on_non_existence": "fail", "entities": [key.id]}
        return _bulk(BY_NAME[key.kind], action)

    def find_request(self, key: Key) -> Request:
        """GET, or a listing by pattern where the id fits no path."""
        if self.fits_path(key):
            return self.get_request(key)
        kind = BY_NAME[key.kind]
        query = {PATTERNS[kind.name]: key.id, "limit": str(FIRST_PAGE), "order_by": kind.id_field}
        return Request("GET", f"/{kind.collection}", query)

    def written(self, key: Key, body: Any) -> Resource | None:
        """The object in the answer; a bulk answer names only ids, and its 200 may hide a failure."""
        if self.fits_path(key):
            return super().written(key, body)
        results = body.values() if isinstance(body, dict) else ()
        told = [one for one in results if isinstance(one, dict)]
        for error in (error for one in told for error in one.get("errors") or ()):
            raise Rejected(f"the bulk call failed for {key}", _status_in(error))
        if not any(key.id in (one.get("success") or ()) for one in told):
            raise BadAnswer(f"the bulk answer does not mention {key}")
        return None

    def refusal(self, resource: Resource) -> str | None:
        """Only an infinite pool is refused, where it would break the list of pools."""
        infinite = resource.key.kind == "pool" and resource.fields.get("slots") == -1
        if infinite and self.release < INFINITE_POOLS:
            return f"Airflow {self.version} cannot list pools while one has -1 slots"
        return None

    def change_refusal(
        self, change: Change, desired: Resource | None, current: Resource | None
    ) -> str | None:
        """What no request of this version can express."""
        if change.key == Key("pool", "default_pool") and "description" in change.changed:
            return "Airflow 3 refuses to change the description of default_pool"
        if change.action is Action.UPDATE and desired and current and not self._heeds_mask(change.key):
            return self._overwritten(change, desired) or self._loss(desired, current)
        return None

    def _overwritten(self, change: Change, desired: Resource) -> str | None:
        """An ignored field that a bulk update would set to its declared value."""
        for name in self._demanded(desired):
            if name in desired.ignore and name not in change.changed:
                return self._too_much(desired.key, f"overwrite the {name}", f"do not ignore its {name}")
        return None

    def _loss(self, desired: Resource, current: Resource) -> str | None:
        """An undeclared field that a bulk update would reset."""
        for name in self._lost_in_bulk(desired.key):
            live = current.fields.get(name)
            if name not in desired.fields and not is_empty(live) and live is not False:
                return self._too_much(desired.key, f"reset the {name}", f"declare its {name}")
        return None

    def _too_much(self, key: Key, what: str, fix: str) -> str:
        return (
            f"Airflow {self.version} would {what} of {key}, whose path is too long for its own PATCH: {fix}"
        )


def _status_in(error: Any) -> int:
    status = error.get("status_code") if isinstance(error, dict) else None
    return status if isinstance(status, int) else HTTP_BAD_REQUEST


def _bulk(kind: Kind, action: dict[str, Any]) -> Request:
    return Request("PATCH", f"/{kind.collection}", body={"actions": [action]})
