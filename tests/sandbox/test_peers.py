import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox.peers import PROC, Address, kill_peer, pid_of

pytestmark = pytest.mark.skipif(not PROC.joinpath("net", "tcp").exists(), reason="needs Linux's /proc")

CLIENT = "import socket, sys; c = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); c.recv(1)"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


def ends(accepted: socket.socket) -> tuple[Address, Address]:
    return accepted.getpeername(), accepted.getsockname()


def test_the_process_at_the_other_end_is_found_and_killed(listener: socket.socket) -> None:
    command = [sys.executable, "-c", CLIENT, str(listener.getsockname()[1])]
    with subprocess.Popen(command) as client:
        accepted, _ = listener.accept()
        with accepted:
            assert pid_of(*ends(accepted)) == client.pid
            assert kill_peer(*ends(accepted))
        assert client.wait(20) == -9


def test_this_process_is_found_and_never_killed(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        assert pid_of(*ends(accepted)) == os.getpid()
        assert not kill_peer(*ends(accepted))


def test_a_connection_that_is_none_has_no_process(listener: socket.socket) -> None:
    here = listener.getsockname()

    assert pid_of((here[0], 1), here) is None
    assert not kill_peer((here[0], 1), here)


def test_without_proc_nobody_is_found(tmp_path: Path) -> None:
    assert pid_of(("127.0.0.1", 1), ("127.0.0.1", 2), tmp_path) is None


def test_a_socket_that_no_process_shows_is_nobodys(tmp_path: Path, listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        tmp_path.joinpath("net").mkdir()
        tmp_path.joinpath("net", "tcp").write_text(PROC.joinpath("net", "tcp").read_text())
        tmp_path.joinpath("7").mkdir()

        assert pid_of(*ends(accepted), tmp_path) is None
