"""Nothing that Airflow, git or a ledger holds can command a terminal or a CI."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from reconciler.backends import Request, Response
from reconciler.cli.options import FORMATS
from reconciler.ledger import Binding, Entry, Lease, Ledger, Pending
from reconciler.ledger_document import dump
from reconciler.model import Key
from reconciler.plan import Action
from reconciler.records import Record
from tests.properties.console import Console
from tests.properties.reaches import Between
from tests.properties.samples import Draw
from tests.properties.slices import holds
from tests.properties.world import Airflow, Memory

PIECES = (
    "\x1b[31m", "\u202e", "\u2066", "\u200b", "\ufeff", "\r", "\n", "\x00", "\x07", "\x9b1m", "\u2028",
    "::error::", "::add-mask::", "##[command]", "::", " ", "\t", "a", "é", "\U000e0041", "\x85",
    "\n::stop-commands::x",
)  # fmt: skip
SEEN = ("::error::", "##[command]", "::", "a", "é", " ", "\U0001f642", "x::y")
OURS = re.compile(r"::(error|warning|notice) (file=[^:]*,line=\d+,col=\d+,)?title=[^:]*::")
"""The commands that one format is made of."""

COMMANDS = (
    ("plan",),
    ("apply", "--yes"),
    ("drift",),
    ("ledger", "show"),
    ("plan", "-v", "--log-format", "json"),
    ("validate",),
    ("doctor", "--scratch"),
)

nasty = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)
visible_ids = st.lists(st.sampled_from(SEEN), min_size=1, max_size=3).map("".join)


@dataclass(frozen=True)
class Scene:
    """One environment that is full of texts with second thoughts."""

    declared: dict[str, Any]
    living: dict[str, str]
    descriptions: list[str]
    settings: dict[str, Any]
    file: str
    said: str
    holder: str
    version_suffix: str


@st.composite
def scenes(draw: Draw) -> Scene:
    values = draw(st.dictionaries(visible_ids, nasty, max_size=3))
    section = {id_: {"value": value, "description": draw(nasty)} for id_, value in values.items()}
    return Scene(
        declared={"variables": section, "pools": {"p": {"slots": 1, "description": draw(nasty)}}},
        living=draw(st.dictionaries(nasty | visible_ids, nasty, max_size=3)),
        descriptions=draw(st.lists(nasty, min_size=1, max_size=2)),
        settings=draw(st.sampled_from([{}, {"authoritative": {"variables": ["*"]}}])),
        file=draw(nasty).replace("/", "").replace("\x00", "")[:40],
        said=draw(nasty),
        holder=draw(nasty),
        version_suffix=draw(st.just("") | nasty),
    )


@dataclass
class Saying(Between):
    """Answers some writes with an error, and the version with more than a version."""

    said: str
    version_suffix: str

    def send(self, request: Request) -> Response:
        if request.path == "/version":
            answer = self.backend.send(request)
            return replace(answer, body={"version": answer.body["version"] + self.version_suffix})
        if request.method == "POST":
            return Response(400, {"title": self.said, "detail": self.said, "status": 400})
        if request.method == "PATCH":
            problem = {"loc": ["body", self.said], "type": self.said, "msg": self.said}
            return Response(422, {"detail": [problem]})
        return self.backend.send(request)


def ledger_of(scene: Scene) -> str:
    """A ledger that somebody has written by hand, with a dead run's lease."""
    entries = {
        Key("variable", id_): Entry(Record({"/value": "m:x"}), Pending(Action.UPDATE)) for id_ in scene.living
    }
    lease = Lease(scene.holder, scene.holder, scene.holder, 60.0)
    return dump(Ledger(Binding("e", "sandbox:x"), b"s" * 32, 1, entries, lease))


def scene_with(version: str, scene: Scene, *, forged: bool) -> Console:
    """All that a scene holds in its place."""
    airflow = Airflow(None, version)
    for id_, value in scene.living.items():
        airflow.ask("POST", "/variables", key=id_, value=value, description=scene.descriptions[0])
    airflow.ask("POST", "/pools", name="p", slots=7, description=scene.descriptions[-1])
    store = Memory(ledger_of(scene) if forged else None)
    return Console(Saying(airflow, scene.said, scene.version_suffix), store)


@holds(scenes(), st.booleans(), st.sampled_from(FORMATS), few=5)
def test_no_output_holds_controls_directions_or_commands_of_a_ci(
    version: str, scene: Scene, forged: bool, format_: str
) -> None:
    console = scene_with(version, scene, forged=forged)
    settings = {"target": f"sandbox:x?airflow={version[0]}", "adopt": "always", **scene.settings}
    files = {f"{scene.file}.yaml": scene.declared}
    for command in COMMANDS:
        said = console(files, settings, *command, "--format", format_)
        assert [one for one in said.complaints if format_ != "github" or not OURS.match(one)] == []
        if format_ in {"json", "sarif"} and said.out:
            assert said.out.isascii()
            json.loads(said.out)
