"""A command's result in every format that was asked for, each environment in its place."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

from reconciler.cli.output import Output
from reconciler.errors import UsageError
from reconciler.fleet import Result
from reconciler.manifests import Environment
from reconciler.plan import Plan
from reconciler.render import json as as_json
from reconciler.render.fleet import fleet_text
from reconciler.render.page import WHOLE, Page
from reconciler.render.text import drift_text, error_text, plan_text, report_text, validation_text
from reconciler.render.told import Command, Item, Sound, Told
from reconciler.report import Report

T = TypeVar("T")
Formats = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Rendering(Generic[T]):
    """How one kind of result is scrubbed, put into a document, and told in words."""

    command: Command
    format: str
    scrubbed: Callable[[Output, T], T]
    entry: Callable[[T], dict[str, Any]]
    text: Callable[[T, Page], str]
    item: Callable[[T], Item]
    between: str = "\n"


def _itself(item: Item) -> Item:
    return item


PLAN = Rendering[Plan]("plan", as_json.PLAN_FORMAT, Output.plan, as_json.plan_entry, plan_text, _itself)
DRIFT = Rendering[Plan]("drift", as_json.DRIFT_FORMAT, Output.plan, as_json.plan_entry, drift_text, _itself)
REPORT = Rendering[Report](
    "apply", as_json.REPORT_FORMAT, Output.report, as_json.report_entry, report_text, _itself
)
VALIDATION = Rendering[Environment](
    "validate",
    as_json.VALIDATION_FORMAT,
    lambda _output, environment: environment,
    lambda environment: as_json.validation_entry(
        environment.name, len(environment.desired), environment.warnings
    ),
    lambda environment, _page: validation_text(environment.name, len(environment.desired)),
    lambda environment: Sound(environment.name, len(environment.desired), environment.warnings),
    between="",
)


@dataclass(frozen=True)
class Delivery(Generic[T]):
    """Results on their way to stdout and to files."""

    output: Output
    results: Sequence[Result[T]]
    rendering: Rendering[T]
    full: bool = False
    """Whether a terminal is shown all of a long plan."""
    is_news: bool = False
    """Whether what became of changes has been shown already, where people watch."""

    def to(self, formats: Formats) -> None:
        """Writes files first; raises UsageError where one cannot be written."""
        for name, file in sorted(formats or (("text", None),), key=lambda one: one[1] is None):
            page = None if file is not None else self._page
            text = self._rendered(name, page)
            if file is not None:
                write_file(file, text)
            elif name == "github":
                self.output.commands(text)
            else:
                self.output.result(text)

    @property
    def _page(self) -> Page:
        return self.output.page(sys.stdout, full=self.full, is_news=self.is_news)

    def _rendered(self, name: str, page: Page | None) -> str:
        if name == "text":
            return self._text(page)
        if name == "json":
            return self.json()
        folders = {result.name: result.folder for result in self.results}
        told = Told(self.rendering.command, [*map(self._item, self.results)], folders, time.time())
        rendered: str = import_module(f"reconciler.render.{name}").render(told)
        return rendered

    def json(self) -> str:
        """The document; its digest covers what it shows."""
        return as_json.text_of(as_json.document(self.rendering.format, [*map(self._entry, self.results)]))

    def _entry(self, result: Result[T]) -> dict[str, Any]:
        if result.value is None:
            return self.output.error(result.name, result.error)
        return self.rendering.entry(self.rendering.scrubbed(self.output, result.value))

    def _item(self, result: Result[T]) -> Item:
        if result.value is None:
            return self.output.failed(result.name, result.error)
        return self.rendering.item(self.rendering.scrubbed(self.output, result.value))

    def _text(self, page: Page | None) -> str:
        """In words. On stdout a run in which all failed has no result: stderr tells the errors."""
        if page is not None and all(result.value is None for result in self.results):
            return ""
        blocks = [self._block(result, page or WHOLE) for result in self.results]
        if len(blocks) > 1 and self.rendering.between:
            blocks.append(fleet_text([*map(self._item, self.results)]))
        return self.rendering.between.join(blocks)

    def _block(self, result: Result[T], page: Page) -> str:
        if result.value is None:
            return error_text(result.name, self.output.scrubbed(str(result.error)))
        return self.rendering.text(self.rendering.scrubbed(self.output, result.value), page)


def check_places(formats: Formats, *more: str | None) -> None:
    """Raises UsageError where two results go to one place, or one to a place that cannot be written."""
    files = [file for _, file in formats] + [file for file in more if file is not None]
    places = [None if file is None else Path(file).resolve() for file in files]
    if len(places) != len(set(places)):
        raise UsageError("two formats go to the same place; write one of them as --format F=FILE")
    for file in files:
        if file is not None:
            _check_writable(file)


def _check_writable(file: str) -> None:
    place = Path(file).resolve()
    if place.is_dir():
        raise UsageError(f"{file} cannot be written: it is a folder")
    if not place.parent.is_dir():
        raise UsageError(f"{file} cannot be written: there is no folder {Path(file).parent}")
    if not os.access(place if place.exists() else place.parent, os.W_OK):
        raise UsageError(f"{file} cannot be written: no permission")


def write_file(file: str, text: str) -> None:
    """The whole text or nothing, links followed; pipes and devices are written to as they are.

    Raises UsageError where the file cannot be written.
    """
    path = Path(file).resolve()
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        with partial.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None


def codes(results: Iterable[Result[Any]]) -> list[int]:
    """The exit codes of the environments that failed."""
    return [result.error.exit_code for result in results if result.error is not None]
