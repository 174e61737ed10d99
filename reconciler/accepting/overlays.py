"""A folder's own say in a resource, changed such that it and the layers below come out as is wanted."""

from enum import Enum
from typing import Any

from reconciler.exporting import shortened
from reconciler.kinds import Kind
from reconciler.model import Path


class Nothing(Enum):
    """The one value that stands for what is not there, or is to go."""

    NOTHING = "nothing"


NOTHING = Nothing.NOTHING


def merges(value: Any) -> bool:
    """Whether layers merge a value: a reference to a secret is one value."""
    return isinstance(value, dict) and "$secret" not in value


def effective(own: Any, inherited: Any) -> Any:
    """What layers come to; ``null`` is kept, where it takes something away."""
    if own is NOTHING:
        return inherited
    if not (merges(own) and merges(inherited)):
        return own
    return {
        **inherited,
        **{name: effective(item, inherited.get(name, NOTHING)) for name, item in own.items()},
    }


def with_field(kind: Kind, own: Any, inherited: Any, path: Path, new: Any) -> Any:
    """The folder's body of a resource with ``new`` at a path; NOTHING takes what stands there away.

    Bodies are what files say; of a variable, ``own`` may be the short form, and stays that if it can.
    """
    short = own is not NOTHING and not isinstance(own, dict)
    body: dict[str, Any] = {str(kind.shorthand): own} if short else {} if own is NOTHING else own
    lower = inherited if isinstance(inherited, dict) else {}
    name = str(path[0])
    if kind.field(name).merged_whole:
        whole = body.get(name, lower.get(name, NOTHING))
        changed = {**body, name: replaced(whole, path[1:], new)}
    else:
        changed = _overlaid(body, lower, path, new)
    return shortened(kind, changed) if short or own is NOTHING else changed


def _overlaid(own: Any, inherited: Any, path: Path, new: Any) -> Any:
    """A value that merges over what is inherited, with ``new`` at a path."""
    if not path:
        return new
    if own is NOTHING and merges(inherited):
        own = {}
    if not merges(own):
        return replaced(inherited if own is NOTHING else own, path, new)
    name = str(path[0])
    below = inherited.get(name, NOTHING) if merges(inherited) else NOTHING
    value = _overlaid(own.get(name, NOTHING), below, path[1:], new)
    if value is not NOTHING:
        return {**own, name: value}
    return without(own, name) if below is NOTHING else {**own, name: None}


def replaced(value: Any, path: Path, new: Any) -> Any:
    """A value that does not merge, with ``new`` at a path."""
    if not path:
        return new
    first, *rest = path
    if isinstance(value, list):
        return [replaced(item, tuple(rest), new) if at == first else item for at, item in enumerate(value)]
    inner = replaced(value.get(first, NOTHING), tuple(rest), new)
    return without(value, str(first)) if inner is NOTHING else {**value, first: inner}


def without(value: dict[str, Any], name: str) -> dict[str, Any]:
    """A mapping less one of its members."""
    return {one: item for one, item in value.items() if one != name}
