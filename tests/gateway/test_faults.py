import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError, ConnectionClosedError

from reconciler.backends import Request, Response
from reconciler.backends.mwaa import MwaaBackend
from reconciler.errors import BadAnswer, Unreachable
from reconciler.sandbox.assumptions import assume
from reconciler.sandbox.emulator import Emulator
from reconciler.sandbox.environment import Caller, Environment
from reconciler.sandbox.fault_grammar import MODES, SERVICE_ERRORS
from reconciler.sandbox.faults import parse_fault
from reconciler.sandbox.peers import PROC
from reconciler.targets import MwaaTarget
from tests.gateway.support import Scripted, boto3_client, environment_variables, http, running
from tests.gateway.test_command import COMMAND, started

GUIDE = Path(__file__).parents[2] / "docs" / "gateway.md"
PREFIX = {"2.11.2": "/api/v1", "3.3.1": "/api/v2"}

both = pytest.mark.parametrize("version", PREFIX)


@dataclass
class Gateway:
    """A gateway with faults over a sandbox of its own, a client that tries once, and the log."""

    airflow: Emulator
    url: str
    client: Any
    log: list[str]

    def call(self, method: str, path: str, **members: Any) -> Any:
        return self.client.invoke_rest_api(Name="e", Method=method, Path=path, **members)

    def create(self) -> Any:
        return self.call("POST", "/variables", Body={"key": "k", "value": "new"})

    def replace(self) -> Any:
        return self.call("PATCH", "/variables/k", Body={"key": "k", "value": "new"})

    def refused(self) -> tuple[str, int, int | None]:
        with pytest.raises(ClientError) as error:
            self.create()
        answer: dict[str, Any] = error.value.response
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        return answer["Error"]["Code"], status, answer.get("RestApiStatusCode")

    def value(self) -> str | None:
        answer = self.airflow.send(Request("GET", "/variables/k"))
        return str(answer.body["value"]) if answer.status == 200 else None


@contextmanager
def faulty(
    *faults: str, version: str = "3.3.1", value: str | None = None, **options: Any
) -> Iterator[Gateway]:
    airflow = Emulator(None, version)
    log: list[str] = []
    if value is not None:
        airflow.send(Request("POST", "/variables", {}, {"key": "k", "value": value}))
    parsed = [parse_fault(fault) for fault in faults]
    with (
        running(airflow, faults=parsed, **{"log": log.append, **options}) as url,
        boto3_client(url, AWS_MAX_ATTEMPTS="1") as client,
    ):
        yield Gateway(airflow, url, client, log)


# --- lost calls --------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(("mode", "value"), [("drop_before", None), ("drop_after", "new")])
def test_a_dropped_call_gets_no_http_response_at_all(
    version: str, mode: str, value: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    with faulty(f"POST={mode}", version=version) as gateway:
        with pytest.raises(ConnectionClosedError):
            gateway.create()
        assert gateway.value() == value
        assert gateway.call("GET", "/variables")["RestApiStatusCode"] == 200
    assert gateway.log == [
        f"POST /restapi/e closed (POST /variables; call 1: POST={mode})",
        "POST /restapi/e 200 (GET /variables 200)",
    ]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("mode", "executed"), [("drop_before", False), ("drop_after", True)])
def test_a_client_that_retries_meets_what_its_first_try_left(mode: str, executed: bool) -> None:
    with faulty(f"1={mode}") as gateway, boto3_client(gateway.url, AWS_MAX_ATTEMPTS="2") as client:
        call = {"Name": "e", "Method": "POST", "Path": "/variables", "Body": {"key": "k", "value": "new"}}
        if executed:
            with pytest.raises(client.exceptions.RestApiClientException) as error:
                client.invoke_rest_api(**call)
            assert error.value.response["RestApiStatusCode"] == 409
        else:
            assert client.invoke_rest_api(**call)["RestApiStatusCode"] == 201


def test_the_backend_for_mwaa_sees_a_drop_as_unreachable_and_a_cut_as_a_bad_answer() -> None:
    with faulty("1=drop_before", "2=truncate") as gateway, environment_variables(gateway.url):
        backend = MwaaBackend(MwaaTarget("e", "us-east-1", endpoint_url=gateway.url))
        for error in (Unreachable, BadAnswer):
            with pytest.raises(error):
                backend.send(Request("GET", "/version"))
        assert backend.send(Request("GET", "/version")).status == 200


# --- refused calls -----------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "RestApiClientException"),
        (403, "RestApiClientException"),
        (404, "RestApiClientException"),
        (409, "RestApiClientException"),
        (429, "RestApiClientException"),
        (500, "RestApiServerException"),
        (502, "RestApiServerException"),
        (503, "RestApiServerException"),
    ],
)
def test_a_status_reaches_the_client_as_one_of_airflows(version: str, status: int, error: str) -> None:
    with faulty(f"1=status:{status}", f"2=status_after:{status}", version=version) as gateway:
        assert gateway.refused() == (error, 400, status)
        assert gateway.value() is None
        assert gateway.refused() == (error, 400, status)
        assert gateway.value() == "new"


