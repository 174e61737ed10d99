"""Pictures of the HTML report for the docs: ``python -m tests.browser.pictures FOLDER``."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reconciler.render.told import Told
from tests.browser.pages import chromium, opened
from tests.render.samples import APPLIED, FLEET

PICTURES: dict[str, tuple[Told, dict[str, Any]]] = {
    "report-light": (FLEET, {"viewport": {"width": 1280, "height": 1360}, "color_scheme": "light"}),
    "report-dark": (APPLIED, {"viewport": {"width": 1280, "height": 1360}, "color_scheme": "dark"}),
    "report-narrow": (FLEET, {"viewport": {"width": 390, "height": 1360}, "color_scheme": "light"}),
}


def main(folder: Path) -> None:
    """Each as large as what is seen at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, TemporaryDirectory() as pages:
        for name, (run, look) in PICTURES.items():
            with opened(browser, Path(pages), run, **look) as reader:
                reader.page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
