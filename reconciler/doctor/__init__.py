"""Access, versions, limits and assumptions, checked on the user's own environment."""

from reconciler.doctor.examination import examine, unsound
from reconciler.doctor.means import Means

__all__ = ["Means", "examine", "unsound"]
