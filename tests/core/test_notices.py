from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Origin
from reconciler.model import Key
from reconciler.notices import (
    LONGEST,
    BadMemory,
    Condition,
    Memory,
    Notice,
    condition_of,
    dump,
    notices,
    parse,
    told,
)
from reconciler.plan import Action, Edit, Plan
from reconciler.render.plain import one_line
from reconciler.render.told import Failed
from tests.render.hostile import items
from tests.render.samples import CALM, UNREACHABLE, change, plan

ONE = plan("prod", change(Action.UPDATE, Key("variable", "a"), "drift"))
OTHER = plan("prod", change(Action.UPDATE, Key("variable", "b"), "drift"))
WELL = replace(CALM, name="prod")
AWAY = replace(UNREACHABLE, name="prod")


def after(*seen: Plan | Failed) -> tuple[list[str], list[Notice]]:
    """The events of some runs, one after the other, each told and kept."""
    memory: Memory = {}
    found: list[Notice] = []
    for item in seen:
        now = [*notices(memory.get("here", {}), [item])]
        found += now
        for notice in now:
            memory = told(parse(dump(memory)), "here", notice)
    return [notice.event for notice in found], found


@pytest.mark.parametrize(
    ("seen", "events"),
    [
        ([WELL, WELL], []),
        ([ONE], ["new"]),
        ([ONE, ONE, ONE], ["new"]),
        ([ONE, OTHER], ["new", "changed"]),
        ([ONE, WELL, WELL], ["new", "gone"]),
        ([ONE, WELL, ONE], ["new", "gone", "new"]),
        ([AWAY, AWAY], ["new"]),
        ([ONE, AWAY, ONE], ["new", "changed", "changed"]),
        ([AWAY, WELL], ["new", "gone"]),
    ],
)
def test_only_what_is_news_is_told(seen: list[Plan | Failed], events: list[str]) -> None:
    assert after(*seen)[0] == events


def test_a_moved_line_and_another_editor_are_no_news() -> None:
    (edited,) = ONE.changes
    moved = replace(edited, origin=Origin("prod/m.yaml", 99, 1), edit=Edit("ops", "now", "patch_variable"))
    assert condition_of(plan("prod", moved)) == condition_of(ONE)


def test_an_error_that_only_reads_differently_is_no_news() -> None:
    assert after(AWAY, replace(AWAY, message="another address"))[0] == ["new"]
    assert after(AWAY, replace(AWAY, type="AccessDenied"))[0] == ["new", "changed"]


def test_titles_name_the_environment_and_what_has_happened() -> None:
    _, found = after(ONE, OTHER, WELL, AWAY, WELL)
    assert [notice.title for notice in found] == [
        "prod: drift, 1 change",
        "prod: other drift, 1 change",
        "prod: no drift any more",
        "prod: drift cannot be looked for",
        "prod: can be read again",
    ]
    assert "~ variable a" in found[0].body
    assert found[0].body.endswith("9 reads.")
    assert found[3].body == UNREACHABLE.message


def test_each_environment_and_each_destination_is_remembered_by_itself() -> None:
    other = replace(ONE, name="dev")
    first, second = notices({}, [ONE, other])
    memory = told(told({}, "here", first), "there", second)
    assert [notice.environment for notice in notices(memory["here"], [ONE, other])] == ["dev"]
    assert [notice.environment for notice in notices(memory["there"], [ONE, other])] == ["prod"]


def test_a_long_drift_is_cut_and_counted_and_its_sum_stays() -> None:
    many = plan("prod", *(change(Action.CREATE, Key("variable", f"v{n}"), "missing") for n in range(500)))
    (notice,) = notices({}, [many])
    lines = notice.body.splitlines()
    assert len(lines) < 45
    assert lines[-2].startswith("… ")
    assert lines[-1].startswith("Drift: 500 missing")


@given(items().filter(lambda item: isinstance(item, Plan | Failed)))
def test_no_text_makes_a_notice_longer_than_people_read(item: Plan | Failed) -> None:
    for notice in notices({}, [item]):
        assert len(notice.body) <= 2 * LONGEST + 1000
        assert notice.title == one_line(notice.title)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": "reconciler.notices/2", "told": {}}', '{"format": "reconciler.notices/1"}',
     '{"format": "reconciler.notices/1", "told": {"a": {"b": {"state": "x", "digest": "y"}}}}',
     '{"format": "reconciler.notices/1", "told": {"a": {"b": {"state": "drift", "digest": 1}}}}',
     '{"format": "reconciler.notices/1", "told": {"a": []}}', "[" * 100_000],
)  # fmt: skip
def test_a_memory_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadMemory):
        parse(text)


@given(st.dictionaries(st.text(), st.dictionaries(st.text(), st.builds(
    Condition, st.sampled_from(["drift", "failed"]), st.text()))))  # fmt: skip
def test_a_memory_comes_back_as_it_was(memory: Memory) -> None:
    assert parse(dump(memory)) == memory
