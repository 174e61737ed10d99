"""``python -m tests.rig install [VERSION...]``, ``... serve VERSION`` and ``... schemas``."""

import argparse
import signal
import sys
import time

from tests.rig.airflow_server import running
from tests.rig.install import installed
from tests.rig.published import fetch
from tests.rig.versions import RELEASES


def _install(versions: list[str]) -> None:
    for version in versions or RELEASES:
        start = time.monotonic()
        made = installed(RELEASES[version])
        sys.stdout.write(f"{version}  {made.folder}  {time.monotonic() - start:.1f} s\n")
        sys.stdout.flush()


def _serve(version: str) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that a kill stops the server too
    with running(version) as server:
        login = f"  {server.username}:{server.password}" if server.username else ""
        sys.stdout.write(f"{server.api_url}{login}\nCtrl-C stops it.\n")
        sys.stdout.flush()
        signal.pause()


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.rig", description="Real Airflow for tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    install = commands.add_parser("install", help="install versions, all by default")
    install.add_argument("versions", nargs="*", metavar="VERSION")
    commands.add_parser("schemas", help="fetch the published schema that no installed package has")
    serve = commands.add_parser("serve", help="start one and print its address")
    serve.add_argument("version", choices=RELEASES)
    asked = parser.parse_args()
    try:
        if asked.command == "install":
            _install(asked.versions)
        elif asked.command == "schemas":
            sys.stdout.write(f"{fetch()}\n")
        else:
            _serve(asked.version)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
