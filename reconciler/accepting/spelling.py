"""A new value in the style of the one whose place it takes."""

from dataclasses import dataclass
from typing import Any

import yaml

from reconciler.exporting import double_quoted, flow, verbatim

INDENT = 2
"""What a literal block adds to what it is given."""


def is_collection(value: Any, sort: type[Any] | tuple[type[Any], ...] = (dict, list)) -> bool:
    """Whether a value is a mapping or a list that holds something, and no reference to a secret."""
    is_reference = isinstance(value, dict) and "$secret" in value
    return isinstance(value, sort) and bool(value) and not is_reference


def is_empty_collection(node: Any) -> bool:
    """Whether ``{}`` or ``[]`` stands in the text."""
    return isinstance(node, yaml.CollectionNode) and not node.value


@dataclass(frozen=True)
class Spelling:
    """What stood there, as text and as the parser's node, and what is to."""

    before: str
    node: Any
    new: Any
    can_have_lines: bool
    """Whether nothing stands behind it on its line, nor around it in flow style."""

    def inline(self, pad: str) -> str:
        """The new value where it begins on the line of its name; ``pad`` is the indent of more lines."""
        style = getattr(self.node, "style", None)
        if not isinstance(self.new, str):
            return flow(self.new)
        if "\n" in self.new and self.can_have_lines and (lines := self._literal(pad)):
            return "\n".join(lines).lstrip()
        if style == "'" and self.new.isprintable():
            return "'" + self.new.replace("'", "''") + "'"
        return double_quoted(self.new) if style == '"' else flow(self.new)

    def _literal(self, pad: str) -> list[str] | None:
        """A block of lines, indented as the one before it where that was one."""
        indent = len(pad)
        if getattr(self.node, "style", None) in {"|", ">"}:
            lines = [line for line in self.before.split("\n")[1:] if line.strip()]
            indent = len(lines[0]) - len(lines[0].lstrip(" ")) if lines else indent
        return verbatim(self.new, " " * max(indent - INDENT, 0))
