"""Time and memory of processes and of calls in this one."""

import gc
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

LONGEST = 400.0
"""Seconds after which a child is given up."""

HIGH_WATER = "VmHWM:"


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of ``work`` in this process, all threads; what lies about is collected before."""
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started


def wall(work: Callable[[], object]) -> float:
    """Seconds of ``work`` on the clock."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def interleaved(repeats: int, *works: Callable[[], float]) -> list[float]:
    """The medians of several measurements, taken in turn so that a noisy minute hits all of them."""
    rounds = [[work() for work in works] for _ in range(repeats)]
    return [median(column) for column in zip(*rounds, strict=True)]


def peak() -> int:
    """The most memory this process has had, in bytes.

    Linux tells it of the program alone; ``ru_maxrss`` includes what the parent had when it forked.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith(HIGH_WATER):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def child_cpu(command: Sequence[str], environ: dict[str, str] | None = None) -> float:
    """CPU seconds of one fresh process, which must succeed."""
    process = subprocess.Popen(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise AssertionError(f"{' '.join(command)} ended in {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def output(command: Sequence[str], environ: dict[str, str] | None = None) -> str:
    """What a process prints, which must succeed."""
    done = subprocess.run(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    if done.returncode:
        told = (done.stdout + done.stderr)[-2000:]
        raise AssertionError(f"{' '.join(command)} ended in {done.returncode}:\n{told}")
    return done.stdout


def worker(*arguments: object, before: Sequence[str] = ()) -> Any:
    """What ``benchmarks.worker`` measures in a process of its own; ``before`` is put before its command."""
    command = [*before, sys.executable, "-m", "benchmarks.worker", *map(str, arguments)]
    return json.loads(output(command, {**os.environ, "PYTHONHASHSEED": "0"}))