def test_a_throttled_call_is_answered_as_assumed() -> None:
    assumed = assume(["throttle_status=400", "throttle_error=TooManyRequestsException"])
    with faulty("1=throttle", assumptions=assumed) as gateway:
        assert gateway.refused() == ("TooManyRequestsException", 400, None)
        assert gateway.value() is None
    with faulty("1=throttle") as gateway:
        assert gateway.refused() == ("ThrottlingException", 429, None)


@pytest.mark.parametrize("error", SERVICE_ERRORS)
def test_an_error_of_the_service_has_its_type_and_nothing_of_airflows(error: str) -> None:
    statuses = {
        "InternalServerException": 500,
        "AccessDeniedException": 403,
        "ExpiredTokenException": 403,
        "ThrottlingException": 429,
        "ResourceNotFoundException": 404,
    }
    with faulty(f"1=error:{error}") as gateway:
        assert gateway.refused() == (error, statuses.get(error, 400), None)
        assert gateway.value() is None
    assert gateway.log == [f"POST /restapi/e {statuses.get(error, 400)} (POST /variables; call 1: 1=error)"]


def test_the_status_of_an_airflow_that_failed_is_the_assumed_one() -> None:
    with faulty("1=error:RestApiServerException", assumptions=assume(["server_error_status=502"])) as gateway:
        assert gateway.refused() == ("RestApiServerException", 502, None)


def test_expired_credentials_stay_expired() -> None:
    with faulty("2=expire") as gateway:
        gateway.create()
        for call in (gateway.replace, gateway.create):
            with pytest.raises(ClientError) as error:
                call()
            assert error.value.response["Error"]["Code"] == "ExpiredTokenException"
            assert "expired" in error.value.response["Error"]["Message"]
        assert gateway.client.list_environments()["Environments"] == ["local"]


# --- answers that are cut, late or wrong -------------------------------------------------------------


@both
@pytest.mark.parametrize("mode", ["truncate", "truncate:7", "truncate:0"])
def test_of_an_answer_that_is_cut_the_client_silently_makes_nothing(version: str, mode: str) -> None:
    with faulty(f"1={mode}", version=version) as gateway:
        answer = gateway.create()
        assert gateway.value() == "new"
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    assert answer == {}


