"""``python -m reconciler.sandbox FILE METHOD PATH [JSON] [--airflow 2|3]``: a call, as from Airflow's UI."""

import argparse
import json
import sys
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl

from reconciler.backends import Method, NotJson, Request, Response
from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import Emulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Send the call, print the answer's body as JSON; 1 for a refusal or a state that cannot be used."""
    options = _parser().parse_args(arguments)
    emulator = Emulator(options.file, Emulator.newest(options.airflow), user=options.user)
    try:
        response = emulator.send(_request(options.method, options.path, options.body))
    except ReconcilerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(_shown(response))
    return int(response.status >= HTTPStatus.BAD_REQUEST)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reconciler.sandbox", description="Change something in a sandbox, as a person would."
    )
    parser.add_argument("file", type=Path, help="the sandbox's state file")
    parser.add_argument("method", type=str.upper, choices=("GET", "POST", "PATCH", "DELETE"))
    parser.add_argument("path", help="such as /variables/a%%2Fb or /pools?limit=5")
    parser.add_argument("body", nargs="?", type=_json, metavar="JSON", help="the request's body")
    parser.add_argument(
        "--airflow", type=int, choices=(2, 3), default=3, help="the major version (default 3)"
    )
    parser.add_argument(
        "--as", dest="user", default="operator", metavar="NAME", help="who does it (default operator)"
    )
    return parser


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error


def _request(method: str, path: str, body: Any) -> Request:
    path, _, query = path.partition("?")
    repeated: dict[str, tuple[str, ...]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        repeated[name] = (*repeated.get(name, ()), value)
    return Request(cast("Method", method), path, repeated, body)


def _shown(response: Response) -> str:
    if response.body is None:
        return ""
    body = response.body.excerpt if isinstance(response.body, NotJson) else response.body
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main())
