"""The program's own functions as the benchmarks call them: the one place that knows how."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.manifests import Size, name_of, write_environment
from reconciler.airflow import Airflow
from reconciler.applying import apply_plan, check_applicable
from reconciler.backends import Backend
from reconciler.engine import Planned, Run, plan_environment
from reconciler.kinds import BY_NAME, KINDS
from reconciler.ledger import Lease
from reconciler.manifests import Environment, load_environment
from reconciler.model import Key
from reconciler.render.text import plan_text
from reconciler.report import Report
from reconciler.secrets import Schemes
from reconciler.session import Session, identify

RUN_SECONDS = 600.0


def load(folder: Path) -> Environment:
    """An environment, read, merged and validated."""
    return load_environment(folder, Schemes())


@contextlib.contextmanager
def environment_of(size: Size) -> Iterator[Environment]:
    """The environment that declares ``size``, through files that are gone in the end."""
    with tempfile.TemporaryDirectory() as folder:
        write_environment(Path(folder), size)
        yield load(Path(folder))


def plan(environment: Environment, backend: Backend, rate: float | None = None) -> Planned:
    """What ``reconciler plan`` does between the files and the text."""
    return plan_environment(environment, backend, rate, Run())


def applied(environment: Environment, backend: Backend, rate: float | None = None) -> tuple[Planned, Report]:
    """What ``reconciler apply --yes`` does between the files and the text."""
    planned = plan_environment(environment, backend, rate, Run(lock_timeout=0.0))
    lease = Lease("benchmark", "a benchmark", "2024-01-01T00:00:00Z", RUN_SECONDS)
    return planned, apply_plan(check_applicable(planned), lease)


def read(size: Size, backend: Backend) -> None:
    """The part of a plan that makes resources out of Airflow's answers, and nothing else of it."""
    session = Session(backend)
    connection = BY_NAME["connection"]
    extras = (number for number in range(size.connections) if size.has_extra(number))
    detailed = frozenset(Key("connection", name_of(connection, number)) for number in extras)
    Airflow(session, identify(session)).read(KINDS, detailed)


def text(planned: Planned) -> str:
    """The plan as a person reads it."""
    return plan_text(planned.plan)


def check_in_sync(planned: Planned) -> Planned:
    """The plan, which must be empty: a case that compares nothing measures nothing."""
    if planned.plan.changes:
        raise AssertionError(f"the benchmark's plan is not empty: {planned.plan.changes[0].key} and others")
    return planned


@contextlib.contextmanager
def environment_variable(name: str, value: str) -> Iterator[None]:
    """Sets a variable of this process for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before
