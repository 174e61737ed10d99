"""Writes docs/commands.md out of the commands themselves; run by ``make docs``."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from reconciler.cli.main import COMMANDS, reconciler

START = """# Commands

`make docs` writes this page out of the program; `reconciler COMMAND --help` says the same.

ENV is a folder with an `environment.yaml`, or a glob that the program expands: quote it. Results go to
stdout, everything else to stderr.

| exit | means |
|---|---|
| 0 | in sync, or applied and verified; `plan` without `--detailed-exitcode` also when there are changes |
| 1 | an error: usage, manifest, credentials, server; nothing was written unless the message says so |
| 2 | changes are pending (`plan --detailed-exitcode`), drift was found (`drift`), a difference (`compare`) |
| 3 | refused: a guard, an adopt conflict, a stale plan, a wrong account, target or ledger, a lock |
| 4 | partly applied or not converged: the report says which; run again; `trigger --wait`: the run failed |
| 130, 143 | interrupted, after the call under way and the ledger were finished |

With several environments it is the gravest of theirs: interrupted, 4, 1, 3, 2, 0; and 4 where anything was
written and anything failed.

`eval "$(_RECONCILER_COMPLETE=bash_source reconciler)"` completes commands, options, kinds, formats and
folders (`zsh_source`, `fish_source`).
"""


def page() -> str:
    """The whole page."""
    group = click.Context(reconciler, info_name="reconciler")
    sections = [section(name, group) for name in COMMANDS]
    return "\n".join([START, *sections])


def section(name: str, parent: click.Context, level: int = 2) -> str:
    """One command, and those below it."""
    command = parent.command.get_command(parent, name)
    context = click.Context(command, info_name=name, parent=parent)
    title = context.command_path.removeprefix("reconciler ")
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"{'#' * level} {title}", "", f"`{context.command_path} {usage}`", "", told(command), ""]
    lines += [*table(command, context)]
    names = command.list_commands(context) if isinstance(command, click.Group) else []
    return "\n".join([*lines, *(section(one, context, level + 1) for one in names)])


def told(command: click.Command) -> str:
    """What a command says of itself, one paragraph a line."""
    paragraphs = (command.help or "").split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in paragraphs)


def table(command: click.Command, context: click.Context) -> Iterator[str]:
    """Its options."""
    rows = [
        record
        for option in command.params
        if isinstance(option, click.Option) and (record := option.get_help_record(context))
    ]
    if rows:
        yield from ("| option | means |", "|---|---|")
        yield from (f"| {code(names)} | {cell(means)} |" for names, means in rows)
        yield ""


def code(text: str) -> str:
    """A text as code in a table."""
    return f"`{cell(text)}`"


def cell(text: str) -> str:
    """A text on one line of a table."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
