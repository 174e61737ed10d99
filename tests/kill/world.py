"""The real program as a process of its own, with all it talks to on this machine."""

import contextlib
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml

from reconciler.backends import Backend
from reconciler.cli.main import run
from reconciler.ledger import Ledger
from reconciler.ledger_document import parse
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.sigv4 import AccessKey
from reconciler.sandbox.store import read_state
from tests.aws import support
from tests.e2e.tool import Ran
from tests.e2e.worlds import FAST, Recording
from tests.gateway.support import running
from tests.kill.wires import Deal, Wires, passed, strung

PROGRAM = Path(sys.executable).with_name("reconciler")
TARGET = "mwaa://eu-west-1/airflow"
KEY = "airflow/prod.json"
"""The object that is the ledger."""

HANGS = 120
"""Seconds after which a run that should have ended long ago fails the test."""

Rows = dict[str, dict[str, Any]]


@dataclass
class World:
    """One environment folder, its Airflow, its AWS, and everything that the program has said so far."""

    folder: Path
    wires: Wires
    airflow: Recording
    version: str
    bucket: str
    keys: dict[str, AccessKey]
    """The access keys that the gateway takes beside those that are their own secret."""
    variables: dict[str, str]
    """The process environment of the program."""
    canaries: list[str] = field(default_factory=list)
    """Secrets that nothing may ever show."""
    file: Path | None = None
    """The ledger, where it is no object in the bucket."""
    process: "subprocess.Popen[str] | None" = None
    _starting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def state(self) -> Path:
        """Airflow's database."""
        return self.folder.with_name("state.json")

    def configure(self, **settings: Any) -> None:
        """The environment's own file."""
        self.folder.mkdir(exist_ok=True)
        settings = {"name": "prod", "target": TARGET, "rate_limit": FAST, **settings}
        (self.folder / "environment.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))

    def declare(self, manifest: Mapping[str, Any]) -> None:
        """The manifest, as a whole."""
        (self.folder / "manifest.yaml").write_text(yaml.safe_dump(dict(manifest), sort_keys=False))

    def keep_in_a_file(self) -> None:
        """Another place for the ledger, and no key for fingerprints but the one that lies beside it."""
        self.file = self.folder.with_name("ledgers") / "prod.json"
        self.configure(ledger="file:../ledgers/prod.json")

    def restart(self) -> None:
        """Another Airflow process on the same database."""
        self.airflow.backend = Emulator(self.state, self.version)
        self.airflow.forget()

    def __call__(self, command: str, *arguments: str, deal: Deal = passed) -> Ran:
        """One command on the environment, from its start to its end."""
        return self.ran([str(PROGRAM), command, str(self.folder), *arguments], deal)

    def apply(self, *arguments: str, deal: Deal = passed) -> Ran:
        """An apply that nobody has to confirm."""
        return self("apply", "--yes", *arguments, deal=deal)

    def ran(self, command: list[str], deal: Deal = passed) -> Ran:
        """Any command, as it was typed."""
        self.wires.begin(deal)
        with self._starting:
            self.process = self.started(command)
        return self.ended(self.process)

    def here(self, command: str, *arguments: str) -> Ran:
        """One command in this process, which takes a fraction of the time."""
        self.wires.begin(passed)
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.variables, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = run([command, str(self.folder), *arguments])
        self.check_hidden(out.getvalue() + err.getvalue())
        return Ran(code, out.getvalue(), err.getvalue())

    def started(self, command: list[str], stderr: int = subprocess.PIPE) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def ended(self, process: "subprocess.Popen[str]") -> Ran:
        """What a process has said when it has ended; secrets in it fail the test."""
        try:
            out, err = process.communicate(timeout=HANGS)
        finally:
            process.kill()
        err = err or ""  # it may have gone elsewhere
        self.check_hidden(out + err)
        assert "Traceback" not in err, err
        return Ran(process.returncode, out, err)

    def check_hidden(self, text: str) -> None:
        found = [canary for canary in self.canaries if canary in text]
        assert not found, f"{found} in {text}"

    def signal(self, number: signal.Signals) -> None:
        """Sends the running program a signal."""
        with self._starting:
            assert self.process is not None
            self.process.send_signal(number)

    def wait(self) -> None:
        """Until the running program has ended."""
        with self._starting:
            assert self.process is not None
        self.process.wait(HANGS)

    def rows(self) -> Rows:
        """What Airflow holds, secrets in clear."""
        return {name: dict(table) for name, table in read_state(self.state).items()}

    def kept(self) -> bytes | None:
        """The ledger as it is kept; ``None`` where there is none yet."""
        if self.file is not None:
            return self.file.read_bytes() if self.file.exists() else None
        with support.client("s3") as s3:
            found = s3.list_objects_v2(Bucket=self.bucket, Prefix=KEY).get("KeyCount")
            return bytes(s3.get_object(Bucket=self.bucket, Key=KEY)["Body"].read()) if found else None

    def keep(self, content: bytes) -> None:
        """Puts a ledger where the program looks for it."""
        if self.file is not None:
            self.file.write_bytes(content)
            return
        with support.client("s3") as s3:
            s3.put_object(Bucket=self.bucket, Key=KEY, Body=content)

    def ledger(self) -> Ledger:
        content = self.kept()
        assert content is not None
        self.check_hidden(content.decode())
        return parse(content.decode(), KEY)


def unlocking(ran: Ran) -> list[str]:
    """The command that a refused run has printed, as a shell takes it apart."""
    assert ran.code == 3, ran
    command = ran.err.partition("if that run is dead: ")[2].partition("; nothing was written")[0]
    assert command.startswith("reconciler ledger unlock "), ran.err
    return shlex.split(command)


@contextlib.contextmanager
def opened(
    folder: Path, major: int, aws: str, monkeypatch: pytest.MonkeyPatch, backend: Backend | None = None
) -> Iterator[World]:
    """A world of its own below ``folder``; the test's own boto3 reaches AWS past the wires."""
    support.use(monkeypatch, aws)
    version = Emulator.newest(major)
    environment = folder / "prod env"
    keys: dict[str, AccessKey] = {}
    airflow = Recording(backend or Emulator(folder / "state.json", version))
    with running(airflow, credentials=keys) as gateway, strung(gateway, aws) as wires:
        bucket = support.bucket()
        world = World(environment, wires, airflow, version, bucket, keys, _variables(wires))
        world.configure(ledger=f"s3://{bucket}/{KEY}", fingerprint_key={"$secret": "env:FINGERPRINT_KEY"})
        yield world


def _variables(wires: Wires) -> dict[str, str]:
    """No HOME and nothing of this machine's: what a bare container has."""
    return {
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": wires.aws,
        "AWS_ENDPOINT_URL_MWAA": wires.airflow,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "NO_PROXY": "127.0.0.1",
        "FINGERPRINT_KEY": "canary-fingerprint-key-0b1c",
    }


def told(ran: Ran) -> Any:
    """The environment in the JSON that a run has printed."""
    return json.loads(ran.out)["environments"][0]
