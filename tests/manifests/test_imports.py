import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"boto3", "botocore", "deepdiff", "jsonschema", "rich", "urllib3"}
SCRIPT = """
import contextlib, io, sys
from reconciler.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    code = run(sys.argv[1:])
print(code, *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["validate", "--help"], ["validate", "examples/environments/dev"], ["schema", "manifest"]],
    ids=" ".join,
)
def test_what_needs_no_server_imports_no_client(arguments: list[str]) -> None:
    command = [sys.executable, "-c", SCRIPT, *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)

    code, *modules = done.stdout.split()

    assert code == "0"
    assert set(modules) & HEAVY == set()


def test_a_shell_that_completes_a_command_waits_for_none_of_them() -> None:
    asked = {"_RECONCILER_COMPLETE": "bash_complete", "COMP_WORDS": "reconciler pl", "COMP_CWORD": "1"}
    command = [sys.executable, "-X", "importtime", "-c", "from reconciler.cli import main; main()"]
    done = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, env={**os.environ, **asked}
    )

    assert done.stdout == "plain,plan\n"
    assert not any(name in done.stderr for name in ("yaml", "jsonschema", "reconciler.cli.plan"))


def test_help_imports_neither_yaml_nor_jsonschema() -> None:
    command = [sys.executable, "-c", SCRIPT, "--help"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)

    assert set(done.stdout.split()) & {"yaml", "jsonschema"} == set()
