import threading
from typing import Any

import pytest

from reconciler.airflow import ATTEMPTS_TO_LIST, Airflow
from reconciler.backends import Request, Response
from reconciler.dialects import dialect_for
from reconciler.errors import AccessDenied, BadAnswer, Inconsistent, Rejected, ServerFailed, ServiceFailed
from reconciler.kinds import KINDS, kind_named
from reconciler.model import Hidden, Key
from reconciler.session import Session
from tests.core.samples import connection, state
from tests.core.scripted import IMPATIENT, Answer, Scripted, gone, ok, page, pools, scripted

POOL = [kind_named("pool")]
NAMES = [f"p{index:03}" for index in range(250)]


def test_pages_are_read_by_the_rows_received() -> None:
    airflow, backend = scripted(
        "2.11.2",
        pools(*NAMES[:100], total=250),
        pools(*NAMES[100:130], total=250),
        pools(*NAMES[130:200], total=250),
        pools(*NAMES[200:], total=250),
    )
    reading = airflow.read(POOL, {})
    assert [(request.query["offset"], request.query["limit"]) for request in backend.requests] == [
        ("0", "1000"),
        ("100", "100"),
        ("130", "70"),
        ("200", "100"),
    ]
    assert [key.id for key in reading.state] == NAMES
    assert (reading.totals, reading.first_pages) == ({"pool": 250}, {"pool": 100})


def test_an_empty_listing_is_one_call() -> None:
    airflow, backend = scripted("3.3.1", pools())
    reading = airflow.read(POOL, {})
    assert (reading.state, reading.totals, reading.first_pages) == ({}, {"pool": 0}, {"pool": 0})
    assert len(backend.requests) == 1


def test_every_kind_is_listed_in_the_order_of_creation() -> None:
    airflow, backend = scripted("3.3.1", page("pools", []), page("variables", []), page("connections", []))
    airflow.read(KINDS, {})
    assert [path for _, path in backend.asked] == ["/pools", "/variables", "/connections"]


ODD_LISTINGS: list[list[Answer]] = [
    [pools("a", total=2), pools(total=2)],
    [pools(total=5)],
    [pools("a", "b", total=1)],
    [pools("a", total=0)],
    [pools("a", total=-1)],
    [pools("a", total=3), pools("b", total=4), pools("c", total=3)],
    [pools("a", total=3), pools("b", total=2), pools("c", total=3)],
    [pools("a", "a")],
    [pools("a", "b", total=4), pools("b", "c", total=4)],
    [pools("a", total=3), pools("b", "c", total=3), pools("d", total=3)],
    [Response(200, {"pools": []})],
    [Response(200, {})],
    [Response(200)],
]


@pytest.mark.parametrize("odd", ODD_LISTINGS)
def test_a_listing_that_contradicts_itself_is_read_again_and_then_believed(odd: list[Answer]) -> None:
    airflow, _ = scripted("3.3.1", *odd, *odd, pools("a", "b"))
    assert [key.id for key in airflow.read(POOL, {}).state] == ["a", "b"]


@pytest.mark.parametrize("odd", ODD_LISTINGS)
def test_a_listing_that_contradicts_itself_three_times_is_an_error(odd: list[Answer]) -> None:
    airflow, backend = scripted("3.3.1", *odd, *odd, *odd)
    with pytest.raises(BadAnswer):
        airflow.read(POOL, {})
    assert backend.answers == []


@pytest.mark.parametrize(
    ("answer", "error"), [(Response(500), ServerFailed), (Response(403), AccessDenied), (gone(), Rejected)]
)
def test_a_refused_listing_is_not_read_again(answer: Response, error: type[Exception]) -> None:
    airflow, backend = scripted("3.3.1", answer)
    with pytest.raises(error):
        airflow.read(POOL, {})
    assert len(backend.requests) == 1


def connections(*names: str) -> Response:
    return page("connections", [{"connection_id": name, "conn_type": "http"} for name in names])


def detail(name: str, extra: str) -> Response:
    return ok(connection_id=name, conn_type="http", extra=extra)


def test_airflow_2_is_asked_for_the_details_that_matter_only() -> None:
    desired = state(connection("a", extra={"x": 1}), connection("new", extra={}))
    airflow, backend = scripted("2.11.2", connections("a", "b", "theirs"), detail("a", "{}"))
    current = airflow.read([kind_named("connection")], desired).state
    assert backend.asked == [("GET", "/connections"), ("GET", "/connections/a")]
    assert current[Key("connection", "a")].fields == {
        "conn_type": "http",
        "extra": "{}",
        "password": Hidden("hidden"),
    }
    assert "extra" not in current[Key("connection", "b")].fields
    assert len(current) == 3


def test_a_connection_that_goes_while_it_is_read_is_gone() -> None:
    desired = state(connection("a", extra={"x": 1}))
    airflow, backend = scripted("2.11.2", connections("a"), gone(), connections("b"))
    reading = airflow.read([kind_named("connection")], desired)
    assert reading.state == {}
    assert reading.totals == {"connection": 1}
    assert [path for _, path in backend.asked] == ["/connections", "/connections/a", "/connections"]


