import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.errors import WrongLedger
from reconciler.kinds import KINDS
from reconciler.ledger import Binding, Entry, Lease, Ledger, Pending
from reconciler.ledger_document import FORMAT, document, dump, ledger_schema, parse
from reconciler.model import Key, Secret
from reconciler.plan import Action
from reconciler.records import Marker, Record, secret_places
from tests.core.samples import CANARY, connection, pool, variable
from tests.guards.support import KEY, KIND_NAMES, MARKER, SALT, as_dict, recorded

SCHEMA = Draft202012Validator(ledger_schema())

TEXT = st.text(max_size=6)
TEXTS = st.dictionaries(TEXT, TEXT, max_size=3)
ACTIONS = st.sampled_from([Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE])
RECORDS = st.builds(Record, TEXTS, TEXTS, st.booleans(), st.none() | st.integers(-1, 9))
PENDINGS = st.builds(Pending, ACTIONS, TEXTS, TEXTS)
ENTRIES = st.builds(Entry, RECORDS, st.none() | PENDINGS) | st.builds(Entry, st.none(), PENDINGS)
KEYS = st.builds(Key, st.sampled_from(KIND_NAMES), TEXT)
SECONDS = st.integers(0, 9999) | st.floats(0)
LEDGERS = st.builds(
    Ledger,
    binding=st.builds(Binding, TEXT, TEXT, st.none() | TEXT),
    salt=st.binary(max_size=33),
    serial=st.integers(0, 10**12),
    entries=st.dictionaries(KEYS, ENTRIES, max_size=4),
    lease=st.none() | st.builds(Lease, TEXT, TEXT, TEXT, SECONDS),
)

FULL = Ledger(
    Binding("prod", "mwaa://eu-west-1/prod", "123456789012"),
    b"salt",
    41,
    {
        Key("variable", "v"): Entry(Record({"/value": "m:abc"}, {"/value": "env:S"}, protect=True)),
        Key("pool", "p"): Entry(Record(secret_version=2), Pending(Action.DELETE)),
        Key("connection", "c"): Entry(
            None, Pending(Action.CREATE, {"/host": "m:x"}, {"/password": ""}, protect=True)
        ),
    },
    Lease("id", "somebody", "now", 1920),
)
TEXT_OF_FULL = dump(FULL)


@given(LEDGERS)
@example(FULL)
@example(Ledger(Binding("", ""), b""))
def test_what_is_written_is_read_as_it_was(ledger: Ledger) -> None:
    assert parse(dump(ledger), "here") == ledger


def test_an_infinite_lease_is_read_as_it_was() -> None:
    for seconds in (float("inf"), float("nan")):
        lease = parse(dump(replace(FULL, lease=Lease("id", "h", "s", seconds))), "here").lease
        assert lease is not None
        assert repr(lease.seconds) == repr(seconds)


@given(LEDGERS)
@example(FULL)
def test_the_schema_takes_whatever_is_written(ledger: Ledger) -> None:
    SCHEMA.validate(json.loads(dump(ledger)))


def test_the_schema_is_the_one_that_is_published() -> None:
    published = Path(__file__).parents[2] / "schemas" / "ledger.schema.json"
    Draft202012Validator.check_schema(ledger_schema())
    assert ledger_schema() == json.loads(published.read_text())


@given(LEDGERS, st.randoms())
def test_the_same_ledger_has_the_same_text(ledger: Ledger, random: Any) -> None:
    entries = list(ledger.entries.items())
    random.shuffle(entries)
    assert dump(replace(ledger, entries=dict(entries))) == dump(ledger)


