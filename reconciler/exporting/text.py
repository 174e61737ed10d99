"""Documents as YAML that all readers read alike: block style, and quotes wherever there could be a doubt."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.model import Secret

PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+-]*( [A-Za-z0-9_.,/@+()-]+)*\Z")
"""What needs no quotes, unless it is one of the words below."""
WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
"""What YAML 1.2 or 1.1 reads as something else than text, in any case."""
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
INDENT = "  "


def dump(document: Mapping[str, Any]) -> str:
    """The YAML of a mapping of mappings, lists, JSON's leaves and secret references."""
    lines = _block(document, "") if document else ["{}"]
    return "".join(f"{line}\n" for line in lines)


def block(value: Any, pad: str) -> list[str]:
    """The lines of a mapping or a list that holds something, all of them after ``pad``."""
    return [*_block(value, pad)]


def entry(name: str, value: Any, pad: str) -> list[str]:
    """The lines of one member of a mapping."""
    return [*_item(f"{pad}{_text(name)}:", value, pad)]


def item(value: Any, pad: str) -> list[str]:
    """The lines of one item of a list."""
    return [*_entry(value, pad)]


def verbatim(text: str, pad: str) -> list[str] | None:
    """The lines of a text as a literal block, its mark the first; ``None`` where it cannot be one."""
    return [*_item("", text, pad)] if _is_verbatim(text) else None


def flow(value: Any) -> str:
    """A value on one line, whatever it holds; it can stand in a flow collection too."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(flow_entry(name, item) for name, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    return double_quoted(value) if isinstance(value, str) and "," in value else _scalar(value)


def flow_entry(name: str, value: Any) -> str:
    """One member of a mapping in flow style."""
    return f"{flow(name)}: {flow(value)}"


def visible(text: str) -> str:
    """``text`` with all that cannot be seen spelled as YAML's escapes, so that it is one line."""
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    return character if character.isprintable() else ESCAPES.get(character) or _escape(ord(character))


def _escape(code: int) -> str:
    if code < 0x100:  # noqa: PLR2004 - a byte
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - two bytes


def _block(value: Any, pad: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _item(f"{pad}{_text(name)}:", item, pad)
    else:
        for item in value:
            yield from _entry(item, pad)


def _item(head: str, value: Any, pad: str) -> Iterator[str]:
    """A value after ``head``, on the same line if it is a scalar."""
    if _is_block(value):
        yield head
        yield from _block(value, pad + INDENT)
    elif isinstance(value, str) and _is_verbatim(value):
        yield f"{head} {'|' if value.endswith(chr(10)) else '|-'}"
        yield from (line and f"{pad}{INDENT}{line}" for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{head} {_scalar(value)}"


def _entry(value: Any, pad: str) -> Iterator[str]:
    """An item of a list, whose own first line follows the dash."""
    if _is_block(value):
        first, *others = _block(value, pad + INDENT)
        yield f"{pad}- {first.removeprefix(pad + INDENT)}"
        yield from others
    else:
        yield from _item(f"{pad}-", value, pad)


def _is_block(value: Any) -> bool:
    return isinstance(value, Mapping | list) and bool(value)


def _is_verbatim(text: str) -> bool:
    """Whether a text of several lines can stand as it is: no reader may trim or misread any of them."""
    lines = text.removesuffix("\n").split("\n")
    plain = all(line.isprintable() and not line.endswith(" ") for line in lines)
    return "\n" in text and plain and bool(lines[0]) and bool(lines[-1]) and not lines[0].startswith(" ")


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Secret):
        return f"{{$secret: {double_quoted(value.ref)}}}"
    if isinstance(value, bool | None):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return str(value)
    return "{}" if isinstance(value, Mapping) else "[]"


def _float(number: float) -> str:
    """With a point in it: to YAML 1.1 ``1e+16`` is text."""
    text = repr(number)
    return text if "." in text else text.replace("e", ".0e")


def _text(text: str) -> str:
    return text if PLAIN.match(text) and text.casefold() not in WORDS else double_quoted(text)


def double_quoted(text: str) -> str:
    """A text in double quotes."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(ESCAPES.get(character) or _visible(character) for character in text)}"'
