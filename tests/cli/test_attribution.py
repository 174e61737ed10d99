import json

import pytest

from reconciler.backends import Request, Response
from reconciler.sandbox.emulator import Emulator
from tests.cli.conftest import Airflow, Run, Write


@pytest.fixture
def drifted(cli: Run, owned: Write, airflow: Airflow) -> None:
    owned(variables={"batch_size": 500, "quiet": "1"}, pools={"etl": {"slots": 4}})
    assert cli("apply", "dev", "--yes").code == 0
    airflow("PATCH", "/variables/batch_size", key="batch_size", value="5000")
    airflow("DELETE", "/pools/etl")


@pytest.mark.usefixtures("drifted")
def test_drift_tells_who_changed_what_and_when(cli: Run) -> None:
    ran = cli("drift", "dev", "--format", "json")
    assert ran.code == 2
    edits = {change["id"]: change["edit"] for change in ran.environment["changes"]}
    assert {id_: (edit["owner"], edit["event"]) for id_, edit in edits.items()} == {
        "batch_size": ("reconciler", "patch_variable"),
        "etl": ("reconciler", "delete_pool"),
    }
    assert ran.environment["calls"]["read"] == 5
    text = cli("drift", "dev").out
    assert "      last edit that Airflow logged: reconciler, 20" in text


@pytest.mark.usefixtures("drifted")
def test_plan_and_apply_do_not_ask_who(cli: Run) -> None:
    for command in (["plan", "dev"], ["apply", "dev", "--yes"]):
        ran = cli(*command, "--log-format", "json")
        assert not any(call["path"] == "/eventLogs" for call in ran.calls)


@pytest.mark.usefixtures("drifted")
def test_drift_is_found_where_nobody_may_read_the_event_log(
    cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Emulator.send

    def send(self: Emulator, request: Request) -> Response:
        denied = request.path == "/eventLogs"
        return Response(403, {"detail": "Forbidden"}) if denied else answer(self, request)

    monkeypatch.setattr(Emulator, "send", send)
    ran = cli("drift", "dev", "--format", "json")
    assert ran.code == 2
    assert all("edit" not in change for change in json.loads(ran.out)["environments"][0]["changes"])
    assert ran.err == ("dev: who changed it is not known: reading Airflow's event log takes the role Admin\n")
