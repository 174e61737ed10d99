"""Which environments git has changed something of."""

from collections.abc import Iterable
from pathlib import Path

from reconciler.errors import UsageError
from reconciler.manifests import Environment

NO_HISTORY = "a common ancestor; a shallow clone lacks the history that it takes"
"""What ``git merge-base`` means by its silence."""


def touched(environments: Iterable[Environment], revision: str) -> list[Environment]:
    """Those of which some file differs from where this branch left ``revision``, in any of their layers.

    What is not committed yet counts, for it would be applied; what git ignores does not. Raises UsageError
    where git cannot tell.
    """
    folders = {one.name: [layer.resolve() for layer in one.layers] for one in environments}
    roots = {_root(layer) for layers in folders.values() for layer in layers}
    files = [file for root in sorted(roots) for file in _changed_in(root, revision)]
    return [one for one in environments if _is_in(files, folders[one.name])]


def _is_in(files: Iterable[Path], folders: list[Path]) -> bool:
    return any(file.is_relative_to(folder) for file in files for folder in folders)


def _root(folder: Path) -> Path:
    return Path(_git(folder, "rev-parse", "--show-toplevel").rstrip("\n")).resolve()


def _changed_in(root: Path, revision: str) -> list[Path]:
    """The files of one repository, those that are gone or new among them."""
    base = _git(root, "merge-base", "--end-of-options", revision, "HEAD").strip()
    changed = _git(root, "diff", "--name-only", "--no-renames", "-z", base)
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z")
    return [root / name for name in f"{changed}{new}".split("\0") if name]


def commit_of(folder: Path) -> str:
    """The commit that a folder's repository is at; empty where it is in none."""
    try:
        return _git(folder, "rev-parse", "HEAD").strip()
    except UsageError:
        return ""


def _git(folder: Path, *arguments: str) -> str:
    import subprocess  # noqa: PLC0415 - most runs ask git nothing

    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the user's own git
    except OSError:
        raise UsageError("--changed-since asks git, and there is none on the PATH") from None
    if done.returncode:
        said = " ".join(done.stderr.split()).removeprefix("fatal: ") or NO_HISTORY
        raise UsageError(f"--changed-since: git does not know: {said}")
    return done.stdout
