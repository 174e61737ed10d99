import os
import signal
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError

from reconciler.backends import mwaa
from reconciler.errors import (
    AccessDenied,
    AirflowError,
    BadAnswer,
    EnvironmentNotFound,
    Rejected,
    ServiceFailed,
    Throttled,
    Unreachable,
)
from reconciler.sandbox.assumptions import Assumptions
from reconciler.sandbox.fault_grammar import MODES, SERVICE_ERRORS
from reconciler.sandbox.fault_http import service_error
from tests.sandbox.faulty import Recording, both, create, faulty, keys, outcome, send
from tests.sandbox.support import emulator, get, variable


@both
@pytest.mark.parametrize(
    ("mode", "error", "executed"),
    [
        ("drop_before", Unreachable, False),
        ("drop_after", Unreachable, True),
        ("throttle", Throttled, False),
        ("truncate", BadAnswer, True),
        ("truncate:3", BadAnswer, True),
        ("expire", AccessDenied, False),
        ("error:InternalServerException", ServiceFailed, False),
    ],
)
def test_a_call_without_an_answer_is_the_error_of_a_real_backend(
    version: str, mode: str, error: type[AirflowError], executed: bool
) -> None:
    airflow = emulator(version)
    backend = faulty(airflow, f"POST={mode}")

    with pytest.raises(error, match=rf"^injected fault, call 1: POST={mode.partition(':')[0]}$"):
        create(backend)
    assert keys(airflow) == ["k"] * executed


@both
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(("mode", "executed"), [("status", False), ("status_after", True)])
def test_a_status_comes_in_the_shape_of_the_api_in_use(
    version: str, status: int, mode: str, executed: bool
) -> None:
    airflow = emulator(version)

    answer = create(faulty(airflow, f"POST={mode}:{status}"))

    assert answer.status == status
    v1 = {"detail", "status", "title", "type"}
    assert set(answer.body) == (v1 if version.startswith("2.") else {"detail"})
    assert keys(airflow) == ["k"] * executed


@pytest.mark.parametrize(("version", "root"), [("2.11.2", "/api/v1"), ("3.3.2", "/api/v2")])
def test_an_api_below_a_root_is_asked_there_which_one_it_is(version: str, root: str) -> None:
    airflow = Recording(version, root)

    answer = send(faulty(airflow, "1=status:404"), "GET", f"{root}/pools")

    assert airflow.asked == [f"GET {root}/version"]
    assert ("title" in answer.body) == (root == "/api/v1")


def test_a_server_that_tells_no_version_answers_as_the_newest() -> None:
    answer = send(faulty(Recording("3.3.2", "/nowhere"), "1=status:404"), "GET", "/api/v2/pools")

    assert answer.body == {"detail": "Not Found"}


@pytest.mark.parametrize("error", SERVICE_ERRORS)
def test_an_error_of_the_service_is_what_the_backend_for_mwaa_makes_of_it(error: str) -> None:
    airflow = emulator()
    answer = service_error(error, Assumptions())
    told = {
        "Error": {"Code": error, "Message": answer.body["message"]},
        "ResponseMetadata": {"HTTPStatusCode": answer.status},
    }

    with pytest.raises(AirflowError) as injected:
        create(faulty(airflow, f"1=error:{error}"))

    expected = mwaa._service_error(ClientError(told, "InvokeRestApi"), "mwaa", quiet=False)
    assert type(injected.value) is type(expected)
    assert getattr(injected.value, "status", None) == getattr(expected, "status", None)
    assert keys(airflow) == []


def test_every_kind_of_service_error_is_among_them() -> None:
    found = set()
    for error in SERVICE_ERRORS:
        with pytest.raises(AirflowError) as injected:
            create(faulty(emulator(), f"1=error:{error}"))
        found.add(type(injected.value))
    assert found >= {AccessDenied, Throttled, EnvironmentNotFound, ServiceFailed, Rejected}


