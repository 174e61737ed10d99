"""A shell that goes through a page from top to bottom, in a folder of its own."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.docs.pages import ROOT

MOMENTS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
PORTS = re.compile(r"\b8080\b")

STAND_INS = {
    re.compile(r"make (?P<target>[a-z]+)"): "make --dry-run --directory {root} {target}",
    re.compile(r"git clone .*"): "true",
    re.compile(
        r"(python -m )?\S*pip install (--quiet )?(?P<what>.*)"
    ): "{python} -m tests.docs.installable {what}",
    re.compile(r"aws (?P<call>.*)", re.DOTALL): "{python} -m tests.docs.aws_cli {call}",
    re.compile(r"pytest (?P<what>tests/\w+)"): "test -d {root}/{what}",
    re.compile(r"(?P<variables>[A-Z_]+=\w+) pytest (?P<what>tests/\w+)"): "test -d {root}/{what}",
}
"""What is not done once more inside of the tests, and what stands for it: that it could be."""

WRAP = """
[ -e "$STATE" ] && . "$STATE"
cd "$(cat "$PLACE")"
(exit "$CODE")
{command}
code=$?
export -p | grep -v ' \\(CODE\\|STATE\\|PLACE\\)=' >"$STATE"
pwd >"$PLACE"
exit $code
"""


@dataclass
class Shell:
    """Runs commands one after the other; variables, folder and exit code pass on to the next one."""

    folder: Path
    environment: dict[str, str]
    port: int
    code: int = 0
    servers: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._state, self._place = self.folder / ".state", self.folder / ".place"
        self.work = self.folder / "work"
        for name in ("examples", "schemas"):
            shutil.copytree(
                ROOT / name, self.work / name, ignore=shutil.ignore_patterns("*.json.key", "ledger*")
            )
        self._place.write_text(str(self.work))

    def run(self, typed: str) -> str:
        """What a command prints, whichever stream it chooses; ``code`` is how it ended."""
        if typed.startswith("reconciler gateway"):
            return self._serve(typed)
        done = subprocess.run(
            ["/bin/bash", "-c", WRAP.format(command=self._stood_in(self._placed(typed)))],
            env={**self.environment, **self._memory},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
            check=False,
        )  # fmt: skip
        self.code = done.returncode
        return self._told(done.stdout)

    @property
    def _memory(self) -> dict[str, str]:
        return {"STATE": str(self._state), "PLACE": str(self._place), "CODE": str(self.code)}

    def _placed(self, typed: str) -> str:
        return PORTS.sub(str(self.port), typed)

    def _told(self, printed: str) -> str:
        printed = MOMENTS.sub("2026-11-25 09:41:07 UTC", printed)
        return re.sub(rf"\b{self.port}\b", "8080", printed).replace(str(self.work) + "/", "")

    def _stood_in(self, typed: str) -> str:
        for pattern, stand_in in STAND_INS.items():
            found = pattern.fullmatch(typed.partition(" #")[0].strip())
            if found:
                return stand_in.format(root=ROOT, python=sys.executable, **found.groupdict())
        return typed

    def _serve(self, typed: str) -> str:
        """A server's first words; it ends with the page."""
        self._stop_servers()
        command = self._placed(typed)
        command = command if "--port" in command else f"{command} --port {self.port}"
        server = subprocess.Popen(
            ["/bin/bash", "-c", f"exec {command}"],
            env=self.environment,
            cwd=self._place.read_text().strip(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.servers.append(server)
        return self._told("".join(self._greeting(server.stdout)))

    @staticmethod
    def _greeting(stream: IO[str] | None) -> list[str]:
        lines = []
        for line in stream or ():
            lines.append(line)
            if line.startswith("export NO_PROXY"):
                break
        return lines

    def _stop_servers(self) -> None:
        while self.servers:
            server = self.servers.pop()
            server.terminate()
            server.wait(20)
            if server.stdout:
                server.stdout.close()

    def close(self) -> None:
        """Ends what still runs."""
        self._stop_servers()

    def write(self, name: str, text: str) -> None:
        """A file that the page asks for, below the folder where its reader is."""
        path = Path(self._place.read_text().strip()) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def environment_of(folder: Path) -> dict[str, str]:
    """A user's environment, without anything of this machine's that could leak in."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST", "COV"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return {**kept, "PATH": path, "HOME": str(folder), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}


def is_like(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; a line ``...`` stands for any number of lines."""
    parts = [re.escape(part) for part in re.split(r"(?m)^\.\.\.\n", shown)]
    return re.fullmatch("(?:.*\n)*?".join(parts), printed) is not None


def first_difference(shown: str, printed: str) -> str:
    """Both texts, for a person who has to see what differs."""
    with contextlib.suppress(UnicodeError):
        return f"the page shows\n{shown}\nand this was printed\n{printed}"
    return "the page shows something else"
