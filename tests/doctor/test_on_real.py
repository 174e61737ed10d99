"""``doctor --scratch`` on real Airflow: true answers, and a server that is as it was."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox.assumptions import assume
from tests.doctor.support import add, contents, look, write
from tests.e2e.worlds import FAST, reached_directly
from tests.gateway.support import environment_variables, running
from tests.rig.airflow_server import Server
from tests.rig.direct import Direct

pytestmark = pytest.mark.slow

OLDEST_AND_NEWEST = [
    pytest.param(version, marks=pytest.mark.xdist_group(version), id=version)
    for version in ("2.7.2", "2.11.2", "3.0.6", "3.3.1")
]
HOW = {
    "repeat": "a list becomes a repeated parameter",
    "comma": "a list becomes one parameter, joined with commas",
    "json": "a list becomes one parameter that holds JSON",
    "first": "of a list only the first item arrives",
}


@contextlib.contextmanager
def through_gateway(airflow: Server, *assumed: str) -> Iterator[str]:
    with (
        running(Direct(airflow), assume(assumed)) as url,
        environment_variables(url, AWS_ENDPOINT_URL_STS="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1"),
    ):
        yield "mwaa://eu-west-1/airflow"


def populated(airflow: Server) -> Direct:
    airflow.reset()
    direct = Direct(airflow)
    add(direct, "/variables", key="a/b", value="1")
    add(direct, "/connections", connection_id="c", conn_type="http", password="hush", extra='{"a": 1}')
    add(direct, "/pools", name="p", slots=3)
    return direct


@pytest.mark.parametrize("airflow", OLDEST_AND_NEWEST, indirect=True)
@pytest.mark.parametrize("how", HOW)
def test_on_mwaa_it_answers_truly_and_leaves_everything_as_it_was(
    airflow: Server, tmp_path: Path, how: str
) -> None:
    direct = populated(airflow)
    before = contents(direct)
    with through_gateway(airflow, f"query_lists={how}") as target:
        folder = write(tmp_path / "prod", target, settings={"rate_limit": FAST}, variables={"a/b": 1})
        found = look(folder, scratch=True)

    assert contents(direct) == before
    assert found["lists in queries"].seen == HOW[how]
    assert found["slashes in ids"].seen.startswith("%2F gets through")
    assert found["slashes in written ids"].seen == "a variable with one was made, found and removed"
    assert found["server errors"].seen == "Airflow's 500 arrives as RestApiServerException, HTTP 400"
    assert found["booleans in queries"].seen.startswith("true arrives as 'true'")
    size = found["request size"]  # Airflow 2 has a limit of its own: webserver.allowed_payload_size, 1 MB
    assert size.state == "ok" or ("a value of 1024 KB" in size.seen and "413" in size.seen)
    both = how == "repeat" or airflow.version.startswith("2.")
    failing = set() if both or how != "json" else {f"write {kind}" for kind in before}
    assert found.failed == failing
    assert (found.all("masks")[0].state == "ok") == both


@pytest.mark.parametrize("airflow", OLDEST_AND_NEWEST, indirect=True)
def test_over_http_it_answers_truly_and_leaves_everything_as_it_was(
    airflow: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_PASSWORD", "admin")
    direct = populated(airflow)
    before = contents(direct)
    with reached_directly(airflow) as world:
        folder = write(tmp_path / "dev", world.target, settings=world.settings)
        found = look(folder, scratch=True)

    assert contents(direct) == before
    assert found.failed == set()
    assert found.state("masks") == found.state("slashes in written ids") == found.state("clock") == "ok"
    assert found.state("shadows") in {"skipped", "ok"}
