"""One door for all text: known secrets are scrubbed, and nothing in it can command a terminal or a CI."""

import base64
import html
import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

import click

from reconciler.secrets import Secrets

SHORTEST_SCRUBBED = 6
"""Characters; shorter secrets would eat harmless text, and no output is built from secrets anyway."""

COLOURS = {"+": "green", "~": "yellow", "-": "red", "-/+": "red", "?": "cyan", "!": "red"}
WORKFLOW_COMMAND = re.compile(r"^(\s*)(::|##\[)", re.MULTILINE)


def forms(secret: str) -> Iterator[str]:
    """The spellings in which a secret may turn up in a text."""
    for text in {secret, *secret.splitlines()}:
        if len(text) >= SHORTEST_SCRUBBED:
            yield from (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
            yield from (
                quote(text),
                quote(text, safe=""),
                quote_plus(text),
                html.escape(text),
                repr(text)[1:-1],
            )
            yield from (base64.b64encode(text.encode()).decode(), text.encode().hex())


def neutral(text: str) -> str:
    """``text`` with invisible and controlling characters spelled out, and CI commands broken."""
    visible = "".join(character if _is_plain(character) else _escaped(character) for character in text)
    return WORKFLOW_COMMAND.sub(lambda match: match[1] + " ".join(match[2]), visible)


def _is_plain(character: str) -> bool:
    return character == "\n" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - a byte


class Output:
    """Where results (stdout) and everything else (stderr) go."""

    def __init__(self, secrets: Secrets, *, colour: bool) -> None:
        self._secrets = secrets
        self._colour = colour
        self._ticking = False

    def clean(self, text: str) -> str:
        """``text`` as it may be shown."""
        for secret in self._secrets.known():
            text = secret.erased_from(text, forms)
        return neutral(text)

    def clean_tree(self, value: Any) -> Any:
        """A JSON document with secrets scrubbed from its texts; JSON escapes the rest itself."""
        if isinstance(value, str):
            for secret in self._secrets.known():
                value = secret.erased_from(value, forms)
            return value
        if isinstance(value, dict):
            return {name: self.clean_tree(item) for name, item in value.items()}
        return [self.clean_tree(item) for item in value] if isinstance(value, list) else value

    def result(self, text: str) -> None:
        """Results go to stdout."""
        self._write(sys.stdout, self.clean(text))

    def document(self, document: dict[str, Any]) -> None:
        """A machine-readable result goes to stdout."""
        self._write(sys.stdout, as_json(self.clean_tree(document)))

    def note(self, text: str) -> None:
        """Everything else goes to stderr."""
        self._write(sys.stderr, self.clean(text) + "\n")

    def log(self, event: str) -> None:
        """A JSON event a line, on stderr."""
        self._write(sys.stderr, event + "\n")

    def tick(self, text: str) -> None:
        """A passing line on stderr that the next one overwrites."""
        sys.stderr.write(f"\r\x1b[K{self.clean(text)}")
        sys.stderr.flush()
        self._ticking = True

    def end_ticks(self) -> None:
        """Wipes the passing line away."""
        if self._ticking:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._ticking = False

    def _write(self, stream: TextIO, text: str) -> None:
        self.end_ticks()
        shown = coloured(text) if self._colour and stream.isatty() else text
        stream.write(shown)
        stream.flush()


def as_json(document: dict[str, Any]) -> str:
    """A document for machines: ASCII, so that nothing in it can command a terminal."""
    return json.dumps(document, indent=2) + "\n"


def coloured(text: str) -> str:
    """Each line in the colour of the mark it starts with."""
    return "".join(_coloured_line(line) for line in text.splitlines(keepends=True))


def _coloured_line(line: str) -> str:
    mark = line.split(" ", 3)[2] if line.startswith("  ") and not line.startswith("   ") else ""
    return click.style(line, fg=COLOURS[mark]) if mark in COLOURS else line
