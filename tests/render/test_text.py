import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.compare import FieldChange, Unverified
from reconciler.model import Key
from reconciler.plan import Action, Plan
from reconciler.render.page import WHOLE, Page, width
from reconciler.render.text import drift_text, error_text, plan_text, question, report_text
from reconciler.render.told import Failed, Item, Sound
from reconciler.report import Report
from tests.render.golden import is_golden
from tests.render.hostile import items
from tests.render.samples import CALM, DRIFT, FLEET, PROD, REPORT, change, plan

EIGHTY, WIDE = Page(80), Page(200)
OURS = re.compile(r"(  (\+|~|-/\+|-|»|«|\?|!) |      |(Plan|Drift|Partly applied|Nothing was written)\b|  )")
RETRIES = ("value", "retries")


def told(item: Item, page: Page) -> str:
    if isinstance(item, Report):
        return report_text(item, page)
    if isinstance(item, Failed):
        return error_text(item.name, item.message)
    assert isinstance(item, Plan)
    return plan_text(item, page)


def updates(*fields: FieldChange, id_: str = "etl_config") -> Plan:
    return plan("prod", change(Action.UPDATE, Key("variable", id_), "manifest", *fields))


def creates(number: int, kind: str = "variable") -> Plan:
    return plan("prod", *(change(Action.CREATE, Key(kind, f"v{n}"), "manifest") for n in range(number)))


@pytest.mark.parametrize(("page", "name"), [(WHOLE, "whole"), (EIGHTY, "80"), (Page(44), "44")])
def test_a_plan_is_what_it_was_when_somebody_last_read_it(page: Page, name: str) -> None:
    blocks = "\n".join(told(item, page) for item in FLEET.environments)
    assert is_golden(f"plan.{name}.txt", blocks)


def test_a_drift_and_a_report_are_what_they_were_when_somebody_last_read_them() -> None:
    drifted = [item for item in DRIFT.environments if isinstance(item, Plan)]
    assert is_golden("drift.txt", "\n".join(map(drift_text, drifted)))
    assert is_golden("apply.txt", report_text(REPORT))


@pytest.mark.parametrize("columns", [30, 44, 80, 120])
def test_no_line_is_wider_than_the_terminal_unless_one_word_is(columns: int) -> None:
    text = plan_text(PROD, Page(columns))
    for line in text.splitlines():
        longest_word = max(map(width, line.split()), default=0)
        assert width(line) <= columns or longest_word + 8 > columns // 2


def test_a_row_that_has_no_room_stands_on_two_lines() -> None:
    text = plan_text(updates(FieldChange(RETRIES, 2, 3), id_="v" * 70), EIGHTY)
    assert f"  ~ variable {'v' * 70}\n      prod/m.yaml:1  manifest\n      value.retries: 2 → 3\n" in text


def test_a_field_that_has_no_room_stands_on_two_lines() -> None:
    text = plan_text(updates(FieldChange(("value",), "a" * 50, "b" * 50)), EIGHTY)
    assert f'      value: "{"a" * 50}"\n           → "{"b" * 50}"\n' in text


def test_a_path_that_leaves_no_room_beside_it_stands_above_its_values() -> None:
    path = ("value", "p" * 60)
    text = plan_text(updates(FieldChange(path, "a" * 50, "b" * 50)), EIGHTY)
    assert f'      value.{"p" * 60}:\n        "{"a" * 50}"\n      → "{"b" * 50}"\n' in text


def test_wide_characters_keep_columns_straight_and_values_within_the_line() -> None:
    fields = FieldChange(("value",), "値", "値" * 100)
    text = plan_text(updates(fields, id_="変数"), EIGHTY)
    assert all(width(line) <= 80 for line in text.splitlines())


@given(st.text(max_size=300), st.text(max_size=300), st.integers(20, 120))
def test_where_two_texts_differ_is_always_in_sight(before: str, after: str, columns: int) -> None:
    text = plan_text(updates(FieldChange(("value",), before, after)), Page(columns))
    shown = text.split("value:")[1].split("\n\n")[0]
    first, _, second = shown.partition("→")
    assert before == after or first.strip() != second.strip()


def test_many_alike_are_folded_and_counted() -> None:
    text = plan_text(creates(1650), Page(80, full=False))
    assert text.count("  + variable ") == 10
    assert "  + … 1,640 more variables (--full shows all)" in text
    assert "Plan: 1650 to create" in text


@pytest.mark.parametrize("number", [1, 10, 15])
def test_a_few_alike_are_not_folded(number: int) -> None:
    assert "more" not in plan_text(creates(number), Page(80, full=False))


def test_each_sort_of_change_is_folded_by_itself() -> None:
    changes = (*creates(16).changes, *creates(3, "pool").changes)
    text = plan_text(plan("prod", *changes), Page(80, full=False))
    assert "… 6 more variables" in text
    assert text.count("  + pool ") == 3


@pytest.mark.parametrize("action", [Action.DELETE, Action.REPLACE])
def test_what_deletes_is_never_folded(action: Action) -> None:
    changes = [change(action, Key("variable", f"v{n}"), "undeclared") for n in range(1000)]
    text = plan_text(plan("prod", *changes), Page(80, full=False))
    assert len(re.findall(r"^  -(?:/\+)? variable v", text, re.MULTILINE)) == 1000


def test_fields_and_unverified_values_are_folded_too() -> None:
    fields = [FieldChange(("value", n), n, n + 1) for n in range(40)]
    hidden = [Unverified(Key("connection", f"c{n}"), ("password",), "hidden", None) for n in range(217)]
    text = plan_text(replace(updates(*fields), difference=replace(
        updates(*fields).difference, unverified=tuple(hidden))), Page(80, full=False))  # fmt: skip
    assert "      … 30 more fields (--full shows all)" in text
    assert "  ? … 207 more of connections are unverified, hidden (--full shows all)" in text


def test_nothing_is_folded_where_all_is_asked_for_or_nobody_watches() -> None:
    for page in (Page(80), WHOLE):
        assert plan_text(creates(500), page).count("  + variable v") == 500


def test_what_was_seen_to_be_done_is_no_news_and_what_was_not_is() -> None:
    text = report_text(REPORT, Page(80, is_news=True))
    assert ": done" not in text
    assert "~ variable etl_config: refused, 400 Bad Request: no" in text
    assert report_text(REPORT, EIGHTY).count(": done") == 1


def test_the_question_names_environments_and_numbers() -> None:
    one = plan("prod", *creates(3).changes, change(Action.DELETE, Key("pool", "p"), "absent"))
    assert question([one]) == "Apply 3 creates and 1 delete to prod?"
    other = updates(FieldChange(RETRIES, 2, 3))
    assert question([one, replace(other, name="dev")]) == (
        "Apply 3 creates, 1 update and 1 delete to 2 environments (prod, dev)?"
    )


def test_a_calm_environment_has_no_changes() -> None:
    assert plan_text(CALM, EIGHTY).splitlines()[2].startswith("Plan: no changes; ")


@given(items(), st.sampled_from([WHOLE, EIGHTY, Page(80, full=False), WIDE]))
def test_no_text_from_elsewhere_can_start_a_line(item: Item, page: Page) -> None:
    if isinstance(item, Sound):
        return
    _header, *lines = told(item, page).removesuffix("\n").split("\n")
    assert all(not line or OURS.match(line) for line in lines)
