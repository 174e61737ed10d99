"""A plugin of pytest that adds up what tests have survived, whichever process ran them.

The main process of pytest-xdist knows no conftest.py but those at the top, so one of these has to name it.
"""

from collections.abc import Callable
from typing import Any

TALLY = "tally"
"""The property of a test that says what it has survived, how often, and of how many times."""

Record = Callable[[str, object], None]
"""What pytest's ``record_property`` is."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line for each way of breaking off."""
    found: dict[str, list[int]] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == TALLY:
                what, survived, of = value
                done = found.setdefault(what, [0, 0])
                done[0] += survived
                done[1] += of
    for what, (survived, of) in sorted(found.items()):
        told = "all converged" if survived == of else f"{of - survived} did not converge"
        terminalreporter.write_line(f"{what} at {survived} of {of} boundaries, {told}")
