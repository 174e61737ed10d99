"""Several pieces of work at one time, in threads: they wait for a network, not for this processor."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


def abreast(work: Sequence[Callable[[], T]], at_once: int) -> list[T]:
    """What each piece of ``work`` gives, in its order; at most ``at_once`` run at one time.

    Raises the first error, in the order of ``work``, when those under way have ended; no others are begun.
    Ctrl-C waits for none of them: its thread ends with the process, as concurrent.futures' would not.
    """
    if at_once == 1 or len(work) <= 1:
        return [piece() for piece in work]
    crew = _Crew(work)
    threads = [threading.Thread(target=crew.run, daemon=True) for _ in range(min(at_once, len(work)))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        crew.is_over = True
    if crew.errors:
        raise crew.errors[min(crew.errors)]
    return [crew.results[number] for number in range(len(work))]


@dataclass
class _Crew(Generic[T]):
    """What is to be done, and what has come of it, by the number of the piece."""

    work: Sequence[Callable[[], T]]
    results: dict[int, T] = field(default_factory=dict)
    errors: dict[int, Exception] = field(default_factory=dict)
    is_over: bool = False
    _begun: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Does one piece after the other, as long as there are any and nothing has gone wrong."""
        while (number := self._next()) is not None:
            try:
                self.results[number] = self.work[number]()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where it is waited for
                self.errors[number] = error

    def _next(self) -> int | None:
        with self._lock:
            if self.is_over or self.errors or self._begun == len(self.work):
                return None
            self._begun += 1
            return self._begun - 1
