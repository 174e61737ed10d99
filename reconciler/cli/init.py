"""``reconciler init``."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from reconciler.cli.schema import schema_file
from reconciler.cli.terminal import Terminal, talking
from reconciler.errors import ManifestError, UsageError
from reconciler.manifests import load_environment
from reconciler.manifests.files import shown
from reconciler.new_environment import NewEnvironment
from reconciler.secrets import Schemes
from reconciler.targets import FORMS

WORKFLOW = Path(".github/workflows/airflow.yml")


@click.command
@click.argument("folder", metavar="DIR")
@click.option("--target", metavar="TARGET", help="The URL of the environment, such as mwaa://eu-west-1/NAME.")
@click.option("--name", metavar="NAME", help="The environment's name; the folder's where none is given.")
@click.option(
    "--ledger", metavar="LEDGER", help="Where to remember what is owned: s3://BUCKET/KEY or file:PATH."
)
@click.option("--ci", type=click.Choice(["github", "none"]), default="none", help="Write a workflow, too.")
@talking
def init(  # noqa: PLR0913 - one parameter for each option
    *, terminal: Terminal, folder: str, target: str | None, name: str | None, ledger: str | None, ci: str
) -> int:
    """Write a new environment folder, with everything to start from as comments; overwrites nothing."""
    place = Path(folder)
    new = _asked(place, target, name, ledger)
    _check(new)
    files = {place / path: text for path, text in new.files().items()}
    if ci == "github":
        root = _root(place)
        files[root / WORKFLOW] = new.workflow(_inside(place, root))
        if new.forgets:
            terminal.warn(["a ledger in a file is gone with the runner of a workflow; name s3://BUCKET/KEY"])
    _check_free(place, files)
    written = _write({**files, **_schemas(place)})
    terminal.output.result("".join(f"created {shown(path)}\n" for path in written))
    terminal.output.note(f"next: edit the manifests, then reconciler plan {shown(place)}")
    return 0


def _asked(place: Path, target: str | None, name: str | None, ledger: str | None) -> NewEnvironment:
    """What the options say; what they leave open is asked for where somebody can answer."""
    own = name or place.resolve().name
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        if target is None:
            raise UsageError(f"there is no terminal to ask for the target; give --target: {FORMS}")
        return NewEnvironment(own, target, ledger)
    return NewEnvironment(
        name or click.prompt("Name", default=own, err=True),
        target or click.prompt("Target (mwaa://REGION/NAME, http(s)://HOST or sandbox:FILE)", err=True),
        click.prompt("Ledger (s3://BUCKET/KEY or file:PATH)", default="file:ledger.json", err=True)
        if ledger is None
        else ledger,
    )


def _check(new: NewEnvironment) -> None:
    """Raises UsageError where the folder would not be sound: it is read as the next command will read it."""
    with tempfile.TemporaryDirectory() as place:
        _write({Path(place) / path: text for path, text in new.files().items()})
        try:
            load_environment(Path(place), Schemes())
        except ManifestError as error:
            told = (f"{one.what}; {one.fix}" if one.fix else one.what for one in error.problems)
            raise UsageError("\n".join(told)) from None


def _root(place: Path) -> Path:
    """The repository that the folder is in, or else the working directory."""
    absolute = place.resolve()
    return next((one for one in absolute.parents if (one / ".git").exists()), Path.cwd())


def _inside(place: Path, root: Path) -> str:
    if not place.resolve().is_relative_to(root):
        raise UsageError(f"{place} is outside of {root}, where the workflow would be")
    return place.resolve().relative_to(root).as_posix()


def _check_free(place: Path, files: Mapping[Path, str]) -> None:
    """Raises UsageError where something would be overwritten."""
    if place.exists() and not place.is_dir():
        raise UsageError(f"{place} is no folder")
    there = [shown(path) for path in files if path.exists() or path.is_symlink()]
    if there:
        raise UsageError(f"there already: {', '.join(there)}; nothing was written")


def _schemas(place: Path) -> dict[Path, str]:
    """The schemas beside the folder, where neighbours find them too; those that are there stay."""
    home = place.resolve().parent / ".reconciler"
    files = {home / schema_file(name).name: schema_file(name) for name in ("environment", "manifest")}
    return {path: source.read_text(encoding="utf-8") for path, source in files.items() if not path.exists()}


def _write(files: Mapping[Path, str]) -> list[Path]:
    """Writes files that are not there yet; raises UsageError with what stopped it."""
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            raise UsageError(f"{shown(path)} cannot be written: {error.strerror}") from None
    return list(files)