def test_credentials_that_have_expired_do_not_come_back() -> None:
    airflow = emulator()
    backend = faulty(airflow, "GET /pools=expire", "4=drop_before")

    assert outcome(backend, "GET", "/variables") == 200
    assert [outcome(backend, "GET", "/pools"), outcome(backend), outcome(backend)] == ["AccessDenied"] * 3
    with pytest.raises(AccessDenied):
        create(backend)
    assert (backend.calls, keys(airflow)) == (5, [])


@both
def test_a_delayed_call_is_executed_after_the_wait(version: str) -> None:
    airflow = emulator(version)
    slept: list[tuple[float, list[str]]] = []
    backend = faulty(airflow, "1=delay:2.5", sleep=lambda seconds: slept.append((seconds, keys(airflow))))

    assert create(backend).status in (200, 201)
    assert slept == [(2.5, [])]
    assert keys(airflow) == ["k"]


@both
def test_somebody_elses_change_goes_before_the_call(version: str) -> None:
    airflow = emulator(version)
    backend = faulty(
        airflow, 'POST /connections=mutate:POST /connections {"connection_id":"c","conn_type":"http"}'
    )

    answer = send(backend, "POST", "/connections", {"connection_id": "c", "conn_type": "ssh"})

    assert answer.status == 409
    assert get(airflow, "/connections/c")["conn_type"] == "http"


@both
def test_a_mutation_may_have_a_query_and_its_refusal_is_ignored(version: str) -> None:
    airflow = emulator(version)
    variable(airflow, "k", "old")
    body = '{"key": "k", "value": "other", "description": "other"}'
    backend = faulty(
        airflow,
        f"1=mutate:PATCH /variables/k?update_mask=description {body}",
        "2=mutate:DELETE /variables/absent",
    )

    shown = send(backend, "GET", "/variables/k").body

    assert (shown["value"], shown["description"]) == ("old", "other")
    assert send(backend, "GET", "/variables/k").status == 200


def test_a_mutation_goes_below_the_rest_root_and_is_no_call() -> None:
    airflow = Recording("2.11.2")
    backend = faulty(airflow, "1=mutate:DELETE /pools/p")

    send(backend, "GET", "/api/v1/pools")

    assert airflow.asked == ["DELETE /api/v1/pools/p", "GET /api/v1/pools"]
    assert backend.calls == 1


class Killed(BaseException):
    pass


@both
@pytest.mark.parametrize(("mode", "executed"), [("kill_before", False), ("kill_after", True)])
def test_a_client_is_killed_before_or_after_its_call_is_executed(
    version: str, mode: str, executed: bool
) -> None:
    airflow = emulator(version)

    def kill() -> None:
        raise Killed

    with pytest.raises(Killed):
        create(faulty(airflow, f"1={mode}", kill=kill))
    assert keys(airflow) == ["k"] * executed


@pytest.mark.parametrize(("mode", "executed"), [("kill_before", False), ("kill_after", True)])
def test_a_client_that_survives_gets_no_answer(mode: str, executed: bool) -> None:
    airflow = emulator()
    killed: list[None] = []

    with pytest.raises(Unreachable):
        create(faulty(airflow, f"1={mode}", kill=lambda: killed.append(None)))
    assert (len(killed), keys(airflow)) == (1, ["k"] * executed)


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL elsewhere")
def test_by_default_the_process_itself_is_killed() -> None:
    code = (
        "from reconciler.backends import Request\n"
        "from reconciler.sandbox.emulator import Emulator\n"
        "from reconciler.sandbox.faults import Faulty, parse_fault\n"
        "backend = Faulty(Emulator(None, '3.3.1'), [parse_fault('2=kill_before')])\n"
        "for _ in range(3): print(backend.send(Request('GET', '/version')).status, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "200\n")


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_can_be_played(mode: str) -> None:
    arguments = {
        "status": ":500",
        "status_after": ":500",
        "error": ":ValidationException",
        "delay": ":0",
        "mutate": ":GET /version",
        "mask": ":x",
        "rows": ":1",
        "total": ":1",
    }
    backend = faulty(emulator(), f"1={mode}{arguments.get(mode, '')}", kill=lambda: None)

    outcome(backend)
    assert outcome(backend) == ("AccessDenied" if mode == "expire" else 200)