def test_a_ledger_is_one_line_with_every_kind() -> None:
    assert TEXT_OF_FULL.endswith("}\n")
    assert TEXT_OF_FULL.count("\n") == 1
    assert (
        json.loads(TEXT_OF_FULL)
        == document(FULL)
        == {
            "format": "reconciler.ledger/1",
            "environment": {"name": "prod", "target": "mwaa://eu-west-1/prod", "account": "123456789012"},
            "serial": 41,
            "salt": "c2FsdA==",
            "lease": {"id": "id", "holder": "somebody", "since": "now", "seconds": 1920},
            "owned": {
                "pool": {
                    "p": {
                        "marks": {},
                        "secrets": {},
                        "protect": False,
                        "secret_version": 2,
                        "pending": {"action": "delete", "marks": {}, "secrets": {}, "protect": False},
                    }
                },
                "variable": {
                    "v": {
                        "marks": {"/value": "m:abc"},
                        "secrets": {"/value": "env:S"},
                        "protect": True,
                        "secret_version": None,
                    }
                },
                "connection": {
                    "c": {
                        "pending": {
                            "action": "create",
                            "marks": {"/host": "m:x"},
                            "secrets": {"/password": ""},
                            "protect": True,
                        }
                    }
                },
            },
        }
    )


# Anything else


UNREADABLE = (
    "s3://b/k cannot be read as a ledger; restore it from an older version, or move it away to start anew"
)


def refusal(text: str) -> str:
    with pytest.raises(WrongLedger) as caught:
        parse(text, "s3://b/k")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def read_or_refused(text: str) -> None:
    """Whatever is read is what would be written, and what the schema takes."""
    try:
        found = parse(text, "here")
    except WrongLedger:
        return
    owned = {kind.name: {} for kind in KINDS} | json.loads(text)["owned"]
    assert as_dict(json.loads(dump(found))) == {**json.loads(text), "owned": owned}
    SCHEMA.validate(json.loads(dump(found)))


PIECES = st.text(max_size=3) | st.sampled_from(
    ['"', "{", "}", "[", "]", ",", ":", "null", "-1", "0", "true", "1.0", "{}"]
)


@given(LEDGERS, st.integers(0), st.integers(0, 6), PIECES)
def test_a_ledger_that_was_altered_at_any_place_is_read_as_written_or_refused(
    ledger: Ledger, place: int, length: int, piece: str
) -> None:
    text = dump(ledger)
    at = place % (len(text) + 1)
    read_or_refused(text[:at] + piece + text[at + length :])


@given(st.integers(0, len(TEXT_OF_FULL.encode())), st.binary(max_size=2), st.integers(0, 2))
def test_no_byte_of_a_ledger_can_be_altered_into_another_error(at: int, piece: bytes, length: int) -> None:
    content = TEXT_OF_FULL.encode()
    read_or_refused((content[:at] + piece + content[at + length :]).decode(errors="replace"))


def test_a_ledger_that_was_cut_short_anywhere_is_refused() -> None:
    for end in range(len(TEXT_OF_FULL) - 1):
        assert refusal(TEXT_OF_FULL[:end]) == UNREADABLE


@given(st.text(max_size=30))
@example("")
@example("null")
@example("[]")
@example("3")
@example('"format"')
@example("{}")
@example("[" * 100_000)
@example('{"format":' * 5_000)
@example("1" * 5_000)
def test_what_is_no_ledger_at_all_is_refused(text: str) -> None:
    assert refusal(text) == UNREADABLE


@pytest.mark.parametrize("format_", ["reconciler.ledger/2", "reconciler.plan/1", "", None, 1, [], {}])
def test_a_document_of_another_format_is_refused_by_its_name(format_: object) -> None:
    text = json.dumps({**document(FULL), "format": format_})
    assert refusal(text) == f"s3://b/k is no ledger of the format {FORMAT}; nothing was written"


VALUES: list[Any] = [None, 0, -1, 1.5, True, "", "x", [], ["x"], {}, {"x": 1}, {"x": "y"}]


