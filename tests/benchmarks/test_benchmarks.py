from pathlib import Path

import pytest

from benchmarks import manifests, program
from benchmarks.calls import LARGE, emulator, planned_calls, write_changed
from benchmarks.cases import CASES
from benchmarks.manifests import Size
from benchmarks.report import aligned, document, markdown, terminal
from benchmarks.result import Finding, Result, Table, at_least, at_most, exactly, told
from benchmarks.stubs import Counting, Quota, Shelf, floor
from reconciler.backends import Request
from reconciler.errors import Throttled

VERSIONS = ("2.11.2", "3.0.6", "3.3.1")


def test_every_case_of_the_list_has_an_entry() -> None:
    assert list(CASES) == "B1 B2 B3 B4 B5 B6 B7 B7a B8 B9 B10 B11 B12".split()


def test_the_manifests_are_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "other"):
        manifests.write_environment(tmp_path / name, Size.of(200))
    files = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert all(
        (tmp_path / "one" / name).read_text() == (tmp_path / "other" / name).read_text() for name in files
    )


def test_a_size_is_mixed_as_announced_and_counts_its_bytes(tmp_path: Path) -> None:
    size = Size.of(1000)
    assert (size.variables, size.connections, size.pools, len(size)) == (700, 250, 50, 1000)
    written = manifests.write_environment(tmp_path, size)
    found = sum(file.stat().st_size for file in tmp_path.glob("*.yaml") if file.name != "environment.yaml")
    assert written == found
    assert len(program.load(tmp_path).desired) == 1000


@pytest.mark.parametrize(
    ("size", "version", "calls"),
    [
        (Size(0, 0, 0), "3.3.1", 4),
        (Size(500, 200, 50), "3.3.1", 9),
        (Size(500, 200, 50, extras="all"), "2.11.2", 209),
        (Size(10_000, 500, 100), "3.0.6", 13),
        (Size(10_000, 500, 100, extras="none"), "2.11.2", 107),
        (Size(600, 586, 100, extras="all"), "2.11.2", 600),
    ],
)
def test_the_floor_is_the_version_every_page_and_each_extra(size: Size, version: str, calls: int) -> None:
    assert floor(size, version) == calls


@pytest.mark.parametrize("version", VERSIONS)
def test_the_shelf_answers_as_the_emulator_does(version: str, tmp_path: Path) -> None:
    size = Size.of(40)
    ours, theirs = Shelf(size, version), emulator(size, version, tmp_path / "state.json")
    asked = {"limit": "10", "offset": "5"}
    for path in ("/variables", "/connections", "/connections/connection_000001_invoices", "/version"):
        kind = path.split("/")[1]
        by = {"variables": "key", "connections": "connection_id"}.get(kind)
        query = {**asked, "order_by": by} if by and path == f"/{kind}" else {}
        answer, expected = (backend.send(Request("GET", path, query)) for backend in (ours, theirs))
        assert answer.status == expected.status
        assert _covers(expected.body, answer.body)


def _covers(body: object, part: object) -> bool:
    """Whether everything of ``part`` is in ``body``: the emulator shows columns that nobody compares."""
    if isinstance(part, dict) and isinstance(body, dict):
        return all(name in body and _covers(body[name], item) for name, item in part.items())
    if isinstance(part, list) and isinstance(body, list):
        return len(body) == len(part) and all(map(_covers, body, part))
    return body == part or _as_null(body, part)


def _as_null(body: object, part: object) -> bool:
    return {body, part} <= {None, "***"} if not isinstance(body, dict | list) else False


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plan_of_what_the_shelf_holds_is_empty_and_makes_the_fewest_calls(version: str) -> None:
    size = Size.of(120)
    with program.environment_of(size) as environment:
        backend = Counting(Shelf(size, version))
        program.check_in_sync(program.plan(environment, backend))
        assert backend.reads == floor(size, version) == planned_calls(environment, size, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_ten_thousand_variables_take_no_more_calls_than_the_server_demands(version: str) -> None:
    least = {"2.11.2": 440, "3.0.6": 13, "3.3.1": 107}[version]
    with program.environment_of(LARGE) as environment:
        assert planned_calls(environment, LARGE, version) == floor(LARGE, version) == least


def test_changed_manifests_have_as_many_changes_as_they_say(tmp_path: Path) -> None:
    size = Size.of(120)
    changes = write_changed(tmp_path / "environment", size)
    planned = program.plan(
        program.load(tmp_path / "environment"), emulator(size, "3.3.1", tmp_path / "state.json")
    )
    assert len(planned.plan.changes) == changes


def test_the_quota_lets_one_seconds_calls_pass_and_counts_the_rest() -> None:
    quota = Quota(Shelf(Size(0, 0, 0), "3.3.1"), rate=2.0)
    for _ in range(2):
        quota.send(Request("GET", "/version"))
    with pytest.raises(Throttled):
        quota.send(Request("GET", "/version"))
    assert (quota.admitted, quota.throttled) == (2, 1)


def test_verdicts() -> None:
    results = [
        exactly("B1", "", 1, 1),
        at_most("B1", "", 2, 1.5),
        at_least("B1", "", 0.95, 0.95),
        told("B1", "", ""),
    ]
    assert [one.verdict for one in results] == ["ok", "MISSED", "ok", "-"]
    assert results[1].goal == "≤ 1.5"


FOUND: list[Finding] = [
    Result("B1", "calls", "4", "= 4", ok=True),
    Result("B5", "offline | bare", "20.6", "≤ 2.5", ok=False),
    Table("Peers", ("tool", "wall"), (("somebody's", "1.0 s"),), "Be fair."),
]


def test_the_terminals_table_is_aligned() -> None:
    assert aligned(("a", "long"), [("xyz", "1")]) == "a    long\n---  ----\nxyz  1"
    assert terminal(FOUND).endswith("1 of 2 goals met.\n")


def test_the_document_has_versions_the_table_and_the_peers() -> None:
    text = document(FOUND, 12.0)
    assert "| B1 | calls | 4 | = 4 | ok |" in text
    assert "| B5 | offline \\| bare | 20.6 | ≤ 2.5 | MISSED |" in text
    assert "## Peers\n\n| tool | wall |\n| --- | --- |\n| somebody's | 1.0 s |\n\nBe fair.\n" in text
    assert "Airflow 2.11.2, 3.0.6, 3.3.1 emulated, 2.11.2 and 3.3.1 real" in text
    assert markdown(("a",), [("b",)]) == "| a |\n| --- |\n| b |"
