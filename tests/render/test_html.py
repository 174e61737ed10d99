import base64
import hashlib
import re
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import given

from reconciler import __version__
from reconciler.cli.output import neutral
from reconciler.compare import FieldChange
from reconciler.model import Key
from reconciler.plan import Action, Change
from reconciler.render import html_parts
from reconciler.render.html import MOST_LISTED, render
from reconciler.render.html_values import LONGEST
from reconciler.render.told import Told
from tests.render.golden import is_golden
from tests.render.hostile import runs
from tests.render.samples import APPLIED, DRIFT, EVERY, FLEET, change, plan, told

BLANK = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e\u2066\ud800\U000e0041]")
TOKENS = re.compile(r"[\w./:,#= -]*")
"""What stands in attributes beside names of environments and the policy."""


def read(text: str) -> Element:
    """The page as a browser reads it; anything malformed is an error."""
    root: Element = BLANK.parse(text)
    return root


def texts(root: Element, path: str) -> list[str]:
    return ["".join(element.itertext()).strip() for element in root.findall(path)]


def change_texts(root: Element) -> list[str]:
    return [" ".join(text.split()) for text in texts(root, ".//li[@class='change']")]


def values(text: str) -> list[str]:
    return texts(read(text), ".//code[@class='value']")


def updated(before: Any, after: Any) -> Told:
    field = FieldChange(("value",), before, after)
    return told("plan", plan("one", change(Action.UPDATE, Key("variable", "v"), "manifest", field)))


@pytest.mark.parametrize("run", EVERY, ids=lambda run: run.command)
def test_a_page_looks_as_it_did(run: Told) -> None:
    text = render(run)
    read(text)
    assert is_golden(f"{run.command}.html", text.replace(f"reconciler {__version__}", "reconciler VERSION"))


@pytest.mark.parametrize("run", EVERY, ids=lambda run: run.command)
def test_printed_to_a_terminal_the_page_is_the_same(run: Told) -> None:
    assert neutral(render(run)) == render(run)


def test_only_the_style_and_the_script_of_the_page_itself_take_effect() -> None:
    root = read(render(FLEET))
    (policy,) = (one.get("content", "") for one in root.findall(".//meta[@http-equiv]"))
    for name in ("style", "script"):
        (text,) = (one.text or "" for one in root.iter(name))
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "base-uri 'none'; form-action 'none'" in policy


def test_nothing_is_fetched_from_anywhere() -> None:
    for run in EVERY:
        root = read(render(run))
        names = {name for element in root.iter() for name in element.attrib}
        assert not names & {"src", "srcset", "style", "action", "data", "background", "poster"}
        assert not [name for name in names if name.startswith("on")]
        assert {element.get("href", "#")[0] for element in root.iter()} == {"#"}
        assert not {element.tag for element in root.iter()} & {"img", "link", "iframe", "object", "base"}
    assert not re.search(r"url\(|@import|https?:", render(FLEET))


def test_an_environment_that_failed_keeps_its_place() -> None:
    root = read(render(APPLIED))
    assert texts(root, ".//section/header/h2") == ["prod", "calm", "away"]
    assert "Connection refused" in texts(root, ".//section")[2]


def test_secrets_are_told_by_their_reference_alone() -> None:
    assert texts(read(render(FLEET)), ".//td[@class='secret']") == [
        "(secret aws-sm:prod/warehouse#password) changed",
        "(looks secret, not shown) changed",
        "(secret env:API_KEY) changed",
        "(looks secret, not shown) changed",
    ]


def test_what_became_of_each_change_is_told_with_every_word_about_it() -> None:
    told_ = ["✓ done", "✕ refused, 2 attempts", "? unknown, 3 attempts", "· skipped"]
    remarks = ["warning: a field was sent again alone", "400 Bad Request: no", "no answer", ""]
    for shown, outcome, remark in zip(change_texts(read(render(APPLIED))), told_, remarks, strict=True):
        assert f"{outcome} {remark}".strip() in shown


def test_who_edited_something_is_told_where_it_drifted() -> None:
    (remark,) = texts(read(render(DRIFT)), ".//p[@class='remark edit']")
    assert "assumed-role/ops, 2026-11-25 20:18:43 UTC, api.variable.edit" in remark


def test_a_plan_that_was_narrowed_or_allowed_something_says_so() -> None:
    options = {"kinds": ["pool"], "only": ["pool/e*"], "allow_deletes": {"pool": 6}, "resend_secrets": True}
    (facts,) = texts(read(render(told("plan", plan("one", options=options)))), ".//dl[@class='facts']")
    assert "--kind pool --only pool/e* --allow-deletes pool=6 --resend-secrets" in facts
    assert "options" not in texts(read(render(told("plan", plan("one")))), ".//dl[@class='facts']")[0]


