"""Files that hold what a format looked like when somebody last read it.

``UPDATE_GOLDEN=1 pytest tests/render`` writes them anew; the difference is then reviewed as any other.
"""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def is_golden(name: str, text: str) -> bool:
    file = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    return file.read_text(encoding="utf-8") == text
