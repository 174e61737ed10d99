"""DAG runs, and what starts them: datasets on Airflow 2, assets on Airflow 3.

Sources: ``v1.yaml`` and ``api_connexion/endpoints`` of Airflow 2, ``api_fastapi/core_api`` of Airflow 3, and
the contract tests of this project.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import quote

from reconciler.backends import Request
from reconciler.errors import BadAnswer

T = TypeVar("T")

MARK = "reconciler_event"
"""The key in an event's ``extra`` that tells it from all others: no caller gives an event its id."""

ROWS = 100
"""Rows of a page, as most servers clamp it."""

ENDED = frozenset({"success", "failed"})


@dataclass(frozen=True)
class Dag:
    """A DAG, as far as it matters to whoever starts it."""

    id: str
    is_paused: bool


@dataclass(frozen=True)
class DagRun:
    """One run of a DAG; times are ISO 8601 as Airflow writes them, ``None`` where it has none."""

    dag_id: str
    run_id: str
    state: str
    """``queued`` or ``running``, and at the end ``success`` or ``failed``."""
    logical_date: str | None = None
    start_date: str | None = None
    end_date: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the state will stay as it is."""
        return self.state in ENDED


@dataclass(frozen=True)
class Asset:
    """A dataset or an asset, by the number that Airflow gives it."""

    id: int
    uri: str


@dataclass(frozen=True)
class AssetEvent:
    """One event of an asset; ``mark`` is what this program wrote to recognise it by."""

    asset: Asset
    timestamp: str
    mark: str | None


@dataclass(frozen=True)
class Rows(Generic[T]):
    """A page of a listing, with the number of rows that the server says there are in all."""

    rows: tuple[T, ...]
    total: int


@dataclass(frozen=True)
class AssetWords:
    """What one major version calls assets and their events."""

    one: str
    collection: str
    events: str
    event_id: str
    """The field of an event that holds its asset's id."""


