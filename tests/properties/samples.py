"""Manifests, secrets and other people's resources, drawn at random so that they meet each other."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from reconciler.kinds.json_text import stored_text
from reconciler.model import Key
from tests.properties.world import KINDS, Crowd, Kept, Manifest

Draw = Callable[[st.SearchStrategy[Any]], Any]

REFERENCES = ("env:A", "env:B", "safe:C", "safe:D")
LONG = "l" * 80
"""An id that fits no path of MWAA's."""

IDS = {
    "variables": ("a", "b", "api_token", "x/y", "é ü"),
    "connections": ("c", "c.2", "c_3"),
    "pools": ("p", "q r", "default_pool"),
}
STRANGE_IDS = {
    "variables": ("stranger", "their_password"),
    "connections": ("stranger", "foreign"),
    "pools": ("stranger", "other"),
}
"""Ids that no manifest ever declares."""

TRICKY = (
    "", "1", "1.0", "1e2", "true", "null", '{"a": 1}', '{"a":1}', "[]", "[1, 2]", '"x"', " x ", "x\ny", "**",
    "é", "\U0001f642", "eu-west-1", "eu-central-1", "NaN", "a:b@c/d?e=f&g", '{"token": "t"}', "a" * 300,
)  # fmt: skip
WORDS = (
    "eu",
    "central",
    "s3cr3t-word",
    'q"u\\o',
    "zwei\nZeilen",
    "5",
    '{"a": 1}',
    "x y&z=1",
    "**x",
    "geheim-é",
)
"""Secrets; some are parts of what stands in clear elsewhere, which Airflow then hides too."""
UNLIKE = tuple(word for word in WORDS if word not in TRICKY and word != "5")
"""Those that no manifest has in clear."""

texts = st.sampled_from(TRICKY) | st.text("ab1:-. é", max_size=6)
words = st.text("abé:", max_size=5)
scalars = st.none() | st.booleans() | st.integers(-2, 2**40) | st.sampled_from([0.0, 1.5, 1e300]) | texts
references = st.sampled_from(REFERENCES).map(lambda ref: {"$secret": ref})
plain_names = st.sampled_from(["a", "b", "region", "é"])
secret_names = st.sampled_from(["token", "Api-Key"])

plain_documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_names, inner, max_size=3),
    max_leaves=6,
)
values = st.recursive(
    st.one_of(references, scalars, references, references),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(plain_names | secret_names, inner, max_size=3)
    ),
    max_leaves=6,
)


def _joined(sides: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    return {**sides[0], **sides[1]}


extras = st.recursive(
    st.dictionaries(plain_names, scalars, max_size=2),
    lambda inner: st.tuples(
        st.dictionaries(plain_names, scalars | inner | st.lists(scalars, max_size=2), max_size=2),
        st.dictionaries(secret_names, references, max_size=1),
    ).map(_joined),
    max_leaves=2,
)
"""Options of a connection: what looks secret there has to be a reference."""

FIELDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "variables": {"description": words},
    "connections": {
        "host": st.sampled_from(["", "db.internal", "eu-central-1.example", "https://u:pw@h/"]),
        "login": words,
        "schema": words,
        "description": words,
        "port": st.sampled_from([0, 80, 5432]),
        "password": references | st.just(""),
        "extra": extras,
    },
    "pools": {"description": words, "include_deferred": st.booleans()},
}
REQUIRED: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "variables": {"value": values},
    "connections": {"conn_type": st.sampled_from(["http", "postgres"])},
    "pools": {"slots": st.sampled_from([0, 1, 128])},
}
PLAIN = {
    "variables": {"value": plain_documents},
    "connections": {"password": st.sampled_from(["", "their own"]), "extra": plain_documents},
}


def bodies(
    collection: str, *, ignores: bool = False, protects: bool = False
) -> st.SearchStrategy[dict[str, Any]]:
    """What a manifest says of one resource."""
    optional: dict[str, st.SearchStrategy[Any]] = dict(FIELDS[collection])
    if ignores:
        names = sorted({**REQUIRED[collection], **FIELDS[collection]})
        optional["ignore"] = st.lists(st.sampled_from(names), unique=True, max_size=2)
    if protects:
        optional["protect"] = st.booleans()
    return st.fixed_dictionaries(REQUIRED[collection], optional=optional)


def ids(collection: str, major: int) -> tuple[str, ...]:
    """Ids that manifests declare; only Airflow 3 can be asked about long ones."""
    return (*IDS[collection], *((LONG,) if major > 2 else ()))


def legal(id_: str, body: dict[str, Any]) -> dict[str, Any]:
    """Airflow does not let anybody describe its own pool anew."""
    kept = {name: value for name, value in body.items() if name != "description"}
    return kept if id_ == "default_pool" else body


@st.composite
def manifests(draw: Draw, major: int, *, ignores: bool = False) -> Manifest:
    """What git may say, without tombstones."""
    return {
        collection: {
            id_: legal(id_, draw(bodies(collection, ignores=ignores)))
            for id_ in draw(st.lists(st.sampled_from(ids(collection, major)), unique=True, max_size=3))
        }
        for collection in IDS
    }


@st.composite
def commits(draw: Draw, before: Manifest, major: int, *, ignores: bool = False) -> Manifest:
    """What git may say next: each resource stays, changes or goes, and others come."""
    after: Manifest = draw(manifests(major, ignores=ignores))
    for collection, section in before.items():
        for id_, body in section.items():
            fate = draw(st.sampled_from(["stays", "changes", "changes", "goes"]))
            if fate == "stays":
                after[collection][id_] = copy.deepcopy(body)
            elif fate == "changes":
                new = draw(bodies(collection, ignores=ignores))
                after[collection][id_] = legal(id_, _partly(draw, body, new))
    return after