def test_a_cut_answer_is_complete_http_of_the_bytes_asked_for() -> None:
    with faulty("1=truncate:7", "2=truncate") as gateway:
        first, second = (http("GET", f"{gateway.url}/api/v2/version") for _ in range(2))
    assert (first.status, first.text, first.headers["content-length"]) == (200, '{"versi', "7")
    whole = '{"version": "3.3.1", "git_version": null}'
    assert second.text == whole[: len(whole) // 2]
    assert second.headers["content-type"] == "application/json"


def test_a_delayed_call_is_executed_and_answered() -> None:
    with faulty("1=delay:0.01") as gateway:
        assert gateway.create()["RestApiStatusCode"] == 201


def test_a_call_delayed_past_its_time_is_executed_when_nobody_waits() -> None:
    airflow = Scripted()
    slept: list[float] = []
    told: list[str] = []
    environment = Environment(airflow, [parse_fault("1=delay:99")], slept.append)

    environment.send(Request("POST", "/variables"), Caller(lambda: True, told.append))

    assert (slept, told) == ([99], ["call 1: 1=delay"])
    assert airflow.requests == [Request("POST", "/variables")]


def test_a_delay_keeps_no_other_call_waiting() -> None:
    sleeping, released = threading.Event(), threading.Event()

    def sleep(_seconds: float) -> None:
        sleeping.set()
        assert released.wait(10)

    airflow = Scripted()
    environment = Environment(airflow, [parse_fault("1=delay:99")], sleep)
    slow = threading.Thread(target=environment.send, args=(Request("POST", "/variables"),))
    slow.start()
    assert sleeping.wait(10)
    environment.send(Request("GET", "/variables"))
    released.set()
    slow.join(10)

    assert [request.method for request in airflow.requests] == ["GET", "POST"]


@both
def test_a_list_can_be_short_lie_or_be_empty(version: str) -> None:
    with faulty("1=rows:0", "2=total:7", "3=empty", version=version, value="old") as gateway:
        shown = [gateway.call("GET", "/variables")["RestApiResponse"] for _ in range(4)]
    assert [(len(body["variables"]), body["total_entries"]) for body in shown] == [
        (0, 1),
        (1, 7),
        (0, 0),
        (1, 1),
    ]


@both
def test_a_word_is_masked_from_a_call_on(version: str) -> None:
    with faulty("2-=mask:old", version=version, value="an old one") as gateway:
        shown = [gateway.call("GET", "/variables/k")["RestApiResponse"]["value"] for _ in range(3)]
    assert shown == ["an old one", "an *** one", "an *** one"]


# --- writes that do not last, and somebody else's ----------------------------------------------------


@both
def test_a_write_that_is_not_applied_shows_what_there_was(version: str) -> None:
    with faulty("*=not_applied", version=version, value="old") as gateway:
        patched = gateway.replace()
        deleted = gateway.call("DELETE", "/variables/k")
        created = gateway.call("POST", "/variables", Body={"key": "x", "value": "1"})
        assert gateway.call("GET", "/variables")["RestApiResponse"]["total_entries"] == 1
        assert gateway.value() == "old"
    assert (patched["RestApiStatusCode"], patched["RestApiResponse"]["value"]) == (200, "old")
    assert deleted["RestApiStatusCode"] == 204
    assert created["RestApiResponse"]["key"] == "x"


@both
def test_a_write_that_is_not_committed_shows_what_was_sent(version: str) -> None:
    with faulty("*=not_committed", version=version, value="old") as gateway:
        patched = gateway.replace()
        deleted = gateway.call("DELETE", "/variables/k")
        created = gateway.call("POST", "/variables", Body={"key": "x", "value": "1"})
        assert gateway.call("GET", "/variables")["RestApiResponse"]["total_entries"] == 1
        assert gateway.value() == "old"
    assert (patched["RestApiStatusCode"], patched["RestApiResponse"]["value"]) == (200, "new")
    assert deleted["RestApiStatusCode"] == 204
    assert created["RestApiStatusCode"] == (200 if version == "2.11.2" else 201)


def test_a_write_that_is_not_applied_by_a_real_airflow_is_echoed() -> None:
    backend = Scripted(version="3.3.2", roots=("",))
    with (
        running(backend, faults=[parse_fault("POST=not_applied")]) as url,
        boto3_client(url) as client,
    ):
        body = {"connection_id": "c", "password": "x"}
        answer = client.invoke_rest_api(Name="e", Method="POST", Path="/connections", Body=body)
    assert (answer["RestApiStatusCode"], answer["RestApiResponse"]) == (201, {"connection_id": "c"})
    assert backend.requests == []


@both
def test_somebody_elses_change_comes_first_and_the_log_tells_how_it_went(version: str) -> None:
    theirs = '{"key": "k", "value": "theirs"}'
    faults = (f"1=mutate:PATCH /variables/k {theirs}", "2=mutate:DELETE /variables/absent")
    with faulty(*faults, version=version, value="old") as gateway:
        shown = [gateway.call("GET", "/variables/k")["RestApiResponse"]["value"] for _ in range(2)]
    assert shown == ["theirs", "theirs"]
    assert gateway.log == [
        "POST /restapi/e 200 (GET /variables/k 200; call 1: 1=mutate; somebody else's call 200)",
        "POST /restapi/e 200 (GET /variables/k 200; call 2: 2=mutate; somebody else's call 404)",
    ]


# --- a client that dies ------------------------------------------------------------------------------

CLIENT = """
import boto3
client = boto3.client("mwaa")
print("alive", flush=True)
body = {"key": "k", "value": "new"}
client.invoke_rest_api(Name="e", Method="GET", Path="/variables")
client.invoke_rest_api(Name="e", Method="POST", Path="/variables", Body=body)
print("survived", flush=True)
"""


@pytest.mark.skipif(not PROC.joinpath("net", "tcp").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(("mode", "value"), [("kill_before", None), ("kill_after", "new")])
def test_the_clients_process_is_killed(mode: str, value: str | None) -> None:
    lines: Queue[str] = Queue()
    with faulty(f"2={mode}", log=lines.put) as gateway, environment_variables(gateway.url):
        done = subprocess.run(
            [sys.executable, "-c", CLIENT],
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGKILL, "alive\n", "")
        assert lines.get(timeout=10) == "POST /restapi/e 200 (GET /variables 200)"
        assert lines.get(timeout=10) == f"POST /restapi/e closed (POST /variables; call 2: 2={mode})"
        assert gateway.value() == value
        assert gateway.call("GET", "/variables")["RestApiStatusCode"] == 200


def test_the_gateways_own_process_is_spared_and_the_connection_closes() -> None:
    with faulty("1=kill_after") as gateway:
        with pytest.raises(ConnectionClosedError):
            gateway.create()
        assert gateway.value() == "new"
    told = "call 1: 1=kill_after; its process is unknown and lives on"
    assert gateway.log == [f"POST /restapi/e closed (POST /variables; {told})"]


# --- which calls, and where --------------------------------------------------------------------------


def test_calls_are_those_that_reach_airflow_through_either_api() -> None:
    with faulty("3=status:409", rate=None) as gateway:
        gateway.client.get_environment(Name="e")
        gateway.client.list_environments()
        with pytest.raises(ClientError):
            gateway.client.invoke_rest_api(Name="e", Method="GET", Path="/" + "a" * 64)
        http("POST", f"{gateway.url}/auth/token", {})
        assert gateway.call("GET", "/variables")["RestApiStatusCode"] == 200
        assert http("GET", f"{gateway.url}/api/v2/variables").status == 200
        assert gateway.refused()[2] == 409


def test_a_throttled_call_never_reaches_airflow_and_is_not_counted() -> None:
    with faulty("2=status:409", rate=0.001) as gateway:
        gateway.create()
        assert gateway.refused()[0] == "ThrottlingException"
        assert http("GET", f"{gateway.url}/api/v2/pools").status == 409


def test_the_path_is_held_against_the_glob_below_the_rest_root() -> None:
    paths = []

    def answer(request: Request) -> Response:
        paths.append(request.path)
        return Response(200, {"version": "2.11.2"})

    backend = Scripted(answer, roots=("/api/v1",))
    faults = [parse_fault("GET /pools/a%2Fb=status:404"), parse_fault("GET=mutate:DELETE /pools/x")]
    with running(backend, faults=faults) as url:
        assert http("GET", f"{url}/api/v1/pools/a%2Fb?limit=1").json["title"] == "Not Found"
        assert http("GET", f"{url}/api/v1/pools").status == 200
    assert paths == ["/api/v1/version", "/api/v1/pools/x", "/api/v1/pools"]


@both
def test_plain_rest_is_dropped_cut_and_refused_too(version: str) -> None:
    faults = ("1=drop_before", "2=throttle", "3=error:AccessDeniedException", "4=status:409", "6-=expire")
    with faulty(*faults, version=version) as gateway:
        pools = f"{gateway.url}{PREFIX[version]}/pools"
        with pytest.raises(urllib3.exceptions.ProtocolError):
            http("GET", pools)
        answers = [http("GET", pools) for _ in range(6)]
    assert [answer.status for answer in answers] == [429, 403, 409, 200, 403, 403]
    assert answers[0].json == {"detail": "Rate exceeded"}
    assert gateway.log[:2] == [
        f"GET {PREFIX[version]}/pools closed (call 1: 1=drop_before)",
        f"GET {PREFIX[version]}/pools 429 (call 2: 2=throttle)",
    ]


def test_the_log_names_a_fault_and_no_value() -> None:
    faults = ('1=mutate:POST /variables {"key": "x", "value": "s3cr3t-a"}', "2=mask:s3cr3t-b")
    with faulty(*faults) as gateway:
        gateway.create()
        gateway.replace()
    assert "s3cr3t" not in "".join(gateway.log)


# --- the command and its guide -----------------------------------------------------------------------


def test_the_command_takes_faults_and_logs_them_without_a_traceback() -> None:
    with started("--airflow", "2", "--fault", "GET /pools#2=drop_after", "--fault", "3=status:500") as (
        process,
        url,
    ):
        assert http("GET", f"{url}/api/v1/pools").status == 200
        with pytest.raises(urllib3.exceptions.ProtocolError):
            http("GET", f"{url}/api/v1/pools")
        assert http("GET", f"{url}/api/v1/pools").status == 500
        process.send_signal(signal.SIGTERM)
        assert process.stderr
        err = process.stderr.read()
    assert err.splitlines() == [
        "GET /api/v1/pools 200",
        "GET /api/v1/pools closed (call 2: GET /pools#2=drop_after)",
        "GET /api/v1/pools 500 (call 3: 3=status)",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--fault", "1"), "--fault 1: write WHEN=MODE[:ARGUMENT]; WHEN is N"),
        (("--fault", "1=dorp_after"), "the modes are drop_before, drop_after"),
        (("--fault", "1=not_committed", "--upstream", "http://127.0.0.1:1"), "only the sandbox can undo"),
    ],
)
def test_faults_that_make_no_sense_exit_1_and_say_what_to_write(options: tuple[str, ...], said: str) -> None:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("mode", MODES)
def test_the_guide_has_a_row_for_every_mode_with_its_argument_and_meaning(mode: str) -> None:
    shape = MODES[mode]
    assert f"| `{shape.usage}` | {shape.meaning} |" in GUIDE.read_text().splitlines()


def test_the_guide_names_every_error_of_the_service() -> None:
    text = GUIDE.read_text()
    assert all(f"`{error}`" in text for error in SERVICE_ERRORS)
