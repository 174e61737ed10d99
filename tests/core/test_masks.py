import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import MASK, fits_mask, may_be_one
from tests.core.samples import SPANS, redacted

TEXT = st.text("ab*é ", max_size=40)


@given(TEXT, SPANS)
def test_a_text_fits_every_redaction_of_itself(text: str, spans: list[tuple[int, int]]) -> None:
    assert fits_mask(redacted(text, spans), text)


@given(TEXT, SPANS, SPANS)
def test_two_redactions_of_a_text_may_be_one(
    text: str, some: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    assert may_be_one(redacted(text, some), redacted(text, others))


@given(TEXT, TEXT, SPANS, SPANS)
def test_may_be_one_is_symmetric(
    one: str, other: str, some: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    left, right = redacted(one, some), redacted(other, others)
    assert may_be_one(left, right) == may_be_one(right, left)


@given(TEXT.filter(lambda text: MASK not in text), TEXT)
def test_without_a_mask_only_the_same_text_fits(pattern: str, text: str) -> None:
    assert fits_mask(pattern, text) == (pattern == text)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("***", "", True),
        ("***", "anything", True),
        ("a***", "a", True),
        ("a***", "ba", False),
        ("***b", "ab", True),
        ("***b", "ba", False),
        ("a***b***c", "abc", True),
        ("a***b***c", "a-b-c", True),
        ("a***b***c", "a-c", False),
        ("ab***ba", "aba", False),
        ("x***y***y", "xy", False),
        ("x***y***y", "xyy", True),
        ("eu-***-1", "eu-central-1", True),
        ("eu-***-1", "eu-central-2", False),
        ("a****", "a*secret", True),
        ("a*****b", "a*secret*b", True),
        ("******", "two secrets side by side", True),
        ("a**b", "a**b", True),
        ("a**b", "a-b", False),
        ("a***\nb", "a\n\nb", True),
    ],
)
def test_each_mask_stands_for_any_text(pattern: str, text: str, fits: bool) -> None:
    assert fits_mask(pattern, text) is fits


@pytest.mark.parametrize(
    ("one", "other", "possible"),
    [
        ("a***c d", "a b***", True),
        ("my *** x y", "my zebra *** y", True),
        ("a***", "b***", False),
        ("***x", "***y", False),
        ("a***", "ab", True),
        ("b", "a***", False),
        ("same", "same", True),
        ("same", "other", False),
    ],
)
def test_two_readings_contradict_only_outside_their_masks(one: str, other: str, possible: bool) -> None:
    assert may_be_one(one, other) is possible


def test_a_hopeless_pattern_is_rejected_in_linear_time() -> None:
    assert not fits_mask("a***" * 5_000 + "b", "a" * 100_000)
