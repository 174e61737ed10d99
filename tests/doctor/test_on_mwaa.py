"""``doctor`` on MWAA, played by the gateway for unmodified boto3, with moto for the rest of AWS."""

import os
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Backend, Request, Response
from reconciler.doctor.scratch import PREFIX
from reconciler.sandbox.fault_grammar import parse_fault
from tests.aws import support as aws_support
from tests.doctor.conftest import Serve
from tests.doctor.support import Watched, add, contents, emulator, look, write
from tests.e2e.broken import Raw

FAST = 1000


def is_ours(value: object) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)


def prod(tmp_path: Path, target: str, **manifest: Any) -> Path:
    return write(tmp_path / "prod", target, settings={"rate_limit": FAST}, **manifest)


@pytest.mark.parametrize("major", [2, 3])
def test_where_all_is_well_nothing_is_left_behind_and_nothing_foreign_is_touched(
    service: Serve, tmp_path: Path, major: int
) -> None:
    backend = Watched(emulator(major))
    add(backend.backend, "/variables", key="a", value="1")
    add(backend.backend, "/connections", connection_id="c", conn_type="http", password="hush")
    before = contents(backend)

    found = look(prod(tmp_path, service(backend), variables={"a": 1}), scratch=True)

    assert found.failed == set()
    assert contents(backend) == before
    assert all(one.startswith(PREFIX) for one in backend.ids)
    assert found.diagnosis.writes == len(backend.writes)
    assert found["identity"].seen.endswith(f"account {aws_support.ACCOUNT} as the target says")
    assert found["version"].seen.startswith(f"Airflow {backend.backend.newest(major)}, spoken to as API v")  # type: ignore[attr-defined]


def test_without_scratch_only_reads_are_sent(service: Serve, tmp_path: Path) -> None:
    backend = Watched(emulator())

    found = look(prod(tmp_path, service(backend)))

    assert backend.writes == []
    assert found.failed == set()
    assert {one.seen for one in found.diagnosis.findings if one.check.startswith("write ")} == {
        "nothing is written without --scratch"
    }


def test_what_explains_a_failure_stands_before_it(service: Serve, tmp_path: Path) -> None:
    order = look(prod(tmp_path, service(emulator()))).order
    wanted = ["manifests", "target", "clock", "identity", "environment", "ledger", "secrets", "version"]
    wanted += ["read variables", "lists in queries", "write variables", "shadows"]
    assert [one for one in order if one in wanted] == wanted


LISTS = {
    "repeat": "a list becomes a repeated parameter",
    "comma": "a list becomes one parameter, joined with commas",
    "json": "a list becomes one parameter that holds JSON",
    "first": "of a list only the first item arrives",
}


@pytest.mark.parametrize("major", [2, 3])
@pytest.mark.parametrize("how", LISTS)
def test_how_lists_arrive_is_told(service: Serve, tmp_path: Path, major: int, how: str) -> None:
    found = look(prod(tmp_path, service(emulator(major), f"query_lists={how}")))

    assert found["lists in queries"].seen == LISTS[how]
    assert found.state("lists in queries") == ("ok" if major == 2 or how == "repeat" else "warning")


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("repeat", "of an update of two fields both arrive"),
        ("comma", "of an update of value and description nothing arrives; alone, each does"),
        ("first", "of an update of value and description value arrives; alone, each does"),
    ],
)
def test_which_fields_of_a_mask_arrive_is_told(service: Serve, tmp_path: Path, how: str, told: str) -> None:
    found = look(prod(tmp_path, service(emulator(), f"query_lists={how}")), scratch=True)

    assert found["masks"].seen == told
    assert found.state("write variables") == "ok"


def test_where_no_mask_arrives_updates_fail(service: Serve, tmp_path: Path) -> None:
    backend = emulator()
    found = look(prod(tmp_path, service(backend, "query_lists=json")), scratch=True)

    assert found.failed == {"write pools", "write variables", "write connections"}
    assert found["write variables"].seen.endswith("answers 2xx and changes nothing")
    assert contents(backend)["variables"] == []


@pytest.mark.parametrize(
    ("assumed", "check", "told"),
    [
        ("query_booleans=json", "booleans in queries", "true arrives as 'true'"),
        ("query_booleans=python", "booleans in queries", "true arrives as 'True'"),
        ("path_limit=64", "path limit", "64 characters, counted as it is sent, percent-encoded"),
        ("path_counted=decoded", "path limit", "64 characters, counted decoded"),
        ("path_error=ValidationException", "path limit", "is refused as ValidationException, HTTP 400"),
        ("path_error=RestApiClientException", "path limit", "as RestApiClientException, HTTP 400"),
        ("path_limit=63", "path limit", "63 characters, and ids are held to 64"),
        ("path_limit=32", "path limit", "fewer than 46 characters, and ids are held to 64"),
        ("path_limit=65", "path limit", "65 characters, more than the 64"),
        ("path_limit=200", "path limit", "200 characters, more than the 64"),
        ("path_limit=none", "path limit", "none up to 261 characters"),
    ],
)
def test_a_read_tells_what_is_not_documented(
    service: Serve, tmp_path: Path, assumed: str, check: str, told: str
) -> None:
    found = look(prod(tmp_path, service(emulator(), assumed)))

    assert told in found[check].seen
    assert found.state(check) == ("failed" if assumed in {"path_limit=63", "path_limit=32"} else "ok")


