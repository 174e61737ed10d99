import contextlib
import re
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no stubs

from reconciler import amazon, retry
from tests.rig.airflow_server import OneAtATime, Server
from tests.rig.versions import RELEASES

providers._get_local_constants = lambda: providers._local_constants
"""What Hypothesis tries must not depend on the constants of modules that happen to be imported by then: the
same tests would try other things in another order, and after any change of the program."""

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

pytest_plugins = ("tests.canaries.tally", "tests.faults.tally", "tests.kill.tally", "tests.protocol.tally")
"""What adds up counts at the end; pytest-xdist's main process reads no conftest.py below this one."""

VERSION = re.compile(rf"\[[^]]*?(?<![\d.])({'|'.join(map(re.escape, RELEASES))})(?![\d.])")


class ByRelease(LoadScopeScheduling):  # type: ignore[misc]  # untyped, as above
    """Keeps the tests of one Airflow on one worker, told by the version among a test's parameters.

    This is what ``xdist_group`` marks ask for; pytest-xdist 3.8 looks for them where pytest 9.2 no longer
    keeps them, and hands out every test on its own.
    """

    def _split_scope(self, nodeid: str) -> str:
        found = VERSION.search(nodeid)
        return found[1] if found else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling | None:
    return ByRelease(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries again at once in this process: how long pauses are is proven where they are made."""
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.0)


@pytest.fixture(autouse=True)
def no_session_of_another_test() -> None:
    """Sessions of boto3 remember the process environment of their test."""
    amazon._session.cache_clear()


@pytest.fixture(scope="session")
def airflows() -> Iterator[OneAtATime]:
    """Starts real Airflows; to ask for another version stops the one before."""
    with contextlib.closing(OneAtATime()) as servers:
        yield servers


@pytest.fixture
def airflow(request: pytest.FixtureRequest, airflows: OneAtATime) -> Server | None:
    """A real Airflow of the version given as (indirect) parameter; ``None`` starts nothing.

    Tests of one version share it, so they reset it before they begin. It is no fixture of the session
    itself, as such a one is torn down whenever any parameter beside the version changes.
    """
    return None if request.param is None else airflows.server(request.param)
