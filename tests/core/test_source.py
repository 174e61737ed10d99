from pathlib import Path

import reconciler

PACKAGE = Path(reconciler.__file__).parent


def test_secrets_are_unwrapped_in_one_module_only() -> None:
    users = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if ".reveal(" in file.read_text(encoding="utf-8")
    }
    assert users == {"backends/wire.py"}


def test_no_file_has_350_lines() -> None:
    long = {file.name for file in PACKAGE.rglob("*.py") if len(file.read_text().splitlines()) >= 350}
    assert long == set()
