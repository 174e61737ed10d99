"""``drift --write`` as people type it, on the sandbox."""

import os
from pathlib import Path
from typing import Any

import pytest

from reconciler.accepting import Edits, edits
from tests.cli.conftest import Airflow, Run, Write

MANIFEST = Path("dev/manifest.yaml")


def patched(airflow: Airflow, key: str, value: str) -> None:
    airflow("PATCH", f"/variables/{key}", key=key, value=value)


@pytest.fixture
def drifted(cli: Run, owned: Write, airflow: Airflow) -> Path:
    folder = owned(variables={"batch": 500, "quiet": "1"}, pools={"etl": {"slots": 4}})
    assert cli("apply", "dev", "--yes").code == 0
    patched(airflow, "batch", "5000")
    airflow("DELETE", "/pools/etl")
    return folder


@pytest.mark.usefixtures("drifted")
def test_accepted_drift_is_in_the_manifest_and_only_to_be_recorded(cli: Run) -> None:
    shown = cli("drift", "dev")
    ran = cli("drift", "dev", "--write")
    assert (ran.code, ran.out) == (2, shown.out)
    assert ran.err == (
        "wrote dev/manifest.yaml:5 pool etl: removed\n"
        "wrote dev/manifest.yaml:2 variable batch value: 500 → 5000\n"
    )
    assert MANIFEST.read_text() == "variables:\n  batch: 5000\n  quiet: '1'\npools: {}\n"
    changes = cli("plan", "dev", "--format", "json").environment["changes"]
    assert [(one["action"], one["reason"]) for one in changes] == [
        ("adopt", "recorded"),
        ("forget", "undeclared"),
    ]
    assert cli("drift", "dev").code == 0


@pytest.mark.usefixtures("drifted")
def test_what_is_not_selected_is_not_accepted(cli: Run) -> None:
    assert cli("drift", "dev", "--write", "--only", "variable/*").code == 2
    assert "batch: 5000\n" in MANIFEST.read_text()
    assert "slots: 4\n" in MANIFEST.read_text()
    assert (
        cli("drift", "dev", "--write", "--kind", "pool").err
        == "wrote dev/manifest.yaml:5 pool etl: removed\n"
    )


@pytest.mark.usefixtures("drifted")
def test_every_format_is_as_without_it(cli: Run) -> None:
    without = cli("drift", "dev", "--format", "json")
    ran = cli("drift", "dev", "--write", "--format", "json")
    assert (ran.code, ran.out) == (without.code, without.out)


@pytest.mark.usefixtures("drifted")
def test_without_it_nothing_is_written(cli: Run) -> None:
    before = MANIFEST.read_bytes()
    cli("drift", "dev")
    assert MANIFEST.read_bytes() == before


def test_where_nothing_has_drifted_no_file_is_touched(cli: Run, environment: Write) -> None:
    environment(variables={"a": 1})
    cli("apply", "dev", "--yes")
    before = MANIFEST.stat()
    ran = cli("drift", "dev", "--write")
    assert (ran.code, ran.err) == (0, "")
    assert MANIFEST.stat() == before


def test_a_file_keeps_its_mode_and_a_new_one_gets_that_of_its_environment(
    cli: Run, environment: Write, airflow: Airflow
) -> None:
    layer = Path("base/pools.yaml")
    layer.parent.mkdir()
    layer.write_text("pools: {low: {slots: 1}}\n")
    environment(variables={"batch": 500}, settings={"layers": ["../base"]})
    MANIFEST.chmod(0o640)
    Path("dev/environment.yaml").chmod(0o604)
    cli("apply", "dev", "--yes")
    patched(airflow, "batch", "6")
    airflow("PATCH", "/pools/low", pool="low", slots=7, include_deferred=False)
    cli("drift", "dev", "--write")
    assert layer.read_text() == "pools: {low: {slots: 1}}\n"
    assert Path("dev/pools.yaml").read_text() == "pools:\n  low:\n    slots: 7\n"
    assert [oct(path.stat().st_mode & 0o777) for path in (MANIFEST, Path("dev/pools.yaml"))] == [
        "0o640",
        "0o604",
    ]


