import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
OUTSIDE = shutil.ignore_patterns(
    ".*", "tests", "build", "dist", "__pycache__", "sandbox.json", "ledger.json*"
)


def done(*command: str, cwd: Path) -> str:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_the_wheel_carries_the_schemas_and_installs_a_working_command(tmp_path: Path) -> None:
    assert UV is not None
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=OUTSIDE)
    done(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), cwd=source)
    (wheel,) = tmp_path.glob("*.whl")

    names = set(zipfile.ZipFile(wheel).namelist())
    schemas = {f"reconciler/schemas/{file.name}" for file in (ROOT / "schemas").glob("*.json")}
    assert schemas <= names
    assert "reconciler/py.typed" in names
    assert not any(name.startswith(("tests/", "examples/")) for name in names)

    done(UV, "venv", "-q", "--python", sys.executable, "fresh", cwd=tmp_path)
    python = str(tmp_path / "fresh" / "bin" / "python")
    done(UV, "pip", "install", "-q", "--python", python, str(wheel), cwd=tmp_path)
    command = str(tmp_path / "fresh" / "bin" / "reconciler")
    environments = source / "examples" / "environments"
    assert done(command, "validate", str(environments / "dev"), cwd=tmp_path).startswith("dev: ok")
    assert (
        done(command, "schema", "manifest", cwd=tmp_path)
        == (ROOT / "schemas" / "manifest.schema.json").read_text()
    )
