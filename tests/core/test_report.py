from typing import Any

import pytest

from reconciler.model import Key
from reconciler.plan import Action, Calls, Change, Difference, Plan
from reconciler.report import Outcome, Report, Result

CHANGE = Change(Action.CREATE, Key("pool", "p"), "manifest", None, (), None, None)
PLAN = Plan("e", "sandbox:x", "3.3.1", Difference((CHANGE,), (), (), ()), (), Calls(1, 2, 1))


@pytest.mark.parametrize(
    ("results", "converged", "touched", "code"),
    [
        ([], True, False, 0),
        (["done", "done"], True, True, 0),
        (["done", "refused"], False, True, 4),
        (["done"], False, True, 4),
        (["unknown"], False, True, 4),
        (["refused", "skipped"], False, False, 1),
        (["skipped"], False, False, 1),
    ],
)
def test_a_run_ends_with_1_only_where_surely_nothing_was_written(
    results: list[Result], converged: bool, touched: bool, code: int
) -> None:
    outcomes: Any = tuple(Outcome(CHANGE, result) for result in results)
    report = Report(PLAN, outcomes, 3, 1, converged)
    assert (report.touched, report.exit_code) == (touched, code)


def test_a_plan_counts_its_actions() -> None:
    assert PLAN.count(Action.CREATE) == 1
    assert PLAN.count(Action.DELETE) == 0
    assert PLAN.changes == (CHANGE,)
