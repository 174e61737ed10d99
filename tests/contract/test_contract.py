from pathlib import Path

import pytest

from tests.contract.cases import Case, load
from tests.contract.servers import hold, real
from tests.rig.airflow_server import Server
from tests.rig.versions import RELEASES

pytestmark = pytest.mark.slow

PAIRS = [
    pytest.param(version, case, id=f"{version}-{case.name}", marks=pytest.mark.xdist_group(version))
    for version in RELEASES
    for case in load(Path(__file__).with_name("cases"))
    if version in case.versions
]


@pytest.mark.parametrize(("airflow", "case"), PAIRS, indirect=["airflow"])
def test_real_airflow_holds_the_contract(airflow: Server, case: Case) -> None:
    hold(real(airflow), case)
