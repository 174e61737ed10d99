"""The path, told once: from files, ledger and a live state to a plan. ``applying`` carries it out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from reconciler import capacity, forecast, keeper
from reconciler.airflow import Airflow
from reconciler.backends import Backend
from reconciler.comparison import Comparison
from reconciler.dialects import Dialect
from reconciler.drifting import drift_of
from reconciler.errors import Inconsistent, ManifestError, Origin, Problem
from reconciler.forecast import Listings
from reconciler.guards import Allowed, warnings
from reconciler.kinds import KINDS
from reconciler.ledger import Claims, Entry, claimed
from reconciler.manifests import Environment
from reconciler.model import Key, State, secrets_in
from reconciler.permit import Permit
from reconciler.plan import Plan
from reconciler.rate import RateLimit
from reconciler.records import Marker
from reconciler.retry import Patience
from reconciler.secrets import Secrets
from reconciler.selection import Selection
from reconciler.session import Session, Watcher, identify

T = TypeVar("T")

__all__ = ["Planned", "Run", "Selection", "plan_environment"]


@dataclass(frozen=True)
class Run:
    """How to plan: what is selected and allowed, where secrets come from, who is told of calls."""

    selection: Selection = field(default_factory=Selection)
    secrets: Secrets = field(default_factory=Secrets)
    resend_secrets: bool = False
    allowed: Allowed = field(default_factory=Allowed)
    patience: Patience = field(default_factory=Patience)
    lock_timeout: float | None = None
    """Seconds to wait for another run's lease; ``None`` for a run that only reads, and needs none."""
    watcher: Watcher = field(default_factory=Watcher)

    @property
    def options(self) -> dict[str, object]:
        """What shapes the plan beside the files, as a saved plan keeps it."""
        return {
            "kinds": sorted(self.selection.kinds),
            "only": list(self.selection.only),
            "resend_secrets": self.resend_secrets,
            "allow_deletes": dict(self.allowed.deletes),
            "allow_missing": dict(self.allowed.missing),
            "adopt": sorted(map(str, self.allowed.adopt)),
            "allow_delete": sorted(map(str, self.allowed.delete)),
        }


@dataclass(frozen=True)
class Planned:
    """A plan with what it takes to carry it out."""

    plan: Plan
    comparison: Comparison
    airflow: Airflow
    run: Run
    kept: keeper.Kept | None
    key: keeper.FingerprintKey | None
    listings: Listings

    @property
    def drift(self) -> Plan:
        """The plan told from the other side: what changed behind git's back."""
        return drift_of(self.plan, self.comparison.is_changed)

    def check(self, permit: Permit) -> None:
        """Raises StalePermit where the plan has left ``permit``."""
        entries: Mapping[Key, Entry] = {} if self.kept is None else self.kept.ledger.entries
        pending = [key for key, entry in entries.items() if entry.pending is not None]
        permit.check(self.plan, pending)


def plan_environment(environment: Environment, backend: Backend, rate: float | None, run: Run) -> Planned:
    """Reads ledger and live state and compares them with the declared one.

    Raises Refused or LedgerUnavailable for a ledger that is not as it should be, before any call to
    Airflow; ManifestError for what this server cannot hold or another ledger owns, AirflowError where it
    cannot be read, SecretError, and UsageError for a selection that matches nothing.
    """
    selection = run.selection
    kept = _ledger(environment, run)
    declared = run.secrets.resolved(_selected(environment.desired, selection))
    key = None if kept is None else keeper.FingerprintKey(environment, kept.store, run.secrets)
    marker = _marker(kept, key, declared)
    entries = {} if kept is None else _selected(kept.ledger.entries, selection)
    _check_owners(environment, kept, _named(environment, declared, selection))
    airflow = _reached(environment, backend, rate, run)
    capacity.check_resources(airflow.dialect, declared)
    reading = airflow.read(selection.chosen_kinds(), _detailed(airflow.dialect, declared, entries))
    current = _selected(reading.state, selection)
    _check_gone(airflow, entries.keys() - current.keys() - declared.keys())
    selection.check(environment.name, (*environment.desired, *environment.absent, *current, *entries))
    claims = claimed(entries, current, marker) if kept else Claims({}, frozenset())
    ledger = None if kept is None else kept.ledger
    comparison = Comparison(
        environment, selection, declared, current, claims, marker, ledger, run.resend_secrets
    )
    _check_owners(environment, kept, _ruled(comparison))
    listings = Listings(airflow.dialect, reading)
    plan = _plan(comparison, airflow, listings, run)
    return Planned(plan, comparison, airflow, run, kept, key, listings)


