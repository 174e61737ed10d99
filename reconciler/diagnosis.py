"""What ``doctor`` finds: one row for each check, with what was seen and what to do about it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reconciler.errors import ReconcilerError

FindingState = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """What one check has come to; no text of it holds a value that was read."""

    check: str
    state: FindingState
    seen: str
    advice: str = ""
    code: int = 0
    """The exit code of a check that failed: 3 where every command would refuse to go on."""


@dataclass(frozen=True)
class Diagnosis:
    """All findings about one environment, each of which may explain those after it."""

    name: str
    target: str | None
    """``None`` where the files could not be read."""
    findings: tuple[Finding, ...]
    airflow_version: str | None = None
    reads: int = 0
    writes: int = 0

    @property
    def summary(self) -> Mapping[FindingState, int]:
        """How many findings there are of each state."""
        counts = Counter(finding.state for finding in self.findings)
        return {state: counts[state] for state in ("ok", "warning", "failed", "skipped")}


def ok(check: str, seen: str, advice: str = "") -> Finding:
    """All is as it should be."""
    return Finding(check, "ok", seen, advice)


def warning(check: str, seen: str, advice: str) -> Finding:
    """Commands work, but not as well as they could, or something may surprise."""
    return Finding(check, "warning", seen, advice)


def failed(check: str, seen: str, advice: str) -> Finding:
    """Some command is going to fail because of this."""
    return Finding(check, "failed", seen, advice, code=1)


def failure(check: str, error: ReconcilerError) -> Finding:
    """The same out of an error, whose words up to the first semicolon say what, and then what to do."""
    seen, _, advice = str(error).partition("; ")
    return Finding(check, "failed", seen, advice, error.exit_code)


def skipped(check: str, why: str) -> Finding:
    """Not looked at, and why."""
    return Finding(check, "skipped", why)
