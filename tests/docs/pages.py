"""What the pages of the documentation ask their readers to write and to type."""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT)
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    if path.name != "CHANGELOG.md"
)

FILE_COMMENT = re.compile(r"# ([\w./-]+\.ya?ml)\b")
"""The first line of a block that is a file."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page where that begins."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """Where the block is to be written, if it says so."""
        found = FILE_COMMENT.match(self.text)
        return found[1] if found else None


@dataclass(frozen=True)
class Command:
    """A line that is typed, and what the page shows of what it prints."""

    typed: str
    shown: str
    line: int


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page."""
    tokens = MarkdownIt().parse((ROOT / page).read_text(encoding="utf-8"))
    return [
        Block(token.info.strip(), token.content, token.map[0] + 2)
        for token in tokens
        if token.type == "fence" and token.map
    ]


def transcript(block: Block) -> list[Command]:
    """The commands of a block that shows a terminal; a line that ends in a backslash goes on in the next."""
    found: list[Command] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            found.append(Command(line[2:], "", number))
        elif found and found[-1].typed.endswith("\\") and not found[-1].shown:
            found[-1] = Command(f"{found[-1].typed[:-1]}{line.lstrip('> ')}", "", found[-1].line)
        else:
            last = found[-1]
            found[-1] = Command(last.typed, f"{last.shown}{line}\n", last.line)
    return found


def script(block: Block) -> list[Command]:
    """The commands of a block that is a script, which shows no output."""
    lines = enumerate(block.text.splitlines(), block.line)
    return [Command(line, "", number) for number, line in lines if line.strip() and not line.startswith("#")]
