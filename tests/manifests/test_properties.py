import json
import string
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.errors import Origin, Problem
from reconciler.manifests.loader import load
from reconciler.manifests.merge import merge_layers
from reconciler.manifests.names import unseen
from reconciler.manifests.parameters import Parameters, expand
from reconciler.manifests.placed import BROKEN, PlacedDict, PlacedList
from reconciler.manifests.validation import validate
from tests.manifests.support import MINIMAL, problems_of, write

HERE = Origin("f.yaml", 1, 1)
EXAMPLES = settings(max_examples=60, deadline=None)
MANY = settings(max_examples=200, deadline=None)

visible = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"), exclude_characters="\ufeff\u2028\u2029\x85")
)
keys = visible.filter(lambda name: unseen(name) is None and name not in {"<<", "$secret"})
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | visible
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)
documents = st.dictionaries(keys, values, max_size=4)

syntax = st.text(alphabet="abn01x_.:-+ \n\t{}[]&*!|>'\"%@`#?,<~$\\eE\r\ufeff\u2028", max_size=80)
MARKS = """variables : [ ] { } &a *a << !t a 1 0777 ' " # , $secret null ${ ***""".split()
WHITE = [" ", "  ", "\n", "- ", "? ", "|\n", ">\n", "---\n", "...\n", "%YAML 1.2\n"]
snippets = st.lists(st.sampled_from(MARKS + WHITE), max_size=40).map("".join)


class Quoting(yaml.SafeDumper):
    """Writes every text in double quotes."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style='"')


Quoting.add_representer(str, Quoting.represent_str)


def placed(value: Any) -> Any:
    """A plain value with a place for everything in it."""
    if isinstance(value, dict):
        return PlacedDict(
            {name: placed(item) for name, item in value.items()}, HERE, dict.fromkeys(value, HERE)
        )
    if isinstance(value, list):
        return PlacedList(map(placed, value), HERE, [HERE] * len(value))
    return value


def rfc7396(target: Any, patch: Any) -> Any:
    """The algorithm of RFC 7396, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = rfc7396(merged.get(name), value)
    return merged


@MANY
@given(st.binary(max_size=200) | syntax.map(str.encode) | snippets.map(str.encode))
@example(b"? [a]: b\n")
@example(b"&a : *a")
@example(b"<<: [*a, {<<: 1}]")
@example("\ufeff\ufeff: 1".encode())
@example(b"%TAG ! x\n")
def test_any_bytes_give_a_document_or_problems(data: bytes) -> None:
    document, problems = load(data, "f.yaml")
    tops = (document is None, document is BROKEN, isinstance(document, str | int | float | dict | list))

    assert any(tops)
    assert (document is BROKEN) <= bool(problems)
    assert all(problem.origin.line > 0 for problem in problems)


words = st.sampled_from(
    """name: target: layers: parameters: secrets: auth: variables: connections: pools: absent: basic: token:
    password: value: extra: ignore: slots: conn_type: allow: dev sandbox:s ../base env:A $secret: ${a} ${ ***
    1 a: [ ] { } - null &x *x <<: 0777 é""".split()
)
files = st.lists(words | st.sampled_from(["\n", "\n  ", "\n    ", " ", ", "]), max_size=30).map(" ".join)


@MANY
@given(files, files, files)
def test_any_files_give_an_environment_or_a_manifest_error(
    environment: str, manifest: str, layer: str
) -> None:
    with TemporaryDirectory() as folder:
        dev = {"dev/environment.yaml": MINIMAL + environment, "dev/m.yaml": manifest}
        problems_of(write(Path(folder), {**dev, "base/m.yaml": layer}))


@MANY
@given(snippets.map(lambda text: f"variables: {{a: {{value: {text}}}}}\n") | snippets)
def test_any_document_passes_expansion_schema_and_merge_without_another_error(text: str) -> None:
    document, problems = load(text.encode(), "f.yaml")
    if isinstance(document, PlacedDict):
        expanded = expand(document, Parameters(PlacedDict({}, HERE)), problems)
        sound, _ = validate(expanded, "manifest")
        merge_layers([sound, sound])


@EXAMPLES
@given(documents)
def test_what_is_written_with_quotes_is_read_as_it_was(document: dict[str, Any]) -> None:
    text = yaml.dump(document, Dumper=Quoting, allow_unicode=True, width=1000)

    read, problems = load(text.encode(), "f.yaml")

    assert problems == []
    assert read == document


@EXAMPLES
@given(documents)
def test_json_is_read_as_json(document: dict[str, Any]) -> None:
    read, problems = load(json.dumps(document, ensure_ascii=False).encode(), "f.yaml")

    assert problems == []
    assert read == document
    assert json.dumps(read) == json.dumps(document)


@EXAMPLES
@given(st.lists(documents, min_size=1, max_size=4))
def test_layers_merge_as_rfc_7396_says(layers: list[dict[str, Any]]) -> None:
    expected: Any = {}
    for layer in layers:
        expected = rfc7396(expected, layer)

    assert merge_layers([placed(layer) for layer in layers]) == expected


@EXAMPLES
@given(documents, documents, documents)
def test_merging_is_associative_where_nothing_is_removed(
    first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]
) -> None:
    a, b, c = (merge_layers([placed(layer)]) for layer in (first, second, third))

    together = merge_layers([a, b, c])

    if rfc7396(rfc7396(first, second), third) == rfc7396(first, rfc7396(second, third)):
        assert merge_layers([merge_layers([a, b]), c]) == together == merge_layers([a, merge_layers([b, c])])


@EXAMPLES
@given(documents)
def test_a_variable_keeps_its_value_with_every_null(value: dict[str, Any]) -> None:
    lower = placed({"variables": {"v": {"value": {"old": 1}, "description": "d"}}})
    upper = placed({"variables": {"v": {"value": value}}})

    assert merge_layers([lower, upper]) == {"variables": {"v": {"value": value, "description": "d"}}}


@EXAMPLES
@given(documents)
def test_every_leaf_of_a_merged_document_has_a_place(document: dict[str, Any]) -> None:
    merged = merge_layers([placed(document), placed(document)])

    def check(value: Any) -> None:
        if isinstance(value, PlacedDict):
            assert set(value.origins) == set(value)
        if isinstance(value, PlacedList):
            assert len(value.origins) == len(value)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(item)

    check(merged)


@EXAMPLES
@given(documents.filter(lambda document: "${" not in json.dumps(document, ensure_ascii=False)))
def test_expansion_leaves_text_without_references_alone(document: dict[str, Any]) -> None:
    problems: list[Problem] = []

    assert expand(placed(document), Parameters(PlacedDict({}, HERE)), problems) == document
    assert problems == []


@EXAMPLES
@given(visible, st.text(string.ascii_lowercase, min_size=1), scalars)
def test_an_escaped_text_comes_back_as_it_was(text: str, name: str, value: Any) -> None:
    parameters = Parameters(PlacedDict({name: value}, HERE, {name: HERE}))
    document = placed({"s": [text.replace("${", "$${"), f"${{{name}}}"]})
    problems: list[Problem] = []

    assert expand(document, parameters, problems) == {"s": [text, value]}
    assert problems == []


@EXAMPLES
@given(snippets)
def test_places_lie_within_the_file(text: str) -> None:
    _, problems = load(text.encode(), "f.yaml")

    for problem in problems:
        assert problem.origin.line <= len(text.splitlines()) + 1, Path(problem.origin.file)
