"""What ``doctor`` finds, as people and machines read it."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from reconciler.diagnosis import Diagnosis, Finding
from reconciler.model import canonical_digest
from reconciler.render.plain import many, one_line

FORMAT = "reconciler.doctor/1"


def text(diagnosis: Diagnosis) -> str:
    """One row for each finding, what to do about it below, and a summary."""
    lines = [_header(diagnosis), "", *_rows(folded(diagnosis.findings)), "", _summary(diagnosis)]
    return "\n".join(lines) + "\n"


def folded(findings: Sequence[Finding]) -> list[Finding]:
    """The same with one row for checks in a row that were skipped for one reason."""
    rows: list[Finding] = []
    for reason, group in groupby(findings, lambda one: one.seen if one.state == "skipped" else None):
        alike = list(group)
        if reason is None or len(alike) == 1:
            rows += alike
        else:
            names = ", ".join(one.check for one in alike)
            rows.append(Finding(f"{len(alike)} checks", "skipped", f"{reason}: {names}"))
    return rows


def _cells(finding: Finding) -> tuple[str, str]:
    return finding.state, finding.check


def _header(diagnosis: Diagnosis) -> str:
    if diagnosis.target is None:
        return diagnosis.name
    version = f" · Airflow {diagnosis.airflow_version}" if diagnosis.airflow_version else ""
    return f"{diagnosis.name}  {one_line(diagnosis.target)}{version}"


def _rows(findings: Sequence[Finding]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*map(_cells, findings), strict=True)]
    indent = " " * (sum(widths) + 6)
    for finding in findings:
        cells = (f"{cell:<{width}}" for cell, width in zip(_cells(finding), widths, strict=True))
        yield f"  {'  '.join(cells)}  {one_line(finding.seen)}"
        if finding.advice:
            yield f"{indent}→ {one_line(finding.advice)}"


def _summary(diagnosis: Diagnosis) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in diagnosis.summary.items() if count)
    calls = f"{many(diagnosis.reads, 'read')} and {many(diagnosis.writes, 'write')}"
    return f"Doctor: {counts}. {calls if diagnosis.writes else many(diagnosis.reads, 'read')}."


def document(environments: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The document, with a digest of itself."""
    body = {"format": FORMAT, "environments": list(environments)}
    return {**body, "digest": canonical_digest(body)}


def entry(diagnosis: Diagnosis) -> dict[str, Any]:
    """One environment; the target is null where its files could not be read."""
    return {
        "name": diagnosis.name,
        "target": diagnosis.target,
        "airflow_version": diagnosis.airflow_version,
        "findings": [_finding(finding) for finding in diagnosis.findings],
        "summary": dict(diagnosis.summary),
        "calls": {"read": diagnosis.reads, "write": diagnosis.writes},
    }


def _finding(finding: Finding) -> dict[str, Any]:
    """A finding; there is no advice where nothing is to be done."""
    return {
        "check": finding.check,
        "state": finding.state,
        "seen": finding.seen,
        "advice": finding.advice or None,
    }
