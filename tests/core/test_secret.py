import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from reconciler.compare import compare_resources, created_leaves, digest
from reconciler.model import MASK, Resource, Sealed, Secret, mapped_secrets, secrets_in
from reconciler.plan import Plan
from reconciler.report import Outcome, Report
from reconciler.seal import seal_pair
from tests.core.samples import CANARY, FINGERPRINT, connection, difference, only_change, variable

KNOWN = Secret("env:NAME", CANARY)
ANOTHER = "an0ther-plaintext-77aa"
LIVE_CANARY = "l1ve-plaintext-55cc"


def holders(plaintext: str) -> list[Resource]:
    secret = Secret("env:NAME", plaintext)
    return [
        variable("plain_name", secret),
        variable("config", {"deep": [{"x": secret}], "n": 1}),
        connection("c", password=secret, extra={"blob": secret, "sslmode": "require"}),
        connection("whole_extra", extra=secret),
    ]


def lives(plaintext: str) -> list[Resource]:
    """What an Airflow shows that hides nothing, such as version 2 with its variables."""
    return [
        variable("plain_name", plaintext),
        variable("config", json.dumps({"deep": [{"x": plaintext}], "n": 2})),
        connection("c", password=plaintext, extra=json.dumps({"blob": plaintext, "gone": plaintext})),
        connection("whole_extra", extra=json.dumps({"blob": plaintext})),
    ]


@pytest.mark.parametrize(
    "spelled", [repr, str, format, "{}".format, "%s".__mod__, lambda one: f"{one!r:>20}", ascii]
)
def test_no_text_form_of_a_secret_shows_it(spelled: Callable[[Any], str]) -> None:
    assert CANARY not in spelled(KNOWN)
    assert CANARY not in spelled([KNOWN])
    assert CANARY not in spelled(variable("a", KNOWN))
    assert CANARY not in spelled(variable("a", CANARY))


@pytest.mark.parametrize(
    "copied", [pickle.dumps, copy.copy, copy.deepcopy, lambda one: asdict(variable("a", one))]
)
def test_a_secret_is_neither_copied_nor_pickled(copied: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match="not pickled") as caught:
        copied(KNOWN)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_secret_is_no_json() -> None:
    with pytest.raises(TypeError) as caught:
        json.dumps({"password": KNOWN})
    assert CANARY not in str(caught.value)


def test_a_secret_has_no_attributes_to_list_or_to_set() -> None:
    assert not hasattr(KNOWN, "__dict__")
    with pytest.raises(AttributeError):
        KNOWN.value = "x"  # type: ignore[attr-defined]


def test_an_unknown_secret_reveals_nothing() -> None:
    unknown = Secret("env:NAME")
    assert not unknown.known
    with pytest.raises(ValueError, match="the secret env:NAME is not known"):
        unknown.reveal()
    assert not unknown.fits(MASK)
    assert unknown.sealed(FINGERPRINT) == Sealed("env:NAME", None, missing=True)
    assert unknown.erased_from("text", lambda text: iter([text])) == "text"
    assert not unknown.spelled(str.upper).known


def test_a_known_secret_reveals_its_plaintext() -> None:
    assert KNOWN.known
    assert KNOWN.reveal() == CANARY


def test_secrets_are_told_apart_by_reference_alone() -> None:
    assert Secret("env:A", "x") == Secret("env:A", "y")
    assert Secret("env:A", "x") != Secret("env:B", "x")
    assert Secret("env:A") != "env:A"
    assert len({Secret("env:A", "x"), Secret("env:A")}) == 1


def test_a_secret_is_erased_longest_form_first_and_an_empty_form_is_no_form() -> None:
    secret = Secret("env:A", "ab")
    assert secret.erased_from("xabbax", lambda text: iter([text, text + "b", ""])) == f"x{MASK}ax"


def test_secrets_are_found_and_replaced_at_every_depth() -> None:
    nested = {"a": [1, {"b": KNOWN}], "c": (KNOWN, "x")}
    assert list(secrets_in(nested)) == [KNOWN, KNOWN]
    assert mapped_secrets(nested, lambda secret: secret.ref) == {
        "a": [1, {"b": "env:NAME"}],
        "c": ["env:NAME", "x"],
    }


