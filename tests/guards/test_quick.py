"""What is told the quick way, held against the plain way of telling it."""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Mapping
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.compare import Unverified, compare_resources, digest, digest_living
from reconciler.kinds.json_text import DEEPEST, is_deeper, stored_text
from reconciler.kinds.secrecy import URL_WITH_PASSWORD, WORDS, tells_secrets
from reconciler.model import Hidden, Key, Path, Resource, Sealed, Secret, holds_secrets, secrets_in
from reconciler.plan import diff
from reconciler.records import Marked, Ordered, leaves, pointer
from reconciler.seal import alike, is_alike, seal, seal_pair
from tests.core.samples import (
    FINGERPRINT,
    JSON,
    NAMES,
    NOTHING_UNDECLARED,
    SPANS,
    connection,
    pool,
    redacted,
    state,
    variable,
)
from tests.guards.support import MARKER, SALT, SECRET

SPELLINGS = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "sort_keys": st.booleans(), "indent": st.sampled_from([None, 1])}
)
PLACES = st.sampled_from(["/value", "/value/a", "/value/a/b", "/value/0", "/extra", "/extra/token", "/host"])
TEXTS = st.sampled_from(
    [
        "x",
        "",
        "***",
        "a***",
        "http://u:pw@h/",
        "http://h/",
        ' {"token": 1}',
        '["http:\\/\\/u:p@h"]',
        '{"a": 1}',
        "{",
    ]
)


def retyped(value: Any, chance: random.Random) -> Any:
    """A value in which some leaves are of another type, and equal to Python."""
    if isinstance(value, dict):
        return {name: retyped(item, chance) for name, item in value.items()}
    if isinstance(value, list):
        return [retyped(item, chance) for item in value]
    others = [one for one in (True, False, 1, 0, 1.0, 0.0) if one == value]
    return chance.choice([value, *others])


@st.composite
def values(draw: Any) -> Any:
    """A value, with a secret or a telling text somewhere."""
    value = draw(JSON)
    extra = draw(st.none() | st.just(SECRET) | TEXTS)
    return (
        value if extra is None else draw(st.sampled_from([extra, [value, extra], {"a": value, "b": extra}]))
    )


@st.composite
def lived(draw: Any, declared: Any) -> Any:
    """What may live where ``declared`` is declared: the same, nearly the same, or anything."""
    clear = plain(declared)
    value = draw(
        st.sampled_from([clear, retyped(clear, random.Random(draw(st.integers(0, 99))))])  # noqa: S311 - a choice
        | JSON
    )
    spelled = stored_text(value) if isinstance(value, str) else json.dumps(value, **draw(SPELLINGS))
    return draw(st.sampled_from([spelled, redacted(spelled, draw(SPANS)), None, value]))


def plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@st.composite
def pairs(draw: Any) -> tuple[Resource, Resource]:
    """A resource as declared and as it lives."""
    value, ignore = draw(values()), draw(st.sampled_from([(), ("value",), ("extra",), ("host",)]))
    live = draw(lived(value))
    text = draw(st.none() | TEXTS)
    if draw(st.booleans()):
        return variable("v", value, ignore, description=text), variable("v", live, description=draw(TEXTS))
    declared = connection("v", ignore, extra=value, host=text, password=draw(st.sampled_from(["", SECRET])))
    return declared, connection(
        "v", extra=live, host=draw(TEXTS), password=draw(st.sampled_from([None, "", "***", Hidden("hidden")]))
    )


@given(pairs(), st.lists(PLACES))
def test_what_is_alike_has_no_finding_and_what_is_not_has_one(
    both: tuple[Resource, Resource], once_secret: list[str]
) -> None:
    found = list(compare_resources(*seal_pair(*both, FINGERPRINT, once_secret)))
    if is_alike(*both):
        assert found == []
    else:
        assert found or any(holds_secrets(value) for value in both[0].fields.values()), both


@given(st.lists(pairs(), max_size=3), st.lists(PLACES), st.booleans())
def test_a_plan_that_looks_at_equality_first_is_the_plan_that_compares_everything(
    drawn: list[tuple[Resource, Resource]], once_secret: list[str], resend: bool
) -> None:
    desired, current = (
        state(*(one for one, _ in drawn), pool("p")),
        state(*(one for _, one in drawn), pool("p")),
    )
    known = dict.fromkeys(desired, once_secret)

    def plan(equal: set[Key]) -> Any:
        sealed = seal(desired, current, FINGERPRINT, known)
        return diff(*sealed, NOTHING_UNDECLARED, desired.keys() if resend else (), alike=equal)

    assert Key("pool", "p") in alike(desired, current)
    assert plan(alike(desired, current)) == plan(set())


def test_true_and_one_are_not_alike_nor_is_what_nobody_can_decrypt() -> None:
    for declared, live in (
        (True, "1"),
        (1, "1.0"),
        (1, "true"),
        ({"a": 1}, '{"a": true}'),
        (None, None),
        ("", None),
    ):
        assert not is_alike(variable("v", declared), variable("v", live)), (declared, live)
    assert not is_alike(pool("p", 1), pool("p", True))
    assert not is_alike(connection("c", password=""), connection("c", password="***"))
    assert is_alike(variable("v", {"a": [1.5, "é"]}), variable("v", '{"a":[1.50,"\\u00e9"]}'))
    assert is_alike(variable("v", "x", ["value"]), variable("v", "y"))


# Digests


