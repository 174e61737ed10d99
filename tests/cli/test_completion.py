"""Completion as bash asks for it, with the script that the program itself gives bash."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.main import COMMANDS
from reconciler.kinds import BY_NAME

SCRIPT = """
eval "$(_RECONCILER_COMPLETE=bash_source reconciler)"
compopt() { echo "$2"; }
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_reconciler_completion reconciler
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(*words: str) -> set[str]:
    """What bash offers for the last word; ``dirnames`` stands for folders."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "-c", SCRIPT, "bash", "reconciler", *words],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("",), set(COMMANDS)),
        (("pl",), {"plan"}),
        (("plan", "--fo"), {"--format"}),
        (("plan", "--format", "j"), {"json", "junit"}),
        (("plan", "--kind", ""), set(BY_NAME)),
        (("plan", ""), {"dirnames"}),
        (("ledger", "u"), {"unlock"}),
        (("ledger", "unlock", "prod", "--i"), {"--id"}),
    ],
)
def test_bash_completes(words: tuple[str, ...], offered: set[str]) -> None:
    assert completed(*words) == offered
