"""A living state as the files that would declare it: pure, and nothing of a secret is in them."""

from reconciler.exporting.documents import WRITTEN, Document, left_out, manifests
from reconciler.exporting.environment import environment
from reconciler.exporting.resources import Exported, Todo, exported
from reconciler.exporting.text import dump, visible

__all__ = [
    "WRITTEN",
    "Document",
    "Exported",
    "Todo",
    "dump",
    "environment",
    "exported",
    "left_out",
    "manifests",
    "visible",
]
