import shutil
from pathlib import Path

import pytest
import yaml

from reconciler.cli.main import run
from tests.manifests.support import MINIMAL, described, loaded, problems_of

CASES = Path(__file__).parent / "cases"
WRONG = sorted(file.parent.name for file in CASES.glob("*/expected.txt"))
RIGHT = sorted(file.parent.name for file in CASES.glob("*/expected.yaml"))


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a case's folder, which is the working directory; ``dev`` in it is the environment."""
    copy = tmp_path / str(request.param)
    shutil.copytree(CASES / request.param, copy)
    environment = copy / "dev" / "environment.yaml"
    if not environment.exists() and environment.parent.exists():
        environment.write_text(MINIMAL)
    monkeypatch.chdir(copy)
    return copy


@pytest.mark.parametrize("case", WRONG, indirect=True)
def test_every_problem_is_told_with_its_place_and_its_remedy(case: Path) -> None:
    assert problems_of(Path("dev")) == (case / "expected.txt").read_text().splitlines()


@pytest.mark.parametrize("case", WRONG, indirect=True)
def test_the_command_tells_problems_on_stderr_alone_and_exits_with_1(
    case: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = run(["validate", "dev"])

    out, err = capfd.readouterr()
    assert (code, out) == (1, "")
    assert err == "error: dev:\n" + (case / "expected.txt").read_text()


@pytest.mark.parametrize("case", RIGHT, indirect=True)
def test_sound_files_mean_what_is_expected(case: Path) -> None:
    expected = yaml.safe_load((case / "expected.yaml").read_text())

    found = described(loaded(Path("dev")))

    assert found == expected
    assert repr(found) == repr(expected), "1, 1.0 and true are three values, and order is kept"


@pytest.mark.parametrize("case", RIGHT, indirect=True)
def test_the_command_accepts_sound_files(case: Path, capfd: pytest.CaptureFixture[str]) -> None:
    expected = yaml.safe_load((case / "expected.yaml").read_text())

    code = run(["validate", "dev"])

    out, err = capfd.readouterr()
    count = len(expected["resources"])
    assert (code, out) == (0, f"dev: ok, {count} resource{'' if count == 1 else 's'}\n")
    assert err == "".join(f"warning: {line}\n" for line in expected.get("warnings", []))


@pytest.mark.parametrize("case", WRONG, indirect=True)
def test_every_message_says_what_to_do(case: Path) -> None:
    assert all("; " in line for line in problems_of(Path("dev"))), case
