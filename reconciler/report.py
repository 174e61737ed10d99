"""What an apply did, as data."""

from dataclasses import dataclass
from typing import Literal

from reconciler.model import Key
from reconciler.plan import Change, Plan

Result = Literal["done", "refused", "unknown", "skipped"]


@dataclass(frozen=True)
class Outcome:
    """What became of one change; ``attempts`` counts the writes it took."""

    change: Change
    result: Result
    error: str | None = None
    attempts: int = 1
    warning: str | None = None


@dataclass(frozen=True)
class Report:
    """One environment after an apply."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    reads: int
    writes: int
    converged: bool
    remaining: tuple[Key, ...] = ()
    error: str | None = None

    @property
    def touched(self) -> bool:
        """Whether anything was, or may have been, written."""
        return any(outcome.result in {"done", "unknown"} for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 when verified, 4 when something was written and the rest was not, 1 when nothing was."""
        if self.converged:
            return 0
        return 4 if self.touched else 1
