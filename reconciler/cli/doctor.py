"""``reconciler doctor``."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.interrupts import Interrupt, deferred
from reconciler.cli.loading import load_all
from reconciler.cli.output import Output
from reconciler.cli.terminal import Terminal, talking
from reconciler.diagnosis import Diagnosis
from reconciler.doctor import Means, examine, unsound
from reconciler.errors import ManifestError
from reconciler.fleet import Result, gravest, then
from reconciler.manifests import Environment
from reconciler.render import doctor as rendering
from reconciler.render.json import text_of


@click.command
@options.environments
@click.option(
    "--scratch",
    is_flag=True,
    help="Also check what only writing tells, with reconciler_doctor_* objects, which it removes.",
)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@talking
def doctor(*, terminal: Terminal, environments: tuple[str, ...], scratch: bool, format_: str) -> int:
    """Check access, versions, limits and assumptions on the real service; exit 1 when a check fails.

    Without --scratch it only reads.
    """
    interrupt = Interrupt()
    with deferred(interrupt):
        look = partial(_examined, terminal=terminal, scratch=scratch, interrupt=interrupt)
        results = [_diagnosed(result, look) for result in load_all(environments, terminal, quiet=True)]
    terminal.errors(results)
    _deliver(terminal.output, results, format_)
    return interrupt.exit_code or gravest(_codes(results), wrote=False)


def _diagnosed(result: Result[Environment], look: Any) -> Result[Diagnosis]:
    """Files that are wrong are the first finding."""
    if isinstance(result.error, ManifestError):
        return Result(result.name, unsound(result.name, result.error), folder=result.folder)
    return then(result, look)


def _examined(
    environment: Environment, *, terminal: Terminal, scratch: bool, interrupt: Interrupt
) -> Diagnosis:
    means = Means(
        terminal.secrets,
        scratch,
        watcher=terminal.watcher(environment.name),
        tell=lambda text: terminal.output.note(f"warning: {text}", "warning"),
        sleep=interrupt.sleep,
        stopped=interrupt.stopped,
    )
    return examine(environment, means)


def _codes(results: Sequence[Result[Diagnosis]]) -> list[int]:
    failures = [result.error.exit_code for result in results if result.error is not None]
    return failures + [one.code for result in results if result.value for one in result.value.findings]


def _deliver(output: Output, results: Sequence[Result[Diagnosis]], format_: str) -> None:
    """At a terminal stderr tells the errors."""
    if format_ == "json":
        output.result(text_of(rendering.document([_entry(result, output) for result in results])))
        return
    told = [rendering.text(_scrubbed(one.value, output)) for one in results if one.value is not None]
    output.result("\n".join(told))


def _entry(result: Result[Diagnosis], output: Output) -> dict[str, Any]:
    if result.value is None:
        return output.error(result.name, result.error)
    return rendering.entry(_scrubbed(result.value, output))


def _scrubbed(diagnosis: Diagnosis, output: Output) -> Diagnosis:
    """The same with every known secret gone from what was seen."""
    findings = (
        replace(one, seen=output.scrubbed(one.seen), advice=output.scrubbed(one.advice))
        for one in diagnosis.findings
    )
    return replace(diagnosis, findings=tuple(findings))
