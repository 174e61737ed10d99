"""Edits of YAML texts: what is to be said is said, and nothing else moves."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.accepting.editing import Text, UnwritableError
from reconciler.compare import same
from reconciler.manifests.loader import load

CASES = yaml.safe_load((Path(__file__).parent / "editing.yaml").read_text())


def said(text: str) -> Any:
    document, problems = load(text.encode(), "file")
    assert not problems, (text, problems)
    return document or {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_text_says_what_is_new_and_keeps_all_else(case: dict[str, Any]) -> None:
    before, new, after = case["before"], case["new"], case["after"]
    assert Text(before).saying(said(before), new) == after
    assert said(after) == new


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_lines_end_as_they_did(case: dict[str, Any]) -> None:
    before, after = (case[name].replace("\n", "\r\n") for name in ("before", "after"))
    assert Text(before).saying(said(before), case["new"]) == after


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_text_that_says_it_already_stays(case: dict[str, Any]) -> None:
    assert Text(case["after"]).saying(said(case["after"]), case["new"]) == case["after"]


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        ("a: 1", {"a": 2}, "a: 2"),
        ("a: 1", {"a": 1, "b": 2}, "a: 1\nb: 2"),
        ("a: 1\nb: 2", {"a": 1}, "a: 1\n"),
        ("# nothing", {"a": 1}, "# nothing\na: 1\n"),
        ("", {"a": 1}, "a: 1\n"),
        ("a:\r\n  b: 1", {"a": {"b": 1, "c": 2}}, "a:\r\n  b: 1\r\n  c: 2"),
        ("a: |-\n  x\n  y", {"a": "x\nz"}, "a: |-\n  x\n  z"),
    ],
)
def test_a_text_may_end_without_a_line_end(before: str, new: dict[str, Any], after: str) -> None:
    assert Text(before).saying(said(before), new) == after


@pytest.mark.parametrize(
    ("before", "new"),
    [
        ("a: &x {n: 1}\nb: *x\n", {"a": {"n": 2}, "b": {"n": 1}}),
        ("a: &x {n: 1}\nb: *x\n", {"a": {"n": 1}, "b": {"n": 2}}),
        ("a: &x {n: 1, m: 2}\nb:\n  <<: *x\n  m: 3\n", {"a": {"n": 1, "m": 2}, "b": {"m": 3}}),
        ("a: [&x 1, *x]\n", {"a": [2, 1]}),
        ("&k a: 1\n*k : 2\n", {"a": 3}),
    ],
)
def test_what_stands_for_several_places_is_not_edited(before: str, new: dict[str, Any]) -> None:
    old = {"a": 1} if "*k" in before else said(before)
    with pytest.raises(UnwritableError):
        Text(before).saying(old, new)


words = st.sampled_from(
    [
        "",
        "x",
        "a b",
        "it's",
        "1",
        "true",
        "a\nb",
        "a\n\n b\n",
        " x",
        "é",
        "x: y",
        "# c",
        "a, b",
        "[",
        "*x",
        "${x}",
        "- a",
        "a\n",
        "\ta",
    ]
)
atoms = st.none() | st.booleans() | st.integers(-9, 99) | words
names = st.sampled_from(["a", "b", "c d", "é", "yes", "1", "", "x: y", "a,b", "#"])
values = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)
documents = st.dictionaries(names, values, min_size=1, max_size=4)
styles = st.fixed_dictionaries(
    {
        "default_flow_style": st.sampled_from([None, True, False]),
        "default_style": st.sampled_from([None, None, "'", '"', "|", ">"]),
        "indent": st.sampled_from([2, 3, 4]),
        "width": st.sampled_from([5, 80]),
        "line_break": st.sampled_from(["\n", "\r\n"]),
        "explicit_start": st.booleans(),
    }
)


@st.composite
def changed(draw: Any, value: Any) -> Any:
    """A value like another one: parts of it as they were, others new or gone."""
    if draw(st.integers(0, 3)) == 0:
        return draw(values)
    if isinstance(value, dict):
        kept = {name: draw(changed(item)) for name, item in value.items() if draw(st.integers(0, 4))}
        return {**kept, **draw(st.dictionaries(names, values, max_size=1))}
    return [draw(changed(item)) for item in value] if isinstance(value, list) else value


@given(st.data(), documents, styles)
def test_any_text_can_be_made_to_say_anything(data: st.DataObject, old: dict[str, Any], style: Any) -> None:
    text = yaml.dump(old, allow_unicode=True, sort_keys=False, Dumper=Plain, **style)
    document, problems = load(text.encode(), "file")
    assume(not problems and document == old)
    new = data.draw(changed(old))
    assume(isinstance(new, dict) and new)
    try:
        made, kept = Text(text).saying(document, new), spans(text)
    except UnwritableError:
        assert "?" in text
    else:
        assert said(made) == new
        for name, span in kept.items():
            if name in new and same(old[name], new[name]):
                assert span in made


def spans(text: str) -> dict[str, str]:
    """The text of each of the document's members."""
    made = Text(text)
    entries = [made._member(*pair) for pair in made._root.value]
    return {str(one.name): text[one.start : one.end] for one in entries}


class Plain(yaml.SafeDumper):
    """Writes no anchors."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True
