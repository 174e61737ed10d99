"""The quick test of documents says of every document what JSON Schema's own validator says."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import Origin
from reconciler.kinds import KINDS
from reconciler.manifests.acceptance import acceptance
from reconciler.manifests.judge import violations
from reconciler.manifests.placed import PlacedDict, PlacedList
from reconciler.manifests.schema import SCHEMAS

HERE = Origin("f.yaml", 1, 1)
MANY = settings(max_examples=200, deadline=None)

REFERENCES = st.sampled_from(
    [
        {"$secret": "env:A"},
        {"$secret": "env:"},
        {"$secret": "env:A\n"},
        {"$secret": "Env:A"},
        {"$secret": 5},
        {"$secret": "env:A", "beside": 1},
        {"inside": [{"$secret": "env:A"}, {"$secret": ""}]},
        {"inside": {"$secret": "env:A"}},
    ]
)
NUMBERS = st.sampled_from([0, 1, -1, -2, 5.0, 0.0, 65535, 65536, 1e300, 10**30])
TEXTS = st.sampled_from(["", "5", "***", "20%", "dev", "dev\n", "value", "x" * 500, "x" * 501, "é" * 500])
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS | REFERENCES
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "$secret"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def some(*good: Any) -> st.SearchStrategy[Any]:
    """What may stand in a place, and what may not."""
    return st.sampled_from(good) | st.sampled_from(good) | LEAVES | VALUES


FIELDS = {
    "conn_type": some("postgres"),
    "description": some("text"),
    "extra": some({}, {"token": {"$secret": "env:A"}}),
    "host": some("example.com"),
    "ignore": some([], ["value"], ["host", "host"], ["bogus"], [None]),
    "include_deferred": some(True),
    "login": some("me"),
    "password": some("", {"$secret": "env:A"}),
    "port": some(5432, 65536),
    "protect": some(True),
    "schema": some("public"),
    "secret_version": some(2),
    "sensitive": some(False),
    "slots": some(-1, -2, 128),
    "value": VALUES,
}
SETTINGS = {
    "adopt": some("always", "Always"),
    "auth": some(
        {"token": "t"},
        {"basic": {"username": "u", "password": {"$secret": "env:A"}}},
        {"basic": {"username": "u"}},
        {"basic": {"username": "u", "password": "p"}, "token": "t"},
        {},
    ),
    "authoritative": some({"pools": ["*"]}, {"pool": ["*"]}),
    "fingerprint_key": some("kms:a", {"$secret": "env:A"}),
    "layers": some([], ["../base"], [5]),
    "ledger": some("file:a"),
    "limits": some({"deletes": 5}, {"deletes": "5%"}, {"deletes": -1}, {"deletes": "5%\n"}, {"deletes": 5.0}),
    "name": some("dev", "-dev", "a" * 101),
    "parameters": some({"a": {"b": []}}),
    "rate_limit": some(0.1, 5, 0),
    "secrets": some({"allow": ["env:*"]}, {"deny": []}),
    "target": some("sandbox:file.json"),
}
IDS = st.sampled_from(["a", "b"])


def bodies(required: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Resources that have what is required, and anything else."""
    others = {name: values for name, values in FIELDS.items() if name not in required}
    return st.fixed_dictionaries({name: FIELDS[name] for name in required}, optional=others)


MANIFESTS = st.fixed_dictionaries(
    {},
    optional={
        "absent": some({"pools": ["a"], "variables": None}, {"pools": [None]}, {"bogus": []}),
        "bogus": LEAVES,
        **{
            kind.collection: LEAVES | st.dictionaries(IDS, VALUES | bodies(kind.required), max_size=2)
            for kind in KINDS
        },
    },
)
ENVIRONMENTS = st.fixed_dictionaries({}, optional={**SETTINGS, "bogus": LEAVES})


def placed(value: Any) -> Any:
    if isinstance(value, dict):
        return PlacedDict({name: placed(item) for name, item in value.items()}, HERE)
    return PlacedList(map(placed, value), HERE) if isinstance(value, list) else value


def is_in_order(schema: str, document: Any) -> bool:
    """What the validator says, once it is sure that the quick test says the same."""
    expected = not any(violations(schema, document))

    assert acceptance(schema)(document) is expected
    assert acceptance(schema)(placed(document)) is expected
    return expected


@MANY
@given(MANIFESTS | VALUES)
def test_manifests_are_accepted_that_the_validator_accepts(document: Any) -> None:
    is_in_order("manifest", document)


@MANY
@given(ENVIRONMENTS | VALUES)
def test_environments_are_accepted_that_the_validator_accepts(document: Any) -> None:
    is_in_order("environment", document)


@pytest.mark.parametrize(
    ("name", "values"), [(name, FIELDS[name]) for name in sorted(FIELDS)], ids=sorted(FIELDS)
)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_each_field_is_accepted_where_the_validator_accepts_it(
    name: str, values: Any, data: st.DataObject
) -> None:
    for kind in KINDS:
        needed = {"conn_type": "postgres", "slots": 1, "value": 1}
        body = {**{each: needed[each] for each in kind.required}, name: data.draw(values)}
        is_in_order("manifest", {kind.collection: {"a": body}})


@pytest.mark.parametrize("name", SETTINGS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_each_setting_is_accepted_where_the_validator_accepts_it(name: str, data: st.DataObject) -> None:
    is_in_order("environment", {"name": "dev", "target": "sandbox:s", name: data.draw(SETTINGS[name])})


def test_both_outcomes_are_tried() -> None:
    """The properties above would hold of tests that refuse everything."""
    assert (
        is_in_order("manifest", {"pools": {"a": {"slots": 1}}, "variables": {"a": {"$secret": "env:A"}}})
        is False
    )
    assert is_in_order("manifest", {"variables": {"a": {"value": {"b": [{"$secret": "env:A"}]}}, "b": [5]}})
    assert is_in_order("environment", {"name": "dev", "target": "x", "limits": {"deletes": "20%"}})


def test_every_keyword_of_the_schemas_is_understood() -> None:
    for name in SCHEMAS:
        assert acceptance(name)({}) in {True, False}
