"""Findings for code scanning, in SARIF 2.1.0.

What git asks for is no finding, so a plan's own changes are left out; what somebody else changed is one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

from reconciler import __version__
from reconciler.errors import Origin
from reconciler.model import text_digest
from reconciler.render.findings import Finding, findings
from reconciler.render.json import text_of
from reconciler.render.plain import clipped, many, visible
from reconciler.render.told import Failed, Told, name_of

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST = 5_000
"""Results; GitHub shows no more of a run."""

LONGEST_MESSAGE = 2_000
LEVELS = {"error": "error", "warning": "warning", "notice": "note"}
MEANT = ("change/", "outcome/done")
"""Rules of what happens as git says."""

RULES = {
    "problem": "Something is wrong in a file",
    "error": "An environment could not be planned or applied",
    "warning": "Something that a reviewer should not overlook",
    "guard": "A guard stands against the plan",
    "drift": "An environment is not what git says",
    "outcome": "A change was not made",
    "not-converged": "A resource is not as it should be after an apply",
}
"""What rules mean, by their first words."""

MARKED = re.compile(r"(\])(\()|(\{)(?=\d+\})")
"""What a reader of messages would take for a link or a place to fill in."""


def render(told: Told) -> str:
    """The log: one run over all environments."""
    found = [one for one in findings(told) if not one.rule.startswith(MEANT)]
    run = {
        "tool": {"driver": {"name": "reconciler", "semanticVersion": __version__, "rules": _rules(found)}},
        "automationDetails": {"id": f"reconciler/{told.command}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(told, found[MOST:])],
        "results": list(_results(islice(found, MOST))),
        "properties": {"environments": [visible(name_of(item)) for item in told.environments]},
    }
    return text_of({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rules(found: Iterable[Finding]) -> list[dict[str, Any]]:
    names = sorted({one.rule for one in found})
    return [{"id": name, "shortDescription": {"text": RULES[name.partition("/")[0]]}} for name in names]


def _invocation(told: Told, left_out: Sequence[Finding]) -> dict[str, Any]:
    """Whether all environments could be told of, and how much of it has no room."""
    succeeded = not any(isinstance(item, Failed) for item in told.environments)
    rules = Counter(one.rule for one in left_out).most_common()
    counted = ", ".join(f"{number:,} {rule}" for rule, number in rules)
    text = f"{many(len(left_out), 'more result')}: {counted}"
    notes = [{"level": "warning", "message": {"text": text}}] if left_out else []
    return {"executionSuccessful": succeeded, "toolExecutionNotifications": notes}


def _results(found: Iterable[Finding]) -> Iterator[dict[str, Any]]:
    """The same finding has the same fingerprint in every run, and two of one run never have one."""
    seen: Counter[str] = Counter()
    for one in found:
        identity = visible(f"{one.environment}\n{one.rule}\n{one.about}")
        seen[identity] += 1
        yield {
            "ruleId": one.rule,
            "level": LEVELS[one.level],
            "message": {"text": _message(f"{one.environment}: {one.message}")},
            "locations": [{"physicalLocation": _location(one.origin)}],
            "partialFingerprints": {"reconciler/v1": f"{text_digest(identity)}:{seen[identity]}"},
        }


def _message(text: str) -> str:
    shown = clipped(visible(text), LONGEST_MESSAGE)
    return MARKED.sub(lambda match: f"{match[1] or match[3]} {match[2] or ''}", shown)


def _location(origin: Origin) -> dict[str, Any]:
    region = {"startLine": max(origin.line, 1), "startColumn": max(origin.column, 1)}
    return {"artifactLocation": {"uri": _uri(origin.file)}, "region": region}


def _uri(file: str) -> str:
    """A path as a reference, relative where the path is; names that are no text are marked."""
    path = quote(file, errors="replace")
    return f"file://{path}" if file.startswith("/") else path
