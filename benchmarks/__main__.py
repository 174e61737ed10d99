"""``python -m benchmarks [CASE…] [--out FILE]``: measures, prints a table, exits 1 if a goal is missed."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import offline
from benchmarks.cases import CASES
from benchmarks.report import document, terminal
from benchmarks.result import Finding, Result

RESULTS = Path("benchmarks/RESULTS.md")


def main() -> int:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", help=f"some of {', '.join(CASES)}; all by default"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help=f"also as Markdown; {RESULTS} after all cases"
    )
    asked = parser.parse_args()
    unknown = [name for name in asked.cases if name not in CASES]
    if unknown:
        parser.error(f"there is no case {', '.join(unknown)}")
    started = time.monotonic()
    try:
        findings = run(asked.cases or list(CASES))
    finally:
        offline.close()
    out = asked.out or (None if asked.cases else RESULTS)
    if out is not None:
        out.write_text(document(findings, time.monotonic() - started), encoding="utf-8")
    sys.stdout.write(terminal(findings))
    return 1 if any(isinstance(one, Result) and one.ok is False for one in findings) else 0


def run(names: Sequence[str]) -> list[Finding]:
    """What the cases find; a case that breaks is a missed goal, and the others go on."""
    findings: list[Finding] = []
    for name in names:
        started = time.monotonic()
        try:
            findings += CASES[name]()
        except Exception as error:  # noqa: BLE001 - whatever it is, the table has to say so
            told = f"{type(error).__name__}: {error}".splitlines()
            findings.append(Result(name, "the case broke", told[0][:300], "", ok=False))
            sys.stderr.write("\n".join(told[1:]))
        sys.stderr.write(f"{name}: {time.monotonic() - started:.1f} s\n")
        sys.stderr.flush()
    return findings


if __name__ == "__main__":
    sys.exit(main())
