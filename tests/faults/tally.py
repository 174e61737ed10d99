"""A plugin of pytest that adds up the cases of the matrix, whichever process tried them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

MATRIX = "fault matrix"
"""The property of a test that counts its cases, those that converge, and those of secrets nobody can see."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tells how many cases there were, on the emulator and on real Airflow."""
    cases, good, invisible = Counter[str](), Counter[str](), Counter[str]()
    for name, count in _counts(terminalreporter.stats):
        for column, number in zip((cases, good, invisible), count, strict=True):
            column[name] += number
    for name, number in sorted(cases.items()):
        mended = f"({invisible[name]} invisible secrets by --resend-secrets)"
        terminalreporter.write_line(f"{name}: {good[name]} of {number} converge {mended}")


def _counts(stats: dict[str, list[Any]]) -> Iterator[tuple[str, tuple[int, int, int]]]:
    for reports in stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                yield from (one for one in report.user_properties if one[0].startswith(MATRIX))
