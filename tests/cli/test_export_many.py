from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox.emulator import Emulator
from reconciler.targets import MwaaTarget
from tests.cli.conftest import Run
from tests.gateway.support import environment_variables, running

REGION = "mwaa://eu-west-1"


@pytest.fixture(autouse=True)
def prod() -> Iterator[None]:
    """MWAA with one environment, called prod."""
    with running(Emulator(None, "3.3.1"), name="prod") as url, environment_variables(url):
        yield


def named(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[MwaaTarget]:
    """Lets AWS name these environments; tells where it was asked."""
    asked: list[MwaaTarget] = []

    def found(target: MwaaTarget) -> list[str]:
        asked.append(target)
        return [*names]

    monkeypatch.setattr("reconciler.cli.export.environment_names", found)
    return asked


def test_every_environment_that_aws_names_is_written_into_a_folder_of_its_name(cli: Run) -> None:
    ran = cli("export", f"{REGION}/*", "--to", "live")
    assert (ran.code, ran.out) == (0, "prod: 1 pool written to live/prod\n")
    assert f'name: prod\ntarget: "{REGION}/prod"\n' in Path("live/prod/environment.yaml").read_text()
    assert cli("plan", "live/prod", "--detailed-exitcode").code == 0


def test_one_that_fails_keeps_no_other_from_being_written(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, "etl-a", "prod", "zoo")
    ran = cli("export", f"{REGION}/*", "--to", "live")
    assert (ran.code, ran.out) == (1, "prod: 1 pool written to live/prod\n")
    assert [line.split(":")[1].strip() for line in ran.err.splitlines()] == ["etl-a", "zoo"]
    assert [path.name for path in Path("live").iterdir()] == ["prod"]


def test_the_options_of_the_target_are_those_of_each(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = named(monkeypatch, "prod", "dev")
    endpoint = "endpoint_url=http://127.0.0.1:1"
    ran = cli("export", f"{REGION}/p*?{endpoint}", "--to", "live")
    assert asked == [MwaaTarget("eu-west-1", "any", endpoint_url="http://127.0.0.1:1")]
    assert ran.code == 1
    assert "error: prod: mwaa://eu-west-1/prod cannot be reached" in ran.err
    assert "dev" not in ran.err


def test_a_pattern_that_matches_none_is_an_error(cli: Run) -> None:
    ran = cli("export", f"{REGION}/etl-*", "--to", "live")
    assert (ran.code, ran.err) == (1, "error: no environment of eu-west-1 matches etl-*\n")


def test_whoever_may_not_list_is_told_what_it_takes(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    ran = cli("export", f"{REGION}/*", "--to", "live")
    assert ran.code == 1
    assert "the environments in eu-west-1: AWS refused the call" in ran.err
    assert "airflow:ListEnvironments" in ran.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([f"{REGION}/*", "--name", "x"], "--name and --reveal are about one environment"),
        ([f"{REGION}/*", "--reveal", "variable/a"], "--name and --reveal are about one environment"),
        (["mwaa://nowhere/*"], "target: 'nowhere' is not an AWS region"),
    ],
)
def test_what_makes_no_sense_of_several_is_refused(cli: Run, arguments: list[str], sentence: str) -> None:
    ran = cli("export", *arguments, "--to", "live")
    assert ran.code == 1
    assert sentence in ran.err
    assert not Path("live").exists()


def test_a_folder_that_is_there_already_is_left_alone(cli: Run) -> None:
    Path("live").mkdir()
    (Path("live") / "kept").write_text("")
    assert "is not empty" in cli("export", f"{REGION}/*", "--to", "live").err
