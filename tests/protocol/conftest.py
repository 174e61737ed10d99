"""``pytest tests/protocol --depth=3`` goes three events deep; so does ``PROTOCOL_DEPTH=3`` before pytest."""

import os
from collections.abc import Callable

import pytest

from tests.protocol.exploring import Findings
from tests.protocol.tally import MODEL

DEFAULT = os.environ.get("PROTOCOL_DEPTH", "2")

Tell = Callable[[str, Findings], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--depth", type=int, default=int(DEFAULT), help="events before the last apply of the protocol model"
    )


@pytest.fixture
def depth(request: pytest.FixtureRequest) -> int:
    """Events before the last apply; pytest only asks this file for options if it is named or below a name."""
    return int(request.config.getoption("--depth", default=DEFAULT))


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Keeps what was found for the end of the session, which may be in another process."""

    def keep(what: str, found: Findings) -> None:
        numbers = f"{found.runs:,} runs, {found.states:,} distinct states, {found.applies:,} applies"
        excused = ", ".join(f"{number:,} {one}" for one, number in sorted(found.excused.items()))
        crimes = sum(found.crimes.values())
        record_property(MODEL, f"{what}: {numbers}, {crimes:,} violations ({excused or 'nothing excused'})")

    return keep