def test_what_git_has_changed_too_is_left_to_a_person(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned(variables={"a": 1, "b": 1, "c": 1})
    cli("apply", "dev", "--yes")
    patched(airflow, "a", "2")
    patched(airflow, "b", "2")
    owned(variables={"a": 3, "c": 1})
    before = MANIFEST.read_bytes()
    ran = cli("drift", "dev", "--write")
    assert ran.code == 2
    assert ran.err == (
        "dev: to do: variable/a value: git has changed it too since it was written; choose one of the two\n"
        "dev: to do: variable/b: git no longer declares it; declare it again, or let apply delete it\n"
    )
    assert MANIFEST.read_bytes() == before


def test_each_environment_is_written_on_its_own(cli: Run, environment: Write, airflow: Airflow) -> None:
    for name in ("dev", "prod"):
        environment(name, variables={"a": 1})
        cli("apply", name, "--yes")
    patched(airflow, "a", "2")
    environment("broken", variables=[])
    ran = cli("drift", "dev", "prod", "broken", "--write")
    assert ran.code == 1
    assert "wrote dev/manifest.yaml:2 variable a value: 1 → 2\n" in ran.err
    assert [Path(name, "manifest.yaml").read_text()[-2:] for name in ("dev", "prod")] == ["2\n", "1\n"]


@pytest.mark.usefixtures("drifted")
def test_a_link_is_not_written_through(cli: Run) -> None:
    MANIFEST.rename("dev/.real")
    MANIFEST.symlink_to(".real")
    before = MANIFEST.read_bytes()
    ran = cli("drift", "dev", "--write")
    assert ran.code == 1
    assert "dev/manifest.yaml is a link, and nothing was written" in ran.err
    assert (MANIFEST.is_symlink(), MANIFEST.read_bytes()) == (True, before)


@pytest.mark.usefixtures("drifted")
def test_what_an_editor_saves_meanwhile_is_not_lost(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    decided = edits

    def overtaken(*arguments: Any) -> Edits:
        found = decided(*arguments)
        MANIFEST.write_text("# saved meanwhile\n")
        return found

    monkeypatch.setattr("reconciler.cli.accepting.edits", overtaken)
    ran = cli("drift", "dev", "--write")
    assert ran.code == 1
    assert "dev/manifest.yaml has just been changed, and nothing was written; run again" in ran.err
    assert MANIFEST.read_text() == "# saved meanwhile\n"


@pytest.mark.usefixtures("drifted")
def test_a_file_that_cannot_be_written_stays_whole(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(28, os.strerror(28))

    before = MANIFEST.read_bytes()
    monkeypatch.setattr("reconciler.cli.accepting.replace_whole", full)
    ran = cli("drift", "dev", "--write")
    assert (ran.code, "wrote" in ran.err) == (1, False)
    assert "error: dev: dev/manifest.yaml cannot be written: No space left on device\n" in ran.err
    assert MANIFEST.read_bytes() == before


def test_nothing_that_is_told_can_command_a_terminal(cli: Run, environment: Write, airflow: Airflow) -> None:
    environment(variables={"a": "1", "b": "1"}, settings={"authoritative": {"variables": ["*"]}})
    cli("apply", "dev", "--yes")
    patched(airflow, "a", "\x1b[31m::error ::x\u202e")
    ran = cli("drift", "dev", "--write")
    assert ran.code == 2
    assert not {"\x1b", "\u202e"} & {*ran.err, *ran.out}
    assert '  a: "\\e[31m::error ::x\\u202e"' in MANIFEST.read_text().replace("\\x1b", "\\e")
    assert cli("drift", "dev").code == 0
