from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.exporting import dump
from reconciler.manifests.loader import load
from reconciler.model import Secret

AWKWARD = (
    "", " ", "yes", "No", "ON", "y", "N", "null", "~", "True", "1", "01", "0x10", "0o17", "1_000", "1e3",
    ".5", ".inf", "12:30", "2026-01-01", "-", "- a", "a: b", "a #b", "#", "?", "&a", "*a", "!x", "%a", "@a",
    "`a", "{a", "[a", "|", ">", "'", '"', "\\", "a\nb", "a\nb\n", "a\n\nb\n", "a\n\n", "\na", " a\nb",
    "a\n b", "a \nb", "a\tb\nc", "a\r\nb", "\x00", "\x85", "\u2028", "\ufeff", "\u202e", "\U0001f642",
    "\xa0", "---", "...", "--- a\n...", "a\n---\nb", "=", "<<", "$secret", "key: |", "a,b", "/", "/a", "_",
    "a.", "a b c", "a  b",
)  # fmt: skip

texts = st.sampled_from(AWKWARD) | st.text(max_size=20) | st.text("ab \n#:-|'\"\\", max_size=12)
names = texts.filter(lambda name: all(character.isprintable() for character in name) and len(name) < 100)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
)
documents = st.recursive(
    leaves | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def strictly_read(text: str) -> Any:
    found, problems = load(text.encode(), "f")
    assert problems == []
    return found


def is_composed(document: Any) -> bool:
    """Whether the strict reader takes every name in it."""
    from reconciler.manifests.names import unseen

    inner = (
        document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    )
    sound = not isinstance(document, dict) or not any(map(unseen, document))
    return sound and all(map(is_composed, inner))


@given(st.dictionaries(texts, documents, max_size=3).filter(is_composed))
@example({"a": 1e16, "b": -0.0, "c": 1e-7, "d": 2**70, "e": True, "f": None})
def test_what_is_written_is_what_is_read(document: dict[str, Any]) -> None:
    assert repr(strictly_read(dump(document))) == repr(document)


@given(st.dictionaries(texts, documents, max_size=3))
def test_other_readers_of_yaml_read_the_same(document: dict[str, Any]) -> None:
    assert repr(yaml.safe_load(dump(document))) == repr(document)


@pytest.mark.parametrize("text", AWKWARD)
def test_no_text_is_taken_for_anything_else(text: str) -> None:
    assert strictly_read(dump({"a": text, "b": [text, [text]]})) == {"a": text, "b": [text, [text]]}


def test_a_reference_stands_in_one_line() -> None:
    assert dump({"a": {"password": Secret("env:A")}}) == 'a:\n  password: {$secret: "env:A"}\n'


def test_people_can_read_it() -> None:
    document = {
        "a": {"sql": "SELECT 1\n\n  FROM x\n", "hosts": ["a", {"b": [], "c": {}}, [1]], "n": "Nightly loads"}
    }
    assert dump(document) == (
        "a:\n  sql: |\n    SELECT 1\n\n      FROM x\n"
        '  hosts:\n    - a\n    - b: []\n      c: {}\n    - - 1\n  "n": Nightly loads\n'
    )
