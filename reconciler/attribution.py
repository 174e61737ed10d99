"""Who has edited what drifted, out of Airflow's own event log."""

from collections.abc import Callable
from dataclasses import replace

from reconciler.airflow import Airflow
from reconciler.audit import Entry, entries, last_edits
from reconciler.errors import AccessDenied, AirflowError
from reconciler.kinds import KINDS
from reconciler.model import Key
from reconciler.plan import Edit, Plan

MOST_PAGES = 2
"""Pages of a hundred events that are asked for; what was edited before them stays without a name."""


def attributed(drift: Plan, airflow: Airflow, tell: Callable[[str], None]) -> Plan:
    """``drift`` with the last logged edit of each resource that has one; asks only where there is drift.

    ``tell`` hears why there is none where the event log cannot be read: that is no reason to fail.
    """
    if not drift.changes:
        return drift
    wanted = frozenset(change.key for change in drift.changes)
    try:
        edits = _edits(airflow, wanted)
    except AccessDenied:
        tell("who changed it is not known: reading Airflow's event log takes the role Admin")
        edits = {}
    except AirflowError as error:
        tell(f"who changed it is not known: {error}")
        edits = {}
    changes = tuple(replace(change, edit=edits.get(change.key)) for change in drift.changes)
    calls = replace(drift.calls, read=airflow.session.reads)
    return replace(drift, difference=replace(drift.difference, changes=changes), calls=calls)


def _edits(airflow: Airflow, wanted: frozenset[Key]) -> dict[Key, Edit]:
    kinds = [kind for kind in KINDS if any(key.kind == kind.name for key in wanted)]
    seen: list[Entry] = []
    found: dict[Key, Edit] = {}
    for _ in range(MOST_PAGES):
        request = airflow.dialect.events_request(kinds, len(seen))
        page = entries(airflow.session.ask(request).body)
        seen += page
        found = last_edits(seen, wanted)
        if not page or found.keys() >= wanted:
            break
    return found
