from pathlib import Path

import pytest

from reconciler.sandbox.emulator import Emulator
from tests.contract.cases import Case, load
from tests.contract.servers import emulated, hold

PAIRS = [
    pytest.param(version, case, id=f"{version}-{case.name}")
    for version in Emulator.VERSIONS
    for case in load(Path(__file__).with_name("cases"))
    if case.emulated and version in case.versions
]


@pytest.mark.parametrize(("version", "case"), PAIRS)
def test_the_emulator_holds_the_contract(version: str, case: Case) -> None:
    hold(emulated(version), case)
