"""What docs/ci.md and docs/mwaa-setup.md say, held against what there is."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CI = (ROOT / "docs" / "ci.md").read_text()
SETUP = (ROOT / "docs" / "mwaa-setup.md").read_text()
QUOTED = re.compile(r"^\[[\w.-]+\]\((\S+\.json)\):\n\n```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SCRIPT = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)")


def test_policies_are_quoted_as_they_are() -> None:
    quoted = QUOTED.findall(SETUP)
    assert len(quoted) == SETUP.count("```json") == 3
    for path, text in quoted:
        told, whole = json.loads(text), json.loads((ROOT / "docs" / path).read_text())
        assert told == whole or all(one in whole["Statement"] for one in told)


@pytest.mark.parametrize("page", ["ci.md", "mwaa-setup.md"])
def test_links_lead_somewhere(page: str) -> None:
    for link in LINK.findall((ROOT / "docs" / page).read_text()):
        assert (ROOT / "docs" / link).exists(), link


def test_files_named_in_commands_are_there() -> None:
    for path in re.findall(r"file://(\S+)", SETUP):
        assert (ROOT / path).exists(), path


def test_every_input_and_output_of_the_action_is_told() -> None:
    action = yaml.safe_load((ROOT / "action" / "action.yml").read_text())
    assert re.findall(r"^\| `([\w-]+)` \|", CI, re.MULTILINE)[:7] == list(action["inputs"])
    outputs = CI[CI.index("Its outputs are") : CI.index("The job ends as")]
    assert set(action["outputs"]) <= set(re.findall(r"`([\w-]+)`", outputs))


def test_the_recipe_for_any_ci_plans_applies_and_finds_no_drift(tmp_path: Path) -> None:
    """Its commands in a shell; only what installs the program is left out."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "environment.yaml").write_text("name: dev\ntarget: sandbox:s\nledger: file:l\n")
    (tmp_path / "dev" / "variables.yaml").write_text("variables: {region: eu}\n")
    scripts = SCRIPT.findall(CI)
    assert [text.count("reconciler ") for text in scripts] == [2, 1, 1]
    lines = [line for text in scripts for line in text.splitlines() if line.startswith("reconciler ")]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"

    done = subprocess.run(
        ["/bin/sh", "-euc", "\n".join(lines)],
        cwd=tmp_path,
        env={"PATH": path, "ENVIRONMENTS": "*"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert {"plan.json", "plan.xml", "plan.md", "apply.xml", "drift.xml"} <= {
        file.name for file in tmp_path.iterdir()
    }
