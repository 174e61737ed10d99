"""The pages as a whole: what is made out of the program is what it says today, and the site builds."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from reconciler.kinds import KINDS
from tests.docs.pages import PAGES, ROOT, blocks

QUOTED = re.compile(r"# ((?:reconciler|tests)/[\w./-]+)\n(.+)", re.DOTALL)
"""A block that shows what stands in a file of this repository."""
LINK = re.compile(r"(?<!`)\[[^]]*\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def script_of(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_commands_says_what_the_commands_say() -> None:
    assert (ROOT / "docs" / "commands.md").read_text() == script_of("commands").page(), "run make docs"


def test_the_tables_of_fields_say_what_the_kinds_and_schemas_say() -> None:
    written = (ROOT / "docs" / "manifests.md").read_text()

    assert len(script_of("fields").TABLE.findall(written)) == 1 + len(KINDS)
    assert written == script_of("fields").page(written), "run make docs"


def test_what_pages_quote_of_files_stands_there() -> None:
    quotes = [found for page in PAGES for block in blocks(page) if (found := QUOTED.match(block.text))]

    assert {found[1] for found in quotes} == {"reconciler/kinds/pool.py", "tests/contract/cases/pools.yaml"}
    assert [found[1] for found in quotes if found[2] not in (ROOT / found[1]).read_text()] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall((ROOT / page).read_text()):
        assert (ROOT / page.parent / link).exists(), link


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 120


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = {
        str(path.relative_to(ROOT / "docs").with_suffix(".html")) for path in (ROOT / "docs").rglob("*.md")
    }
    assert pages <= {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.html")}
