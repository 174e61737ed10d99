"""Whatever lives is exported so that the next plan finds nothing to do, and no secret is in any file."""

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from reconciler.cli.main import run
from reconciler.exporting import visible
from reconciler.kinds import BY_NAME
from reconciler.kinds.secrecy import looks_secret
from reconciler.sandbox.store import fresh_state, insert, write_state
from tests.properties.samples import LONG, TRICKY
from tests.properties.slices import holds

CANARY = "canary-7d1e"

AWKWARD = (
    *TRICKY, "yes", "No", "NULL", "~", "0x10", "0777", "1_000", "12:30", ".inf", "1.50", "  lead", "trail ",
    "a\n\n b\n", "\t", "${x}", "$${x}", "$", "${", "***", "a *** b", "{", '{"b": 1,   "a":2}', '{"é":"漢"}',
    '{"a": [1e3, {"b": null}]}', '{"a": NaN}', "[1e999]", '{"a":1,"a":2}', '["***"]', "# no comment", "a: b",
    "- a", "\x00\x1b", "\u202e", "\r\n", "[" * 40 + "]" * 40, '{"x": "${x}"}', '{"<<": {"": 0}}',
    '"\\ud800"', '{"a\\u0301": 1}',
)  # fmt: skip
HIDDEN = (f'{{"password": "{CANARY}"}}', f"http://u:{CANARY}@h/", f'{{"token": NaN, "p": "{CANARY}"}}')

texts = st.sampled_from(AWKWARD) | st.text(max_size=8)
hidden = st.sampled_from(HIDDEN)
names = st.sampled_from(["a", "b c", "token", "Api-Key", "$secret", "<<", "", "***", "1", "null"]) | st.text(
    max_size=3
)
atoms = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts, hidden
)
documents = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)


def canaried(value: Any, *, secret: bool = False) -> Any:
    """A document with the canary for every text that stands under a name which looks secret."""
    if isinstance(value, dict):
        return {name: canaried(item, secret=secret or looks_secret(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [canaried(item, secret=secret) for item in value]
    return CANARY if secret and isinstance(value, str) else value


def spelled(value: Any) -> st.SearchStrategy[str]:
    """JSON texts of a document, oddly spaced or not."""
    made = canaried(value)
    spaced = st.sampled_from([None, (",", ":"), (" , ", "  : ")])
    return spaced.map(lambda marks: json.dumps(made, separators=marks, ensure_ascii=marks is None))


objects = st.dictionaries(names, documents, max_size=3).flatmap(spelled)
words = st.none() | texts | st.just(f"http://u:{CANARY}@h/")
variable_ids = st.sampled_from(
    ["a", "my_token", "Api-Key", "x/y", "é ü", "environment", LONG, "/a", "..", "1", "yes"]
)


@st.composite
def variables(draw: Any, _major: int) -> dict[str, Any]:
    ids = draw(st.lists(variable_ids | st.text(min_size=1, max_size=5), unique=True, max_size=5))
    values = texts | hidden | documents.flatmap(spelled)
    return {
        id_: {"value": CANARY if looks_secret(id_) else draw(values), "description": draw(words)}
        for id_ in ids
    }


@st.composite
def connections(draw: Any, major: int) -> dict[str, Any]:
    ids = draw(st.lists(st.from_regex(r"\A[A-Za-z0-9_.-]{1,5}\Z"), unique=True, max_size=3))
    odd = st.sampled_from(["", f"no json {CANARY}"]) if major < 3 else st.nothing()
    fields = {
        "conn_type": st.sampled_from(["http", "postgres", "", "no such type"]),
        "host": words,
        "login": words,
        "schema": words,
        "description": words,
        "password": st.sampled_from([None, CANARY]),
        "port": st.sampled_from([None, 0, 5432, 99999999]),
        "extra": st.none() | objects | odd,
    }
    return {id_: draw(st.fixed_dictionaries(fields)) for id_ in ids}


@st.composite
def pools(draw: Any, _major: int) -> dict[str, Any]:
    ids = draw(st.lists(st.sampled_from(["p", "q r", "a/b", "default_pool", "no"]), unique=True, max_size=3))
    fields = {"slots": st.sampled_from([0, 1, 128]), "description": words, "include_deferred": st.booleans()}
    return {id_: draw(st.fixed_dictionaries(fields)) for id_ in ids}


def settled(folder: Path, **tables: dict[str, Any]) -> None:
    """The sandbox's file, as if somebody had made all of it."""
    state = fresh_state()
    for kind in BY_NAME.values():
        for id_, fields in tables[kind.collection].items():
            insert(state[kind.collection], kind, id_, fields)
    write_state(folder / "box.json", state)


def told(*arguments: str) -> tuple[int, str, str]:
    """A command's exit code and what it said."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(list(arguments))
    return code, out.getvalue(), err.getvalue()


@holds(variables, connections, pools, st.booleans(), few=25)
def test_what_is_exported_plans_to_nothing_and_shows_no_secret(
    version: str, variables: dict[str, Any], connections: dict[str, Any], pools: dict[str, Any], split: bool
) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        settled(folder, variables=variables, connections=connections, pools=pools)
        ways = ["--split"] if split else []
        source, to = f"sandbox:{folder}/box.json?airflow={version[0]}", str(folder / "env")
        exported = told("export", source, "--to", to, *ways)
        assert exported[0] == 0, exported
        code, out, err = told("plan", to, "--format", "json", "--detailed-exitcode")
        assert code == 0, (out, err)
        plan = json.loads(out)["environments"][0]
        assert plan["changes"] == []
        assert {one["why"] for one in plan["unverified"]} <= {"secret missing"}
        written = "".join(path.read_text() for path in (folder / "env").rglob("*.yaml"))
        assert CANARY not in written + "".join(exported[1:]) + out + err
        for one in plan["unverified"]:
            place = visible(f"{one['kind']}/{one['id']} {'.'.join(map(str, one['path']))}: env:TODO_")
            assert place in exported[2]
            assert place in written
