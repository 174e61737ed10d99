"""How far a run has come, on stderr: a bar at a terminal, lines now and then elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.session import Watcher

if TYPE_CHECKING:
    from rich import progress

STEPS = 10
"""Lines that tell of the way of a run where there is no terminal to show a bar at."""

LINES_FROM = 20
"""Calls; a shorter way is not worth a line."""


@dataclass
class Way:
    """The calls of one environment: those made, and the least that there will be in all."""

    made: int = 0
    total: int = 0

    def called(self) -> None:
        """One has been made."""
        self.made += 1
        self.total = max(self.total, self.made)

    def coming(self, calls: int) -> None:
        """At least so many more are going to be made."""
        self.total = max(self.total, self.made + calls)


@dataclass
class Lines:
    """Tells of each tenth of a longer way in a line of its own."""

    tell: Callable[[str], None]
    _told: dict[str, int] = field(default_factory=dict)

    def show(self, environment: str, way: Way) -> None:
        """Tells if another tenth lies behind."""
        tenth = way.made * STEPS // way.total
        if way.total >= LINES_FROM and tenth > self._told.get(environment, 0):
            self._told[environment] = tenth
            self.tell(f"{environment}: {way.made:,} of {way.total:,} calls")

    def above(self, text: str) -> bool:
        """There are no bars to write above."""
        del text
        return False

    def stop(self) -> None:
        """There is nothing to wipe away."""


@dataclass
class Bars:
    """A bar for each environment under way: calls made and to come, how many a second, and the time left."""

    colour: bool
    _drawn: "progress.Progress | None" = None
    _tasks: "dict[str, progress.TaskID]" = field(default_factory=dict)

    def show(self, environment: str, way: Way) -> None:
        """Draws what is new."""
        if self._drawn is None:
            self._drawn = _made(colour=self.colour)
            self._drawn.start()
        if environment not in self._tasks:
            self._tasks[environment] = self._drawn.add_task(environment, total=way.total)
        is_under_way = way.made < way.total
        self._drawn.update(
            self._tasks[environment], completed=way.made, total=way.total, visible=is_under_way
        )

    def above(self, text: str) -> bool:
        """Writes whole lines above the bars; False where there are none."""
        if self._drawn is None:
            return False
        self._drawn.console.out(text, end="", highlight=False)
        return True

    def stop(self) -> None:
        """Wipes the bars away; the next event draws them anew."""
        if self._drawn is not None:
            self._drawn.stop()
            self._drawn = None
            self._tasks.clear()


Progress = Bars | Lines


def watching(environment: str, progress: Progress) -> Watcher:
    """Shows how far an environment has come at every call."""
    way = Way()

    def called(_call: object) -> None:
        way.called()
        progress.show(environment, way)

    return Watcher(called, way.coming)


def _made(*, colour: bool) -> "progress.Progress":
    from rich import progress  # noqa: PLC0415 - takes longer to import than many a run, and few watch
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.table import Column  # noqa: PLC0415 - as above

    class Speed(progress.ProgressColumn):
        """Calls a second, lately."""

        def render(self, task: progress.Task) -> str:
            return f"{task.speed:.1f}/s" if task.speed else ""

    return progress.Progress(
        progress.TextColumn(
            "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
        ),
        progress.BarColumn(30, style="bright_black", complete_style="cyan", pulse_style="cyan"),
        progress.TextColumn("{task.completed:,.0f}/{task.total:,.0f} calls", style="none"),
        Speed(),
        progress.TimeRemainingColumn(compact=True),
        progress.TextColumn("left", style="none"),
        console=Console(stderr=True, no_color=not colour, highlight=False),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
