"""Findings as tables, for a terminal and for ``RESULTS.md``."""

import platform
import tomllib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import peers
from benchmarks.calls import VERSIONS
from benchmarks.result import Finding, Result, Table

HEADER = ("case", "what", "measured", "goal", "verdict")
INTRODUCTION = """\
Written by `make bench`. Counts, and ratios of two things measured in one run; the seconds beside them
repeat on no other machine."""

CLIENTS = Path("tests/gateway/clients.toml")

Rows = Sequence[Sequence[str]]


def cells(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """The rows of the main table."""
    return [(one.case, one.what, one.measured, one.goal, one.verdict) for one in results]


def aligned(header: Sequence[str], rows: Rows) -> str:
    """A table for a terminal."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(_aligned_line(line, widths) for line in lines)


def _aligned_line(line: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()


def markdown(header: Sequence[str], rows: Rows) -> str:
    """A table for Markdown."""
    lines = [header, ["---"] * len(header), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def terminal(findings: Sequence[Finding]) -> str:
    """Everything as a person reads it at once."""
    results, tables = _sorted(findings)
    texts = [aligned(HEADER, cells(results))] if results else []
    for table in tables:
        texts += [table.title, aligned(table.header, table.rows), table.note]
    return "\n\n".join(filter(None, [*texts, summary(results)])) + "\n"


def document(findings: Sequence[Finding], seconds: float) -> str:
    """What is kept in the repository."""
    results, tables = _sorted(findings)
    texts = [
        "# Benchmark results",
        INTRODUCTION,
        "\n".join(f"- {line}" for line in (*versions(), f"{seconds:.0f} s in all")),
        markdown(HEADER, cells(results)),
        summary(results),
    ]
    for table in tables:
        texts += [f"## {table.title}", markdown(table.header, table.rows), table.note]
    return "\n\n".join(filter(None, texts)) + "\n"


def versions() -> Iterable[str]:
    """When, and with what."""
    yield f"{datetime.now(UTC):%Y-%m-%d}"
    yield f"Python {platform.python_version()} on {platform.system()}, {platform.machine()}"
    yield ", ".join(
        f"{name} {version(name)}" for name in ("reconciler", "boto3", "PyYAML", "jsonschema", "deepdiff")
    )
    clients = tomllib.loads(CLIENTS.read_text(encoding="utf-8"))
    yield f"Airflow {', '.join(VERSIONS)} emulated, {' and '.join(peers.VERSIONS)} real"
    yield f"airflowctl {clients['apache-airflow-ctl']['version']}"


def summary(results: Sequence[Result]) -> str:
    """How many goals are met."""
    judged = [one for one in results if one.ok is not None]
    met = sum(one.ok is True for one in judged)
    return f"{met} of {len(judged)} goals met."


def _sorted(findings: Sequence[Finding]) -> tuple[list[Result], list[Table]]:
    results = [one for one in findings if isinstance(one, Result)]
    return results, [one for one in findings if isinstance(one, Table)]