@pytest.mark.parametrize(
    ("assumed", "check", "told"),
    [
        ("empty_body=null", "empty answers", "RestApiResponse is null where"),
        ("empty_body=absent", "empty answers", "RestApiResponse is absent where"),
        ("empty_body=object", "empty answers", "RestApiResponse is {} where"),
        ("empty_body=text", "empty answers", 'RestApiResponse is "" where'),
        ("server_error_status=400", "server errors", "as RestApiServerException, HTTP 400"),
        ("server_error_status=503", "server errors", "as RestApiServerException, HTTP 503"),
        ("request_limit=none", "request size", "a value of 1024 KB arrives"),
        ("request_limit=200000", "request size", "a value of 256 KB is refused"),
    ],
)
def test_a_scratch_object_tells_what_is_not_documented(
    service: Serve, tmp_path: Path, assumed: str, check: str, told: str
) -> None:
    backend = emulator()

    found = look(prod(tmp_path, service(backend, assumed)), scratch=True)

    assert told in found[check].seen
    assert found.failed == set()
    assert contents(backend)["variables"] == []


class Routed(Watched):
    """An Airflow whose route for an id ends at a slash that is not encoded."""

    def send(self, request: Request) -> Response:
        if request.path.count("/") > 2:
            return Response(404, {"detail": "Not Found"})
        return super().send(request)


@pytest.mark.parametrize(("assumed", "state"), [("kept", "ok"), ("decoded", "failed")])
def test_whether_a_slash_in_an_id_survives_is_told_before_one_is_made(
    service: Serve, tmp_path: Path, assumed: str, state: str
) -> None:
    backend = Routed(emulator())
    target = service(backend, f"encoded_slash={assumed}")

    found = look(prod(tmp_path, target, variables={"a/b": 1}), scratch=True)

    assert found.state("slashes in ids") == state
    assert found.state("slashes in written ids") == ("ok" if state == "ok" else "skipped")
    assert contents(backend)["variables"] == []


def test_what_would_take_overloading_the_environment_is_not_asked(service: Serve, tmp_path: Path) -> None:
    found = look(prod(tmp_path, service(emulator())), scratch=True)

    assert found.state("service limits") == "skipped"
    assert "overloading" in found["service limits"].seen


