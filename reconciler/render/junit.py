"""Test results as CI servers collect them: a suite for each environment.

A plan passes a test for each kind's guard that does not stand against it. What is pending is no failure, as
a plan is there to find it; drift is one, and so is an apply that has not converged.
"""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from reconciler.errors import Problem
from reconciler.kinds import KINDS
from reconciler.plan import Change, Plan
from reconciler.render.plain import clipped, many, one_line, visible
from reconciler.render.text import edit_texts, field_text, shown_fields
from reconciler.render.told import Command, Failed, Item, Sound, Told, name_of, reason, subject, with_way_out
from reconciler.report import Outcome, Report

GUARDS = ("deletes", "missing", "protect", "changed", "adopt")
"""In the order in which they are checked."""

MOST_LINES, LONGEST_LINE = 200, 2_000
UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold."""

State = Literal["failure", "error", "skipped"]


@dataclass(frozen=True)
class Case:
    """One test; without a state it has passed."""

    name: str
    state: State | None = None
    message: str = ""
    lines: Sequence[str] = ()


def render(told: Told) -> str:
    """The document."""
    root = ET.Element("testsuites", name=f"reconciler {told.command}")
    for item in told.environments:
        root.append(_suite(name_of(item), list(_cases(told.command, item))))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(name: str, cases: Sequence[Case]) -> ET.Element:
    states = Counter(case.state for case in cases)
    numbers = {
        "tests": len(cases),
        "failures": states["failure"],
        "errors": states["error"],
        "skipped": states["skipped"],
    }
    suite = ET.Element("testsuite", {"name": _attribute(name), **{key: str(n) for key, n in numbers.items()}})
    suite.extend(_case(name, case) for case in cases)
    return suite


def _case(suite: str, case: Case) -> ET.Element:
    made = ET.Element("testcase", classname=_attribute(suite), name=_attribute(case.name))
    if case.state is not None:
        told = ET.SubElement(made, case.state, message=_attribute(case.message))
        told.text = "\n".join(_fit(clipped(visible(line), LONGEST_LINE)) for line in _few(case.lines)) or None
    return made


def _few(lines: Sequence[str]) -> Iterator[str]:
    yield from islice(lines, MOST_LINES)
    if len(lines) > MOST_LINES:
        yield f"{len(lines) - MOST_LINES:,} more"


def _attribute(text: str) -> str:
    return _fit(clipped(one_line(text), LONGEST_LINE))


def _fit(text: str) -> str:
    return UNFIT.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _cases(command: Command, item: Item) -> Iterator[Case]:
    if isinstance(item, Failed):
        yield from map(_problem, item.problems)
        if not item.problems:
            yield Case("environment", "error", f"{item.type}: {item.message}")
    elif isinstance(item, Sound):
        yield Case("manifests")
    elif isinstance(item, Report):
        yield from map(_outcome, item.outcomes)
        yield _converged(item)
    else:
        yield from _guards(item) if command == "plan" else ()
        yield _in_sync(command, item)


def _problem(problem: Problem) -> Case:
    return Case(str(problem.origin), "error", str(problem))


def _guards(plan: Plan) -> Iterator[Case]:
    """A case for each kind that the plan looked at, whether or not anything stands against it."""
    kinds = plan.options.get("kinds") or [kind.name for kind in KINDS]
    for guard in GUARDS:
        for kind in kinds:
            found = [one for one in plan.violations if (one.guard, one.kind) == (guard, kind)]
            lines = [with_way_out(one) for one in found]
            state: State | None = "failure" if found else None
            yield Case(f"{guard} {kind}", state, lines[0] if lines else "", lines[1:])


def _in_sync(command: Command, plan: Plan) -> Case:
    if not plan.changes:
        return Case("in sync")
    lines = [line for change in plan.changes for line in _lines(change)]
    state: State = "failure" if command == "drift" else "skipped"
    word = "drifted" if command == "drift" else "pending"
    return Case("in sync", state, f"{many(len(plan.changes), 'change')} {word}", lines)


def _lines(change: Change) -> Iterator[str]:
    origin = f" at {change.origin}" if change.origin else ""
    yield f"{subject(change)} ({reason(change)}){origin}"
    yield from (f"    {field_text(field)}" for field in shown_fields(change))
    yield from (f"    {text}" for text in edit_texts(change))


def _outcome(outcome: Outcome) -> Case:
    if outcome.result == "done":
        return Case(subject(outcome.change))
    told = f"{outcome.result}, {outcome.error}" if outcome.error else outcome.result
    return Case(subject(outcome.change), "failure", told)


def _converged(report: Report) -> Case:
    if report.succeeded:
        return Case("in sync")
    lines = [f"not converged: {key.kind} {key.id}" for key in report.remaining]
    return Case("in sync", "failure", report.trouble or "not converged", lines)
