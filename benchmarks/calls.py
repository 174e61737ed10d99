"""B1 and B2: how many calls a plan and an apply make."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import program
from benchmarks.manifests import Size, declared, manifest, name_of, row, write_files
from benchmarks.result import Finding, at_least, at_most, exactly
from benchmarks.stubs import Counting, Shelf, floor
from reconciler.backends import Backend
from reconciler.kinds import BY_NAME, KINDS, Kind
from reconciler.manifests import Environment
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.store import fresh_state, insert, write_state

VERSIONS = ("2.11.2", "3.0.6", "3.3.1")
SIZES = (100, 1_000, 10_000, 100_000)
LARGE = Size(10_000, 500, 100)
TERRAFORM = Size(500, 200, 50, extras="all")
EMULATED = 1_000
"""Up to so many resources the emulator answers; it sorts every row for every page."""

MANY = 5_000
SECRET = "RECONCILER_BENCHMARK_SECRET"


def plans() -> Iterator[Finding]:
    """B1: the calls of a no-change plan, which are to be the fewest that the server allows."""
    for resources in SIZES:
        size = Size.of(resources)
        with program.environment_of(size) as environment:
            for version in VERSIONS:
                found = planned_calls(environment, size, version)
                what = f"calls of a no-change plan, {resources:,} on {version}"
                yield exactly("B1", what, found, floor(size, version))
    with program.environment_of(LARGE) as environment:
        for version in VERSIONS:
            found = planned_calls(environment, LARGE, version)
            yield exactly("B1", f"the same, 10,000/500/100 on {version}", found, floor(LARGE, version))
    yield from _against_terraform()


def planned_calls(environment: Environment, size: Size, version: str) -> int:
    """Calls of a plan that finds nothing to do."""
    if len(size) > EMULATED:
        return _calls(environment, Counting(Shelf(size, version)))
    with tempfile.TemporaryDirectory() as folder:
        return _calls(environment, Counting(emulator(size, version, Path(folder) / "state.json")))


def _calls(environment: Environment, backend: Counting) -> int:
    program.check_in_sync(program.plan(environment, backend))
    return backend.calls.total()


def emulator(size: Size, version: str, file: Path) -> Emulator:
    """An emulated Airflow that holds what ``size`` declares."""
    state = fresh_state()
    for kind in KINDS:
        for number in range(size.count(kind)):
            fields = row(size, kind, number)
            insert(state[kind.collection], kind, fields.pop(kind.id_field), fields)
    write_state(file, state)
    return Emulator(file, version)


def _against_terraform() -> Iterator[Finding]:
    """The provider's source makes one GET for each resource in its state."""
    theirs = len(TERRAFORM)
    with program.environment_of(TERRAFORM) as environment:
        for version, goal in (("2.11.2", 3.0), ("3.3.1", 50.0)):
            found = planned_calls(environment, TERRAFORM, version)
            what = f"terraform-provider-airflow's {theirs} ÷ ours, 500/200/50 on {version}"
            yield at_least("B1", what, theirs / found, goal, f" ({theirs} ÷ {found})")


def applies() -> Iterator[Finding]:
    """B2: the calls of an apply."""
    for version in ("2.11.2", "3.3.1"):
        yield from _mixed(version)
    yield from _creates()
    yield from _secret_creates()


def _mixed(version: str) -> Iterator[Finding]:
    """Some creates, updates and deletes among 600 resources: a write each, and what was announced."""
    size = Size.of(600)
    with tempfile.TemporaryDirectory() as folder:
        changes = write_changed(Path(folder) / "environment", size)
        backend = Counting(emulator(size, version, Path(folder) / "state.json"))
        planned, report = program.applied(program.load(Path(folder) / "environment"), backend)
    if not report.converged or len(planned.plan.changes) != changes:
        raise AssertionError(f"the apply of {changes} changes on {version} did not end well")
    announced = planned.plan.calls
    yield at_most("B2", f"writes of {changes} mixed changes on {version}", backend.writes, changes)
    calls, said = backend.calls.total(), announced.apply_read + announced.apply_write
    yield exactly("B2", f"all calls of that apply, as its plan announced on {version}", calls, said)


def write_changed(folder: Path, size: Size) -> int:
    """Writes ``size`` with a few resources added, changed and removed; returns the number of changes."""
    contents: dict[str, Any] = {"absent": {}}
    changes = 0
    for kind in KINDS:
        count = size.count(kind)
        added, gone = max(1, count // 50), max(1, count // 100)
        content = manifest(size, kind, range(gone, count + added))[kind.collection]
        for number in range(gone, gone + added):
            content[name_of(kind, number)] = _edited(kind, declared(size, kind, number))
        contents[kind.collection] = content
        contents["absent"][kind.collection] = [name_of(kind, number) for number in range(gone)]
        changes += 2 * added + gone
    write_files(folder, [("manifest.yaml", contents)])
    return changes


def _edited(kind: Kind, body: Any) -> Any:
    """A resource with one field that differs."""
    if kind.name == "variable" and not isinstance(body, dict):
        return f"{body}/edited"
    return {**body, "description": "Edited"}


def _creates() -> Iterator[Finding]:
    """Plain creates on Airflow 3, which takes many in one call."""
    size = Size.of(MANY)
    with program.environment_of(size) as environment:
        backend = Counting(Emulator(None, "3.3.1"))
        _, report = program.applied(environment, backend)
    if not report.converged:
        raise AssertionError(f"the apply of {MANY} creates did not converge")
    yield at_most("B2", f"write calls of {MANY:,} plain creates on 3.3.1", backend.writes, 20)


def _secret_creates() -> Iterator[Finding]:
    """Secrets never go into bulk calls: a failure must not leave the fate of many of them open."""
    backend = Counting(Emulator(None, "3.3.1"))
    secret_creates(MANY, backend)
    yield exactly("B2", f"write calls of {MANY:,} creates with secrets on 3.3.1", backend.writes, MANY)


def secret_creates(count: int, backend: Backend, rate: float | None = None) -> None:
    """Creates so many variables whose values are secrets, and checks that all is well."""
    kind = BY_NAME["variable"]
    body = {"value": {"$secret": f"env:{SECRET}"}}
    variables = {name_of(kind, number): body for number in range(count)}
    with (
        tempfile.TemporaryDirectory() as folder,
        program.environment_variable(SECRET, "a value that is only made up"),
    ):
        write_files(Path(folder), [("variables.yaml", {"variables": variables})])
        _, report = program.applied(program.load(Path(folder)), backend, rate)
    if not report.converged:
        raise AssertionError(f"the apply of {count} secrets did not converge")
