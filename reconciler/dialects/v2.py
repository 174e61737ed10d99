"""Airflow 3: ``/api/v2``. Sources: airflow-core's ``public/*.py``, and the contract tests of this project."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from reconciler.backends import Request
from reconciler.dialects.base import FIRST_PAGE, Dialect, Group, path_of
from reconciler.dialects.runs import Asset, AssetWords
from reconciler.errors import BadAnswer, Rejected
from reconciler.kinds import BY_NAME, Kind, is_empty
from reconciler.model import Key, Resource, State, secrets_in
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

RUNS_FILTERED = (3, 2)
"""The first release whose list of runs can be asked for one id."""

HTTP_BAD_REQUEST = 400

INFINITE_POOLS = (3, 2)
"""The first release that can show a pool without a limit."""


@dataclass(frozen=True)
class V2(Dialect):
    """The public REST API of Airflow 3."""

    major: ClassVar[int] = 3
    words: ClassVar[AssetWords] = AssetWords("asset", "assets", "asset_events", "asset_id")

    def page_size(self, rows_on_first_page: int, total: int) -> int:
        """Airflow 3.0 gives as many rows as are asked for."""
        if self.release < CLAMPS_PAGES:
            return FIRST_PAGE
        return super().page_size(rows_on_first_page, total)

    def only_events(self, names: tuple[str, ...]) -> Mapping[str, str | tuple[str, ...]]:
        """The parameter repeated; one text with commas finds nothing."""
        return {"included_events": names}

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
        return (
            Request("POST", f"/{kind.collection}", body=body)
            if self.fits_path(resource.key)
            else _bulk(kind, "create", [body])
        )

    def update_request(self, resource: Resource, names: tuple[str, ...]) -> Request:
        """PATCH with a repeated mask: of a comma-joined one nothing is changed, with 200."""
        key = resource.key
        if self.fits_path(key):
            body = self._update_body(resource, names, masked=True)
            return Request("PATCH", path_of(key), {"update_mask": names}, body)
        return self._bulk_update(BY_NAME[key.kind], [(resource, names)])

    def _bulk_update(self, kind: Kind, updates: Sequence[tuple[Resource, tuple[str, ...]]]) -> Request:
        """One action for resources of which the same fields change, wherever a mask is obeyed."""
        masked = self._obeys_mask_in_bulk(kind.name)
        bodies = [self._update_body(resource, names, masked=masked) for resource, names in updates]
        return _bulk(kind, "update", bodies, updates[0][1] if masked else ())

    def _update_body(self, resource: Resource, names: tuple[str, ...], *, masked: bool) -> dict[str, Any]:
        body = self.body(resource, tuple(dict.fromkeys((*self._demanded(resource, masked=masked), *names))))
        if resource.key.kind == "pool":
            body.setdefault("include_deferred", BY_NAME["pool"].field("include_deferred").default)
        return body

    def _demanded(self, resource: Resource, *, masked: bool) -> tuple[str, ...]:
        """What the body must hold beside the changed fields, whatever the mask says (422)."""
        required = BY_NAME[resource.key.kind].required
        lost = () if masked else self._lost_in_bulk(resource.key)
        return (*required, *(name for name in lost if name in resource.fields))

    def _obeys_mask_in_bulk(self, kind: str) -> bool:
        """Whether a bulk update leaves alone what its mask does not name: of connections none ever does."""
        return self.release >= MASKS_IN_BULK and kind != "connection"

    def _lost_in_bulk(self, key: Key) -> tuple[str, ...]:
        """Fields that a bulk update without a mask resets when they are left out (Airflow 3.0)."""
        return {"variable": ("description",), "pool": ("include_deferred",)}.get(key.kind, ())

    def delete_request(self, key: Key) -> Request:
        """DELETE, or one bulk action where the id fits no path."""
        if self.fits_path(key):
            return super().delete_request(key)
        return _bulk(BY_NAME[key.kind], "delete", [key.id])

    def bulk_group(self, change: Change, desired: Resource | None, current: Resource | None) -> Group | None:
        """Deletes, and creates and updates that carry no secret; updates by the mask that they share.

        Never ids that Airflow reserves, for which bulk calls know no rule (``default_pool`` is removed), nor
        updates without a mask that would touch what is not to be changed. Creating connections with
        passwords takes seconds for each hundred.
        """
        kind = BY_NAME[change.key.kind]
        if change.key.id in kind.reserved:
            return None
        if change.action is Action.DELETE:
            return ("delete",)
        if desired is None or change.action not in {Action.CREATE, Action.UPDATE}:
            return None
        request = self.bulk_request((change,), {change.key: desired})
        if any(True for _ in secrets_in(request.body)):
            return None
        if change.action is Action.CREATE:
            return ("create",)
        return self._update_group(change, desired, current)

    def _update_group(self, change: Change, desired: Resource, current: Resource | None) -> Group | None:
        if self._obeys_mask_in_bulk(change.key.kind):
            return ("update", *change.changed)
        harms = current is None or self._overwritten(change, desired) or self._loss(desired, current)
        return None if harms else ("update",)

    def bulk_request(self, changes: Sequence[Change], desired: State) -> Request:
        """One action for all of them."""
        kind, action = BY_NAME[changes[0].key.kind], changes[0].action
        if action is Action.DELETE:
            return _bulk(kind, "delete", [change.key.id for change in changes])
        if action is Action.UPDATE:
            return self._bulk_update(kind, [(desired[change.key], change.changed) for change in changes])
        resources = [desired[change.key] for change in changes]
        return _bulk(kind, "create", [self.body(one, tuple(one.fields)) for one in resources])

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
        self.check_bulk((key,), body)
        return None

    def check_bulk(self, keys: Iterable[Key], body: Any) -> None:
        """A bulk answer tells of failures with 200, and of success by ids."""
        results = body.values() if isinstance(body, dict) else ()
        told = [one for one in results if isinstance(one, dict)]
        wanted = tuple(keys)
        for error in (error for one in told for error in one.get("errors") or ()):
            raise Rejected(f"the bulk call failed for {_named(wanted)}", _status_in(error))
        done = {id_ for one in told for id_ in one.get("success") or ()}
        missing = [key for key in wanted if key.id not in done]
        if missing:
            raise BadAnswer(f"the bulk answer does not mention {_named(missing)}")

    def only_run(self, run_id: str) -> Mapping[str, str]:
        """A pattern of SQL since Airflow 3.2; before, the parameter is ignored."""
        return {"run_id_pattern": run_id} if self.release >= RUNS_FILTERED else {}

    def dated(self, logical_date: str | None) -> Mapping[str, Any]:
        """Always said: a body without the field is a 422, and null means a run without a date."""
        return {"logical_date": logical_date}

    def event_request(self, asset: Asset, extra: Mapping[str, Any]) -> Request:
        """By the number."""
        return Request("POST", "/assets/events", body={"asset_id": asset.id, "extra": dict(extra)})

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

    def _heeds_mask(self, key: Key) -> bool:
        """Whether an update of one resource leaves alone what its mask does not name."""
        return self.fits_path(key) or self._obeys_mask_in_bulk(key.kind)

    def _overwritten(self, change: Change, desired: Resource) -> str | None:
        """An ignored field that a bulk update would set to its declared value."""
        for name in self._demanded(desired, masked=False):
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


WHERE_WRONG = {
    "create": {"action_on_existence": "fail"},
    "update": {"action_on_non_existence": "fail"},
    "delete": {"action_on_non_existence": "fail"},
}
"""One id that is there, or is not, and nothing of the action is executed."""


def _bulk(kind: Kind, action: str, entities: list[Any], mask: tuple[str, ...] = ()) -> Request:
    one: dict[str, Any] = {"action": action, **WHERE_WRONG[action], "entities": entities}
    if mask:
        one["update_mask"] = list(mask)
    return Request("PATCH", f"/{kind.collection}", body={"actions": [one]})


def _named(keys: Sequence[Key]) -> str:
    """The first of several ids, and how many others there are."""
    return str(keys[0]) + (f" and {len(keys) - 1} more" if len(keys) > 1 else "")
