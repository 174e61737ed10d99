import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Backend
from reconciler.sandbox.assumptions import assume
from reconciler.sandbox.gateway import Shown
from tests.aws import support as aws_support
from tests.gateway.support import running

NAME = "prod-airflow"
Serve = Callable[..., str]


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    with aws_support.aws_server() as url:
        yield url


@pytest.fixture
def service(aws: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Serve]:
    """MWAA in front of a backend, and moto for all other services; gives the target."""
    aws_support.use(monkeypatch, aws)
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
    monkeypatch.chdir(tmp_path)
    with contextlib.ExitStack() as stack:

        def serve(backend: Backend, *assumed: str, options: dict[str, str] | None = None, **more: Any) -> str:
            shown = Shown(more.pop("status", "AVAILABLE"), options or {})
            url = stack.enter_context(
                running(backend, assume(assumed), **{"name": NAME, "shown": shown, **more})
            )
            monkeypatch.setenv("AWS_ENDPOINT_URL_MWAA", url)
            return f"mwaa://{aws_support.REGION}/{NAME}?account={aws_support.ACCOUNT}"

        yield serve
