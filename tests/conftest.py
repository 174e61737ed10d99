from collections.abc import Iterator

import pytest

from tests.rig.airflow_server import Server, running


@pytest.fixture(scope="session")
def airflow(request: pytest.FixtureRequest) -> Iterator[Server | None]:
    """A real Airflow of the version given as (indirect) parameter, one at a time in each process.

    Tests of one version share it, so they reset it before they begin. ``None`` starts nothing.
    """
    if request.param is None:
        yield None
        return
    with running(request.param) as server:
        yield server
