"""The HTML report as people use it."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from reconciler.compare import FieldChange, Unverified
from reconciler.errors import Origin, Problem
from reconciler.model import Key
from reconciler.plan import Action, Violation, Warned
from reconciler.render.html import LONGEST_TEXT
from reconciler.render.plain import clipped, one_line
from reconciler.render.told import Failed, Told
from reconciler.report import Outcome, Report
from tests.browser.conftest import Open
from tests.browser.pages import Reader
from tests.render.samples import APPLIED, CHANGES, EVERY, FLEET, VALIDATED, change, plan, told

pytestmark = pytest.mark.slow

WIDTHS = (320, 360, 800, 1280, 1920)
BIDI = "a\u202e\u2066\u200b\x1b[31mz"
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "\" autofocus onfocus='alert(4)' '",
    "</style><style>*{display:none}</style>",
    "<!--",
    "]]>",
    "{{7*7}}{% for x in y %}",
    BIDI,
    "עברית של מישהו",
    "👩‍🚀🇪🇺 漢字",
    "javascript:alert(5)",
    "::error::x",
    "i" * 250,
    "m" * 1_000_000,
)


def hostile() -> Told:
    """Every hostile text in every place."""
    changes = [
        change(
            Action.UPDATE,
            Key("variable", text),
            "manifest",
            FieldChange(("value", text), text, {text: text + "!"}),
            FieldChange(("extra", text), secret=True, ref=text),
            file=text,
        )
        for text in HOSTILE
    ]
    items: list[Any] = []
    for text in HOSTILE:
        key = Key("pool", text)
        made = plan(
            text, *changes, target=text, airflow_version=text,
            violations=(Violation("adopt", "pool", 1, 0, text, text),), warnings=(Warned(key, text),),
            unmanaged=(key,), unverified=(Unverified(key, (text,), "hidden", text),),
        )  # fmt: skip
        items.append(made)
    outcome = Outcome(changes[0], "refused", HOSTILE[2], 2, HOSTILE[0])
    items.append(Report(made, (outcome,), 1, 1, converged=False))
    items += [Failed(text, text, text, (Problem(Origin(text, 1, 1), text, text),)) for text in HOSTILE]
    items += [Failed(text, text, text) for text in HOSTILE]
    return Told("plan", items, {text: text for text in HOSTILE})


def chosen(reader: Reader, name: str, value: str) -> None:
    reader.page.locator(f"input[name={name}][value={value}]").check(force=True)


def address(reader: Reader) -> str:
    """What the address says beside which page it is."""
    found: str = reader.look("location.hash")
    return found


def focused(reader: Reader) -> str:
    """The id of the change that has the focus, or the id of whatever else has it."""
    found: str = reader.look(
        """document.activeElement.closest('.change')?.querySelector('.id')?.textContent
        || document.activeElement.id"""
    )
    return found


def test_all_is_shown_at_first_and_the_count_says_so(show: Open) -> None:
    reader = show(FLEET)
    assert reader.ids() == [one.key.id for one in CHANGES]
    assert reader.count() == "14 changes, 3 environments"
    assert reader.visible("h2") == ["prod", "broken", "calm"]


def test_values_of_one_filter_add_up_and_filters_narrow_each_other(show: Open) -> None:
    reader = show(FLEET)
    chosen(reader, "action", "delete")
    chosen(reader, "action", "create")
    wanted = {Action.DELETE, Action.CREATE}
    assert reader.ids() == [one.key.id for one in CHANGES if one.action in wanted]
    assert reader.count() == "5 of 14 changes, 1 of 3 environments"
    chosen(reader, "kind", "pool")
    assert reader.ids() == ["etl", "gone"]
    reader.page.select_option("select[name=reason]", "missing")
    assert reader.ids() == ["gone"]
    assert reader.count() == "1 of 14 changes, 1 of 3 environments"
    assert reader.visible(".title") == ["Changes 1 of 14"]


def test_an_environment_is_chosen_with_or_without_changes(show: Open) -> None:
    reader = show(FLEET)
    reader.page.select_option("select[name=environment]", "broken")
    assert reader.visible("h2") == ["broken"]
    assert reader.count() == "0 of 14 changes, 1 of 3 environments"
    reader.page.select_option("select[name=environment]", "prod")
    assert len(reader.ids()) == len(CHANGES)


def test_outcomes_of_an_apply_are_a_filter(show: Open) -> None:
    reader = show(APPLIED)
    chosen(reader, "outcome", "refused")
    assert reader.ids() == ["etl_config"]
    assert "400 Bad Request: no" in reader.visible(".change")[0]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("WAREHOUSE", ["warehouse"]),
        ("m.yaml:9", ["hosts"]),
        ("retries", ["etl_config"]),
        ("pool manifest", ["etl"]),
        ("env:api_key", ["api_key"]),
        ("no such thing", []),
    ],
)
def test_a_search_finds_ids_files_fields_and_references(show: Open, words: str, ids: list[str]) -> None:
    reader = show(FLEET)
    reader.page.locator("#search").fill(words)
    assert reader.ids() == ids
    assert reader.count().startswith(f"{len(ids)} of 14 changes")


def test_a_search_finds_environments_by_what_is_said_of_them(show: Open) -> None:
    reader = show(FLEET)
    reader.page.locator("#search").fill("variabels")
    assert reader.visible("h2") == ["broken"]


def test_what_is_filtered_stands_in_the_address_and_is_shown_again(show: Open) -> None:
    reader = show(FLEET)
    chosen(reader, "action", "update")
    chosen(reader, "action", "delete")
    reader.page.locator("#search").fill("etl & more")
    assert address(reader) == "#action=update&action=delete&q=etl+%26+more"
    reader.page.locator("#search").fill("variable")
    shown = reader.ids()
    reader.page.reload()
    assert reader.ids() == shown
    assert reader.look("document.querySelectorAll('#filters :checked').length") == 4  # two of them of selects
    reader.page.locator("#clear").click()
    assert len(reader.ids()) == len(CHANGES)
    assert not address(reader)


def test_keys_reach_everything(show: Open) -> None:
    reader = show(FLEET)
    press = reader.page.keyboard.press
    press("j")
    assert focused(reader) == "etl"
    press("j")
    press("ArrowDown")
    press("k")
    assert focused(reader) == "gone"
    assert reader.look("document.activeElement.matches(':focus-visible')")
    was_open = reader.look("document.activeElement.parentElement.open")
    press("Enter")
    assert reader.look("document.activeElement.parentElement.open") is not was_open
    press("/")
    assert focused(reader) == "search"
    reader.page.keyboard.type("jk/old_flag")
    assert reader.ids() == []
    press("Escape")
    assert len(reader.ids()) == len(CHANGES)
    press("/")
    reader.page.keyboard.type("variable")
    press("ArrowDown")
    assert focused(reader) == "etl_config"
    for _ in CHANGES:
        press("j")
    assert focused(reader) == "stranger"


def test_the_focused_change_is_not_below_the_filters(show: Open) -> None:
    reader = show(FLEET, viewport={"width": 1280, "height": 700})
    for key in 14 * "j" + 12 * "k":
        reader.page.keyboard.press(key)
        below = reader.look(
            "document.activeElement.getBoundingClientRect().top"
            " - document.getElementById('filters').getBoundingClientRect().bottom"
        )
        assert below >= 0


def test_all_shown_changes_open_and_close(show: Open) -> None:
    reader = show(FLEET)
    opened = "document.querySelectorAll('.change details[open]').length"
    reader.page.locator("#close").click()
    assert reader.look(opened) == 0
    chosen(reader, "kind", "connection")
    reader.page.locator("#open").click()
    assert reader.look(opened) == 2


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_flows_over(show: Open, width: int) -> None:
    for run in (*EVERY, hostile()):
        reader = show(run, viewport={"width": width, "height": 800})
        reader.look("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert reader.look("document.documentElement.scrollWidth") <= width
        out = reader.look(
            """[...document.querySelectorAll('body *')].filter((one) =>
              one.checkVisibility() && !one.closest('.overview, .value, .notes ul, .skip, thead')
              && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1
            ).map((one) => one.outerHTML.slice(0, 100))"""
        )
        assert out == []


def test_hostile_texts_stay_texts(show: Open) -> None:
    reader = show(hostile())
    ids = set(reader.page.locator(".change .id").all_text_contents())
    assert {one_line(clipped(text, LONGEST_TEXT)) for text in HOSTILE} == ids
    assert r"a\u202e\u2066\u200b\x1b[31mz" in ids
    assert reader.look("document.querySelectorAll('script').length") == 1
    assert reader.look("document.querySelectorAll('style').length") == 1
    assert reader.look("document.querySelectorAll('img, [onerror], [onfocus], [autofocus]').length") == 0
    assert "49" not in reader.page.title()
    reader.page.locator("#search").fill("{{7*7}}")
    assert "{{7*7}}{% for x in y %}" in reader.visible("h2")


def test_a_megabyte_says_how_much_of_it_is_left_out(show: Open) -> None:
    reader = show(told("plan", plan("one", change(
        Action.UPDATE, Key("variable", "v"), "manifest", FieldChange(("value",), "x", "m" * 1_000_000)
    ))))  # fmt: skip
    assert reader.visible(".after .more") == ["… 998,002 more characters"]


def test_text_of_another_direction_does_not_reorder_the_line(show: Open) -> None:
    reader = show(
        told("plan", plan("one", change(Action.DELETE, Key("pool", "עברית 1"), "absent", file="של/2")))
    )
    lefts = reader.look(
        """[...document.querySelectorAll('.bare > .action, .bare .kind, .bare code')]
          .map((one) => one.getBoundingClientRect().left)"""
    )
    assert lefts == sorted(lefts)
    assert len(lefts) == 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("run", [FLEET, APPLIED, VALIDATED], ids=lambda run: run.command)
def test_nobody_is_kept_from_reading(show: Open, run: Told, scheme: str) -> None:
    """Contrast (AA), labels, landmarks, headings, names of controls, by the rules of axe-core."""
    reader = show(run, color_scheme=scheme)
    found = Axe().run(reader.page)
    assert [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]] == []


def test_dark_and_light_are_two_looks(show: Open) -> None:
    seen = {
        scheme: show(FLEET, color_scheme=scheme).look("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    light, dark = (sum(map(int, re.findall(r"\d+", seen[scheme])[:3])) for scheme in ("light", "dark"))
    assert light - dark > 3 * 200


def test_nothing_moves(show: Open) -> None:
    reader = show(FLEET)
    chosen(reader, "action", "delete")
    reader.page.keyboard.press("j")
    assert reader.look("document.getAnimations().length") == 0
    styles = "[...document.querySelectorAll('*')].map((one) => getComputedStyle(one))"
    assert reader.look(f"{styles}.every((one) => one.scrollBehavior === 'auto')")
    assert reader.look(f"{styles}.every((one) => one.transitionDuration === '0s')")


def test_without_its_script_all_is_there_and_no_control_that_does_nothing(show: Open) -> None:
    reader = show(FLEET, java_script_enabled=False)
    assert reader.ids() == [one.key.id for one in CHANGES]
    assert not reader.page.locator("#filters").is_visible()
    row = reader.page.locator(".change", has_text="pool etl").first
    assert not row.locator("table").is_visible()
    row.locator("summary").click()
    assert row.locator("table").is_visible()


@pytest.mark.parametrize("scripted", [True, False])
def test_on_paper_everything_is_open_and_no_control_is_left(show: Open, *, scripted: bool) -> None:
    reader = show(FLEET, java_script_enabled=scripted)
    closed = reader.page.locator("details:not([open])").count()
    reader.page.emulate_media(media="print")
    assert not reader.page.locator("#filters").is_visible()
    assert reader.visible(".unmanaged .id") == ["default_pool", "theirs"]
    assert len(reader.visible(".fields th code")) == sum(len(one.fields) for one in CHANGES)
    assert reader.page.pdf().startswith(b"%PDF")
    assert reader.page.locator("details:not([open])").count() == closed > 0


def test_a_link_leads_to_its_environment(show: Open) -> None:
    reader = show(FLEET)
    chosen(reader, "action", "delete")
    reader.page.locator("#clear").click()
    reader.page.locator(".overview a", has_text="calm").click()
    assert address(reader) == "#environment-2"
    assert reader.page.locator("h2", has_text="calm").is_visible()


def test_twenty_thousand_changes_are_filtered(show: Open) -> None:
    many = [change(Action.UPDATE, Key("variable", f"v{number}"), "drift") for number in range(20_000)]
    reader = show(Told("drift", [plan("one", *many)]))
    reader.page.locator("#search").fill("v1999")
    assert reader.count() == "11 of 20,000 changes, 1 environment"
    assert len(reader.ids()) == 11