def test_without_credentials_nothing_is_asked_of_airflow(
    service: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Watched(emulator())
    target = service(backend)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    found = look(prod(tmp_path, target))

    assert found.failed == {"identity"}
    assert "no AWS credentials" in found["identity"].seen
    assert found["version"].seen == "who asks has to be known first"
    assert {found.state(check) for check in ("version", "health", "read pools", "clock")} == {"skipped"}


def test_another_account_is_refused_before_airflow_is_asked(service: Serve, tmp_path: Path) -> None:
    target = service(emulator()).replace(aws_support.ACCOUNT, "999999999999")

    found = look(prod(tmp_path, target))

    assert found.failed == {"identity"}
    assert f"belong to account {aws_support.ACCOUNT}" in found["identity"].seen
    assert found["identity"].code == 3
    assert found.diagnosis.reads == 0


def test_an_account_that_the_target_does_not_name_is_told(service: Serve, tmp_path: Path) -> None:
    target = service(emulator()).partition("?")[0]

    assert look(prod(tmp_path, target))["identity"].advice == f"write account={aws_support.ACCOUNT}"


def test_an_unreachable_sts_only_matters_where_the_target_takes_it(
    service: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = service(emulator())
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    aws_support.no_waiting(monkeypatch)

    assert look(prod(tmp_path, target)).state("identity") == "failed"
    found = look(prod(tmp_path, target.partition("?")[0]))
    assert (found.state("identity"), found.state("clock"), found.failed) == ("warning", "ok", set())


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("&profile=no-such-profile", "no-such-profile"),
        ("&role_arn=arn:aws:iam::123456789012:role/no-such-role", "AWS STS"),
    ],
)
def test_a_profile_or_role_that_cannot_be_had_fails_first(
    service: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, told: str
) -> None:
    target = service(emulator()) + more
    with aws_support.permissions_count(monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
        found = look(prod(tmp_path, target))

    assert found.failed == {"identity"}
    assert told in found["identity"].seen


def test_a_clock_so_far_off_that_aws_refuses_explains_the_refusal(
    service: Serve, tmp_path: Path, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = service(emulator())
    said = (
        "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired</Message></Error>"
    )
    date = formatdate(time.time() - 1000, usegmt=True)

    def expired(_forward: aws_support.Forward) -> Raw:
        body = f"{said}</ErrorResponse>".encode()
        return Raw(403, body, {"Content-Type": "text/xml", "Date": date})

    with aws_support.linked(aws, expired, "POST") as link:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", link.url)
        found = look(prod(tmp_path, target))

    assert [check for check in found.order if check in found.failed] == ["clock", "identity"]
    assert "s ahead" in found["clock"].seen
    assert "Signature expired" in found["identity"].seen


def test_a_wrong_name_or_region_names_the_command_that_lists_the_right_ones(
    service: Serve, tmp_path: Path
) -> None:
    found = look(prod(tmp_path, service(emulator(), name="another")))

    assert found.failed == {"environment", "version"}
    assert "aws mwaa list-environments --region eu-west-1" in found["environment"].advice
    assert found["read pools"].seen == "Airflow has to answer first"


@pytest.mark.parametrize(
    ("status", "state"),
    [("AVAILABLE", "ok"), ("UPDATE_FAILED", "ok"), ("UPDATING", "warning"), ("DELETING", "failed")],
)
def test_the_status_of_the_environment_is_judged(
    service: Serve, tmp_path: Path, status: str, state: str
) -> None:
    found = look(prod(tmp_path, service(emulator(), status=status)))

    assert found.state("environment") == state
    assert status in found["environment"].seen


def test_where_the_environment_may_not_be_described_the_action_is_named(
    service: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = service(emulator())
    denied = aws_support.json_refused(403, "AccessDeniedException", "not authorized")
    with aws_support.linked(os.environ["AWS_ENDPOINT_URL_MWAA"], denied, "GET") as link:
        monkeypatch.setenv("AWS_ENDPOINT_URL_MWAA", link.url)
        found = look(prod(tmp_path, target))

    assert (found.state("environment"), found.state("read pools")) == ("warning", "ok")
    assert "airflow:GetEnvironment" in found["environment"].advice
    assert found.state("shadows") == "skipped"


def test_where_the_airflow_role_is_denied_the_resource_of_the_policy_is_named(
    service: Serve, tmp_path: Path
) -> None:
    target = service(emulator(), faults=[parse_fault("*=error:AccessDeniedException")])

    found = look(prod(tmp_path, target))

    assert found.failed == {"version"}
    assert "role/ENVIRONMENT/Op" in found["version"].advice
    assert {found.state(check) for check in ("read pools", "write pools", "masks")} == {"skipped"}


@pytest.mark.parametrize("kind", ["pools", "variables", "connections"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_what_the_role_may_not_do_with_a_kind_is_told(
    service: Serve, tmp_path: Path, kind: str, method: str
) -> None:
    def instead(_backend: Backend, request: Request) -> Response | None:
        forbidden = request.method == method and request.path.startswith(f"/{kind}")
        return Response(403, {"detail": "Forbidden"}) if forbidden else None

    backend = Watched(emulator(), instead)
    found = look(prod(tmp_path, service(backend)), scratch=True)

    check = f"{'read' if method == 'GET' else 'write'} {kind}"
    assert check in found.failed
    assert f"{method} /{kind}" in found[check].seen
    assert "Op or Admin" in found[check].advice
    others = {"pools", "variables", "connections"} - {kind}
    assert not found.failed & {f"{verb} {other}" for verb in ("read", "write") for other in others}
    if method == "DELETE":
        (left,) = (one for row in contents(backend.backend)[kind] for one in row.values() if is_ours(one))
        assert left in found["scratch"].seen
    else:
        assert contents(backend.backend)[kind] == contents(emulator())[kind]


@pytest.mark.parametrize(
    ("off", "state", "seen"),
    [
        (0, "ok", "within 2 s"),
        (-100, "warning", "100 s behind"),
        (100, "warning", "100 s ahead"),
        (400, "failed", "400 s ahead"),
        (-400, "failed", "400 s behind"),
    ],
)
def test_a_clock_that_is_off_is_told_by_how_much(
    service: Serve, tmp_path: Path, off: int, state: str, seen: str
) -> None:
    found = look(prod(tmp_path, service(emulator())), clock=lambda: time.time() + off)

    assert found.state("clock") == state
    near = {seen, *(f"{abs(off) + more} s {seen.rpartition(' ')[2]}" for more in (-1, 1, 2))}
    assert found["clock"].seen in near
