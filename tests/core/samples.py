"""Resources, values and comparisons for the tests of the pure core."""

import json
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

from hypothesis import strategies as st

from reconciler.errors import Origin
from reconciler.model import MASK, Hidden, Key, Resource, keyed_digest
from reconciler.plan import Change, Difference, Undeclared, diff
from reconciler.seal import seal

ORIGIN = Origin("variables.yaml", 3, 5)
FINGERPRINT = partial(keyed_digest, b"k" * 32)
NOTHING_UNDECLARED = Undeclared({}, lambda _key: False)
CANARY = "c4n4ry-plaintext-9f3b"


def variable(id_: str, value: Any, ignore: Collection[str] = (), **fields: Any) -> Resource:
    return Resource(Key("variable", id_), {"value": value, **fields}, ORIGIN, frozenset(ignore))


def connection(id_: str, ignore: Collection[str] = (), **fields: Any) -> Resource:
    return Resource(Key("connection", id_), {"conn_type": "postgres", **fields}, ORIGIN, frozenset(ignore))


def pool(id_: str, slots: int = 4, ignore: Collection[str] = (), **fields: Any) -> Resource:
    return Resource(Key("pool", id_), {"slots": slots, **fields}, ORIGIN, frozenset(ignore))


def state(*resources: Resource) -> dict[Key, Resource]:
    return {resource.key: resource for resource in resources}


def difference(
    desired: Iterable[Resource],
    current: Iterable[Resource],
    undeclared: Undeclared = NOTHING_UNDECLARED,
    resend: Collection[Key] = (),
) -> Difference:
    return diff(*seal(state(*desired), state(*current), FINGERPRINT), undeclared, resend)


def only_change(desired: Resource, current: Resource | None, *, resend: bool = False) -> Change:
    live = [] if current is None else [current]
    (change,) = difference([desired], live, resend=[desired.key] if resend else ()).changes
    return change


def hidden_password() -> Hidden:
    return Hidden("hidden")


def redacted(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """``text`` as a server shows it that masks these spans of it, which may touch and overlap."""
    marked = ["" for _ in text]
    kept = list(text)
    for start, length in spans:
        begin = start % len(text) if text else 0
        for index in range(begin, min(len(text), begin + length)):
            marked[index] = MASK
    shown, last = [], ""
    for character, mark in zip(kept, marked, strict=True):
        if mark and not last:
            shown.append(MASK)
        if not mark:
            shown.append(character)
        last = mark
    return "".join(shown)


SPANS = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 6)), max_size=4)
NAMES = st.sampled_from(["a", "b", "hosts", "retries", "path", "token", "password"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, 1.5, 1e300])
    | st.text("ab1*é", max_size=6)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
UNMASKED_JSON = JSON.filter(lambda value: MASK not in json.dumps(value))