def test_an_apply_says_first_what_became_of_its_changes() -> None:
    (top,) = texts(read(render(APPLIED)), ".//body/header")
    assert "1 done" in top
    assert "planned: 5 updates" in top


def test_what_differs_within_a_text_is_marked() -> None:
    root = read(render(updated("s3://data/2025/in.csv", "s3://data/2026/in.csv")))
    assert texts(root, ".//mark") == ["5", "6"]
    assert values(render(updated("s3://data/2025/in.csv", "s3://data/2026/in.csv"))) == [
        '"s3://data/2025/in.csv"',
        '"s3://data/2026/in.csv"',
    ]
    assert texts(read(render(updated(2, 3))), ".//mark") == []
    assert texts(read(render(updated("completely new", 3))), ".//mark") == []


def test_a_text_of_several_lines_keeps_them() -> None:
    text = render(updated("a: 1\nb: 2\n", "a: 1\nb: 3\n"))
    assert values(text) == ["a: 1\nb: 2", "a: 1\nb: 3"]
    assert text.count("text, 3 lines") == 2


def test_a_megabyte_is_clipped_around_what_differs_and_the_rest_is_counted() -> None:
    before, after = "x" * 500_000 + "old" + "y" * 540_000, "x" * 500_000 + "new" + "y" * 540_000
    text = render(updated(before, after))
    root = read(text)
    assert texts(root, ".//mark") == ["old", "new"]
    assert {len(value) for value in values(text)} == {LONGEST}
    # Two quotes belong to the text as JSON.
    counts = [int(one.replace(",", "")) for one in re.findall(r"([\d,]+) more characters", text)]
    assert sum(counts[:2]) + LONGEST == len(before) + 2
    assert len(text) < 40_000


def test_lists_beside_the_changes_say_how_long_they_are() -> None:
    keys = tuple(Key("pool", f"p{number}") for number in range(MOST_LISTED + 1640))
    shown = texts(
        read(render(told("plan", plan("one", unmanaged=keys)))), ".//details[@class='notes unmanaged']"
    )
    assert "p499" in shown[0]
    assert "p500" not in shown[0]
    assert "1,640 more" in shown[0]


def test_a_change_with_too_many_fields_counts_the_rest() -> None:
    fields = [FieldChange(("value", number), 1, 2) for number in range(html_parts.MOST_FIELDS + 1640)]
    one = change(Action.UPDATE, Key("variable", "v"), "manifest", *fields)
    assert (
        "1,640 more fields, not shown here" in change_texts(read(render(told("plan", plan("one", one)))))[0]
    )


def large(size: int) -> list[Change]:
    """Mostly updates of two fields, and a delete at the very end of every twenty."""
    fields = FieldChange(("value", "retries"), 2, 3), FieldChange(("description",), "a" * 60, "b" * 60)
    updates = [
        change(Action.UPDATE, Key("variable", f"team_etl_{number}"), "manifest", *fields, file="prod/v.yaml")
        for number in range(size * 19 // 20)
    ]
    deletes = [
        change(Action.DELETE, Key("pool", f"p{number}"), "undeclared", file=None)
        for number in range(size // 20)
    ]
    return updates + deletes


@pytest.mark.parametrize(("size", "megabytes"), [(2_000, 3), (20_000, 18)])
def test_a_large_plan_is_all_there_in_a_page_of_reasonable_size(size: int, megabytes: int) -> None:
    text = render(told("plan", plan("one", *large(size))))
    assert text.count('<li class="change"') == size
    assert len(text) < megabytes * 1_000_000


def test_what_has_no_room_is_counted_and_deletes_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_parts, "MOST_CHANGES", 360)
    root = read(render(told("plan", plan("one", *large(2_000)), plan("two", *large(20)))))
    shown = change_texts(root)
    assert len(shown) == 360
    assert sum("delete pool" in text for text in shown) == 101
    assert "not shown here: 1,641 updates" in " ".join(texts(root, ".//section")[0].split())
    assert "not shown here: 19 updates" in " ".join(texts(root, ".//section")[1].split())


def test_fields_give_way_before_changes_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_parts, "ROOM", 10 * html_parts.AROUND)
    shown = change_texts(read(render(told("plan", plan("one", *large(40))))))
    assert len(shown) == 40
    assert "value.retries" in shown[0]
    assert "2 more fields, not shown here" in shown[37]


@given(runs())
def test_no_text_from_elsewhere_takes_effect(run: Told) -> None:
    text = render(run)
    root = read(text)
    assert text.encode()
    assert not UNSEEN.search(text)
    assert len(list(root.iter("script"))) == len(list(root.iter("style"))) == 1
    assert len(root.findall(".//section")) == len(run.environments)
    assert "<!--" not in text
    for element in root.iter():
        for name, content in element.attrib.items():
            is_name = name == "data-environment" or (element.tag, name) == ("option", "value")
            assert is_name or element.tag == "meta" or TOKENS.fullmatch(content)
