"""``python -m tests.docs.installable WHAT...``: whether pip could install what a page tells people to."""

import re
import sys
import tomllib

from tests.docs.pages import ROOT

WANTED = re.compile(r"(\.|reconciler)(\[(?P<extra>\w+)\])?")

project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
for wanted in sys.argv[1:]:
    found = WANTED.fullmatch(wanted)
    if not found or (found["extra"] and found["extra"] not in project["optional-dependencies"]):
        sys.exit(f"{wanted} cannot be installed")