@dataclass(frozen=True)
class Runs(ABC):
    """The part of a dialect that is about no resource: requests and answers about DAG runs and assets."""

    version: str
    path_limit: int | None

    words: ClassVar[AssetWords]

    def run_refusal(self, dag_id: str) -> str | None:
        """Why a run of a DAG cannot be asked for, or ``None``."""
        path = _runs_path(dag_id)
        if self.path_limit is None or len(path) <= self.path_limit:
            return None
        longest = self.path_limit - len(_runs_path(""))
        return (
            f"the path {path} has {len(path)} characters and InvokeRestApi takes {self.path_limit}: "
            f"the id of a DAG that is triggered through it may have {longest}"
        )

    def event_refusal(self) -> str | None:
        """Why this release cannot be told of an event, or ``None``."""
        return None

    def dag_request(self, dag_id: str) -> Request:
        """One DAG."""
        return Request("GET", f"/dags/{_quoted(dag_id)}")

    def dag(self, dag_id: str, body: Any) -> Dag:
        """The DAG in an answer; raises BadAnswer."""
        given = _object(body, f"DAG {dag_id}")
        if given.get("dag_id") != dag_id or not isinstance(given.get("is_paused"), bool | None):
            raise BadAnswer(f"the answer about DAG {dag_id} is about something else")
        return Dag(dag_id, bool(given.get("is_paused")))

    def trigger_request(
        self, dag_id: str, run_id: str, conf: Mapping[str, Any], logical_date: str | None
    ) -> Request:
        """Starts a run under an id of the caller's, so that a second one of that id is a conflict."""
        dated = self.dated(logical_date)
        return Request("POST", _runs_path(dag_id), body={"dag_run_id": run_id, "conf": dict(conf), **dated})

    @abstractmethod
    def dated(self, logical_date: str | None) -> Mapping[str, Any]:
        """How a body says that a run has this logical date, or none."""

    def fits_run_path(self, dag_id: str, run_id: str) -> bool:
        """Whether a run can be asked for by itself."""
        return self.path_limit is None or len(_run_path(dag_id, run_id)) <= self.path_limit

    def run_request(self, dag_id: str, run_id: str) -> Request:
        """One run."""
        return Request("GET", _run_path(dag_id, run_id))

    def run(self, dag_id: str, run_id: str, body: Any) -> DagRun:
        """The run in the answer to ``run_request`` or ``trigger_request``; raises BadAnswer."""
        found = _run(_object(body, f"run {run_id}"))
        if (found.dag_id, found.run_id) != (dag_id, run_id):
            raise BadAnswer(f"the answer about run {run_id} of DAG {dag_id} is about another one")
        return found

    def runs_request(self, dag_id: str, run_id: str, offset: int) -> Request:
        """A page of the runs of a DAG, newest first; only those like ``run_id`` where the release can."""
        return Request(
            "GET", _runs_path(dag_id), {"order_by": "-id", **_page(offset), **self.only_run(run_id)}
        )

    def only_run(self, _run_id: str) -> Mapping[str, str]:
        """The parameter that narrows a list of runs to ids like one, where the release has any."""
        return {}

    def runs(self, body: Any) -> Rows[DagRun]:
        """A page of runs, read strictly; raises BadAnswer."""
        return _rows(body, "dag_runs", _run)

    def assets_request(self, uri: str, offset: int) -> Request:
        """A page of the assets whose URI resembles ``uri``: both versions match it as a pattern of SQL."""
        pattern = uri.replace("\\", "_")  # which PostgreSQL would take for an escape; any character matches
        query = {"uri_pattern": pattern, "order_by": "id"}
        return Request("GET", f"/{self.words.collection}", {**query, **_page(offset)})

    def assets(self, body: Any) -> Rows[Asset]:
        """A page of assets, read strictly; raises BadAnswer. Airflow 2 counts all, whatever was asked for."""
        return _rows(body, self.words.collection, lambda row: Asset(_number(row, "id"), _text(row, "uri")))

    @abstractmethod
    def event_request(self, asset: Asset, extra: Mapping[str, Any]) -> Request:
        """Creates an event of an asset."""

    def asset_events_request(self, asset: Asset, offset: int) -> Request:
        """A page of the events of an asset, newest first."""
        query = {self.words.event_id: str(asset.id), "order_by": "-timestamp"}
        return Request("GET", f"/{self.words.collection}/events", {**query, **_page(offset)})

    def asset_events(self, asset: Asset, body: Any) -> Rows[AssetEvent]:
        """A page of events, read strictly; raises BadAnswer."""
        return _rows(body, self.words.events, lambda row: self.asset_event(asset, row))

    def asset_event(self, asset: Asset, body: Any) -> AssetEvent:
        """One event; raises BadAnswer where it is no event of ``asset``."""
        given = _object(body, f"event of {asset.uri}")
        if _number(given, self.words.event_id) != asset.id:
            raise BadAnswer(f"an event of {asset.uri} is about something else")
        extra = given.get("extra")
        mark = extra.get(MARK) if isinstance(extra, dict) else None
        return AssetEvent(asset, _text(given, "timestamp"), mark if isinstance(mark, str) else None)


def _quoted(id_: str) -> str:
    return quote(id_, safe="", errors="surrogatepass")


def _runs_path(dag_id: str) -> str:
    return f"/dags/{_quoted(dag_id)}/dagRuns"


def _run_path(dag_id: str, run_id: str) -> str:
    return f"{_runs_path(dag_id)}/{_quoted(run_id)}"


def _page(offset: int) -> dict[str, str]:
    return {"limit": str(ROWS), "offset": str(offset)}


def _run(given: Mapping[str, Any]) -> DagRun:
    names = (_text(given, name) for name in ("dag_id", "dag_run_id", "state"))
    times = (given.get(name) for name in ("logical_date", "start_date", "end_date"))
    return DagRun(*names, *(time if isinstance(time, str) else None for time in times))


def _rows(body: Any, name: str, read: Callable[[dict[str, Any]], T]) -> Rows[T]:
    given = _object(body, f"list of {name}")
    rows, total = given.get(name), given.get("total_entries")
    if not isinstance(rows, list) or type(total) is not int or not all(isinstance(row, dict) for row in rows):
        raise BadAnswer(f"the list of {name} has no rows or no total_entries")
    return Rows(tuple(map(read, rows)), total)


def _object(body: Any, what: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise BadAnswer(f"the answer about the {what} is no object")
    return body


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise BadAnswer(f"something in the answer has no {name}")
    return value


def _number(given: Mapping[str, Any], name: str) -> int:
    value = given.get(name)
    if type(value) is not int:
        raise BadAnswer(f"something in the answer has no {name}")
    return value
