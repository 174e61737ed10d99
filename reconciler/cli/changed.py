"""Which environments git has changed something of."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from reconciler.errors import UsageError
from reconciler.manifests import Environment


def changed_files(revision: str) -> frozenset[Path]:
    """The files that differ from where this branch left ``revision``, without those that git ignores.

    What is not committed yet counts, for it would be applied. Raises UsageError where git cannot tell.
    """
    root = Path(_git("rev-parse", "--show-toplevel").rstrip("\n"))
    base = _git("merge-base", "--end-of-options", revision, "HEAD").strip()
    changed = _git("-C", str(root), "diff", "--name-only", "--no-renames", "-z", base)
    new = _git("-C", str(root), "ls-files", "--others", "--exclude-standard", "-z")
    return frozenset((root / name).resolve() for name in f"{changed}{new}".split("\0") if name)


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607 - the user's own git
    except OSError:
        raise UsageError("--changed-since asks git, and there is none on the PATH") from None
    if done.returncode:
        said = " ".join(done.stderr.split()).removeprefix("fatal: ") or f"it ended with {done.returncode}"
        raise UsageError(f"--changed-since: git does not know: {said}")
    return done.stdout


def is_touched(environment: Environment, files: Iterable[Path]) -> bool:
    """Whether any of ``files`` is in a folder that declares something of the environment."""
    folders = [folder.resolve() for folder in environment.layers]
    return any(file.is_relative_to(folder) for file in files for folder in folders)
