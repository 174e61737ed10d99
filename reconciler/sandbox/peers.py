"""The process at the other end of a connection on this machine; Linux only, from ``/proc``."""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

Address = tuple[str, int]

PROC = Path("/proc")
_LOCAL, _REMOTE, _INODE = 1, 2, 9
"""Columns of ``/proc/net/tcp``, see proc_net_tcp in the kernel's documentation."""


def kill_peer(peer: Address, here: Address) -> bool:
    """Kills the process whose end of a connection is ``peer``; False if it is unknown or this very one."""
    pid = pid_of(peer, here)
    if pid is None or pid == os.getpid():
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    return True


def pid_of(end: Address, other_end: Address, proc: Path = PROC) -> int | None:
    """The process that holds the socket at ``end``; of several, as after a fork, the eldest."""
    inode = _inode(end, other_end, proc)
    return None if inode is None else min(_holders(f"socket:[{inode}]", proc), default=None)


def _inode(end: Address, other_end: Address, proc: Path) -> str | None:
    wanted = [_as_listed(end), _as_listed(other_end)]
    for row in _rows(proc / "net" / "tcp"):
        if [row[_LOCAL], row[_REMOTE]] == wanted:
            return row[_INODE]
    return None


def _rows(table: Path) -> list[list[str]]:
    try:
        return [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return []


def _as_listed(address: Address) -> str:
    """``0100007F:1F90`` for 127.0.0.1:8080: the kernel prints the address as the number it has in memory."""
    host, port = address
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"


def _holders(link: str, proc: Path) -> Iterator[int]:
    for entry in proc.iterdir():
        if entry.name.isdigit() and link in _open_files(entry / "fd"):
            yield int(entry.name)


def _open_files(folder: Path) -> set[str]:
    """What the descriptors of a process are; those of another user's process cannot be seen."""
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in folder.iterdir():
            with contextlib.suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found
