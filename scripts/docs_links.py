"""Hooks of mkdocs.

Links to files beside ``docs/`` work in the repository, and are text on the site. A folder in ``nav`` stands
for the pages in it.
"""

import re
from pathlib import Path
from typing import Any

OUTSIDE = re.compile(r"\[([^]]+)\]\((?:\.\./)+(?!docs/)[^)]*\)")


def on_config(config: Any) -> None:
    """The navigation with every folder spelled out."""
    config["nav"] = _spelled_out(config["nav"], Path(config["docs_dir"]))


def _spelled_out(entry: Any, docs: Path) -> Any:
    if isinstance(entry, dict):
        return {title: _spelled_out(inner, docs) for title, inner in entry.items()}
    if isinstance(entry, list):
        return [_spelled_out(inner, docs) for inner in entry]
    pages = sorted((docs / entry).glob("*.md")) if entry.endswith("/") else ()
    return [page.relative_to(docs).as_posix() for page in pages] or entry


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page without links that lead out of the site."""
    depth = page.file.src_uri.count("/") + 1
    return OUTSIDE.sub(lambda link: link[1] if _leaves(link[0], depth) else link[0], markdown)


def _leaves(link: str, depth: int) -> bool:
    return link.count("../") >= depth
