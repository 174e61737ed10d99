"""One AWS for all tests of a worker, one world for each of them."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws import support
from tests.kill.world import World, opened

one_airflow = pytest.mark.parametrize("major", [3], ids=["v2"], indirect=True)
"""For what has nothing to do with the version."""


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # or it tells of every request
    with support.aws_server() as url:
        yield url


@pytest.fixture(params=[2, 3], ids=["v1", "v2"])
def major(request: pytest.FixtureRequest) -> int:
    """The Airflow that there is; the ids name no release, for those are kept to one worker each."""
    major: int = request.param
    return major


@pytest.fixture
def world(tmp_path: Path, major: int, aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with opened(tmp_path, major, aws, monkeypatch) as made:
        yield made
