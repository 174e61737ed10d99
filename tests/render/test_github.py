import re

import pytest
from hypothesis import given

from reconciler.cli.output import neutral
from reconciler.model import Key
from reconciler.plan import Action
from reconciler.render.github import render
from reconciler.render.told import Told
from tests.render.golden import is_golden
from tests.render.hostile import runs
from tests.render.samples import EVERY, SPLIT, change, plan, told

COMMAND = re.compile(r"::(error|warning|notice) ((?:[a-z]+=[^:,\r\n]*,?)+)::(.*)")
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e\u2066]")


def read(line: str) -> tuple[str, dict[str, str], str]:
    """A command as GitHub's runner takes it apart."""
    assert line.startswith("::")
    end = line.index("::", 2)
    name, _, properties = line[2:end].partition(" ")
    pairs = dict(pair.split("=", 1) for pair in properties.split(","))
    return name, {key: unescaped(value) for key, value in pairs.items()}, unescaped(line[end + 2 :])


def unescaped(text: str) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


@pytest.mark.parametrize("run", EVERY, ids=lambda run: run.command)
def test_annotations_look_as_they_did(run: Told) -> None:
    assert is_golden(f"{run.command}.github.txt", render(run))


def test_a_violation_stands_where_its_resource_is_declared_or_at_its_environment() -> None:
    found = [read(line) for line in render(SPLIT).splitlines()]
    errors = [fields for level, fields, _ in found if level == "error"]
    places = {fields["title"]: f"{fields['file']}:{fields['line']}" for fields in errors}
    assert places == {
        "prod: guard/deletes": "environments/prod/environment.yaml:1",
        "prod: guard/protect": "prod/m.yaml:19",
        "prod: guard/adopt": "prod/m.yaml:8",
    }


def test_the_tenth_annotation_counts_the_others_and_deletes_come_first() -> None:
    updates = [change(Action.UPDATE, Key("pool", f"p{number}"), "manifest") for number in range(1640)]
    deletes = [
        change(Action.DELETE, Key("pool", f"d{number}"), "undeclared", file=None) for number in range(5)
    ]
    found = [read(line) for line in render(told("plan", plan("one", *updates, *deletes))).splitlines()]

    assert len(found) == 10
    assert [fields["title"] for _, fields, _ in found[:5]] == ["one: change/delete"] * 5
    assert found[-1] == ("notice", {"title": "1,636 more notices"}, "1,636 change/update")


def test_ten_annotations_are_shown_as_they_are() -> None:
    updates = [change(Action.UPDATE, Key("pool", f"p{number}"), "manifest") for number in range(10)]
    assert "more" not in render(told("plan", plan("one", *updates)))


@given(runs())
def test_no_text_from_elsewhere_is_a_command(run: Told) -> None:
    text = render(run)
    assert text.encode()
    assert text.count("\n") == len(text.splitlines())
    for line in text.splitlines():
        assert COMMAND.fullmatch(line)
        _, fields, message = read(line)
        assert set(fields) in ({"file", "line", "col", "title"}, {"title"})
        assert not UNSEEN.search("".join([*fields.values(), message]))


def test_the_second_net_still_breaks_commands_in_every_other_text() -> None:
    assert neutral("::error file=a::b\n") == ": :error file=a::b\n"
