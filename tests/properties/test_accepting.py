"""Whatever drifts is written so that the next plan has nothing to do with it, or is told as left to do."""

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from reconciler.accepting.editing import Text
from reconciler.exporting import visible
from reconciler.model import Key
from tests.properties.samples import LONG
from tests.properties.slices import holds
from tests.properties.test_exporting import CANARY, connections, pools, settled, told, variables
from tests.properties.world import KINDS

Tables = dict[str, dict[str, Any]]
RULED = {"variables": ["*"], "connections": ["*"], "pools": ["*"]}


@st.composite
def drifts(draw: Any, major: int) -> tuple[Tables, Tables]:
    """What lives when it is exported, and later: each resource stays, changes or goes, and others come."""
    makers = {"variables": variables, "connections": connections, "pools": pools}
    before: Tables = {name: draw(make(major)) for name, make in makers.items()}
    after: Tables = {name: draw(make(major)) for name, make in makers.items()}
    for name, table in before.items():
        for id_, fields in table.items():
            fate = draw(st.sampled_from(["stays", "goes", "mixed", "mixed"]))
            other = draw(st.sampled_from([after[name].get(id_, fields), *after[name].values(), fields]))
            if fate == "stays":
                after[name][id_] = fields
            elif fate == "mixed":
                after[name][id_] = {
                    one: draw(st.sampled_from([value, other[one]])) for one, value in fields.items()
                }
    return before, after


def spans(text: str) -> dict[Key, str]:
    """The text of each resource in a file."""
    made = Text(text)
    sections = {str(name.value): section.value for name, section in made._root.value}
    return {
        Key(KINDS[name], str(one.name)): text[one.start : one.end]
        for name, members in sections.items()
        for one in (made._member(*pair) for pair in members)
    }


def add_settings(env: Path, more: dict[str, Any]) -> None:
    file = env / "environment.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **more}))


@holds(drifts, st.booleans(), st.booleans(), few=25)
def test_what_drifts_is_written_or_left_to_do(
    version: str, states: tuple[Tables, Tables], ledger: bool, ruled: bool
) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder, env = Path(made), Path(made) / "env"
        settled(folder, **states[0])
        assert told("export", f"sandbox:{folder}/box.json?airflow={version[0]}", "--to", str(env))[0] == 0
        add_settings(env, {"ledger": "file:ledger.json"} if ledger else {})
        if ledger:
            assert told("apply", str(env), "--yes")[0] == 0
        add_settings(env, {"authoritative": RULED} if ruled else {})
        settled(folder, **states[1])
        before = {
            path.name: path.read_text() for path in env.glob("*.yaml") if path.name != "environment.yaml"
        }
        _, out, _ = told("plan", str(env), "--format", "json")
        pending = {(one["kind"], one["id"]) for one in json.loads(out)["environments"][0].get("changes", ())}
        code, out, err = told("drift", str(env), "--write", "--format", "json")
        if ruled and LONG in states[1]["variables"] and version.startswith("2"):
            assert (code, "wrote" in err) == (1, False), "Airflow 2 cannot be asked about it"
            return
        drift = {(one["kind"], one["id"]) for one in json.loads(out)["environments"][0]["changes"]}
        assert code == (2 if drift else 0), err
        written = "".join(path.read_text() for path in env.glob("*.yaml"))
        assert CANARY not in written + err
        for name, text in before.items():
            for key, span in spans(text).items():
                assert tuple(key) in drift or span in (env / name).read_text()
        plan = json.loads(told("plan", str(env), "--format", "json")[1])["environments"][0]
        left = {
            (one["kind"], one["id"]) for one in plan["changes"] if one["action"] not in {"adopt", "forget"}
        }
        for kind, id_ in left & drift:
            assert f"to do: {visible(f'{kind}/{id_}')}" in err, (kind, id_, err)
        assert left <= drift | pending
        for kind, id_ in drift - left:
            assert visible(f" {kind} {id_}") in err or f"to do: {visible(f'{kind}/{id_}')}" in err
