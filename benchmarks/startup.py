"""B8: what a command costs before it does anything."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.measure import child_cpu, interleaved, output
from benchmarks.result import Finding, at_most, exactly

REPEATS = 15
EXAMPLE = "examples/environments/dev"
LOADED = """
import sys
from reconciler.cli.main import run
try:
    run(sys.argv[1:])
except SystemExit:
    pass
print("\\n", sum(name.partition(".")[0] in {"boto3", "botocore"} for name in sys.modules))
"""


def commands() -> Iterator[Finding]:
    """CPU of a fresh process ÷ that of a Python that does nothing, and whether boto3 was imported."""
    command = str(Path(sys.executable).with_name("reconciler"))
    processes = {
        "bare": [sys.executable, "-c", "pass"],
        "--help": [command, "--help"],
        "validate": [command, "validate", EXAMPLE],
    }
    works = [partial(child_cpu, one) for one in processes.values()]
    bare, *others = interleaved(REPEATS, *works)
    goals = {"--help": 5.0, "validate": 12.0}
    for (name, goal), seconds in zip(goals.items(), others, strict=True):
        note = f" ({seconds * 1000:.0f} ms ÷ {bare * 1000:.0f} ms of CPU)"
        yield at_most("B8", f"{name} ÷ python -c pass", seconds / bare, goal, note)
    for name, arguments in (("--help", ["--help"]), ("validate", ["validate", EXAMPLE])):
        loaded = int(output([sys.executable, "-c", LOADED, *arguments]).split()[-1])
        yield exactly("B8", f"modules of boto3 that {name} loads", loaded, 0)
