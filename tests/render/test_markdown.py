import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given
from markdown_it import MarkdownIt

from reconciler.model import Key
from reconciler.plan import Action, Violation
from reconciler.render.markdown import LONGEST, render
from reconciler.render.told import Failed, Told
from tests.render.golden import is_golden
from tests.render.hostile import runs
from tests.render.samples import EVERY, FLEET, PROD, change, plan, told

PARSER = MarkdownIt("gfm-like")
OURS = {"table", "tr", "th", "td", "details", "summary", "b", "br", "ul", "li", "code"}
MORE_CHANGES = re.compile(r"<li>([\d,]+) more changes?: (.*?)</li>")
COUNTED = re.compile(r"([\d,]+) ([a-z]+?)s?(?:,|$)")


class Reader(HTMLParser):
    """Notes every tag, its attributes, and whatever text stands outside of ``<code>``."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.opened: list[str] = []
        self.attributes: set[str] = set()
        self.outside = ""
        self.comments: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.opened += [tag] if tag != "br" else []

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.outside += "" if "code" in self.opened else data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def read(text: str) -> Reader:
    """What a comment becomes, which is one marker, one heading, and blocks of our own HTML."""
    marker, heading, *blocks = PARSER.parse(text)
    assert marker.type == "html_block"
    assert heading.type == "heading_open"
    assert {block.type for block in blocks} == {"inline", "heading_close", "html_block"}
    reader = Reader()
    reader.feed("".join(block.content for block in blocks if block.type == "html_block"))
    reader.close()
    assert reader.opened == []
    return reader


@pytest.mark.parametrize("run", EVERY, ids=lambda run: run.command)
def test_a_comment_looks_as_it_did(run: Told) -> None:
    assert is_golden(f"{run.command}.md", render(run))


def test_the_marker_is_the_same_for_the_same_environments_and_another_for_others() -> None:
    marker = render(FLEET).splitlines()[0]
    assert re.fullmatch(r"<!-- reconciler plan [0-9a-f]{12} -->", marker)
    assert render(Told("plan", [*reversed(FLEET.environments)])).splitlines()[0] == marker
    assert render(told("plan", PROD)).splitlines()[0] != marker
    assert render(Told("drift", FLEET.environments)).splitlines()[0] != marker


def test_only_what_is_wrong_is_open() -> None:
    opened = re.findall(r"<details open><summary><code>(\w+)</code>", render(FLEET))
    assert opened == ["prod", "broken"]


def test_secrets_are_told_by_their_reference_alone() -> None:
    text = render(FLEET)
    assert "password: (secret aws-sm:prod/warehouse#password) changed" in text
    assert "extra.token: (looks secret, not shown) changed" in text


@given(runs())
def test_no_text_from_elsewhere_takes_effect(run: Told) -> None:
    text = render(run)
    reader = read(text)
    assert len(text) <= LONGEST
    assert set(reader.tags) <= OURS
    assert reader.attributes <= {"open", "colspan"}
    assert reader.comments == []
    assert not set(reader.outside) & set("@#[]`<>|\\\x00\x1b\u202e")
    assert text.count("<!--") == 1
    assert text.encode()


def shown(text: str) -> Counter[str]:
    return Counter(re.findall(r"<li><b>(\w+)</b>", text))


def left_out(text: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for total, told_ in MORE_CHANGES.findall(text):
        found = {name: int(number.replace(",", "")) for number, name in COUNTED.findall(told_)}
        assert sum(found.values()) == int(total.replace(",", ""))
        counts.update(found)
    return counts


@pytest.mark.parametrize("size", [100, 2_000, 20_000])
def test_a_large_plan_fits_and_its_numbers_add_up(size: int) -> None:
    actions = [Action.UPDATE, Action.CREATE, Action.UPDATE, Action.DELETE] + 36 * [Action.UPDATE]
    changes = [
        change(actions[number % len(actions)], Key("variable", f"v{number}"), "manifest", file="a/b.yaml")
        for number in range(size)
    ]
    violation = Violation("deletes", "variable", 9, 2, "too many", "--allow-deletes variable=9")
    run = told("plan", plan("one", *changes, violations=(violation,)), plan("two", *changes))

    text = render(run)

    every = Counter(one.action.value for one in changes)
    assert len(text) <= LONGEST
    assert shown(text) + left_out(text) == every + every
    assert "--allow-deletes variable=9" in text
    if shown(text)["update"] + shown(text)["create"]:
        assert left_out(text)["delete"] == 0
    read(text)


def test_a_thousand_environments_are_counted_where_there_is_no_room_for_them() -> None:
    sound = [
        plan(f"e{number}", change(Action.CREATE, Key("pool", "p"), "manifest")) for number in range(1000)
    ]
    text = render(told("plan", *sound, Failed("last", "Unreachable", "no answer")))

    rows = len(re.findall(r"<tr><td><code>", text))
    more = re.search(r"([\d,]+) more environments: ([\d,]+) changes, 0 with trouble", text)
    assert more is not None
    assert rows + int(more[1]) == 1001
    assert int(more[1]) == int(more[2])
    assert "<code>last</code>" in text
    assert len(text) <= LONGEST
