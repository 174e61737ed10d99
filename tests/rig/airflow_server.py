"""A real Airflow's web server, started for as long as it is needed."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import urllib3

from tests.rig.install import PASSWORD, USERNAME, Installed, database_with_dags, installed
from tests.rig.versions import RELEASES

T = TypeVar("T")

START_TIMEOUT = 120.0
"""Seconds until a server has to answer; about five are usual."""

STOP_TIMEOUT = 10.0
"""Seconds between SIGTERM and SIGKILL."""

POLL = 0.1
FRESH = """
    DELETE FROM variable; DELETE FROM connection; DELETE FROM slot_pool; DELETE FROM log;
    INSERT INTO slot_pool (pool, slots, description, include_deferred)
    VALUES ('default_pool', 128, 'Default pool', 0);
    DELETE FROM task_instance; DELETE FROM dag_run; UPDATE dag SET is_paused = dag_id = 'paused';
    DELETE FROM dagrun_{0}_event; DELETE FROM {0}_dag_run_queue; DELETE FROM {0}_event;
"""
ASSETS = {2: "dataset", 3: "asset"}
"""What the tables about them are called in each major version."""


@dataclass(frozen=True)
class Server:
    """A running Airflow."""

    version: str
    root_url: str
    api_prefix: str
    username: str | None
    password: str | None
    database: Path = field(repr=False)

    @property
    def api_url(self) -> str:
        """Where the REST API begins, without a slash at the end."""
        return self.root_url + self.api_prefix

    def reset(self) -> None:
        """Back to how Airflow is after its installation.

        It goes past the API, which cannot address every object that it can create (a variable called
        ``/a`` on Airflow 2), nor restore the description of ``default_pool`` on Airflow 3.
        """
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            fresh = FRESH.format(ASSETS[int(self.version.partition(".")[0])])
            connection.executescript(f"BEGIN IMMEDIATE; {fresh} COMMIT;")


@contextmanager
def running(version: str) -> Iterator[Server]:
    """A server of that version, installed first if need be; raises RuntimeError with the end of its log."""
    made = installed(RELEASES[version])
    with _home(version) as home:
        shutil.copy(database_with_dags(made), home / "airflow.db")
        with _process(made, home, made.environ(home), _free_port()) as server:
            yield server


@contextmanager
def scheduling(version: str, dags: Path) -> Iterator[Server]:
    """The same with a scheduler, which parses what is in ``dags`` and runs it, none of it paused."""
    made, port = installed(RELEASES[version]), _free_port()
    with _home(version) as home:
        shutil.copy(made.database, home / "airflow.db")
        shutil.copytree(dags, home / "dags")
        environ = {**made.environ(home, home / "dags"), **HURRIED}
        environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] = f"http://127.0.0.1:{port}/execution/"
        others = ("scheduler",) if made.release.major == 2 else ("scheduler", "dag-processor")
        with _process(made, home, environ, port) as server, ExitStack() as stack:
            for name in others:
                command = [str(made.binaries / "airflow"), name]
                stack.enter_context(_started(command, environ, home, home / f"{name}.log"))
            yield server


HURRIED = {
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__PARALLELISM": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "1",
}


@contextmanager
def _home(version: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(
        prefix=f"airflow-{version}-", dir=_fast_folder(), ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


class OneAtATime:
    """Keeps the server that was asked for last; a version that did not start is not tried again."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._current: Server | None = None
        self._failed: dict[str, RuntimeError] = {}

    def server(self, version: str) -> Server:
        """The running server of ``version``; raises RuntimeError where it does not start."""
        if version in self._failed:
            raise self._failed[version]
        if self._current is None or self._current.version != version:
            self._current = self._started(version)
        return self._current

    def _started(self, version: str) -> Server:
        self.close()
        try:
            return self._stack.enter_context(running(version))
        except RuntimeError as error:
            self._failed[version] = error
            raise

    def close(self) -> None:
        """Stops whatever runs."""
        self._current = None
        self._stack.close()


def _fast_folder() -> str | None:
    """Memory where there is a file system of it: SQLite waits for the disk at every write."""
    memory = "/dev/shm"
    return memory if os.access(memory, os.W_OK) else None


@contextmanager
def _process(made: Installed, home: Path, environ: Mapping[str, str], port: int) -> Iterator[Server]:
    log = home / "server.log"
    with _started(_command(made, port), environ, home, log) as process:
        server = _server(made, home, port)
        _await_answer(server, process, log)
        yield server


@contextmanager
def _started(
    command: list[str], environ: Mapping[str, str], home: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=dict(environ),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a process group of its own, so that its workers end with it
        )
    try:
        yield process
    finally:
        _stop(process)


def _command(made: Installed, port: int) -> list[str]:
    airflow = str(made.binaries / "airflow")
    if made.release.major == 2:
        return [airflow, "webserver", "--workers", "1", "--hostname", "127.0.0.1", "--port", str(port)]
    return [airflow, "api-server", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)]


def _server(made: Installed, home: Path, port: int) -> Server:
    old = made.release.major == 2
    return Server(
        made.release.version,
        f"http://127.0.0.1:{port}",
        "/api/v1" if old else "/api/v2",
        USERNAME if old else None,
        PASSWORD if old else None,
        home / "airflow.db",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(look: Callable[[], T | None], what: str, seconds: float = START_TIMEOUT) -> T:
    """The first thing that ``look`` gives; raises RuntimeError where it gives none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(POLL)
    raise RuntimeError(f"{what} did not come in {seconds:.0f} seconds")


def _await_answer(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    with urllib3.PoolManager(retries=False, timeout=5) as pool:
        while _answered_version(pool, server) != server.version:
            if process.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(errors="replace")[-4000:]
                raise RuntimeError(f"Airflow {server.version} does not answer; its log ends in:\n{tail}")
            time.sleep(POLL)


def _answered_version(pool: urllib3.PoolManager, server: Server) -> str | None:
    try:
        answer = pool.request("GET", f"{server.api_url}/version")
        version: str | None = answer.json().get("version")
    except (urllib3.exceptions.HTTPError, ValueError):
        return None
    return version


def _stop(process: subprocess.Popen[bytes]) -> None:
    _signal(process, signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal(process, signal.SIGKILL)  # whatever of the group outlived its leader
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
