"""How Airflow 2 (v1) and Airflow 3 (v2) want to be asked, and what their answers mean."""

from reconciler.dialects.base import CLAMPED_PAGE, FIRST_PAGE, Dialect, Page, path_of
from reconciler.dialects.v1 import V1
from reconciler.dialects.v2 import V2

__all__ = ["CLAMPED_PAGE", "FIRST_PAGE", "V2", "Dialect", "Page", "dialect_for", "path_of"]


def dialect_for(version: str, path_limit: int | None) -> Dialect | None:
    """The dialect of an Airflow of ``version`` such as ``2.11.2``; ``None`` for a major nobody has met."""
    match version.partition(".")[0]:
        case "2":
            return V1(version, path_limit)
        case "3":
            return V2(version, path_limit)
    return None
