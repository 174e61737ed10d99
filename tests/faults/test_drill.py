"""What must not end in a catastrophe: nothing is sent, the exit code says so, the message has the way out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.backends import Backend, Request, Response
from reconciler.sandbox.faults import Faulty, parse_fault
from tests.aws import support
from tests.e2e.tool import Ran, Tool
from tests.faults.scenarios import foreign, person
from tests.faults.worlds import Noted, Raw, Stored
from tests.gateway.support import running

VERSIONS = {"v1": "2.11.2", "v2": "3.3.1"}
dialects = pytest.mark.parametrize("dialect", VERSIONS)

VARIABLES = {f"flag_{number}": f"value {number}" for number in range(1, 6)}
CONNECTIONS = {
    f"db_{number}": {"conn_type": "postgres", "host": "h", "extra": {"region": "eu"}}
    for number in range(1, 5)
}
POOLS = {f"pool_{number}": {"slots": number} for number in range(1, 4)}
MANIFEST: dict[str, Any] = {"variables": VARIABLES, "connections": CONNECTIONS, "pools": POOLS}
CHANGED = {**MANIFEST, "variables": {**VARIABLES, "flag_1": "changed"}}
LISTS = ("/pools", "/variables", "/connections")


def without(kind: str, *ids: str) -> dict[str, Any]:
    return {**MANIFEST, kind: {id_: body for id_, body in MANIFEST[kind].items() if id_ not in ids}}


@dataclass
class Ground:
    """A folder with a ledger over an Airflow that others use too, and everything that is asked of it."""

    tool: Tool
    airflow: Stored
    monkeypatch: pytest.MonkeyPatch
    noted: Noted = field(init=False)
    raw: Raw = field(init=False)
    ledger: str = field(init=False)

    @property
    def ledger_file(self) -> Path:
        return self.tool.folder / "ledger.json"

    def settle(self, manifest: Mapping[str, Any] = MANIFEST) -> None:
        """Applies a manifest; what follows is held against this."""
        self.reach(self.airflow)
        self.tool.declare(**manifest)
        ran = self.tool("apply", "--yes")
        assert ran.code == 0, ran.err
        self.remember()

    def remember(self) -> None:
        self.raw, self.ledger = self.airflow.raw(), self.ledger_file.read_text()
        self.noted.calls.clear()

    def reach(self, backend: Backend) -> None:
        """Lets the program reach its Airflow through ``backend``."""
        self.noted = Noted(backend)
        self.monkeypatch.setattr("reconciler.cli.planning.connect", lambda *_: self.noted)

    def meet(self, *faults: str) -> None:
        self.reach(Faulty(self.airflow, map(parse_fault, faults)))

    def expect(self, ran: Ran, code: int, *words: str) -> None:
        """Nothing was sent, nothing has changed, and the message says what there is to know."""
        assert (ran.code, ran.out) == (code, ""), ran.err
        assert [one.request for one in self.noted.calls if one.request.method != "GET"] == []
        assert self.airflow.raw() == self.raw
        assert self.ledger_file.read_text() == self.ledger
        for word in words:
            assert word in ran.err


@pytest.fixture
def tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    return Tool(tmp_path / "env", capsys)


@pytest.fixture
def ground(dialect: str, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> Ground:
    version = VERSIONS[dialect]
    airflow = Stored(None, version)
    for request in foreign():
        assert airflow.send(request).status in {200, 201}
    tool.configure(f"sandbox:none.json?airflow={version[0]}", ledger="file:ledger.json")
    return Ground(tool, airflow, monkeypatch)


# --- what git says -----------------------------------------------------------------------------------

NOTHING = "and nothing is declared: is this the right folder, and is it complete?"
ALL_OF_IT = (
    f"5 of 5 variables would be deleted, {NOTHING} (--allow-deletes variable=5)",
    f"4 of 4 connections would be deleted, {NOTHING} (--allow-deletes connection=4)",
    f"3 of 3 pools would be deleted, {NOTHING} (--allow-deletes pool=3)",
)
TOO_MUCH: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "nothing": ({}, ALL_OF_IT),
    "empty sections": ({"variables": {}, "connections": {}, "pools": {}}, ALL_OF_IT),
    "tombstones for everything": ({"absent": {kind: list(ids) for kind, ids in MANIFEST.items()}}, ALL_OF_IT),
    "all but one kind": (
        {**MANIFEST, "pools": {}},
        (
            "3 of 3 pools would be deleted, which is all that is managed of this kind",
            "(--allow-deletes pool=3)",
        ),
    ),
    "too few": (
        without("variables", "flag_1", "flag_2", "flag_3"),
        ("3 of 5 variables would be deleted, the limit is 2 (--allow-deletes variable=3)",),
    ),
}


@dialects
@pytest.mark.parametrize("name", TOO_MUCH)
def test_a_folder_that_would_delete_too_much_is_refused(ground: Ground, name: str) -> None:
    ground.settle()
    manifest, words = TOO_MUCH[name]
    ground.tool.declare(**manifest)
    ground.expect(ground.tool("apply", "--yes"), 3, *words)


@dialects
def test_an_empty_folder_over_a_ledger_is_refused(ground: Ground) -> None:
    ground.settle()
    (ground.tool.folder / "manifest.yaml").unlink()
    ground.expect(ground.tool("apply", "--yes"), 3, *ALL_OF_IT)


@dialects
@pytest.mark.parametrize("number", [1, 2, 4, 37])
def test_a_number_left_over_from_last_time_allows_nothing(ground: Ground, number: int) -> None:
    ground.settle()
    ground.tool.declare(**without("variables", "flag_1", "flag_2", "flag_3"))
    ran = ground.tool("apply", "--yes", "--allow-deletes", f"variable={number}")
    ground.expect(ran, 3, f"--allow-deletes variable={number} allows another number", "variable=3")


@dialects
def test_what_is_protected_stays_after_git_has_forgotten_it(ground: Ground) -> None:
    ground.settle({**MANIFEST, "variables": {**VARIABLES, "flag_1": {"value": "v", "protect": True}}})
    ground.tool.declare(**without("variables", "flag_1"))
    way_out = "declare it with protect: false and apply that first"
    for more in ([], ["--allow-deletes", "variable=1"], ["--allow-delete", "variable/flag_1"]):
        ran = ground.tool("apply", "--yes", *more)
        ground.expect(ran, 3, f"variable/flag_1 is protected and would be deleted; {way_out}")


@dialects
@pytest.mark.parametrize(
    ("fault", "code"),
    [("POST=drop_after", 0), ("POST /variables=status:422", 4), ("POST=status:403", 1), ("GET#1=expire", 1)],
)
def test_the_command_ends_as_its_run_does(ground: Ground, fault: str, code: int) -> None:
    ground.settle()
    new = {"variables": {**VARIABLES, "new": "v"}, "pools": {**POOLS, "new": {"slots": 1}}}
    ground.tool.declare(**{**MANIFEST, **new})
    ground.meet(fault)
    assert ground.tool("apply", "--yes").code == code


# --- what belongs to Airflow -------------------------------------------------------------------------


@dialects
def test_the_default_pool_is_no_id_that_git_can_bury(ground: Ground) -> None:
    ground.settle()
    ground.tool.declare(**MANIFEST, absent={"pools": ["default_pool"]})
    ground.expect(
        ground.tool("apply", "--yes"), 1, "default_pool belongs to Airflow", "remove it from 'absent'"
    )


@dialects
def test_the_default_pool_survives_git_ruling_all_pools(ground: Ground, dialect: str) -> None:
    ground.settle()
    target = f"sandbox:none.json?airflow={VERSIONS[dialect][0]}"
    ground.tool.configure(target, ledger="file:ledger.json", authoritative={"pools": ["*"]})
    refused = ground.tool("apply", "--yes")
    ground.expect(refused, 3, "3 of 3 pools would be deleted", "--allow-deletes pool=3")
    assert ground.tool("apply", "--yes", "--allow-deletes", "pool=3").code == 0
    pools = {id_ for collection, id_ in ground.airflow.raw() if collection == "pools"}
    assert pools == {*POOLS, "default_pool"}


# --- what Airflow shows ------------------------------------------------------------------------------

ANOTHER = "is this another environment, or was it built anew?"
FORBIDDEN = "reading variables and connections takes the Airflow role Op or Admin"
SHOWN: dict[str, tuple[tuple[str, ...], int, tuple[str, ...]]] = {
    "nothing at all": (
        tuple(f"GET {path}=empty" for path in LISTS),
        3,
        (
            f"3 of 3 pools that the ledger owns are gone: {ANOTHER} (--allow-missing pool=3)",
            f"5 of 5 variables that the ledger owns are gone: {ANOTHER} (--allow-missing variable=5)",
            f"4 of 4 connections that the ledger owns are gone: {ANOTHER} (--allow-missing connection=4)",
        ),
    ),
    **{
        f"no {path[1:]}": ((f"GET {path}=empty",), 3, (ANOTHER, f"--allow-missing {path[1:-1]}="))
        for path in LISTS
    },
    **{
        f"{status} for {path[1:]}": ((f"GET {path}=status:{status}",), 1, (f"answered {status}", hint))
        for path in LISTS
        for status, hint in ((401, "check the credentials"), (403, FORBIDDEN), (404, "it is not there"))
    },
    "credentials that have expired": (("1=expire",), 1, ("call 1: 1=expire",)),
    **{
        f"{path[1:]} cut by the network": ((f"GET {path}=truncate",), 1, (f"GET {path}=truncate",))
        for path in LISTS
    },
    **{
        f"{path[1:]} announced and not listed": ((f"GET {path}=rows:0",), 1, ("announced, 0 are listed",))
        for path in LISTS
    },
    **{
        f"a list of {path[1:]} that ends early": (
            tuple(f"GET {path}#{nth}=rows:{2 * (nth % 2)}" for nth in range(1, 7)),
            1,
            ("announced, 2 are listed",),
        )
        for path in LISTS
    },
    **{
        f"{total} {path[1:]} announced": ((f"GET {path}=total:{total}",), 1, (path[1:],))
        for path in LISTS
        for total in (0, 2, 999)
    },
}


@dialects
@pytest.mark.parametrize("name", SHOWN)
def test_an_airflow_that_does_not_show_what_there_is_changes_nothing(ground: Ground, name: str) -> None:
    ground.settle()
    ground.tool.declare(**CHANGED)
    faults, code, words = SHOWN[name]
    ground.meet(*faults)
    ground.expect(ground.tool("apply", "--yes"), code, *words)


@dialects
@pytest.mark.parametrize("kind", MANIFEST)
def test_what_git_has_forgotten_is_looked_for_before_the_ledger_forgets_it(ground: Ground, kind: str) -> None:
    """Else it would live on, and nobody would know that it was ours."""
    ground.settle()
    id_ = next(iter(MANIFEST[kind]))
    ground.tool.declare(**without(kind, id_))
    ground.meet(f"GET /{kind}=empty")
    ground.expect(
        ground.tool("apply", "--yes"), 1, f"{kind[:-1]}/{id_} is there, and the list does not show it"
    )


@dataclass
class Twice:
    """A server that lists a row twice, and counts it so."""

    backend: Backend
    path: str
    roots = ("",)
    path_limit = 64
    at_once = 1

    def send(self, request: Request) -> Response:
        answer = self.backend.send(request)
        if request.path != self.path:
            return answer
        rows = answer.body[self.path[1:]]
        body = {self.path[1:]: [*rows, rows[0]], "total_entries": len(rows) + 1}
        return replace(answer, body=body)


@dialects
@pytest.mark.parametrize("path", LISTS)
def test_a_list_that_names_something_twice_is_not_believed(ground: Ground, path: str) -> None:
    ground.settle()
    ground.tool.declare(**without("variables", "flag_1"))
    ground.reach(Twice(ground.airflow, path))
    ground.expect(ground.tool("apply", "--yes"), 1, f"the list of {path[1:]} names one of them twice")


@dialects
def test_much_of_what_is_owned_being_gone_is_refused_but_for_the_very_number(ground: Ground) -> None:
    ground.settle()
    for id_ in ("flag_1", "flag_2"):
        ground.airflow.send(Request("DELETE", f"/variables/{id_}"))
    ground.remember()
    told = f"2 of 5 variables that the ledger owns are gone: {ANOTHER} (--allow-missing variable=2)"
    ground.expect(ground.tool("apply", "--yes"), 3, told)
    ground.expect(ground.tool("apply", "--yes", "--allow-missing", "variable=1"), 3, told)
    ran = ground.tool("apply", "--yes", "--allow-missing", "variable=2")
    assert ran.code == 0, ran.err
    assert {("variables", "flag_1"), ("variables", "flag_2")} <= ground.airflow.raw().keys()


# --- another place than was meant --------------------------------------------------------------------


@dialects
def test_another_airflow_under_the_same_name_is_refused(ground: Ground, dialect: str) -> None:
    ground.settle()
    other = Stored(None, VERSIONS[dialect])
    before = other.raw()
    ground.reach(other)
    ground.expect(
        ground.tool("apply", "--yes"), 3, f"5 of 5 variables that the ledger owns are gone: {ANOTHER}"
    )
    assert other.raw() == before


@dialects
@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"], ["drift"]])
def test_the_ledger_of_another_environment_is_refused_before_any_call(
    ground: Ground, dialect: str, command: list[str]
) -> None:
    ground.settle()
    ground.noted.calls.clear()
    ground.tool.configure(
        f"sandbox:none.json?airflow={VERSIONS[dialect][0]}", name="prod", ledger="file:ledger.json"
    )
    ran = ground.tool(*command)
    ground.expect(ran, 3, "is about the environment 'env', not 'prod'", "reconciler ledger rebind ")
    assert ground.noted.calls == []


@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"], ["drift"]])
def test_another_account_is_refused_before_any_call(
    command: list[str], tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = Noted(Stored(None, "3.3.1"))
    with support.aws_server() as aws, running(noted) as gateway:
        support.use(monkeypatch, aws)
        monkeypatch.setenv("AWS_ENDPOINT_URL_MWAA", gateway)
        tool.configure("mwaa://eu-west-1/prod?account=210987654321", ledger="file:ledger.json")
        tool.declare(**MANIFEST)
        ran = tool(*command)
    told = f"the credentials belong to account {support.ACCOUNT}, mwaa://eu-west-1/prod is in 210987654321"
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(f"error: env: {told}; ")
    assert noted.calls == []
    assert not (tool.folder / "ledger.json").exists()


# --- rows that move while they are listed ------------------------------------------------------------

PAGE = 100
ROWS = 250


@dataclass
class Moving:
    """An Airflow in which others add and remove variables just before a page of them is shown."""

    backend: Stored
    moves: Callable[[int], Iterable[Request]]
    pages: int = 0
    roots = ("",)
    path_limit = 64
    at_once = 1

    def send(self, request: Request) -> Response:
        if (request.method, request.path) == ("GET", "/variables"):
            self.pages += 1
            for move in self.moves(self.pages):
                assert self.backend.send(move).status < 300
        return self.backend.send(request)


def crowded(ground: Ground, **variables: str) -> None:
    """So many variables that they fill three pages, ``n_000`` to ``n_249``; ours are among them."""
    ground.settle({**MANIFEST, "variables": {**VARIABLES, **variables}})
    for number in range(ROWS):
        body = {"key": f"n_{number:03}", "value": "theirs"}
        assert ground.airflow.send(Request("POST", "/variables", body=body)).status < 300
    ground.remember()


def added(key: str) -> Request:
    return person(f'POST /variables {{"key": "{key}", "value": "new"}}')


def removed(key: str) -> Request:
    return person(f"DELETE /variables/{key}")


POSITIONS = {"first": "a_{}", "on the page before": "n_050{}", "on this page": "n_140{}", "last": "z_{}"}


@dialects
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("page", [2, 3])
def test_a_row_that_comes_while_pages_are_read_makes_them_be_read_again(
    ground: Ground, position: str, page: int
) -> None:
    crowded(ground)
    key = POSITIONS[position].format("new")
    ground.reach(Moving(ground.airflow, lambda nth: [added(key)] if nth == page else []))
    assert ground.tool("apply", "--yes").code == 0
    raw = ground.airflow.raw()
    assert raw.pop(("variables", key))
    assert raw == ground.raw


@dialects
@pytest.mark.parametrize("key", ["n_000", "n_050", "n_140", "n_249"])
@pytest.mark.parametrize("page", [2, 3])
def test_a_row_that_goes_while_pages_are_read_makes_them_be_read_again(
    ground: Ground, key: str, page: int
) -> None:
    crowded(ground)
    ground.reach(Moving(ground.airflow, lambda nth: [removed(key)] if nth == page else []))
    assert ground.tool("apply", "--yes").code == 0
    assert ground.airflow.raw() == {place: row for place, row in ground.raw.items() if place[1] != key}


@dialects
@pytest.mark.parametrize("position", POSITIONS)
def test_rows_that_never_stand_still_are_not_acted_on(ground: Ground, position: str) -> None:
    crowded(ground)
    ground.tool.declare(**without("variables", "flag_1"))
    ground.reach(Moving(ground.airflow, lambda nth: [added(POSITIONS[position].format(nth))]))
    ran = ground.tool("apply", "--yes")
    theirs = ground.airflow.raw().keys() - ground.raw.keys()
    assert ran.code == 1
    assert "the number of variables changed while they were listed" in ran.err
    assert not [one for one in ground.noted.calls if one.request.method != "GET"]
    assert {place: row for place, row in ground.airflow.raw().items() if place not in theirs} == ground.raw


@dialects
@pytest.mark.parametrize("page", [2, 3])
@pytest.mark.parametrize("declared", [True, False])
def test_a_row_that_slips_past_while_another_comes_is_not_taken_for_gone(
    ground: Ground, page: int, declared: bool
) -> None:
    """The number stays, nothing is named twice: nobody can see from the list that it is not whole."""
    crowded(ground)
    keys = sorted(key for collection, key in ground.raw if collection == "variables")
    slips = keys[(page - 1) * PAGE - 1] + "_ours"
    ground.tool.declare(**{**MANIFEST, "variables": {**VARIABLES, slips: "ours"}})
    assert ground.tool("apply", "--yes").code == 0
    ground.remember()
    if not declared:
        ground.tool.declare(**MANIFEST)
    ground.reach(Moving(ground.airflow, lambda nth: [removed("n_000"), added("z")] if nth == page else []))
    ran = ground.tool("apply", "--yes")
    assert ran.code == 1, ran.out
    if not declared:
        assert f"variable/{slips} is there, and the list does not show it; run again" in ran.err
    assert ground.airflow.raw()["variables", slips] == ground.raw["variables", slips]
    ground.reach(ground.airflow)
    assert ground.tool("apply", "--yes").code == 0
    assert (("variables", slips) in ground.airflow.raw()) == declared
