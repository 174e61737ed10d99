"""The options that lift a guard: the exact number, or the exact resource, and nothing else."""

from pathlib import Path

import pytest

from tests.cli.conftest import Airflow, Run, Write
from tests.e2e.tool import Ran

NAMES = "abcdefgh"


def applied(cli: Run, *options: str) -> Ran:
    return cli("apply", "dev", "--yes", "--format", "json", "--log-format", "json", *options)


def violations(cli: Run) -> list[tuple[str, str, int, int, str | None]]:
    found = cli("plan", "dev", "--format", "json").environment["violations"]
    return [(one["guard"], one["kind"], one["count"], one["limit"], one["allow"]) for one in found]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--allow-deletes", "variable"],
        ["--allow-deletes", "variable="],
        ["--allow-deletes", "variable=x"],
        ["--allow-deletes", "variable=-1"],
        ["--allow-deletes", "variable=20%"],
        ["--allow-deletes", "variable=²"],
        ["--allow-deletes", "dag=1"],
        ["--allow-deletes", "=1"],
        ["--allow-missing", "variable"],
        ["--allow-missing", "pool=1.5"],
        ["--adopt", "variable"],
        ["--adopt", "variable/"],
        ["--adopt", "/a"],
        ["--adopt", "dag/a"],
        ["--allow-delete", "a"],
        ["--allow-delete", "variable="],
        ["--allow-deletes"],
        ["--lock-timeout", "-1"],
        ["--lock-timeout", "soon"],
        ["--deadline", "0"],
        ["--deadline", "never"],
    ],
)
def test_what_is_written_wrong_is_an_error_of_usage(cli: Run, owned: Write, arguments: list[str]) -> None:
    owned(variables={"a": "1"})
    ran = cli("apply", "dev", "--yes", *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert arguments[0] in ran.err
    assert not Path("dev/sandbox.json").exists()


def test_numbers_and_resources_take_both_forms_of_a_kind(cli: Run, owned: Write) -> None:
    owned(variables=dict.fromkeys(NAMES, "1"))
    applied(cli)
    owned(variables={"a": "1"})
    assert applied(cli, "--allow-deletes", "variables=7").code == 0


@pytest.mark.parametrize(("number", "code"), [(6, 3), (7, 0), (8, 3), (0, 3)])
def test_exactly_the_number_of_deletes_is_allowed(cli: Run, owned: Write, number: int, code: int) -> None:
    owned(variables=dict.fromkeys(NAMES, "1"), pools={"p": {"slots": 1}})
    applied(cli)
    owned(variables={"a": "1"}, pools={"p": {"slots": 1}})
    assert violations(cli) == [("deletes", "variable", 7, 2, "--allow-deletes variable=7")]
    refused = applied(cli)
    assert (refused.code, refused.writes) == (3, [])
    assert "7 of 8 variables would be deleted, the limit is 2 (--allow-deletes variable=7)" in refused.err
    ran = applied(cli, "--allow-deletes", f"variable={number}", "--allow-deletes", "pool=0")
    assert ran.code == code
    assert len(ran.writes) == (0 if code else 7)
    if code:
        assert f"--allow-deletes variable={number} allows another number" in ran.err


def test_a_number_for_another_kind_allows_nothing(cli: Run, owned: Write) -> None:
    owned(variables=dict.fromkeys(NAMES, "1"))
    applied(cli)
    owned(variables={"a": "1"})
    assert applied(cli, "--allow-deletes", "pool=7").code == 3


def test_the_limit_of_the_environment_replaces_the_default(cli: Run, owned: Write) -> None:
    def keep(names: str, limit: object) -> None:
        owned(settings={"limits": {"deletes": limit}}, variables=dict.fromkeys(names, "1"))

    keep(NAMES, 0)
    applied(cli)
    keep(NAMES[1:], 0)
    assert violations(cli) == [("deletes", "variable", 1, 0, "--allow-deletes variable=1")]
    keep(NAMES[4:], 4)
    assert violations(cli) == []
    keep(NAMES[4:], "49%")
    assert violations(cli) == [("deletes", "variable", 4, 3, "--allow-deletes variable=4")]
    keep(NAMES[4:], "50%")
    assert violations(cli) == []


def test_an_environment_that_declares_nothing_deletes_nothing(cli: Run, owned: Write) -> None:
    owned(variables={"a": "1"}, absent={"variables": ["b"]})
    applied(cli)
    owned()
    ran = applied(cli)
    assert (ran.code, ran.writes) == (3, [])
    assert "nothing is declared: is this the right folder, and is it complete?" in ran.err
    assert applied(cli, "--allow-deletes", "variable=1").code == 0


@pytest.mark.parametrize(("number", "code"), [(4, 3), (5, 0), (6, 3)])
def test_exactly_the_number_of_missing_ones_is_allowed(
    cli: Run, owned: Write, airflow: Airflow, number: int, code: int
) -> None:
    owned(variables=dict.fromkeys(NAMES, "1"))
    applied(cli)
    for name in NAMES[:5]:
        airflow("DELETE", f"/variables/{name}")
    assert violations(cli) == [("missing", "variable", 5, 2, "--allow-missing variable=5")]
    refused = applied(cli)
    assert (refused.code, refused.writes) == (3, [])
    assert "is this another environment, or was it built anew?" in refused.err
    assert applied(cli, "--allow-missing", f"variable={number}").code == code


def test_what_was_there_before_and_differs_is_taken_over_by_name(
    cli: Run, owned: Write, airflow: Airflow
) -> None:
    airflow("POST", "/variables", key="a", value="theirs")
    airflow("POST", "/variables", key="b", value="theirs")
    owned(variables={"a": "1", "b": "1"})
    assert [allow for *_, allow in violations(cli)] == ["--adopt variable/a", "--adopt variable/b"]
    assert applied(cli, "--adopt", "variable/a").code == 3
    assert airflow("GET", "/variables/a")["value"] == "theirs"
    assert applied(cli, "--adopt", "variable/a", "--adopt", "variables/b").code == 0
    assert airflow("GET", "/variables/b")["value"] == "1"


def test_what_was_there_before_is_taken_over_where_the_environment_says_so(
    cli: Run, owned: Write, airflow: Airflow
) -> None:
    airflow("POST", "/variables", key="a", value="theirs")
    owned(settings={"adopt": "always"}, variables={"a": "1"})
    assert violations(cli) == []
    assert applied(cli).code == 0


def test_a_delete_of_what_somebody_changed_is_allowed_by_name(
    cli: Run, owned: Write, airflow: Airflow
) -> None:
    owned(variables={"a": "1", "b/c d": "1", "e": "1"})
    applied(cli)
    airflow("PATCH", "/variables/b%2Fc%20d", key="b/c d", value="theirs")
    owned(variables={"a": "1"})
    assert violations(cli) == [("changed", "variable", 1, 0, "--allow-delete 'variable/b/c d'")]
    assert applied(cli, "--allow-delete", "variable/e").code == 3
    assert applied(cli, "--allow-delete", "variable/b/c d").code == 0
    assert airflow("GET", "/variables")["total_entries"] == 1


def test_nothing_lifts_protection_but_git(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned(variables={"a": {"value": "1", "protect": True}, "b": "1"})
    applied(cli)
    owned(variables={"b": "1"})
    assert violations(cli) == [("protect", "variable", 1, 0, None)]
    ran = applied(cli, "--allow-deletes", "variable=1", "--allow-delete", "variable/a")
    assert (ran.code, ran.writes) == (3, [])
    assert "declare it with protect: false and apply that first" in ran.err
    owned(variables={"a": {"value": "1", "protect": False}, "b": "1"})
    freed = applied(cli)
    assert (freed.code, freed.writes) == (0, []), "only the ledger changes"
    owned(variables={"b": "1"})
    assert applied(cli).code == 0
    assert airflow("GET", "/variables")["total_entries"] == 1


def test_a_tombstone_is_exempt_from_counting_and_not_from_protection(
    cli: Run, owned: Write, airflow: Airflow
) -> None:
    owned(
        variables={name: {"value": "1", "protect": name == "a"} for name in NAMES}, pools={"p": {"slots": 1}}
    )
    applied(cli)
    owned(absent={"variables": list(NAMES[1:])}, variables={"a": {"value": "1", "protect": True}})
    assert violations(cli) == [("deletes", "pool", 1, 0, "--allow-deletes pool=1")]
    owned(absent={"variables": list(NAMES)}, pools={"p": {"slots": 1}})
    assert violations(cli) == [("protect", "variable", 1, 0, None)]
    owned(
        absent={"variables": list(NAMES[1:])},
        variables={"a": {"value": "1", "protect": True}},
        pools={"p": {"slots": 1}},
    )
    assert applied(cli).code == 0
    assert airflow("GET", "/variables")["total_entries"] == 1


def test_plan_shows_what_stands_against_it_and_exits_as_ever(cli: Run, owned: Write) -> None:
    owned(variables=dict.fromkeys(NAMES, "1"))
    applied(cli)
    owned(variables={"a": "1"})
    told = "  ! deletes: 7 of 8 variables would be deleted, the limit is 2 (--allow-deletes variable=7)\n"
    for options, code in ([], 0), (["--detailed-exitcode"], 2):
        ran = cli("plan", "dev", *options)
        assert ran.code == code
        assert told in ran.out
    assert told not in cli("plan", "dev", "--allow-deletes", "variable=7").out


def test_guards_are_told_before_anybody_is_asked(cli: Run, owned: Write) -> None:
    owned(variables=dict.fromkeys(NAMES, "1"))
    applied(cli)
    owned(variables={"a": "1"})
    ran = cli("apply", "dev")
    assert ran.code == 3
    assert "there is no terminal to confirm at" not in ran.err


def test_one_environment_that_is_refused_keeps_none_of_the_others(
    cli: Run, owned: Write, airflow: Airflow
) -> None:
    owned("other", variables=dict.fromkeys(NAMES, "1"))
    cli("apply", "other", "--yes")
    owned("other", variables={"a": "1"})
    owned("dev", variables={"a": "1"})
    ran = cli("apply", "other", "dev", "--yes")
    assert ran.code == 4, "something was written, and something was refused"
    assert airflow("GET", "/variables/a")["value"] == "1"
    assert cli("apply", "other", "dev", "--yes").code == 3


def test_a_selection_narrows_what_is_counted_and_not_what_it_is_a_share_of(cli: Run, owned: Write) -> None:
    owned(variables=dict.fromkeys(NAMES, "1"))
    applied(cli)
    owned(variables={"a": "1"})
    assert applied(cli, "--only", "variable/[b-d]").code == 3
    narrow = applied(cli, "--only", "variable/[bc]")
    assert (narrow.code, len(narrow.writes)) == (0, 2)
