"""``reconciler export``."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from reconciler.airflow import Airflow
from reconciler.cli import options
from reconciler.cli.folder import Folder
from reconciler.cli.interrupts import Interrupt, deferred
from reconciler.cli.loading import load_all
from reconciler.cli.reaching import Source, living, reached
from reconciler.cli.terminal import Terminal, talking
from reconciler.errors import UsageError
from reconciler.exporting import Document, Exported, environment, exported, left_out, manifests, visible
from reconciler.kinds import KINDS, Kind
from reconciler.manifests.acceptance import acceptance
from reconciler.model import Key, Resource
from reconciler.selection import Selection
from reconciler.targets import MwaaTarget, SandboxTarget, Target, TargetError, parse_target

TARGETS = ("mwaa:", "http:", "https:", "sandbox:")
UNNAMED = "exported"


@click.command
@click.argument("source", metavar="ENV|TARGET")
@click.option("--to", "folder", required=True, metavar="DIR", help="A new or empty folder.")
@click.option("--overwrite", is_flag=True, help="Replace the files of these names where DIR is not empty.")
@click.option("--split", is_flag=True, help="One file for each resource, not for each kind.")
@click.option("--name", metavar="NAME", help="The name of the exported environment.")
@click.option(
    "--reveal",
    type=options.ResourceName(),
    multiple=True,
    metavar="KIND/ID",
    help="Write a variable's value although it looks secret; may be repeated.",
)
@options.kinds
@options.only
@talking
def export(  # noqa: PLR0913 - one parameter for each option
    *,
    terminal: Terminal,
    source: str,
    folder: str,
    overwrite: bool,
    split: bool,
    name: str | None,
    reveal: tuple[Key, ...],
    kinds: tuple[str, ...],
    only: tuple[str, ...],
) -> int:
    """Write a live environment as a folder of manifests, of which the next plan is empty."""
    selection, place = Selection(frozenset(kinds), only), Folder(Path(folder), overwrite)
    place.check()
    found = _source(source, name, terminal)
    airflow = reached(found, terminal)
    resources = _read(airflow, selection, found.name)
    _check_revealed(reveal, resources)
    items = [exported(one, airflow.dialect, reveal=one.key in reveal) for one in resources]
    files = manifests(items, _kinds(selection, items), split=split, major=airflow.dialect.major)
    top = environment(found.name, _seen_from(found.target, place.path), left_out(items) if split else ())
    interrupt = Interrupt()
    with deferred(interrupt):
        place.write([*files, top], selection)
    _tell(terminal, f"{found.name}: {_counted(items)} written to {place.path}\n", [*files, top])
    return interrupt.exit_code or 0


def _source(text: str, name: str | None, terminal: Terminal) -> Source:
    """What is to be exported, under which name; raises UsageError for a name that cannot be one."""
    found = _target(text) if text.startswith(TARGETS) else _environment(text, terminal)
    named = replace(found, name=name or found.name)
    if not acceptance("environment")({"name": named.name, "target": "sandbox:any"}):
        raise UsageError(f"'{named.name}' is no name: up to 100 letters, digits, '_', '.' and '-' make one")
    return named


def _target(text: str) -> Source:
    try:
        target = parse_target(text)
    except TargetError as error:
        raise UsageError(f"target: {error}") from None
    return Source(target.name if isinstance(target, MwaaTarget) else UNNAMED, target)


def _environment(text: str, terminal: Terminal) -> Source:
    first, *others = load_all((text,), terminal)
    if others:
        raise UsageError(f"{text} names several environments; export one at a time")
    if first.value is None:
        raise first.error or UsageError(f"{text} is no environment")
    return Source(first.value.name, first.value.target, first.value.rate_limit)


def _read(airflow: Airflow, selection: Selection, name: str) -> list[Resource]:
    state = living(airflow, selection)
    selection.check(name, state)
    return [*state.values()]


def _check_revealed(reveal: Iterable[Key], resources: Iterable[Resource]) -> None:
    known = {resource.key for resource in resources}
    for key in reveal:
        if key.kind != "variable":
            raise UsageError(f"--reveal {key}: only values of variables can be revealed")
        if key not in known:
            raise UsageError(f"--reveal {key} matches nothing")


def _seen_from(target: Target, folder: Path) -> Target:
    """The target with its file, if it is one, as the exported folder reaches it."""
    if not isinstance(target, SandboxTarget) or Path(target.file).is_absolute():
        return target
    file = (Path(target.folder) / target.file).resolve()
    return replace(target, file=os.path.relpath(file, folder.resolve()))


def _kinds(selection: Selection, items: Iterable[Exported]) -> list[Kind]:
    """The kinds to write: of those in which nothing was looked for, nothing is said."""
    found = {one.key.kind for one in items}
    return [kind for kind in selection.chosen_kinds() if not selection.only or kind.name in found]


def _counted(items: Iterable[Exported]) -> str:
    """How many of each kind, such as ``1 pool, 2 variables``."""
    numbers = Counter(one.key.kind for one in items if one.body is not None)
    found = [(numbers[kind.name], kind) for kind in KINDS if numbers[kind.name]]
    told = (f"{number} {kind.name if number == 1 else kind.collection}" for number, kind in found)
    return ", ".join(told) or "nothing"


def _tell(terminal: Terminal, result: str, files: Sequence[Document]) -> None:
    """The result, and everything that is left to do."""
    terminal.output.result(result)
    for todo in dict.fromkeys(todo for file in files for todo in file.todos):
        terminal.output.note(f"to do: {visible(todo.place)}: {visible(todo.what)}")
