"""Texts from elsewhere, made so that they show what they hold and no more of it than there is room for."""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Categories of characters that control, turn around or are not seen."""


def visible(text: str) -> str:
    """``text`` with invisible and controlling characters spelled out, lines aside."""
    return text if text.isprintable() else "".join(piece for piece, _ in pieces(text))


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The same piece by piece, each with whether it is spelled out."""
    for plain, group in groupby(text, lambda one: one == "\n" or _is_plain(one)):
        yield "".join(one if plain else _spelled(one) for one in group), not plain


def clipped(text: str, longest: int) -> str:
    """``text``, or so much of it as fits, with a mark at its end."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def one_line(text: str) -> str:
    """``text`` on one line, all of it visible."""
    return visible(text).replace("\n", "\\n")


def moment(when: str) -> str:
    """A time in UTC, to the second; as it is where it is no time."""
    try:
        return f"{datetime.fromisoformat(when).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return when


def many(number: int, noun: str) -> str:
    """A number of things, such as ``1,640 changes``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _is_plain(character: str) -> bool:
    return unicodedata.category(character) not in UNSEEN and not _is_no_character(ord(character))


def _is_no_character(code: int) -> bool:
    """Whether Unicode promises never to give it a meaning, and markup forbids it."""
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # noqa: PLR2004 - Unicode's own numbers


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - a byte
