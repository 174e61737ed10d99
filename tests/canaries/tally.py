"""A plugin of pytest that adds up how much output was looked through, whichever process did it."""

from typing import Any

BYTES = "canary bytes"
"""The property of a test that counts the bytes it has looked through, and the secrets and encodings."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line, leaks included."""
    failed = terminalreporter.getreports("failed")
    reports = terminalreporter.getreports("passed") + failed
    found = [value for one in reports for name, value in one.user_properties if name == BYTES]
    if found:
        leaks = sum("tests/canaries" in one.nodeid for one in failed)
        secrets, encodings, _ = found[0]
        told = (
            f"{secrets} secrets in {encodings} encodings in {sum(one[2] for one in found):,} bytes of output"
        )
        terminalreporter.write_line(f"canaries: {told}, {leaks} leaks")