def _partly(draw: Draw, body: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Some fields as they were, some as in the new one, some gone."""
    required = {"value", "conn_type", "slots"}
    chosen: dict[str, Any] = {}
    for name in sorted(body.keys() | new.keys()):
        sides = [side[name] for side in (body, new) if name in side]
        if name in required or draw(st.integers(0, 2)):
            chosen[name] = copy.deepcopy(draw(st.sampled_from(sides)))
    return chosen


@st.composite
def vaults(draw: Draw, words: tuple[str, ...] = WORDS) -> Kept:
    """A value for every reference, no two alike."""
    found = draw(st.lists(st.sampled_from(words), min_size=4, max_size=4, unique=True))
    kept = Kept()
    for reference, value in zip(REFERENCES, found, strict=True):
        kept.rotate(reference, value)
    return kept


def rotations(kept: Kept) -> st.SearchStrategy[dict[str, str]]:
    """New values for some references, which nobody has had before."""
    used = set(kept)
    fresh = [f"rotated {number}" for number in range(len(REFERENCES)) if f"rotated {number}" not in used]
    pairs = zip(REFERENCES, fresh, strict=False)
    return st.lists(st.sampled_from(list(pairs)), max_size=3).map(dict)


def rows(collection: str) -> st.SearchStrategy[dict[str, Any]]:
    """The body of a resource that somebody makes by hand, as the API takes it."""
    fields = {**REQUIRED[collection], **FIELDS[collection], **PLAIN.get(collection, {})}
    required = {name: fields.pop(name) for name in REQUIRED[collection]}
    return st.fixed_dictionaries(required, optional=fields).map(_as_sent)


def _as_sent(body: dict[str, Any]) -> dict[str, Any]:
    sent = dict(body)
    if "value" in sent:
        sent["value"] = stored_text(sent["value"])
    if "extra" in sent:
        sent["extra"] = stored_text(sent["extra"]) if isinstance(sent["extra"], dict) else "{}"
    return sent


@st.composite
def crowds(draw: Draw, pool: Mapping[str, Iterable[str]]) -> Crowd:
    """Other people's resources, their ids out of ``pool``."""
    return {
        Key(KINDS[collection], id_): draw(rows(collection))
        for collection, names in pool.items()
        for id_ in draw(st.lists(st.sampled_from(sorted(names)), unique=True, max_size=2))
        if id_ != "default_pool"
    }


neighbours = crowds(IDS)
"""Resources that manifests may declare, too."""
strangers = crowds(STRANGE_IDS)
"""Resources that no manifest ever names."""


@dataclass(frozen=True)
class History:
    """Two commits, and secrets that get new values between them."""

    first: Manifest
    second: Manifest
    kept: Kept
    rotated: Mapping[str, str]

    def rotate(self, kept: Kept) -> None:
        for reference, value in self.rotated.items():
            kept.rotate(reference, value)


@st.composite
def histories(draw: Draw, major: int, *, ignores: bool = False, words: tuple[str, ...] = WORDS) -> History:
    """What happens to an environment in git."""
    first, kept = draw(manifests(major, ignores=ignores)), draw(vaults(words))
    return History(first, draw(commits(first, major, ignores=ignores)), kept, draw(rotations(kept)))


def unlike(major: int) -> st.SearchStrategy[History]:
    """The same with secrets that nobody can take for anything else."""
    return histories(major, words=UNLIKE)


VISIBLE: dict[str, Any] = {
    "variables": {"value": "EDITED", "description": "EDITED"},
    "connections": {"host": "EDITED", "port": 4711, "login": "EDITED"},
    "pools": {"slots": 4711, "description": "EDITED"},
}
"""What anybody may type into fields that Airflow shows."""


@st.composite
def edits(draw: Draw, major: int) -> tuple[tuple[Key, str, Any], ...]:
    """What somebody changes in Airflow's web page where everybody can see it."""
    possible = [
        (Key(KINDS[collection], id_), name, value)
        for collection, fields in VISIBLE.items()
        for id_ in ids(collection, major)
        for name, value in fields.items()
        if not (id_ == "default_pool" and name == "description")
        and not (id_ == "api_token" and name == "value" and major > 2)
    ]
    return tuple(draw(st.lists(st.sampled_from(possible), max_size=4)))


MODES = """
    drop_before drop_after status:500 status:503 status:409 status:429 status:404 status:403 status:400
    status_after:500 status_after:404 throttle error:InternalServerException error:RestApiServerException
    truncate truncate:0 not_applied not_committed rows:0 rows:1 total:0 total:7 empty expire mask:eu mask:e
    kill_before kill_after delay:0
""".split()
NEWCOMER = Key("variable", "newcomer")
MUTATION = 'mutate:POST /variables {"key": "newcomer", "value": "theirs"}'
METHODS = ("GET", "POST", "PATCH", "DELETE")

_numbers = st.integers(1, 25)
_whens = st.one_of(
    _numbers.map(str),
    _numbers.map(str),
    _numbers.map(lambda number: f"{number}-"),
    st.tuples(_numbers, st.integers(0, 4)).map(lambda pair: f"{pair[0]}-{sum(pair)}"),
    st.tuples(st.sampled_from(METHODS), st.integers(1, 4)).map(lambda pair: f"{pair[0]}#{pair[1]}"),
    st.sampled_from(sorted(KINDS)).map(lambda collection: f"GET /{collection}"),
)
faults = st.tuples(_whens, st.sampled_from([*MODES, MUTATION])).map("=".join)
"""What may go wrong with the calls of a run, as ``gateway --fault`` takes it."""
