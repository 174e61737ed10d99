"""The schema of JUnit's results as Jenkins publishes it, out of a source package that carries a copy.

No package that is installed has it, and none of its text belongs here. pytest's own tests hold their results
against it, so the source of the very pytest that the lock names does.
"""

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

LOCK = Path(__file__).parents[2] / "requirements" / "dev.txt"
PINNED = re.compile(r"^pytest==(?P<version>\S+)(?: \\\n    --hash=\S+)+$", re.MULTILINE)
MEMBER = "testing/example_scripts/junit-10.xsd"
CACHE = Path.home() / ".cache" / "reconciler" / "schemas"


def junit_schema() -> Path:
    """The file, fetched into the user's cache by ``python -m tests.rig schemas``."""
    return CACHE / f"junit-of-pytest-{_pinned()['version']}.xsd"


def _pinned() -> re.Match[str]:
    """What the lock says of pytest."""
    pinned = PINNED.search(LOCK.read_text())
    assert pinned, "the lock names no pytest"
    return pinned


def fetch() -> Path:
    """The same, fetched now if it is not there: the package's hash is in the lock."""
    place = junit_schema()
    if place.exists():
        return place
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        (folder / "pinned.txt").write_text(f"{_pinned()[0]}\n")
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        source = ["download", "--no-deps", "--no-binary=:all:", "--require-hashes", "--dest", str(folder)]
        subprocess.run([*pip, *source, "--requirement", str(folder / "pinned.txt")], check=True)
        (archive,) = folder.glob("pytest-*.tar.gz")
        _extract(archive, place)
    return place


def _extract(archive: Path, place: Path) -> None:
    with tarfile.open(archive) as package:
        member = package.extractfile(f"{archive.name.removesuffix('.tar.gz')}/{MEMBER}")
        assert member, f"{archive.name} has no {MEMBER}"
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_suffix(".partial")
        with partial.open("wb") as file:
            shutil.copyfileobj(member, file)
        partial.replace(place)
