"""Tells what a run of mutmut in this folder has come to; exits 1 where too many mutants live."""

import ast
import sys
from collections import Counter
from itertools import takewhile
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import orig_function_and_class_names_from_key

ENOUGH = 90
"""Per cent of a module's mutants that its tests have to notice."""

NOTICED = {"killed", "timeout"}


def results(path: Path) -> dict[str, str]:
    """What became of each mutant of a module that was tried."""
    data = SourceFileMutationData(path=path)
    data.load()
    found = {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}
    return {name: status for name, status in found.items() if status != "not checked"}


def line_of(path: Path, mutant: str, diff: list[str]) -> int:
    """The line of the module that a mutant changes first."""
    name, class_ = orig_function_and_class_names_from_key(mutant)
    places = ast.parse(path.read_text()).body
    if class_ is not None:
        places = next(one.body for one in places if isinstance(one, ast.ClassDef) and one.name == class_)
    start = next(one.lineno for one in places if isinstance(one, ast.FunctionDef) and one.name == name)
    hunk = next(line for line in diff if line.startswith("@@"))
    first = int(hunk.split("-")[1].split(",")[0].split()[0])
    before = takewhile(lambda line: line.startswith(" "), diff[diff.index(hunk) + 1 :])
    return start + first - 1 + len(list(before))


def show(path: Path, mutant: str, status: str) -> None:
    """One mutant that nobody noticed, as a place and a change."""
    diff = get_diff_for_mutant(mutant, path=path).splitlines()
    print(f"{path}:{line_of(path, mutant, diff)} {status} ({mutant.rpartition('.')[2]})")
    for line in diff[2:]:
        if line[:1] in {"-", "+"}:
            print(f"    {line}")


def main() -> int:
    """Every survivor, then a score for each module."""
    found = {path: tried for path in sorted(walk_mutatable_files()) if (tried := results(path))}
    for path, tried in found.items():
        for mutant, status in tried.items():
            if status not in NOTICED:
                show(path, mutant, status)
    weak = False
    for path, tried in found.items():
        count = Counter(tried.values())
        noticed = sum(count[status] for status in NOTICED)
        score = 100 * noticed / len(tried)
        weak |= score < ENOUGH
        print(f"{path!s:32} {noticed:4} of {len(tried):4} noticed, {score:5.1f} %")
    return int(weak or not found)


sys.exit(main())