def plainly_digestible(key: Key, path: Path, value: Any) -> Any:
    if isinstance(value, Sealed | Secret):
        return {"$secret": value.ref}
    if isinstance(value, Hidden):
        return {"$hidden": True}
    if isinstance(value, dict):
        return {name: plainly_digestible(key, (*path, name), item) for name, item in value.items()}
    if isinstance(value, list):
        return [plainly_digestible(key, (*path, at), item) for at, item in enumerate(value)]
    named = path[0] == "value" and plainly_looks_secret(key.id)
    private = named or any(isinstance(step, str) and plainly_looks_secret(step) for step in path)
    opaque = path == ("extra",) and isinstance(value, str)
    return {"$hidden": True} if value and (private or opaque or plainly_tells(value)) else value


def plainly_looks_secret(name: str) -> bool:
    return any(word in name.strip().lower().replace("-", "_") for word in WORDS)


def plainly_tells(value: Any) -> bool:
    if isinstance(value, str):
        return bool(URL_WITH_PASSWORD.search(value)) or plainly_tells_as_json(value)
    if isinstance(value, dict):
        return any(
            (plainly_looks_secret(name) and bool(item)) or plainly_tells(item) for name, item in value.items()
        )
    return isinstance(value, Secret | Sealed) or (isinstance(value, list) and any(map(plainly_tells, value)))


def plainly_tells_as_json(text: str) -> bool:
    if text.lstrip()[:1] not in {"{", "["}:
        return False
    try:
        return plainly_tells(json.loads(text))
    except ValueError:
        return plainly_looks_secret(text)


def plainly_digested(fields: Mapping[str, Any], key: Key) -> str:
    told = {name: plainly_digestible(key, (name,), value) for name, value in fields.items()}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


IDS = st.sampled_from(["v", "api_token", "To-Ken", "\u212aey"])
BLANKS = st.sampled_from(["", " ", "\n", "\u2003"])


@given(IDS, values(), NAMES, BLANKS, st.booleans())
def test_a_digest_is_that_of_every_leaf_looked_at_by_itself(
    id_: str, value: Any, name: str, blank: str, inner: bool
) -> None:
    told = {
        blank + name: value if holds_secrets(value) or not inner else blank + stored_text([{name: value}])
    }
    for fields in ({"value": told}, {"value": value, "description": "d"}):
        found = digest(variable(id_, **fields), fields)
        assert found == plainly_digested(fields, Key("variable", id_)), fields
    extra = {"extra": value}
    assert digest(connection(id_, **extra), extra) == plainly_digested(extra, Key("connection", id_))
    assert tells_secrets(told) == plainly_tells(told)


@given(pairs())
def test_a_digest_of_what_lives_is_that_of_what_is_declared_where_they_are_alike(
    both: tuple[Resource, Resource],
) -> None:
    ours, theirs = seal_pair(*both, FINGERPRINT)
    found = list(compare_resources(ours, theirs))
    assume(not any(isinstance(one, Unverified) for one in found))
    names = tuple(ours.compared())
    live = {name: theirs.fields.get(name) for name in names}
    told = [leaf for value in live.values() for _, leaf in leaves(value, ())]
    assume(not any(isinstance(leaf, Sealed | Hidden) for leaf in told))
    assert digest_living(theirs, ours, names) == plainly_digested(live, theirs.key)
    assert found or digest_living(theirs, ours, names) == digest(ours, names)


# Marks


@given(IDS, JSON)
def test_a_mark_is_a_keyed_digest_of_the_resource_the_path_and_the_leaf(id_: str, value: Any) -> None:
    resource = connection(id_, extra={"a~/b": value, "b": []})
    marks = MARKER.marks(resource, ["extra"])
    found = dict(leaves(resource.fields["extra"], ("extra",)))
    assert marks.keys() == set(map(pointer, found))
    for path, leaf in found.items():
        text = json.dumps(["connection", id_, list(path), leaf])
        mac = hmac.digest(SALT, text.encode(), "sha256")[:16]
        assert marks[pointer(path)] == "m:" + base64.urlsafe_b64encode(mac).decode().rstrip("=")
        assert marks[pointer(path)] == MARKER.mark(resource.key, path, leaf)


@given(
    values(), st.lists(st.sampled_from(["a", "b", "0", "1", "01", "-1", "\u0661", "hosts", ""]), max_size=4)
)
def test_marks_made_as_they_are_asked_for_are_those_made_at_once(value: Any, steps: list[str]) -> None:
    resource = connection("c", extra={"a": value, "0": [value]}, host="h")
    whole = MARKER.marks(resource, ["extra", "host"])
    places = [pointer(("extra", *steps)), pointer(("login", *steps)), "/host", "/host/a", *whole]

    def fresh() -> Marked:
        return Marked(resource, ["extra", "host"], MARKER.mark_of)

    for place in places:
        assert fresh().below(place) == Ordered(whole).below(place)
        assert fresh().get(place) == whole.get(place)
    assert fresh() == whole == dict(fresh())
    assert fresh() == fresh()
    assert fresh() != {}
    assert len(fresh()) == len(whole)


# Walks


@given(values())
def test_secrets_are_found_wherever_they_stand(value: Any) -> None:
    assert holds_secrets(value) == any(isinstance(leaf, Secret) for _, leaf in leaves(value, ()))
    assert list(secrets_in(value)) == [leaf for _, leaf in leaves(value, ()) if isinstance(leaf, Secret)]


def test_depth_counts_containers_in_each_other() -> None:
    value: Any = 1
    for depth in range(1, DEEPEST + 2):
        value = [value, "x"] if depth % 2 else {"a": value, "b": None}
        assert is_deeper(value, DEEPEST) == (depth > DEEPEST)
