"""Programs that run side by side and make their next call only when it is their turn."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from reconciler.backends import Request, Response
from reconciler.backends.around import Around
from reconciler.stores import Store, Stored

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds of real time after which a program counts as stuck."""


def at_every(_call: str) -> bool:
    return True


def at_none(_call: str) -> bool:
    return False


class Turns(Generic[T]):
    """One program in a thread of its own; ``coming`` is the call that it waits to make."""

    def __init__(self, work: Callable[["Turns[T]"], T]) -> None:
        self.coming: str | None = None
        self._work = work
        self._result: list[T] = []
        self._error: list[BaseException] = []
        self._turn, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self._until: Callable[[str], bool] = at_every
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._result.append(self._work(self))
        except BaseException as error:  # noqa: BLE001 - told to whoever asks for the result
            self._error.append(error)
        self.coming = None
        self._paused.release()

    def start(self, until: Callable[[str], bool] = at_every) -> None:
        """Lets the program come to its first call, or to the first of a kind."""
        self._until = until
        self._thread.start()
        self._wait()

    def go(self, until: Callable[[str], bool] = at_every) -> None:
        """Lets the program make its call and come to the next one of a kind; does nothing after its end."""
        if self.coming is not None:
            self._until = until
            self._turn.release()
            self._wait()

    def end(self) -> T:
        """Lets the program go on to its end; what it has come to."""
        self.go(at_none)
        return self.result

    def _wait(self) -> None:
        if not self._paused.acquire(timeout=PATIENCE):
            raise TimeoutError(self.coming)

    def pause(self, call: str) -> None:
        """Called by the program: waits until ``call`` may be made."""
        if self._until(call):
            self.coming = call
            self._paused.release()
            if not self._turn.acquire(timeout=PATIENCE):
                raise TimeoutError(call)

    @property
    def result(self) -> T:
        """What the program has come to."""
        if self._error:
            raise self._error[0]
        return self._result[0]


@dataclass
class InTurn(Around):
    """A backend that waits for its turn before each call."""

    turns: Turns[Any]

    at_once = 1

    def send(self, request: Request) -> Response:
        self.turns.pause(f"{request.method} {request.path}")
        return self.backend.send(request)


@dataclass
class StoreInTurn:
    """A store that waits for its turn before it reads and writes, and tells what was written."""

    store: Store
    turns: Turns[Any]
    written: Callable[[str], None] = field(default=lambda _text: None)

    @property
    def place(self) -> str:
        return self.store.place

    def load(self) -> Stored | None:
        self.turns.pause("load")
        return self.store.load()

    def save(self, text: str, replacing: str | None) -> str:
        self.turns.pause("save")
        version = self.store.save(text, replacing)
        self.written(text)
        return version

    def neighbours(self) -> Iterator[tuple[str, str]]:
        return self.store.neighbours()

    def own_key(self, *, create: bool) -> bytes | None:
        return self.store.own_key(create=create)
