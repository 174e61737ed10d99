import json

from tests.terminal.conftest import Place

LIVING = {"variables": {"batch_size": 500}, "pools": {"etl": {"slots": 4}}}


def applied(at_terminal: Place, **manifest: object) -> None:
    at_terminal.declare(**manifest)
    assert at_terminal("apply", "prod", "--yes").end() == 0


def test_a_plan_is_coloured_and_fits_the_terminal(at_terminal: Place) -> None:
    applied(at_terminal, **LIVING)
    at_terminal.declare(variables={"batch_size": 600, "n" * 90: 1})
    session = at_terminal("plan", "prod")
    assert session.end() == 0
    assert session.colour_of("+ variable nnn") == "green"
    assert session.colour_of("~ variable batch_size") == "brown"
    assert session.colour_of("- pool etl") == "red"
    assert session.screen[-1].startswith("      ")
    assert session.screen[-2].startswith("Plan: 1 to create, 1 to update, 1 to delete; ")


def test_colours_can_be_switched_off(at_terminal: Place) -> None:
    at_terminal.declare(**LIVING)
    for session in (at_terminal("plan", "prod", NO_COLOR="1"), at_terminal("plan", "prod", "--no-color")):
        assert session.end() == 0
        assert session.colour_of("+ pool etl") == "default"


def test_a_long_plan_is_folded_unless_all_of_it_is_asked_for(at_terminal: Place) -> None:
    at_terminal.declare(variables={f"v{number}": number for number in range(30)})
    folded, whole = at_terminal("plan", "prod"), at_terminal("plan", "prod", "--full")
    assert folded.end() == whole.end() == 0
    assert sum("+ variable v" in line for line in folded.screen) == 10
    assert any(line.startswith("  + … 20 more variables (--full shows all)  ") for line in folded.screen)
    assert sum("+ variable v" in line for line in whole.screen) == 30


def test_apply_asks_with_names_and_numbers_and_shows_each_change_as_it_lands(at_terminal: Place) -> None:
    at_terminal.declare(**LIVING)
    session = at_terminal("apply", "prod")
    session.expect("Apply 2 creates to prod? [y/N]: ")
    session.say("y")
    assert session.end() == 0
    shown = session.screen
    question = next(number for number, line in enumerate(shown) if line.startswith("Apply 2 creates"))
    assert shown[question + 1 :] == [
        "prod  sandbox:sandbox.json · Airflow 3.3.1 · ledger serial 0",
        "  + pool etl: done",
        "  + variable batch_size: done",
        "prod  sandbox:sandbox.json · Airflow 3.3.1 · ledger serial 0",
        "Applied and verified: 2 changes. 6 reads and 2 writes.",
    ]


def test_whoever_says_no_changes_nothing(at_terminal: Place) -> None:
    at_terminal.declare(**LIVING)
    session = at_terminal("apply", "prod")
    session.expect("[y/N]: ")
    session.say("n")
    assert session.end() == 1
    assert session.screen[-1] == "error: not confirmed; nothing was written"
    assert not (at_terminal.folder / "prod" / "ledger.json").exists()


def test_ctrl_c_at_the_question_is_an_interrupt(at_terminal: Place) -> None:
    at_terminal.declare(**LIVING)
    session = at_terminal("apply", "prod")
    session.expect("[y/N]: ")
    session.say("\x03")
    assert session.end() == 130
    assert session.screen[-1] == "interrupted; nothing was written"
    assert not (at_terminal.folder / "prod" / "ledger.json").exists()


def test_what_goes_to_a_file_is_whole_and_has_no_colours(at_terminal: Place) -> None:
    at_terminal.declare(variables={f"v{number}": number for number in range(30)})
    session = at_terminal("plan", "prod", "--format", "text=plan.txt", "--format", "json=plan.json")
    assert session.end() == 0
    text = (at_terminal.folder / "plan.txt").read_text()
    assert text.count("  + variable v") == 30
    assert "\x1b" not in text
    assert len(json.loads((at_terminal.folder / "plan.json").read_text())["environments"][0]["changes"]) == 30