def _selected(everything: Mapping[Key, T], selection: Selection) -> Mapping[Key, T]:
    """What a run is about; the very mapping where that is all of it."""
    if selection == Selection():
        return everything
    return {key: one for key, one in everything.items() if key in selection}


def _ledger(environment: Environment, run: Run) -> keeper.Kept | None:
    store = keeper.store_of(environment)
    if store is None:
        return None
    binding = keeper.binding_of(environment)
    folder = str(environment.folder)
    if run.lock_timeout is None:
        return keeper.read(store, binding, folder)
    wait = keeper.Wait(run.lock_timeout, run.patience, run.watcher.waiting)
    return keeper.read_unlocked(store, binding, wait, folder)


def _marker(kept: keeper.Kept | None, key: keeper.FingerprintKey | None, declared: State) -> Marker:
    """Makes marks; the key of secrets' fingerprints is only looked up where a secret needs it."""
    if kept is None or key is None:
        return Marker(b"")
    needed = any(one.version is None for one in secrets_in([*(r.fields for r in declared.values())]))
    return Marker(kept.ledger.salt, key() if needed else None)


def _check_owners(
    environment: Environment, kept: keeper.Kept | None, places: Mapping[Key, Origin | None]
) -> None:
    """Raises ManifestError for what another ledger in the same place owns already."""
    if kept is None:
        return
    new = places.keys() - kept.ledger.entries.keys()
    elsewhere = keeper.owners_elsewhere(kept.store, keeper.binding_of(environment), new)
    problems = [
        Problem(
            places[key] or capacity.nowhere(environment),
            f"{key} is owned by another ledger, {place}",
            "leave it to one of the two",
        )
        for key, place in elsewhere.items()
    ]
    if problems:
        raise ManifestError(problems)


def _named(environment: Environment, declared: State, selection: Selection) -> dict[Key, Origin | None]:
    """What git names, to have it or to have it gone, and where."""
    places = {key: resource.origin for key, resource in declared.items()}
    return {**places, **_selected(environment.absent, selection)}


def _ruled(comparison: Comparison) -> dict[Key, Origin | None]:
    """What git would delete without naming it."""
    return {change.key: None for change in comparison.difference.changes if change.reason == "authoritative"}


def _reached(environment: Environment, backend: Backend, rate: float | None, run: Run) -> Airflow:
    session = Session(backend, RateLimit(environment.rate_limit or rate), run.watcher, run.patience)
    return Airflow(session, identify(session))


def _check_gone(airflow: Airflow, keys: Iterable[Key]) -> None:
    """Raises Inconsistent for what would be forgotten and lives: rows may slip past while a list is paged."""
    for key in sorted(keys):
        if airflow.find(key) is not None:
            raise Inconsistent(f"{key} is there, and the list does not show it; run again")


def _detailed(dialect: Dialect, declared: State, entries: Mapping[Key, Entry]) -> frozenset[Key]:
    """Resources of which ``extra`` matters, and no list shows it: git declares it, or we wrote it."""
    cut = {kind.name for kind in KINDS if dialect.lacks_extra(kind)}
    return frozenset(
        [key for key, resource in declared.items() if key.kind in cut and "extra" in resource.fields]
        + [key for key, entry in entries.items() if key.kind in cut and "extra" in entry.fields]
    )


def _plan(comparison: Comparison, airflow: Airflow, listings: Listings, run: Run) -> Plan:
    environment, difference = comparison.environment, comparison.difference
    desired, current, dialect = comparison.desired, comparison.current, airflow.dialect
    capacity.check_changes(dialect, difference.changes, desired, current, environment)
    return Plan(
        name=environment.name,
        target=str(environment.target),
        airflow_version=dialect.version,
        difference=difference,
        violations=comparison.violations(listings.reading.state, run.allowed),
        calls=forecast.calls(airflow.session.reads, listings, difference.changes, desired, current),
        ledger_serial=None if comparison.ledger is None else comparison.ledger.serial,
        warnings=warnings(difference.changes, desired, current),
        options=run.options,
    )
