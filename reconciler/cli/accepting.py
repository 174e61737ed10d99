"""Accepted drift on its way into the files of an environment."""

from pathlib import Path

from reconciler.accepting import Edit, Edits, edits
from reconciler.cli.folder import check_inside
from reconciler.cli.interrupts import Interrupt, deferred
from reconciler.cli.terminal import Terminal
from reconciler.durable import replace_whole
from reconciler.engine import Planned
from reconciler.errors import UsageError
from reconciler.exporting import visible
from reconciler.manifests.files import ENVIRONMENT_FILE, shown
from reconciler.render.page import json_text, pair_text
from reconciler.render.text import dotted
from reconciler.secrets import Schemes


def accept(planned: Planned, terminal: Terminal, interrupt: Interrupt) -> None:
    """Writes one environment's drift into its files and tells every edit, and what is left to do.

    Raises UsageError where a file cannot be written; each file is written whole or not at all.
    """
    folder, name = planned.comparison.environment.folder, planned.plan.name
    found = edits(planned, Schemes())
    for path in found.contents:
        _check(folder, path, found)
    with deferred(interrupt):
        for path, content in found.contents.items():
            _write(folder, path, content)
            for edit in found.edits:
                if edit.origin.file == shown(path):
                    terminal.output.note(f"wrote {_told(edit)}")
    for todo in dict.fromkeys(found.todos):
        terminal.output.note(f"{name}: to do: {visible(todo.place)}: {visible(todo.what)}")


def _check(folder: Path, path: Path, found: Edits) -> None:
    """Raises UsageError where a file is not what was read, or stands elsewhere."""
    check_inside(folder, str(path.relative_to(folder)))
    if path.is_symlink():
        raise UsageError(f"{shown(path)} is a link, and nothing was written; put the file itself there")
    now = path.read_bytes() if path.exists() else None
    if now != found.before.get(path):
        raise UsageError(f"{shown(path)} has just been changed, and nothing was written; run again")


def _write(folder: Path, path: Path, content: bytes) -> None:
    """The whole file; a new one gets the mode of ``environment.yaml``."""
    try:
        like = path if path.exists() else folder / ENVIRONMENT_FILE
        replace_whole(path, content, like.stat().st_mode & 0o777)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UsageError(f"{shown(path)} cannot be written: {why}") from None


def _told(edit: Edit) -> str:
    place = f"{visible(edit.origin.file)}:{edit.origin.line} {edit.key.kind} {visible(edit.key.id)}"
    if isinstance(edit.what, str):
        return f"{place}: {edit.what}"
    named = ", ".join(f"${{{visible(name)}}}" for name in edit.parameters)
    instead = f", in place of {named}" if named else ""
    change = pair_text(dotted(edit.what.path), json_text(edit.what.before), json_text(edit.what.after))
    return f"{place} {change}{instead}"