def test_a_connection_that_comes_back_while_it_is_read_is_there() -> None:
    desired = state(connection("a", extra={"x": 1}))
    airflow, _ = scripted("2.11.2", connections("a"), gone(), connections("a"), detail("a", '{"x": 2}'))
    current = airflow.read([kind_named("connection")], desired).state
    assert current[Key("connection", "a")].fields["extra"] == '{"x": 2}'


def test_a_connection_that_stays_listed_and_is_not_there_is_no_deleted_one() -> None:
    desired = state(connection("a", extra={"x": 1}))
    airflow, _ = scripted("2.11.2", connections("a"), *[gone(), connections("a")] * ATTEMPTS_TO_LIST)
    with pytest.raises(Inconsistent, match="connection/a is listed, and is not there"):
        airflow.read([kind_named("connection")], desired)


def test_airflow_3_needs_no_details() -> None:
    desired = state(connection("a", extra={"x": 1}))
    airflow, backend = scripted("3.3.1", connections("a"))
    airflow.read([kind_named("connection")], desired)
    assert len(backend.requests) == 1


@pytest.mark.parametrize(("answer", "found"), [(ok(name="p", slots=2), {"slots": 2}), (gone(), None)])
def test_one_resource_is_found_or_not(answer: Response, found: Any) -> None:
    airflow, _ = scripted("3.3.1", answer)
    resource = airflow.find(Key("pool", "p"))
    assert (resource and resource.fields) == found


def test_what_must_be_there_and_is_not_is_an_error() -> None:
    airflow, _ = scripted("3.3.1", gone())
    with pytest.raises(Rejected, match="it is not there") as caught:
        airflow.expect(airflow.dialect.get_request(Key("pool", "p")))
    assert caught.value.status == 404


def too_much() -> ServiceFailed:
    return ServiceFailed("AWS answered InternalServerException")


def asked(backend: Scripted) -> list[tuple[str, str]]:
    return [(request.query["offset"], request.query["limit"]) for request in backend.requests]  # type: ignore[misc]


def test_a_page_that_the_service_does_not_carry_is_asked_for_in_smaller_ones() -> None:
    airflow, backend = scripted(
        "3.3.1",
        too_much(),
        too_much(),
        pools(*NAMES[:50], total=120),
        pools(*NAMES[50:100], total=120),
        pools(*NAMES[100:120], total=120),
    )
    assert [key.id for key in airflow.read(POOL, {}).state] == NAMES[:120]
    assert asked(backend) == [("0", "1000"), ("0", "100"), ("0", "50"), ("50", "50"), ("100", "50")]


def test_only_the_page_that_is_too_large_is_split() -> None:
    airflow, backend = scripted(
        "3.3.1",
        pools(*NAMES[:5], total=15),
        too_much(),
        pools(*NAMES[5:7], total=15),
        pools(*NAMES[7:9], total=15),
        pools(*NAMES[9:10], total=15),
        pools(*NAMES[10:15], total=15),
    )
    assert [key.id for key in airflow.read(POOL, {}).state] == NAMES[:15]
    assert asked(backend) == [("0", "1000"), ("5", "5"), ("5", "2"), ("7", "2"), ("9", "1"), ("10", "5")]


def test_a_service_that_carries_not_even_one_row_is_an_error() -> None:
    airflow, backend = scripted("3.3.1", *(too_much() for _ in range(8)))
    with pytest.raises(ServiceFailed):
        airflow.read(POOL, {})
    assert [limit for _, limit in asked(backend)] == ["1000", "100", "50", "25", "12", "6", "3", "1"]


class Slow(Scripted):
    """Answers out of a table, some requests at one time."""

    def __init__(self, rows: dict[str, list[dict[str, Any]]], together: int) -> None:
        super().__init__(at_once=8)
        self._rows, self._barrier = rows, threading.Barrier(together)

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        self._barrier.wait(timeout=30)
        collection = request.path[1:]
        rows, first = self._rows[collection], int(str(request.query["offset"]))
        return page(collection, rows[first : first + 100], len(rows))


def test_pages_and_kinds_are_read_side_by_side() -> None:
    """The barrier holds every answer back until three requests are there: one after the other would hang."""
    named = [{"name": name, "slots": 1} for name in NAMES]
    variables = [{"key": name, "value": "1"} for name in NAMES[:150]]
    backend = Slow({"pools": named, "variables": variables, "connections": []}, together=3)
    dialect = dialect_for("3.3.1", 64)
    assert dialect
    reading = Airflow(Session(backend, patience=IMPATIENT), dialect).read(KINDS, {})
    assert reading.totals == {"pool": 250, "variable": 150, "connection": 0}
    assert [key.id for key in reading.state] == [*NAMES, *NAMES[:150]]
    assert len(backend.requests) == 6
