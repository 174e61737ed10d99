"""What a case of the benchmark found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One line of the table; ``ok`` is ``None`` where there is no goal, or nothing could be measured."""

    case: str
    what: str
    measured: str
    goal: str = ""
    ok: bool | None = None

    @property
    def verdict(self) -> str:
        """The last column."""
        return {True: "ok", False: "MISSED", None: "-"}[self.ok]


def exactly(case: str, what: str, found: int, goal: int, note: str = "") -> Result:
    """A count that has to be just what it is said to be."""
    return Result(case, what, f"{found:,}{note}", f"= {goal:,}", found == goal)


def at_most(case: str, what: str, found: float, goal: float, note: str = "") -> Result:
    """A count or ratio with an upper bound."""
    return Result(case, what, f"{_number(found)}{note}", f"≤ {_number(goal)}", found <= goal)


def at_least(case: str, what: str, found: float, goal: float, note: str = "") -> Result:
    """A count or ratio with a lower bound."""
    return Result(case, what, f"{_number(found)}{note}", f"≥ {_number(goal)}", found >= goal)


def told(case: str, what: str, measured: str) -> Result:
    """Something worth knowing that has no goal, or why there is nothing to know."""
    return Result(case, what, measured)


def _number(value: float) -> str:
    if isinstance(value, int) or (value == int(value) and abs(value) >= 10):  # noqa: PLR2004 - to be read
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - to be read


@dataclass(frozen=True)
class Table:
    """Something to be printed as a table of its own, below the results."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


Finding = Result | Table
