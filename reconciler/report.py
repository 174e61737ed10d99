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
class Followed:
    """What became of one thing that ``after_apply`` asks for; ``run_id`` is that of a DAG run."""

    what: Literal["event", "trigger"]
    subject: str
    result: Literal["done", "failed", "skipped"]
    error: str | None = None
    run_id: str | None = None


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
    followed: tuple[Followed, ...] = ()

    @property
    def trouble(self) -> str | None:
        """What went wrong apart from single changes, if anything did."""
        failed = (f"after_apply: {one.what} {one.subject}: {one.error}" for one in self.followed if one.error)
        return self.error or "; ".join(failed) or None

    @property
    def succeeded(self) -> bool:
        """Whether git's state is Airflow's, and all that was to follow has."""
        return self.converged and self.trouble is None

    @property
    def touched(self) -> bool:
        """Whether anything was, or may have been, written."""
        return any(outcome.result in {"done", "unknown"} for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 when verified, 4 when something was written and the rest was not, 1 when nothing was."""
        if self.succeeded:
            return 0
        return 4 if self.touched else 1
