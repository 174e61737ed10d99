"""What makes loading fast and small, as far as it could be seen from outside."""

import contextlib
import gc
from pathlib import Path

import pytest
import yaml

from reconciler.errors import ManifestError
from reconciler.manifests.loader import load
from reconciler.manifests.placed import PlacedDict, PlacedList
from tests.manifests.support import MINIMAL, loaded, plain, problems_in, write

PLACES = """\
variables:
  one: {value: [1, {b: 2}], description: d}
  two:
    value:
    - x
    -   y: z
"""


def read(text: str) -> PlacedDict:
    document, problems = load(text.encode(), "f.yaml")

    assert problems == []
    assert isinstance(document, PlacedDict)
    return document


def test_everything_knows_its_place() -> None:
    variables = read(PLACES)["variables"]
    one, two = variables["one"], variables["two"]

    assert [str(place) for place in variables.origins.values()] == ["f.yaml:2:3", "f.yaml:3:3"]
    assert [str(place) for place in one.origins.values()] == ["f.yaml:2:9", "f.yaml:2:29"]
    assert [str(place) for place in one["value"].origins] == ["f.yaml:2:17", "f.yaml:2:20"]
    assert str(one["value"][1].origin) == "f.yaml:2:20"
    assert str(two["value"].origin) == "f.yaml:5:5"
    assert [str(place) for place in two["value"][1].origins.values()] == ["f.yaml:6:9"]


def test_a_place_may_be_far_to_the_right() -> None:
    far = "a: {b: " + "x" * 100_000 + ", c: 2}"

    assert str(read(far)["a"].origins["c"]) == "f.yaml:1:100010"


def test_a_made_mapping_has_the_places_of_the_whole() -> None:
    made = PlacedDict({"a": 1}, read("x: 1").origin)

    assert made.origins == {"a": made.origin}
    assert made.broken == set()
    with pytest.raises(AttributeError, match="nothing"):
        made.nothing  # noqa: B018
    with pytest.raises(AttributeError, match="nothing"):
        read("x: [1]")["x"].nothing  # noqa: B018


SAME = {
    "plain": "{a: 5, b: text, c: [text, 5, null]}",
    "quoted keys": "{'a': 5, \"b\": text, c: [text, 5, null]}",
    "quoted texts": "{a: 5, b: 'text', c: [\"text\", 5, ~]}",
    "with an anchor": "{a: &n 5, b: text, c: [text, *n, null]}",
    "with an exclamation mark in a comment": "{a: 5, b: text, c: [text, 5, null]} # !",
    "repeated": "{c: [text, 5, null], b: text, a: 5}",
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_the_same_is_read_however_it_is_written(text: str) -> None:
    assert read(f"x: {text}") == {"x": {"a": 5, "b": "text", "c": ["text", 5, None]}}


def test_a_quoted_number_beside_the_same_number_stays_text() -> None:
    assert read("{a: 5, b: '5', c: [5, '5'], d: null, e: 'null'}") == {
        "a": 5,
        "b": "5",
        "c": [5, "5"],
        "d": None,
        "e": "null",
    }


def test_a_value_after_thousands_of_others_is_read_as_the_first_was() -> None:
    values = [*range(3000), 1, 2999]

    assert read(f"a: {values}")["a"] == values


NODES = "{a: 1, 'b': {c: [1, {d: 2}, [3]], e: 'x'}, &k f: &v 5, g: *v, h: {}}"


def test_every_value_counts_once_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [event for event in yaml.parse(NODES) if isinstance(event, yaml.NodeEvent)]
    counted = [each for node in nodes for each in [node] * (2 if isinstance(node, yaml.AliasEvent) else 1)]
    monkeypatch.setattr("reconciler.manifests.builder.MOST_NODES", len(counted))
    assert load(NODES.encode(), "f.yaml")[1] == []

    for limit, node in enumerate(counted):
        monkeypatch.setattr("reconciler.manifests.builder.MOST_NODES", limit)
        _, (problem,) = load(NODES.encode(), "f.yaml")
        assert node.start_mark is not None
        assert problem.origin == ("f.yaml", 1, node.start_mark.column + 1), limit


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ("{a: ", "}")], ids=["lists", "mappings"])
@pytest.mark.parametrize("inner", ["", "x", "'x'", "5", "{}", "[]", "&a 5"])
def test_what_stands_in_too_many_others_is_refused(open_: str, close: str, inner: str) -> None:
    def problems(levels: int) -> list[str]:
        text = f"[5, {open_ * levels}{inner}{close * levels}]"
        return [problem.what for problem in load(text.encode(), "f.yaml")[1]]

    leaf = inner != "" or open_ != "["
    assert problems(31 if leaf else 32) == []
    assert problems(32 if leaf else 33) == ["more than 32 levels stand inside each other here"]