def places(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [path]
    return [path, *(place for name, item in value.items() for place in places(item, (*path, name)))]


def altered(change: Callable[[dict[str, Any], str], None], path: tuple[str, ...]) -> str:
    found = json.loads(TEXT_OF_FULL)
    inside = found
    for step in path[:-1]:
        inside = inside[step]
    change(inside, path[-1])
    return json.dumps(found)


@pytest.mark.parametrize("path", places(document(FULL))[1:], ids="/".join)
def test_whatever_stands_at_a_place_is_read_as_written_or_refused(path: tuple[str, ...]) -> None:
    for value in VALUES:
        read_or_refused(altered(lambda inside, name, value=value: inside.update({name: value}), path))  # type: ignore[misc]
    read_or_refused(altered(lambda inside, name: inside.pop(name), path))
    assert refusal(altered(lambda inside, name: inside.update({name + "x": 1}), path)) == UNREADABLE


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("environment", "account"), 5),
        (("environment", "name"), None),
        (("environment", "target"), 1),
        (("serial",), True),
        (("serial",), 1.0),
        (("serial",), "41"),
        (("serial",), -1),
        (("salt",), "no base64!"),
        (("salt",), "c2FsdB=="),
        (("salt",), None),
        (("lease",), {}),
        (("lease", "id"), None),
        (("lease", "holder"), 1),
        (("lease", "since"), 1),
        (("lease", "seconds"), "1920"),
        (("lease", "seconds"), True),
        (("lease", "seconds"), None),
        (("owned", "pool", "p"), {}),
        (("owned", "pool", "p", "marks"), []),
        (("owned", "pool", "p", "protect"), 0),
        (("owned", "pool", "p", "secret_version"), True),
        (("owned", "pool", "p", "secret_version"), 2.0),
        (("owned", "pool", "p", "pending", "action"), "adopt"),
        (("owned", "pool", "p", "pending", "action"), "forget"),
        (("owned", "pool", "p", "pending", "action"), "DELETE"),
        (("owned", "pool", "p", "pending", "protect"), 0),
        (("owned", "pool", "p", "pending"), None),
        (("owned", "variable", "v", "marks", "/value"), 3),
        (("owned", "variable", "v", "secrets", "/value"), None),
        (("owned", "widget"), {}),
    ],
)
def test_what_would_not_be_written_is_refused(path: tuple[str, ...], value: object) -> None:
    text = altered(lambda inside, name: inside.update({name: value}), path)
    assert refusal(text) == UNREADABLE
    assert not SCHEMA.is_valid(json.loads(text)) or path == ("salt",) or value in {2.0, 1.0}


def test_a_misspelt_name_does_not_lose_what_is_known() -> None:
    for name in ("marks", "pending"):
        text = TEXT_OF_FULL.replace(f'"{name}"', f'"{name}s"', 1)
        assert refusal(text) == UNREADABLE


def test_a_ledger_from_before_there_was_a_kind_owns_none_of_it() -> None:
    found = document(replace(FULL, entries={}))
    assert parse(json.dumps({**found, "owned": {}}), "here") == replace(FULL, entries={})


# What is never in it


def canaries(marker: Marker) -> Mapping[Key, Entry]:
    secret, other = Secret("env:S", CANARY), Secret("aws-sm:s", CANARY, "7")
    there = [
        variable("plain", CANARY, description=CANARY),
        variable("json", {"a": [CANARY, {"b": secret}], "c": other}),
        variable("secret", secret),
        connection("c", host=CANARY, login=CANARY, password=secret, extra={"t": other, "n": CANARY}),
        pool("p", 987_654_321, description=CANARY),
    ]
    return {
        one.key: Entry(
            recorded(one, marker),
            Pending(Action.UPDATE, marker.marks(one, one.fields), secret_places(one)),
        )
        for one in there
    }


@pytest.mark.parametrize("marker", [MARKER, Marker(SALT)])
def test_no_value_and_no_secret_is_in_a_ledger(marker: Marker) -> None:
    text = dump(replace(FULL, entries=canaries(marker)))
    spelled = [CANARY, CANARY[3:], CANARY.encode().hex(), base64.b64encode(CANARY.encode()).decode()[:8]]
    for trace in (*spelled, "987654321", KEY.decode(), SALT.decode()):
        assert trace not in text
    assert "env:S" in text, "references are no secret"
