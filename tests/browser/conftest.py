from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from reconciler.render.told import Told
from tests.browser.pages import Reader, chromium, opened

Open = Callable[..., Reader]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for a module: as long as it lives, no other test of the process may have an event loop."""
    with chromium() as made:
        yield made


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a run's page; nothing that it does beside being shown goes unnoticed."""
    with ExitStack() as stack:
        readers: list[Reader] = []

        def shown(run: Told, **options: Any) -> Reader:
            made: AbstractContextManager[Reader] = opened(browser, tmp_path, run, **options)
            readers.append(stack.enter_context(made))
            return readers[-1]

        yield shown
        assert [reader.surprises for reader in readers] == [[] for _ in readers]
