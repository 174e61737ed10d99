"""Airflow in a virtual environment of its own, with a migrated database beside it, made once and cached."""

import base64
import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rig.versions import PYTHON, Release

USERNAME = PASSWORD = "admin"
RECIPE = 1
"""Counts changes of this module that make older caches unusable."""

FERNET_KEY = base64.urlsafe_b64encode(hashlib.sha256(b"a key for tests").digest()).decode()
DAGS = Path(__file__).with_name("dags")
"""The DAGs of every server that runs no scheduler."""

STEP_TIMEOUT = 900
"""Seconds that one step of an installation may take, a slow package index included."""


@dataclass(frozen=True)
class Installed:
    """A complete installation: immutable, shared by every server of that version."""

    release: Release
    folder: Path

    @property
    def binaries(self) -> Path:
        return self.folder / "venv" / "bin"

    @property
    def database(self) -> Path:
        """A migrated SQLite database with its administrator, to be copied."""
        return self.folder / "template" / "airflow.db"

    @property
    def marker(self) -> Path:
        return self.folder / ".complete"

    def environ(self, home: Path, dags: Path = DAGS) -> dict[str, str]:
        """The process environment for an Airflow whose files are in ``home``."""
        return _clean(os.environ) | {
            "PATH": f"{self.binaries}{os.pathsep}{os.environ.get('PATH', '')}",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__FERNET_KEY": FERNET_KEY,
            "AIRFLOW__API__SECRET_KEY": "for tests",
            "AIRFLOW__WEBSERVER__SECRET_KEY": "for tests",
            **_AUTH[self.release.major],
        }


_AUTH = {
    2: {
        "AIRFLOW__API__AUTH_BACKENDS": (
            "airflow.api.auth.backend.basic_auth,airflow.api.auth.backend.session"
        ),
    },
    3: {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API_AUTH__JWT_SECRET": "for tests only, but as long as its algorithm wants: 64 characters",
    },
}


def _clean(environ: Mapping[str, str]) -> dict[str, str]:
    foreign = ("AIRFLOW", "PYTHON", "COV_", "COVERAGE", "PYTEST")
    return {name: value for name, value in environ.items() if not name.startswith(foreign)}


def installed(release: Release) -> Installed:
    """The installation of ``release``, made now if it is missing or was cut short."""
    name = f"{release.version}-{release.digest}-{RECIPE}"
    made = Installed(release, _cache() / name)
    with locked(_cache() / f"{name}.lock"):
        if not made.marker.exists():
            _make(made)
    return made


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "reconciler" / "airflow"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the kernel releases it however this process ends
        yield


def _make(made: Installed) -> None:
    shutil.rmtree(made.folder, ignore_errors=True)
    _make_venv(made)
    _make_database(made)
    made.marker.touch()


def _make_venv(made: Installed) -> None:
    venv, release = str(made.folder / "venv"), made.release
    options = ["--quiet", "--no-python-downloads", "--python"]
    run([uv(), "venv", *options, _python(), venv], os.environ)
    pins = ["--exclude-newer", release.exclude_newer, *release.requirements]
    run([uv(), "pip", "install", *options, venv, *pins], os.environ)


def _python() -> str:
    here = "{}.{}".format(*sys.version_info)
    return sys.executable if here == PYTHON else PYTHON


def uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise RuntimeError(f"uv is neither beside {sys.executable} nor on PATH; run make setup")
    return found


def _make_database(made: Installed) -> None:
    home = made.database.parent
    home.mkdir()
    environ, airflow = made.environ(home), str(made.binaries / "airflow")
    run([airflow, "db", "migrate"], environ)
    if made.release.major == 2:
        names = ["--firstname", "a", "--lastname", "b", "--email", "a@example.org"]
        login = ["--username", USERNAME, "--password", PASSWORD, "--role", "Admin"]
        run([airflow, "users", "create", *login, *names], environ)
        _cheapen_password(made.database)


def _cheapen_password(database: Path) -> None:
    """One round of PBKDF2 in place of hundreds of thousands, which every request would pay for."""
    digest = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"salt", 1).hex()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE ab_user SET password = ?", (f"pbkdf2:sha256:1$salt${digest}",))


def database_with_dags(made: Installed) -> Path:
    """The database to be copied in which ``DAGS`` have been parsed; made once for each state of them."""
    content = b"".join(file.read_bytes() for file in sorted(DAGS.glob("*.py")))
    home = made.folder / f"dags-{hashlib.sha256(content).hexdigest()[:12]}"
    with locked(made.folder.with_name(f"{made.folder.name}.dags.lock")):
        if not (home / ".complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            shutil.copy(made.database, home / "airflow.db")
            run([str(made.binaries / "airflow"), "dags", "reserialize"], made.environ(home))
            (home / ".complete").touch()
    return home / "airflow.db"


def run(command: list[str], environ: Mapping[str, str]) -> None:
    done = subprocess.run(
        command,
        env=dict(environ),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=STEP_TIMEOUT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended in {done.returncode}:\n{done.stdout[-4000:]}")
