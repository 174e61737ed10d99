"""The kinds of resource, each a table in a module of its own; everything else follows from them."""

from reconciler.kinds.connection import CONNECTION
from reconciler.kinds.pool import POOL
from reconciler.kinds.table import Field, Kind, is_empty
from reconciler.kinds.variable import VARIABLE

__all__ = ["BY_NAME", "KINDS", "Field", "Kind", "is_empty", "kind_named"]

KINDS: tuple[Kind, ...] = tuple(sorted((POOL, VARIABLE, CONNECTION), key=lambda kind: kind.rank))
"""Every kind, in the order in which they are created; they are deleted in reverse."""

BY_NAME = {kind.name: kind for kind in KINDS}


def kind_named(name: str) -> Kind:
    """The kind called ``name``, in the singular or by its collection; raises StopIteration."""
    return next(kind for kind in KINDS if name in {kind.name, kind.collection})
