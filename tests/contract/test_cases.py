from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import NotJson, Request, Response
from tests.contract.cases import Case, CaseError, Expectation, load, mismatches, parse
from tests.rig.versions import RELEASES

STEP = "{request: [GET, /version], answer: {status: 200}}"


def only_case(steps: str, rest: str = "") -> Case:
    (case,) = parse(f"- {{name: n, {rest} steps: [{steps}]}}", "theme")
    return case


def wrong(expected: Expectation, body: Any, status: int = 200) -> tuple[str, ...]:
    return mismatches(expected, Response(status, body), "3.3.1")


def test_every_case_file_is_read_and_every_version_has_cases() -> None:
    cases = load(Path(__file__).with_name("cases"))
    for version in RELEASES:
        assert sum(version in case.versions for case in cases) > 100


@pytest.mark.parametrize(
    "text",
    [
        "- {name: n, steps: []}",
        "- {steps: [" + STEP + "]}",
        "- {name: n, bogus: 1, steps: [" + STEP + "]}",
        "- {name: n, name: m, steps: [" + STEP + "]}",
        "- {name: n, versions: '>=9', steps: [" + STEP + "]}",
        "- {name: n, emulated: false, steps: [" + STEP + "]}",
        "- {name: n, why: a reason, steps: [" + STEP + "]}",
        "- {name: n, steps: [{request: [GET, version], answer: {status: 200}}]}",
        "- {name: n, steps: [{request: [PUT, /version], answer: {status: 200}}]}",
        "- {name: n, steps: [{request: [GET, /version]}]}",
        "- {name: n, steps: [{request: [GET, /version], answer: {body: {}}}]}",
        "- {name: n, steps: [{request: [GET, /version], answer: {status: 200, bodi: {}}}]}",
        "- {name: n, steps: [{request: [GET, /version], answer: {'<3': {status: 200}}}]}",
        "- {name: n, steps: [{request: [GET, /version], answer: {'>=2': {status: 200}, '<3': {status: 1}}}]}",
        "- {name: n, steps: [{request: [GET, /version], answer: {'bogus': {status: 200}}}]}",
        "- {name: n, steps: [{request: [GET, /version], versions: '>=9', answer: {status: 200}}]}",
    ],
)
def test_a_case_that_could_pass_unnoticed_is_an_error(text: str) -> None:
    with pytest.raises(CaseError):
        parse(text, "theme")


def test_two_cases_of_one_name_are_an_error(tmp_path: Path) -> None:
    for file in ("a.yaml", "b.yaml"):
        (tmp_path / file).write_text(f"- {{name: n, steps: [{STEP}]}}")
    with pytest.raises(CaseError, match="several cases"):
        load(tmp_path)


def test_an_error_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("- {name: n, steps: [{request: [GET]}]}")
    with pytest.raises(CaseError, match=r"a\.yaml"):
        load(tmp_path)


def test_the_first_answer_that_fits_a_version_counts() -> None:
    answer = "{'<3': {status: 200}, '<3.2': {status: 201}, '>=3.2': {status: 202}}"
    (step,) = only_case(f"{{request: [GET, /version], answer: {answer}}}").steps
    assert [step.answer(version).status for version in ("2.7.2", "3.0.6", "3.3.1")] == [200, 201, 202]


def test_a_step_is_left_out_where_its_versions_say_so() -> None:
    case = only_case(f"{STEP}, {{request: [GET, /pools], versions: '<3', answer: {{status: 200}}}}")
    assert len(case.steps_on("2.7.2")) == 2
    assert len(case.steps_on("3.0.6")) == 1


def test_a_repeated_step_counts_in_path_and_body() -> None:
    (step,) = only_case(
        "{request: [POST, '/v{i}', {key: ['k{i}', 1]}], each: 2, answer: {status: 200}}"
    ).steps
    assert list(step.requests()) == [
        Request("POST", "/v000", {}, {"key": ["k000", 1]}),
        Request("POST", "/v001", {}, {"key": ["k001", 1]}),
    ]


def test_a_list_in_the_query_repeats_the_parameter() -> None:
    (step,) = only_case("{request: [GET, /v], query: {a: [x, y], b: z}, answer: {status: 200}}").steps
    assert step.request.query == {"a": ("x", "y"), "b": "z"}


def test_long_texts_are_written_short() -> None:
    (step,) = only_case("{request: [POST, /v, {key: !times [ab, 3]}], answer: {status: 200}}").steps
    assert step.request.body == {"key": "ababab"}


def test_the_status_has_to_be_the_expected_one() -> None:
    assert wrong(Expectation(200), None) == ()
    assert wrong(Expectation(200), None, status=201) == ("status 201, not 200",)


@pytest.mark.parametrize(
    ("expected", "seen"),
    [
        ({"a": 1}, {"a": 1, "more": 2}),
        ({"rows": [{"a": 1}]}, {"rows": [{"a": 1, "more": 2}]}),
        ({"version": "{version}"}, {"version": "3.3.1"}),
        (None, None),
    ],
)
def test_a_body_may_hold_more_than_expected(expected: Any, seen: Any) -> None:
    assert wrong(Expectation(200, expected), seen) == ()


@pytest.mark.parametrize(
    ("expected", "seen"),
    [
        ({"a": 1}, {}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": None}, {}),
        ({"rows": [{"a": 1}]}, {"rows": []}),
        ({"rows": []}, {"rows": [{"a": 1}]}),
        ({"rows": [1, 2]}, {"rows": [2, 1]}),
        ({"a": {}}, {"a": None}),
        (None, {}),
        ({}, NotJson("text")),
    ],
)
def test_a_body_that_differs_is_a_mismatch(expected: Any, seen: Any) -> None:
    assert wrong(Expectation(200, expected), seen)


def test_absent_keys_are_looked_for_at_every_depth() -> None:
    expected = Expectation(200, absent=("extra", "password"))
    assert wrong(expected, {"rows": [{"host": "extra"}]}) == ()
    assert wrong(expected, {"rows": [{"extra": None}]}) == ("body has 'extra'",)
    assert wrong(expected, None) == ()


def test_a_text_is_looked_for_in_the_body_however_it_came() -> None:
    expected = Expectation(200, contains=("é",))
    assert wrong(expected, {"a": ["é"]}) == ()
    assert wrong(expected, NotJson("<p>é</p>")) == ()
    assert wrong(expected, {"a": "e"})


def test_rows_count_the_one_list_of_a_body() -> None:
    expected = Expectation(200, rows=2)
    assert wrong(expected, {"pools": [1, 2], "total_entries": 5}) == ()
    assert wrong(expected, {"pools": [1]})
    assert wrong(expected, {"a": [1, 2], "b": [1, 2]})
    assert wrong(expected, NotJson("text"))
