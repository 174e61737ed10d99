"""What ``doctor`` says of Airflow's version, health and size, and of what cannot be asked."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Backend, Request, Response
from reconciler.cli.main import run
from reconciler.diagnosis import Finding
from reconciler.doctor import reach, unsound
from reconciler.errors import ManifestError
from reconciler.manifests import load_environment
from reconciler.rate import RateLimit
from reconciler.secrets import Schemes
from reconciler.session import Session
from tests.doctor.support import Looked, Watched, add, emulator, look, write

SANDBOX = "sandbox:sandbox.json"
WELL = {"status": "healthy"}
Answer = Callable[[Request], Response | None]


@pytest.fixture
def looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Looked]:
    """A look at an Airflow that answers some requests in a way of its own."""

    def run_it(answer: Answer, *, scratch: bool = False, major: int = 3, **manifest: Any) -> Looked:
        backend = Watched(emulator(major), lambda _behind, request: answer(request))
        monkeypatch.setattr("reconciler.doctor.examination.connect", lambda *_: backend)
        return look(write(tmp_path / "dev", SANDBOX, **manifest), scratch=scratch)

    return run_it


@pytest.mark.parametrize(
    ("body", "state", "seen"),
    [
        ({"metadatabase": WELL, "scheduler": WELL}, "ok", "metadatabase, scheduler healthy"),
        ({"metadatabase": WELL, "triggerer": {"status": None}}, "ok", "metadatabase healthy"),
        ({"metadatabase": {"status": "unhealthy"}}, "failed", "metadatabase not healthy"),
        ({"dag_processor": {"status": ["odd"]}}, "warning", "dag_processor not healthy"),
        ({"strange": {"status": "unhealthy"}, "scheduler": 5}, "skipped", "Airflow tells of no part of it"),
        ([], "skipped", "it cannot be asked this way"),
    ],
)  # fmt: skip
def test_health_is_told_part_by_part(
    looked: Callable[..., Looked], body: Mapping[str, Any], state: str, seen: str
) -> None:
    found = looked(lambda one: Response(200, body) if one.path == "/monitor/health" else None)["health"]

    assert (found.state, found.seen) == (state, seen)


@pytest.mark.parametrize(("status", "seen"), [(404, "cannot be asked this way"), (403, "cannot be asked: ")])
def test_health_that_cannot_be_asked_is_no_failure(
    looked: Callable[..., Looked], status: int, seen: str
) -> None:
    found = looked(lambda one: Response(status) if "health" in one.path else None)

    assert seen in found["health"].seen
    assert found.failed == set()


def test_where_nothing_can_be_read_what_depends_on_it_is_skipped(looked: Callable[..., Looked]) -> None:
    found = looked(lambda one: Response(403) if one.path != "/version" else None)

    assert found.failed == {"read pools", "read variables", "read connections"}
    skipped = ("health", "page size", "plan", "leftovers", "lists in queries", "slashes in ids")
    assert {found.state(check) for check in skipped} == {"skipped"}


def test_a_list_that_breaks_where_one_row_does_not_is_told(looked: Callable[..., Looked]) -> None:
    def broken(one: Request) -> Response | None:
        return Response(500) if one.query.get("limit") == "1000" else None

    found = looked(broken)

    assert found.failed == {"page size"}
    assert found["plan"].seen == "reading the whole state failed"
    assert found["leftovers"].seen == "what lives could not be read"


def test_another_major_version_than_the_service_tells_is_a_warning() -> None:
    def asked(described: str) -> Finding:
        (found,) = reach.version(Session(emulator(3), RateLimit()), described)
        return found

    assert (asked("2.11.2").state, asked("3.0.6").state, asked("").state) == ("warning", "ok", "ok")


@pytest.mark.parametrize(
    ("target", "limit", "state", "seen"),
    [
        (SANDBOX, None, "ok", "no limit"),
        ("mwaa://eu-west-1/prod", None, "ok", "at most 10 a second"),
        ("mwaa://eu-west-1/prod", 2.5, "ok", "at most 2.5 a second"),
        ("mwaa://eu-west-1/prod", 11, "warning", "11 a second are asked for, MWAA grants an environment 10"),
    ],
)
def test_the_rate_is_held_against_the_quota(
    tmp_path: Path, target: str, limit: float | None, state: str, seen: str
) -> None:
    settings = {} if limit is None else {"rate_limit": limit}
    found = reach.rate(load_environment(write(tmp_path / "dev", target, settings=settings), Schemes()))

    assert (found.state, found.seen) == (state, seen)


def test_a_plan_on_airflow_2_asks_for_each_connection_with_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend: Backend = emulator(2)
    for name in ("a", "b"):
        add(backend, "/connections", connection_id=name, conn_type="http")
    monkeypatch.setattr("reconciler.doctor.examination.connect", lambda *_: backend)
    declared = {name: {"conn_type": "http", "extra": {"n": 1}} for name in ("a", "new")}

    found = look(write(tmp_path / "dev", SANDBOX, connections=declared))

    assert found["plan"].seen == "5 calls for 3 resources"


def test_a_credential_that_is_missing_is_why_airflow_cannot_be_asked(tmp_path: Path) -> None:
    auth = {"auth": {"token": {"$secret": "env:NO_SUCH_TOKEN"}}}

    found = look(write(tmp_path / "dev", "http://127.0.0.1:9", settings=auth))

    assert found.failed == {"version"}
    assert "env:NO_SUCH_TOKEN is missing" in found["version"].seen


def test_a_reference_outside_of_what_is_allowed_is_among_the_first_findings(tmp_path: Path) -> None:
    settings = {"secrets": {"allow": ["env:AIRFLOW_*"]}}
    folder = write(
        tmp_path / "dev", SANDBOX, settings=settings, variables={"a": {"value": {"$secret": "env:HOME"}}}
    )
    with pytest.raises(ManifestError) as wrong:
        load_environment(folder, Schemes())

    first = unsound("dev", wrong.value).findings[0]

    assert (first.check, first.state) == ("manifests", "failed")
    assert "env:HOME" in first.seen


def test_a_variable_that_was_made_and_is_not_found_is_told(looked: Callable[..., Looked]) -> None:
    """A server that takes an id with a slash and then looks for another one."""

    def forgetful(one: Request) -> Response | None:
        missing = one.method == "GET" and one.path.endswith("%2Fs")
        return (
            Response(404, {"detail": f"The Variable with key: `{id_in(one)}` was not found"})
            if missing
            else None
        )

    found = looked(forgetful, scratch=True)

    assert found.state("slashes in written ids") == "warning"
    assert "made and not found" in found["slashes in written ids"].seen


def id_in(request: Request) -> str:
    return request.path.rpartition("/")[2].replace("%2F", "/")


def test_no_validation_command_is_needed_to_see_warnings_counted(tmp_path: Path) -> None:
    folder = write(tmp_path / "dev", SANDBOX, variables={"api_key": "x"})

    assert look(folder)["manifests"].seen == "1 resource declared, 1 warning"
    assert run(["validate", str(folder)]) == 0
