"""``reconciler export``."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import click

from reconciler.airflow import Airflow
from reconciler.cli import options
from reconciler.cli.delivery import codes
from reconciler.cli.folder import Folder
from reconciler.cli.interrupts import Interrupt, deferred
from reconciler.cli.loading import load_all
from reconciler.cli.reaching import Source, living, reached
from reconciler.cli.terminal import Terminal, talking
from reconciler.connect import environment_names
from reconciler.dialects import V2, Dialect
from reconciler.errors import UsageError
from reconciler.exporting import Document, Exported, Todo, environment, exported, left_out, manifests, visible
from reconciler.fleet import attempt, gravest
from reconciler.importing import imported
from reconciler.kinds import KINDS, Kind
from reconciler.manifests.acceptance import acceptance
from reconciler.model import Key, Resource
from reconciler.selection import Selection
from reconciler.targets import MwaaTarget, SandboxTarget, Target, TargetError, parse_target

TARGETS = ("mwaa:", "http:", "https:", "sandbox:")
UNNAMED = "exported"
READ_AS = V2("3.3.1", None)
"""The Airflow whose state the files of others are taken for: the one that can keep everything."""
STAND_IN = Todo("target", "a sandbox stands in; write mwaa://REGION/NAME or http(s)://HOST, then plan")


@dataclass(frozen=True)
class Found:
    """What is to be written, and what is to be done about its target."""

    source: Source
    dialect: Dialect
    selection: Selection
    resources: list[Resource]
    todos: tuple[Todo, ...] = ()


@click.command
@click.argument("source", metavar="[ENV|TARGET]", required=False)
@click.option(
    "--from",
    "files",
    multiple=True,
    metavar="FILE",
    help="Read what 'airflow connections|variables|pools export' or Astronomer wrote; may be repeated.",
)
@click.option("--target", metavar="TARGET", help="With --from: the target of the new environment.")
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
    source: str | None,
    files: tuple[str, ...],
    target: str | None,
    folder: str,
    overwrite: bool,
    split: bool,
    name: str | None,
    reveal: tuple[Key, ...],
    kinds: tuple[str, ...],
    only: tuple[str, ...],
) -> int:
    """Write a live environment, or the files of other tools, as a folder of manifests.

    The next plan against the same Airflow is empty. A pattern of names such as 'mwaa://eu-west-1/*' writes
    every environment that matches, each into a folder of its name.
    """
    selection, place = Selection(frozenset(kinds), only), Folder(Path(folder), overwrite)
    place.check()
    writing = Writing(place, reveal, terminal, split)
    if files and source is None:
        found = _of_files(files, _intended(target, name, place.path), selection, chosen=target is not None)
    elif source is not None and not files and target is None:
        if several := matching(source):
            if name or reveal:
                raise UsageError("--name and --reveal are about one environment; export it by its own name")
            return _write_each(several, selection, writing)
        found = _living(_source(source, name, terminal), selection, terminal)
    else:
        raise UsageError("name either ENV|TARGET, or files with --from, to which --target belongs")
    return _write(found, writing)


@dataclass(frozen=True)
class Writing:
    """Where and how environments are written."""

    place: Folder
    reveal: Collection[Key]
    terminal: Terminal
    split: bool

    def below(self, name: str) -> "Writing":
        """The same for one of several, in a folder of its name; raises UsageError if that may not be."""
        place = replace(self.place, path=self.place.path / name)
        place.check()
        return replace(self, place=place)


def matching(source: str) -> list[MwaaTarget]:
    """The environments that a pattern such as ``mwaa://eu-west-1/etl-*`` means; none for what is no pattern.

    Raises UsageError where none matches, and AirflowError where AWS does not tell.
    """
    head, slash, pattern = source.partition("?")[0].removeprefix("mwaa://").partition("/")
    if not source.startswith("mwaa://") or not slash or not any(one in pattern for one in "*["):
        return []
    options = source.partition("?")[1:]
    try:
        target = parse_target(f"mwaa://{head}/any{''.join(options)}")
    except TargetError as error:
        raise UsageError(f"target: {error}") from None
    assert isinstance(target, MwaaTarget)  # noqa: S101 - what begins so is one
    names = [name for name in environment_names(target) if fnmatchcase(name, pattern)]
    if not names:
        raise UsageError(f"no environment of {head} matches {pattern}")
    return [replace(target, name=name) for name in names]


def _write_each(targets: Iterable[MwaaTarget], selection: Selection, writing: Writing) -> int:
    """Each environment into a folder of its name; one that fails keeps no other from being written."""
    terminal = writing.terminal

    def written(target: MwaaTarget) -> int:
        below = writing.below(target.name)
        return _write(_living(Source(target.name, target), selection, terminal), below)

    results = [attempt(target.name, lambda target=target: written(target)) for target in targets]  # type: ignore[misc]
    terminal.errors(results)
    return gravest([*codes(results), *(result.value or 0 for result in results)], wrote=False)


def _write(found: Found, writing: Writing) -> int:
    _check_revealed(writing.reveal, found.resources)
    source, dialect, place = found.source, found.dialect, writing.place
    items = [exported(one, dialect, reveal=one.key in writing.reveal) for one in found.resources]
    files = manifests(items, _kinds(found.selection, items), split=writing.split, major=dialect.major)
    todos = (*found.todos, *(left_out(items) if writing.split else ()))
    top = environment(source.name, _seen_from(source.target, place.path), todos)
    interrupt = Interrupt()
    with deferred(interrupt):
        place.write([*files, top], found.selection)
    _tell(writing.terminal, f"{source.name}: {_counted(items)} written to {place.path}\n", [*files, top])
    return interrupt.exit_code or 0


def _living(source: Source, selection: Selection, terminal: Terminal) -> Found:
    airflow = reached(source, terminal)
    return Found(source, airflow.dialect, selection, _read(airflow, selection, source.name))


def _of_files(files: Iterable[str], source: Source, selection: Selection, *, chosen: bool) -> Found:
    """What stands in files; of kinds that stand in none, nothing is said."""
    state = imported(map(Path, files), selection.kinds)
    selection.check(source.name, state)
    resources = [resource for key, resource in state.items() if key in selection]
    narrowed = replace(selection, kinds=frozenset(one.key.kind for one in resources))
    return Found(source, READ_AS, narrowed, resources, () if chosen else (STAND_IN,))


def _intended(target: str | None, name: str | None, folder: Path) -> Source:
    """The new environment, on a sandbox within its own folder unless there is a target."""
    stand_in = SandboxTarget("sandbox.json", folder=str(folder))
    return _called(Source(UNNAMED, stand_in) if target is None else _target(target), name)


def _source(text: str, name: str | None, terminal: Terminal) -> Source:
    """What is to be exported, under which name."""
    return _called(_target(text) if text.startswith(TARGETS) else _environment(text, terminal), name)


def _called(found: Source, name: str | None) -> Source:
    """The same under another name; raises UsageError for one that cannot be a name."""
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
