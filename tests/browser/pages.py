"""The HTML report in a real Chromium: what a test opens, and what it looks at."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from reconciler.render.html import render
from reconciler.render.told import Told


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; as root and in containers it has no sandbox of its own."""
    path = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    assert path, "Chromium is missing; scripts/chromium.sh installs it"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Reader:
    """One page, and everything it did beside being shown."""

    page: Page
    surprises: list[str] = field(default_factory=list)
    """Messages on the console, errors, dialogs, and requests for anything but the page itself."""

    def visible(self, selector: str) -> list[str]:
        """Texts of what is shown, in its order."""
        shown = self.page.locator(selector).filter(visible=True)
        return [" ".join(text.split()) for text in shown.all_inner_texts()]

    def ids(self) -> list[str]:
        """Ids of the changes that are shown."""
        return self.visible(".change .id")

    def count(self) -> str:
        """What is said to be shown."""
        return self.page.locator("#shown").inner_text()

    def look(self, script: str) -> Any:
        """What a script finds that is no part of the page."""
        return self.page.evaluate(script)


@contextmanager
def opened(browser: Browser, folder: Path, run: Told, **options: Any) -> Iterator[Reader]:
    """A run's page from a file, in a browser that is set up with ``options``."""
    file = folder / "report.html"
    file.write_text(render(run), encoding="utf-8")
    context = browser.new_context(offline=True, **options)
    reader = Reader(context.new_page())
    note, page = reader.surprises.append, reader.page
    page.on("console", lambda message: note(f"console: {message.text}"))
    page.on("pageerror", lambda error: note(f"error: {error}"))
    page.on("dialog", lambda dialog: note(f"dialog: {dialog.message}"))
    page.on("request", lambda request: None if request.url.startswith(file.as_uri()) else note(request.url))
    try:
        page.goto(file.as_uri())
        yield reader
    finally:
        context.close()