def test_many_files_say_together_what_each_says(tmp_path: Path) -> None:
    files = {
        f"dev/{n}.yaml": f"pools: {{p{n}: {{slots: {n}}}}}\nabsent: {{pools: [a{n}]}}\n" for n in range(9)
    }

    environment = loaded(write(tmp_path, {**files, "dev/x.yaml": "pools: null\nabsent: {variables: [v]}\n"}))

    assert [key.id for key in environment.desired] == [f"p{n}" for n in range(9)]
    assert {str(key) for key in environment.absent} == {"variable/v", *(f"pool/a{n}" for n in range(9))}


def test_an_anchor_may_stand_for_several_resources_and_layers_leave_it_alone(tmp_path: Path) -> None:
    body = "&a {conn_type: http, extra: {b: {c: 1}}}"
    files: dict[str, str | bytes] = {
        "dev/environment.yaml": f"{MINIMAL}layers: [../base]\n",
        "base/m.yaml": f"connections: {{one: {body}, two: *a, three: *a}}\n",
        "dev/m.yaml": "connections: {one: {extra: {b: {c: 2}}}, two: {extra: {b: null}}}\n",
    }

    desired = loaded(write(tmp_path, files)).desired

    assert {key.id: plain(resource.fields)["extra"] for key, resource in desired.items()} == {
        "one": {"b": {"c": 2}},
        "two": {},
        "three": {"b": {"c": 1}},
    }


def test_a_dollar_in_an_escape_is_a_parameter_and_a_secret_all_the_same(tmp_path: Path) -> None:
    environment = f"{MINIMAL}parameters: {{a: 5}}\n"
    manifest = 'connections: {c: {conn_type: http, password: {"\\x24secret": "env:A"}, login: "x\\x24{a}"}}\n'

    ((_, resource),) = loaded(
        write(tmp_path, {"dev/environment.yaml": environment, "dev/m.yaml": manifest})
    ).desired.items()

    assert plain(resource.fields) == {"conn_type": "http", "login": "x5", "password": "secret env:A"}


def test_a_mask_in_an_escape_is_a_mask_all_the_same(tmp_path: Path) -> None:
    (problem,) = problems_in(tmp_path, 'variables: {a: "*\\x2a*"}')

    assert "Airflow's mask" in problem


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("manifest", ["pools: {p: {slots: 1}}", "pools: {p: {}}"], ids=["sound", "wrong"])
def test_a_load_leaves_the_collector_as_it_was(tmp_path: Path, manifest: str, enabled: bool) -> None:
    folder = write(tmp_path, {"dev/m.yaml": manifest})
    try:
        (gc.enable if enabled else gc.disable)()
        with contextlib.suppress(ManifestError):
            loaded(folder)
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


def test_once_an_environment_is_made_only_files_are_known_of_what_stands_in_values(tmp_path: Path) -> None:
    (one, _) = loaded(write(tmp_path, {"dev/m.yaml": PLACES})).desired.values()

    assert one.origin is not None
    assert (one.origin.line, one.origin.column) == (2, 3)
    value = one.fields["value"]
    assert isinstance(value, PlacedList)
    assert {(place.line, place.column) for place in [value.origin, *value.origins]} == {(1, 1)}
    assert value.origin.file == one.origin.file
