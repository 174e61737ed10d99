from pathlib import Path

import pytest

from reconciler.sandbox.emulator import Emulator
from tests.contract.cases import Case, load
from tests.contract.servers import emulated, hold

QUICK = {"2.11.2", "3.3.1"}
"""The newest of each major version; the others differ from these in a handful of cases."""

PAIRS = [
    pytest.param(
        version, case, id=f"{version}-{case.name}", marks=() if version in QUICK else pytest.mark.slow
    )
    for version in Emulator.VERSIONS
    for case in load(Path(__file__).with_name("cases"))
    if case.emulated and version in case.versions
]


@pytest.mark.parametrize(("version", "case"), PAIRS)
def test_the_emulator_holds_the_contract(version: str, case: Case) -> None:
    hold(emulated(version), case)
