"""A plugin of pytest that adds up the cases of the matrix, whichever process tried them."""

from collections.abc import Iterator
from typing import Any

MATRIX = "fault matrix"
"""The property of a test that counts its cases, those that converge, and those of secrets nobody can see."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tells how many cases there were, also of those that other processes tried."""
    counts = list(_counts(terminalreporter.stats))
    if counts:
        cases, good, invisible = (sum(column) for column in zip(*counts, strict=True))
        by_hand = f"({invisible} invisible secrets by --resend-secrets)"
        terminalreporter.write_line(f"{MATRIX}: {good} of {cases} converge {by_hand}")


def _counts(stats: dict[str, list[Any]]) -> Iterator[tuple[int, int, int]]:
    for reports in stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                yield from (tuple(count) for name, count in report.user_properties if name == MATRIX)
