"""What follows a converged apply that has changed something: events and DAG runs, each once."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from reconciler import events
from reconciler.airflow import Airflow
from reconciler.errors import ReconcilerError, Unexpected
from reconciler.events import DagRun
from reconciler.follows import CHANGED, COMMIT, MOST_NAMED, Follow
from reconciler.manifests import Environment
from reconciler.manifests.parameters import filled
from reconciler.model import Key
from reconciler.report import Followed, Report


def followed(
    report: Report,
    environment: Environment,
    airflow: Airflow,
    commit: str,
    tell: Callable[[Followed], None] = lambda _followed: None,
) -> Report:
    """The report with what followed; nothing does where nothing changed in Airflow, or not all of it.

    ``tell`` is told of each as soon as it is done. Whatever goes wrong stands in the report: what was
    applied is applied.
    """
    changed = [
        one.change.key
        for one in report.outcomes
        if one.result == "done" and not one.change.action.only_ledger
    ]
    meant = [one for one in environment.after_apply if one.is_meant(changed)]
    if not report.converged or not changed or not meant:
        return report
    patience = airflow.session.patience
    airflow.session.patience = replace(patience, deadline=float("inf"))  # whoever waits has said how long
    names = _names(environment, commit, changed)
    done: list[Followed] = []
    for one in meant:
        done.append(_done(one, airflow, names))
        tell(done[-1])
    session = airflow.session
    return replace(report, followed=tuple(done), reads=session.reads, writes=session.writes)


def _names(environment: Environment, commit: str, changed: list[Key]) -> Mapping[str, Any]:
    return {**environment.parameters, COMMIT: commit, CHANGED: [str(key) for key in changed[:MOST_NAMED]]}


def _done(follow: Follow, airflow: Airflow, names: Mapping[str, Any]) -> Followed:
    subject = str(filled(follow.subject, names))
    told = Followed("event" if follow.is_event else "trigger", subject, "done")
    if airflow.session.patience.stopped():
        return replace(told, result="skipped", error="interrupted")
    try:
        data = filled(follow.data, names)
        if follow.is_event:
            events.emit(airflow, subject, extra=data)
            return told
        return _started(told, follow, airflow, data)
    except ReconcilerError as error:
        return replace(told, result="failed", error=str(error))
    except Exception as error:  # noqa: BLE001 - what has been applied has to be told all the same
        return replace(told, result="failed", error=str(Unexpected(error)))


def _started(told: Followed, follow: Follow, airflow: Airflow, conf: Mapping[str, Any]) -> Followed:
    dag = events.find_dag(airflow, told.subject)
    if dag.is_paused and follow.wait:
        return replace(told, result="failed", error="the DAG is paused, so that its run would not start")
    run = events.trigger(airflow, told.subject, conf=conf)
    if follow.wait:
        run = events.wait(airflow, run, seconds=follow.timeout or events.WAIT_SECONDS)
    return _judged(replace(told, run_id=run.run_id), run, waited=follow.wait)


def _judged(told: Followed, run: DagRun, *, waited: bool) -> Followed:
    if not waited or run.state == "success":
        return told
    state = run.state if run.has_ended else f"still {run.state}, and goes on"
    return replace(told, result="failed", error=f"run {run.run_id} is {state}")
