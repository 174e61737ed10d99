"""The hook for pre-commit, run as its manifest says."""

from pathlib import Path

import yaml

from tests.cli.conftest import Run

MANIFEST = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"


def test_the_hook_checks_every_environment_of_a_repository(cli: Run, tmp_path: Path) -> None:
    (hook,) = yaml.safe_load(MANIFEST.read_text())
    program, *command = hook["entry"].split()
    assert program == "reconciler"
    for name in ("dev", "prod"):
        assert cli("init", f"deep/{name}", "--target", "sandbox:s").code == 0
    ran = cli(*command, *hook["args"])
    assert (ran.code, ran.out) == (0, "dev: ok, 0 resources\nprod: ok, 0 resources\n")
    (tmp_path / "deep" / "prod" / "pools.yaml").write_text("pools: {etl: {slots: many}}\n")
    assert cli(*command, *hook["args"]).code == 1
