"""A hook of mkdocs: links to files beside ``docs/`` work in the repository, and are text on the site."""

import re
from typing import Any

OUTSIDE = re.compile(r"\[([^]]+)\]\((?:\.\./)+(?!docs/)[^)]*\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page without links that lead out of the site."""
    depth = page.file.src_uri.count("/") + 1
    return OUTSIDE.sub(lambda link: link[1] if _leaves(link[0], depth) else link[0], markdown)


def _leaves(link: str, depth: int) -> bool:
    return link.count("../") >= depth
