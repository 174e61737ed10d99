"""Several pieces of work at one time, in threads: they wait for a network, not for this processor."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")


def abreast(work: Sequence[Callable[[], T]], at_once: int) -> list[T]:
    """What each piece of ``work`` gives, in its order; at most ``at_once`` run at one time.

    Raises the first error, in the order of ``work``, when those under way have ended; no others are begun.
    """
    if at_once == 1 or len(work) <= 1:
        return [piece() for piece in work]
    with ThreadPoolExecutor(min(at_once, len(work))) as pool:
        running = [pool.submit(piece) for piece in work]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    ended = [one for one in running if not one.cancelled()]
    failed = next((one for one in ended if one.exception()), None)
    return [one.result() for one in ([failed] if failed else ended)]
