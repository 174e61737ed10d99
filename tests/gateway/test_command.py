import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.sandbox.gateway import exports, listen
from tests.gateway.support import boto3_client, http

COMMAND = [str(Path(sys.executable).with_name("reconciler")), "gateway", "--port", "0"]


@contextmanager
def started(*options: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [*COMMAND, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )
    try:
        assert process.stdout
        yield process, process.stdout.readline().strip().removeprefix("listening on ")
    finally:
        process.kill()
        process.communicate()


def test_the_first_line_is_the_url_and_the_rest_is_what_to_paste() -> None:
    with started() as (process, url):
        process.send_signal(signal.SIGTERM)
        assert process.stdout
        out = process.stdout.read()
    assert url.startswith("http://127.0.0.1:")
    assert out.splitlines() == [f"export {line}" for line in exports(url)]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_without_a_traceback(sent: signal.Signals, code: int) -> None:
    with started() as (process, url):
        assert http("GET", f"{url}/api/v2/version").status == 200
        process.send_signal(sent)
        assert process.stderr
        err = process.stderr.read()
        process.wait(20)
    assert (process.returncode, err) == (code, "GET /api/v2/version 200\n")


def test_the_state_outlives_the_process_and_the_major_version_can_be_chosen(tmp_path: Path) -> None:
    options = ("--airflow", "2", "--state", str(tmp_path / "state.json"))
    with started(*options) as (_, url), boto3_client(url) as client:
        client.invoke_rest_api(Name="e", Path="/variables", Method="POST", Body={"key": "k", "value": "v"})
    with started(*options) as (_, url):
        assert http("GET", f"{url}/api/v1/variables/k").json["value"] == "v"


def test_the_key_of_its_own_environment_is_accepted() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
    with started("--name", "prod", **keys) as (_, url), boto3_client(url, **keys) as client:
        assert client.list_environments()["Environments"] == ["prod"]


def test_what_get_environment_shows_can_be_set() -> None:
    options = ("--status", "UPDATING", "--config", "secrets.backend=a.B=c", "--config", "core.x=")
    with started(*options) as (_, url), boto3_client(url) as client:
        shown = client.get_environment(Name="e")["Environment"]
    assert shown["Status"] == "UPDATING"
    assert shown["AirflowConfigurationOptions"] == {"secrets.backend": "a.B=c", "core.x": ""}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--assume", "lists=comma"), "the names are query_lists"),
        (("--assume", "query_lists=commas"), "the values of query_lists are repeat, comma, json, first"),
        (("--upstream", "localhost:8080"), "--upstream: write http(s)://"),
        (("--upstream", "http://localhost:1", "--state", "x.json"), "--state"),
        (("--airflow", "4"), "'4'"),
        (("--config", "backend=x"), "write SECTION.OPTION=VALUE"),
        (("--config", "secrets.backend"), "write SECTION.OPTION=VALUE"),
        (("--rate", "0"), "'--rate'"),
    ],
)
def test_options_that_make_no_sense_exit_1_and_say_what_to_write(options: tuple[str, ...], said: str) -> None:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_an_error_that_names_the_way_out() -> None:
    listener = listen(0)
    listener.listen()
    port = str(listener.getsockname()[1])
    done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, check=False, timeout=60)
    listener.close()
    assert (done.returncode, "--port 0" in done.stderr) == (1, True)