@pytest.mark.parametrize("live", [True, False])
def test_no_object_of_a_plan_or_report_shows_a_secret_in_any_form(live: bool) -> None:
    found = difference(holders(CANARY), lives(ANOTHER) if live else [])
    assert found.changes
    plan = Plan("e", "sandbox:x", "3.3.1", found, (), calls=None)  # type: ignore[arg-type]
    report = Report(plan, tuple(Outcome(change, "done") for change in found.changes), 1, 1, converged=True)
    shown = [repr(report), str(asdict(report)), pickle.dumps(report).decode("latin-1")]
    for text in shown:
        assert CANARY not in text
        assert ANOTHER not in text


def test_a_failed_assertion_about_states_shows_no_secret() -> None:
    ours, theirs = seal_pair(holders(CANARY)[1], lives(ANOTHER)[1], FINGERPRINT)
    with pytest.raises(AssertionError) as caught:
        raise AssertionError(ours, theirs, holders(CANARY), lives(ANOTHER), KNOWN.sealed(FINGERPRINT))
    text = "".join(traceback.format_exception(caught.value))
    assert CANARY not in text
    assert ANOTHER not in text


def test_a_log_record_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("x").warning("%s %r", KNOWN, holders(CANARY))
    assert CANARY not in caplog.text


def test_digests_and_findings_do_not_depend_on_a_secrets_value() -> None:
    for one, other in zip(holders(CANARY), holders(ANOTHER), strict=True):
        before, after = only_change(one, None), only_change(other, None)
        assert before == after


def test_digests_of_what_lives_do_not_depend_on_the_value_in_a_secrets_place() -> None:
    for declared, one, other in zip(
        holders(CANARY), lives("first-value"), lives("second-value"), strict=True
    ):
        assert only_change(declared, one).digest_before == only_change(declared, other).digest_before


@pytest.mark.parametrize(
    ("declared", "live"),
    [
        (variable("x", {"keys": [KNOWN, KNOWN]}), variable("x", '{"keys": ["%s"]}')),
        (variable("x", {"keys": [KNOWN]}), variable("x", '{"keys": {"a": "%s"}}')),
        (variable("x", {"new_name": KNOWN}), variable("x", '{"old_name": "%s"}')),
        (variable("x", {"blob": KNOWN}), variable("x", '{"blob": {"a": "%s"}}')),
        (variable("x", {"blob": KNOWN}), variable("x", "%s")),
        (variable("x", KNOWN), variable("x", '{"a": "%s"}')),
        (variable("x", 5), variable("x", '{"password": "%s"}')),
        (variable("x", "text"), variable("x", '[{"deep": {"api-key": "%s"}}]')),
        (variable("x", {"a": 1}), variable("x", '{"a": {"token": "%s"}}')),
        (variable("x", "text"), variable("x", "postgres://etl:%s@host/db")),
        (variable("my_secret_key", "text"), variable("my_secret_key", "%s")),
        (connection("x", extra={"a": 1}), connection("x", extra="Bearer %s")),
        (connection("x", extra={"a": 1}), connection("x", extra='{"a": 1, "webhook_url": "%s"}')),
        (connection("x", host="h"), connection("x", host="https://u:%s@h")),
        (connection("x", password=KNOWN), connection("x", password="%s")),
        (connection("x", password=""), connection("x", password="%s")),
    ],
)
def test_a_live_value_that_is_or_looks_secret_is_neither_shown_nor_hashed(
    declared: Resource, live: Resource
) -> None:
    def with_plaintext(plaintext: str) -> Resource:
        fields = {
            name: value.replace("%s", plaintext) if isinstance(value, str) else value
            for name, value in live.fields.items()
        }
        return Resource(live.key, fields)

    one, other = (only_change(declared, with_plaintext(text)) for text in (LIVE_CANARY, ANOTHER))
    assert one == other
    assert LIVE_CANARY not in repr(one)
    assert one.fields
    assert all(field.secret for field in one.fields if field.path[-1] != "a")


@pytest.mark.parametrize("host", ["https://u:pw-in-url@h", "plain"])
def test_a_deletes_digest_holds_no_secret(host: str) -> None:
    digests = {
        digest(connection("x", host=host.replace("pw-in-url", text), password=text), ("conn_type", "host"))
        for text in (CANARY, ANOTHER)
    }
    assert len(digests) == 1


def test_findings_carry_the_reference_of_a_secret_and_no_value() -> None:
    for desired, current in zip(holders(CANARY), lives(ANOTHER), strict=True):
        ours, theirs = seal_pair(desired, current, FINGERPRINT)
        found = [*created_leaves(ours), *compare_resources(ours, theirs)]
        assert "env:NAME" in {one.ref for one in found}
        assert CANARY not in repr(found)
        assert ANOTHER not in repr(found)
