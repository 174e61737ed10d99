import io
import sys

import pytest

from reconciler.cli.progress import Bars, Lines, Way, watching
from reconciler.session import Call, Watcher

CALL = Call("GET", "/pools", "pool", None, (), 200, 1.0)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def watched(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A terminal in the place of stderr; pytest would take that back after a fixture."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


def called(watcher: Watcher, times: int) -> None:
    for _ in range(times):
        watcher.called(CALL)


def test_the_way_is_never_shorter_than_what_lies_behind() -> None:
    way = Way()
    way.coming(2)
    for _ in range(3):
        way.called()
    assert (way.made, way.total) == (3, 3)


def test_what_is_announced_twice_is_not_counted_twice() -> None:
    way = Way()
    way.coming(10)
    for _ in range(4):
        way.called()
    way.coming(6)
    way.coming(2)
    assert way.total == 10
    way.coming(8)
    assert way.total == 12


def test_without_a_terminal_each_tenth_of_a_long_way_is_a_line() -> None:
    told: list[str] = []
    watcher = watching("prod", Lines(told.append))
    watcher.coming(1000)
    called(watcher, 250)
    assert told == ["prod: 100 of 1,000 calls", "prod: 200 of 1,000 calls"]


def test_a_short_way_is_not_worth_a_line() -> None:
    told: list[str] = []
    watcher = watching("prod", Lines(told.append))
    watcher.coming(19)
    called(watcher, 19)
    assert told == []


def test_a_bar_tells_calls_made_and_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = watched(monkeypatch)
    bars = Bars(colour=False)
    watcher = watching("prod", bars)
    watcher.coming(1200)
    called(watcher, 37)
    assert bars._drawn is not None
    bars._drawn.refresh()
    assert "37/1,200 calls" in screen.getvalue()
    assert "left" in screen.getvalue()
    bars.stop()


def test_notes_stand_above_the_bars_and_bars_are_wiped_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = watched(monkeypatch)
    bars = Bars(colour=False)
    assert not bars.above("nothing is drawn yet\n")
    watcher = watching("prod", bars)
    watcher.coming(9)
    called(watcher, 1)
    assert bars.above("a note\n")
    bars.stop()
    bars.stop()
    assert "a note\n" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")
    assert not bars.above("all gone\n")


def test_environments_have_a_bar_each_while_they_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = watched(monkeypatch)
    bars = Bars(colour=False)
    first, second = watching("prod", bars), watching("dev", bars)
    first.coming(2)
    second.coming(4)
    called(first, 1)
    called(second, 1)
    called(first, 1)
    assert bars._drawn is not None
    assert [(task.description, task.visible) for task in bars._drawn.tasks] == [
        ("prod", False),
        ("dev", True),
    ]
    bars.stop()
    assert screen.getvalue()
