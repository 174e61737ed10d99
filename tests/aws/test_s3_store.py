"""What only a ledger in S3 has: lost answers, refusals, another clock, another endpoint."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from reconciler import amazon
from reconciler.amazon import Place
from reconciler.errors import LedgerChanged, LedgerUnavailable, LedgerUncertain
from reconciler.stores import Store, open_store
from tests.aws import support
from tests.aws.support import Fault, Forward, Link, linked
from tests.e2e.broken import Raw


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with support.aws_server() as url:
        yield url


@pytest.fixture
def bucket(aws: str, monkeypatch: pytest.MonkeyPatch) -> str:
    support.use(monkeypatch, aws)
    return support.bucket()


@pytest.fixture
def link(aws: str) -> Iterator[Link]:
    with linked(aws) as made:
        yield made


def opened(bucket: str, *options: str) -> Store:
    return open_store(f"s3://{bucket}/airflow/prod.json?{'&'.join(options)}", Path(), Place())


def through(link: Link, bucket: str) -> Store:
    return opened(bucket, f"endpoint_url={link.url}")


def text(bucket: str) -> str | None:
    stored = opened(bucket).load()
    return stored.text if stored else None


def test_a_write_that_is_lost_on_its_way_is_uncertain(bucket: str, link: Link) -> None:
    link.fault = support.dropped_before

    with pytest.raises(
        LedgerUncertain, match=f"nobody can tell whether s3://{bucket}/airflow/prod.json was wr"
    ):
        through(link, bucket).save("one", None)

    assert text(bucket) is None
    assert link.seen == ["PUT"]


def test_a_write_whose_answer_is_lost_is_uncertain_and_not_repeated(bucket: str, link: Link) -> None:
    link.fault = support.dropped_after

    with pytest.raises(LedgerUncertain, match="was written: the connection broke off before"):
        through(link, bucket).save("one", None)

    assert text(bucket) == "one"
    assert link.seen == ["PUT"]


def test_a_write_that_is_never_answered_is_uncertain(
    bucket: str, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amazon, "READ_TIMEOUT", 0.2)
    over = threading.Event()

    def hangs(_forward: Forward) -> None:
        over.wait(10)

    link.fault = hangs
    with pytest.raises(LedgerUncertain, match=r"AWS did not answer within 0\.2 s; run again"):
        through(link, bucket).save("one", None)
    over.set()

    assert link.seen == ["PUT"]


UNCERTAIN: dict[str, Fault] = {
    "500": support.refused(500, "InternalError"),
    "503": support.refused(503, "ServiceUnavailable"),
    "no XML": lambda _forward: Raw(502, b"<html>", {"Content-Type": "text/html"}),
    "no version": lambda _forward: Raw(200),
}


@pytest.mark.parametrize("name", UNCERTAIN)
def test_answers_that_tell_nothing_about_a_write_make_it_uncertain(
    bucket: str, link: Link, name: str
) -> None:
    link.fault = UNCERTAIN[name]

    with pytest.raises(LedgerUncertain, match="nobody can tell whether"):
        through(link, bucket).save("one", None)

    assert link.seen == ["PUT"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict"), (409, "OperationAborted")],
)
def test_a_lost_race_is_a_change(bucket: str, link: Link, status: int, code: str) -> None:
    link.fault = support.refused(status, code)

    with pytest.raises(LedgerChanged, match=f"s3://{bucket}/airflow/prod.json is not what this run has read"):
        through(link, bucket).save("one", None)


REFUSALS = {
    "AccessDenied": (403, "AWS refused the call: said so; check the credentials and that .* s3:PutObject"),
    "ExpiredToken": (400, "AWS refused the call: said so; check the credentials"),
    "InvalidArgument": (400, "AWS answered InvalidArgument: said so"),
    "NotImplemented": (501, "this store knows no conditional writes, which a ledger takes"),
    "NoSuchBucket": (404, "there is no bucket .*; create it, or correct the ledger's address"),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refused_write_is_told_with_what_to_do(bucket: str, link: Link, code: str) -> None:
    status, sentence = REFUSALS[code]
    link.fault = support.refused(status, code)

    with pytest.raises(LedgerUnavailable, match=sentence) as caught:
        through(link, bucket).save("one", None)

    assert type(caught.value) is LedgerUnavailable


def test_a_write_that_could_not_be_sent_is_not_uncertain(bucket: str, aws: str) -> None:
    with linked(aws) as link:
        store = through(link, bucket)

    with pytest.raises(LedgerUnavailable, match="AWS cannot be reached: Connection refused") as caught:
        store.save("one", None)

    assert type(caught.value) is LedgerUnavailable


@pytest.mark.parametrize("act", ["load", "save"])
def test_missing_credentials_are_told(bucket: str, monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = opened(bucket)

    with pytest.raises(LedgerUnavailable, match="no AWS credentials: Unable to locate") as caught:
        store.load() if act == "load" else store.save("one", None)

    assert type(caught.value) is LedgerUnavailable


def test_an_unknown_profile_is_told(bucket: str) -> None:
    with pytest.raises(LedgerUnavailable, match=r"no AWS credentials: The config profile \(ops\) could not"):
        opened(bucket, "profile=ops").load()


def test_a_read_is_tried_again(bucket: str, link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    support.no_waiting(monkeypatch)
    opened(bucket).save("one", None)
    faults = iter([support.refused(503, "SlowDown"), support.dropped_before])

    def at_first(forward: Forward) -> Raw | None:
        fault = next(faults, None)
        return fault(forward) if fault else forward()

    link.faulty, link.fault = "GET", at_first
    stored = through(link, bucket).load()

    assert stored is not None
    assert stored.text == "one"
    assert link.seen == ["GET"] * 3


def test_a_read_that_is_cut_short_is_told(bucket: str, link: Link) -> None:
    opened(bucket).save("one" * 100, None)
    link.faulty, link.fault = "GET", lambda forward: replace(forward(), announced=5000)

    with pytest.raises(LedgerUnavailable, match="the connection broke off before the answer was complete"):
        through(link, bucket).load()


def test_an_answer_without_a_version_is_told(bucket: str, link: Link) -> None:
    link.faulty, link.fault = "GET", lambda _forward: Raw(200, b"{}")

    with pytest.raises(LedgerUnavailable, match="the answer has no ETag, so that nothing can be written saf"):
        through(link, bucket).load()


def dated(text: str | None) -> Fault:
    def answer(forward: Forward) -> Raw:
        raw = forward()
        headers = {name: value for name, value in raw.headers.items() if name.lower() != "date"}
        return replace(raw, headers=headers | ({"Date": text} if text else {}))

    return answer


@pytest.mark.parametrize("days", [-2, 2])
def test_the_age_is_told_by_the_clock_of_s3_alone(bucket: str, link: Link, days: int) -> None:
    opened(bucket).save("one", None)
    theirs = datetime.now(UTC) + timedelta(days=days)
    link.faulty, link.fault = "GET", dated(format_datetime(theirs, usegmt=True))

    stored = through(link, bucket).load()

    assert stored is not None
    assert stored.age == pytest.approx(max(0, days) * 86400, abs=60)


@pytest.mark.parametrize("said", [None, "yesterday"])
def test_where_s3_tells_no_time_a_ledger_looks_new(bucket: str, link: Link, said: str | None) -> None:
    opened(bucket).save("one", None)
    link.faulty, link.fault = "GET", dated(said)

    stored = through(link, bucket).load()

    assert stored is not None
    assert stored.age == 0
