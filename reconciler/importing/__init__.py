"""What other tools export into files, as the living state that it was: the way into ``exporting``."""

from reconciler.importing.contents import imported

__all__ = ["imported"]
