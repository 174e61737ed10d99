"""Airflow 2: ``/api/v1``. Sources: airflow-core's ``v1.yaml``, and the contract tests of this project."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from reconciler.backends import Request
from reconciler.dialects.base import Dialect, path_of
from reconciler.dialects.runs import Asset, AssetWords
from reconciler.kinds import BY_NAME, Kind
from reconciler.model import Hidden, Key, Resource
from reconciler.plan import Change

MASK_NAMES = {("variable", "value"): "val"}
"""``update_mask`` is matched against internal names, and a variable's value is called ``val`` there."""

DESCRIPTIONS_STORED = (2, 9)
"""The first release whose POST of a variable stores the description; before, only the answer shows it."""

EVENTS_CREATED = (2, 9)
"""The first release whose API creates events of datasets."""

EVENTS_FILTERED = (2, 9)
"""The first release whose event log can be asked for some events only."""


@dataclass(frozen=True)
class V1(Dialect):
    """The stable REST API of Airflow 2."""

    major: ClassVar[int] = 2
    words: ClassVar[AssetWords] = AssetWords("dataset", "datasets", "dataset_events", "dataset_id")

    def live_fields(self, kind: Kind, fields: dict[str, Any]) -> dict[str, Any]:
        """Passwords are never shown, not even whether there is one."""
        return {**fields, "password": Hidden("hidden")} if kind.name == "connection" else fields

    def only_events(self, names: tuple[str, ...]) -> Mapping[str, str | tuple[str, ...]]:
        """One text with commas, since Airflow 2.9; a repeated parameter finds nothing."""
        return {"included_events": ",".join(names)} if self.release >= EVENTS_FILTERED else {}

    def lacks_extra(self, kind: Kind) -> bool:
        """Connections are listed without ``extra``."""
        return kind.name == "connection"

    def upserts(self, kind: Kind) -> bool:
        """POST of an existing variable overwrites it and answers 200."""
        return kind.name == "variable"

    def forgotten(self, resource: Resource) -> tuple[str, ...]:
        """The description of a new variable, on the older releases."""
        forgets = resource.key.kind == "variable" and self.release < DESCRIPTIONS_STORED
        return ("description",) if forgets and resource.fields.get("description") else ()

    def create_request(self, resource: Resource) -> Request:
        """POST with every declared field."""
        collection = BY_NAME[resource.key.kind].collection
        return Request("POST", f"/{collection}", body=self.body(resource, tuple(resource.fields)))

    def update_request(self, resource: Resource, names: tuple[str, ...]) -> Request:
        """PATCH with a comma-joined mask: of a repeated one only the last name counts."""
        kind = resource.key.kind
        mask = ",".join(MASK_NAMES.get((kind, name), name) for name in names)
        demanded = ("value",) if kind == "variable" else ()
        body = self.body(resource, tuple(dict.fromkeys((*demanded, *names))))
        return Request("PATCH", path_of(resource.key), {"update_mask": mask}, body)

    def find_request(self, key: Key) -> Request:
        """The same as ``get_request``: there is no other way."""
        return self.get_request(key)

    def refusal(self, resource: Resource) -> str | None:
        """Long ids have no way round the path, and an infinite pool breaks the list of pools."""
        if not self.fits_path(resource.key):
            return self._too_long(resource.key)
        if resource.key.kind == "pool" and "/" in resource.key.id:
            return f"Airflow {self.version} cannot address a pool with '/' in its name"
        if resource.key.kind == "pool" and resource.fields.get("slots") == -1:
            return f"Airflow {self.version} cannot list pools while one has -1 slots"
        return None

    def change_refusal(
        self, change: Change, _desired: Resource | None, _current: Resource | None
    ) -> str | None:
        """Only what cannot be addressed is refused."""
        return None if self.fits_path(change.key) else self._too_long(change.key)

    def dated(self, logical_date: str | None) -> Mapping[str, Any]:
        """Left out where there is none: then it is the time at which the server gets the request."""
        return {} if logical_date is None else {"logical_date": logical_date}

    def event_refusal(self) -> str | None:
        """Events come from tasks alone before Airflow 2.9."""
        if self.release >= EVENTS_CREATED:
            return None
        return f"Airflow {self.version} creates events of datasets only from tasks; its API can since 2.9"

    def event_request(self, asset: Asset, extra: Mapping[str, Any]) -> Request:
        """By the URI."""
        return Request("POST", "/datasets/events", body={"dataset_uri": asset.uri, "extra": dict(extra)})

    def _too_long(self, key: Key) -> str:
        return (
            f"the path of {key.kind} '{key.id}' has {len(path_of(key))} characters, InvokeRestApi takes "
            f"{self.path_limit}, and Airflow {self.version} knows no other way to address it"
        )
