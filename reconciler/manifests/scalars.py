"""What a plain (unquoted) scalar means: YAML 1.2's core schema, less what other versions read otherwise."""

import math
import re

WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
"""Plain scalars that are no text."""
NUMERIC = frozenset("+-.0123456789")
"""How a number begins, or what another reader of YAML takes for one."""
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
AMBIGUOUS = re.compile(
    r"""
      [-+]?0[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?      # 0777: octal in YAML 1.1, decimal in 1.2
    | [-+]?0[oO][0-7]+ | [-+]?0[xX][0-9a-fA-F_]+     # 0o17, 0x1f
    | [-+]?0[bB][01_]+                               # 0b11: binary in YAML 1.1
    | [-+]?[0-9][0-9]*_[0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?   # 1_000
    | [-+]?[0-9]*\.[0-9]+_[0-9_]*([eE][-+]?[0-9]+)? | [-+]?[0-9]+\._[0-9_]*   # 1.000_1
    | [-+]?[1-9][0-9_]*(:[0-5]?[0-9])+               # 12:30: sexagesimal in YAML 1.1
    | [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*      # 8:30.5
    | [-+]?\.(inf|Inf|INF) | \.(nan|NaN|NAN)
    """,
    re.VERBOSE,
)
LONGEST_NUMBER = 1000
"""Digits; Python itself refuses to read more than 4,300."""


class AmbiguousScalarError(ValueError):
    """A scalar that another version of YAML, or the JSON it is stored as, would read differently."""


def is_word(text: str) -> bool:
    """Whether ``text`` is, at a glance, just text: what most keys and ids are."""
    return text.isidentifier() and text.isascii() and text not in WORDS


def resolve(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar; raises AmbiguousScalarError where readers of YAML disagree."""
    if text[:1] not in NUMERIC:
        return WORDS.get(text, text)
    if text.isdecimal() and text.isascii() and text[0] != "0" and len(text) <= LONGEST_NUMBER:
        return int(text)
    if len(text) > LONGEST_NUMBER:
        return _no_number(text)
    if AMBIGUOUS.fullmatch(text):
        raise AmbiguousScalarError
    if INTEGER.match(text):
        return int(text)
    if FLOAT.match(text):
        return _finite(text)
    return text


def _no_number(text: str) -> str:
    if FLOAT.match(text):
        raise AmbiguousScalarError
    return text


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise AmbiguousScalarError
    return number
