"""A living state as the files that would declare it: pure, and nothing of a secret is in them."""

from reconciler.exporting.documents import WRITTEN, Document, left_out, literal, manifests, shortened
from reconciler.exporting.environment import environment
from reconciler.exporting.resources import PASSWORDS, Exported, Todo, exported
from reconciler.exporting.text import (
    block,
    double_quoted,
    dump,
    entry,
    flow,
    flow_entry,
    item,
    verbatim,
    visible,
)

__all__ = [
    "PASSWORDS",
    "WRITTEN",
    "Document",
    "Exported",
    "Todo",
    "block",
    "double_quoted",
    "dump",
    "entry",
    "environment",
    "exported",
    "flow",
    "flow_entry",
    "item",
    "left_out",
    "literal",
    "manifests",
    "shortened",
    "verbatim",
    "visible",
]
