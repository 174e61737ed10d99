import threading

import pytest

from reconciler.backends import Method, Request
from reconciler.errors import (
    Unreachable,
    UsageError,
)
from reconciler.sandbox.fault_grammar import MODES
from reconciler.sandbox.faults import Fault, Mode, When, parse_fault
from tests.sandbox.faulty import Recording, create, faulty, outcome
from tests.sandbox.support import emulator


@pytest.mark.parametrize(
    ("when", "hit"),
    [
        ("1", [1]),
        ("3", [3]),
        ("2-3", [2, 3]),
        ("4-4", [4]),
        ("3-", [3, 4, 5]),
        ("9", []),
        ("*", [1, 2, 3, 4, 5]),
        ("GET", [1, 3]),
        ("GET /variables", [3]),
        ("GET /*", [1, 3]),
        ("DELETE /variables/*", [4, 5]),
        ("DELETE /variables/a%2F?", [5]),
        ("DELETE *", [4, 5]),
        ("DELETE#2", [5]),
        ("DELETE /variables/*#1", [4]),
        ("PATCH", [2]),
        ("PATCH /variables", []),
        ("PATCH#2", []),
        ("POST", []),
    ],
)
def test_when_says_which_calls_are_meant(when: str, hit: list[int]) -> None:
    backend = faulty(emulator(), f"{when}=throttle")

    calls: list[tuple[Method, str]] = [
        ("GET", "/version"),
        ("PATCH", "/variables/k"),
        ("GET", "/variables"),
        ("DELETE", "/variables/a"),
        ("DELETE", "/variables/a%2Fb"),
    ]

    seen = [outcome(backend, *one) for one in calls]
    assert [number for number, status in enumerate(seen, 1) if status == "Throttled"] == hit


def test_a_path_is_held_against_the_glob_below_the_rest_root_and_without_its_query() -> None:
    airflow = Recording("2.11.2")
    backend = faulty(airflow, "GET /pools=drop_before", "PATCH /pools/a=drop_before")

    assert outcome(backend, "GET", "/api/v1/pools") == "Unreachable"
    with pytest.raises(Unreachable):
        backend.send(Request("PATCH", "/api/v1/pools/a", {"update_mask": "slots"}))
    assert airflow.asked == []


def test_every_call_is_counted_from_one_that_of_the_version_included() -> None:
    backend = faulty(emulator(), "2=drop_before", "3=status:500", "4=mutate:DELETE /variables/a")
    assert backend.calls == 0

    assert [outcome(backend) for _ in range(4)] == [200, "Unreachable", 500, 200]
    assert backend.calls == 4


def test_calls_of_many_threads_are_each_counted_once() -> None:
    backend = faulty(emulator(), "50=throttle", "GET#100=throttle")
    seen: list[int | str] = []

    def ask() -> None:
        seen.extend([outcome(backend) for _ in range(25)])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert backend.calls == 200
    assert sorted(map(str, seen)) == ["200"] * 198 + ["Throttled"] * 2


def test_the_first_fault_that_fits_a_call_is_taken() -> None:
    backend = faulty(emulator(), "2=throttle", "GET=drop_before", "1-=status:500")

    assert [outcome(backend) for _ in range(2)] == ["Unreachable", "Throttled"]
    assert outcome(backend, "DELETE", "/pools/a") == 500


def test_a_call_that_another_fault_takes_counts_among_those_that_match() -> None:
    backend = faulty(emulator(), "1=throttle", "GET#2=drop_before")

    assert [outcome(backend) for _ in range(3)] == ["Throttled", "Unreachable", 200]


def test_the_same_fault_twice_counts_its_calls_once() -> None:
    backend = faulty(emulator(), "GET#2=throttle", "GET#2=throttle")

    assert [outcome(backend) for _ in range(3)] == [200, "Throttled", 200]


def test_without_a_fault_it_is_the_backend_behind_it() -> None:
    backend = faulty(emulator())

    assert (backend.roots, backend.path_limit) == (("",), 64)
    assert create(backend).status == 201
    assert faulty(Recording("2.11.2")).roots == ("/api/v2", "/api/v1")


def test_a_fault_is_its_calls_and_its_mode() -> None:
    assert parse_fault("POST /variables#2=status:409") == Fault(
        When("POST /variables#2", 2, 2, "POST", "/variables"), Mode("status", 409)
    )
    assert parse_fault("7-=mask:a=b:c") == Fault(When("7-", 7, None), Mode("mask", "a=b:c"))


def test_the_request_of_a_mutation_may_have_a_query_and_a_body() -> None:
    mutation = parse_fault('1=mutate:PATCH /pools/a%20b?update_mask=slots&x= {"slots": 1, "n": "a b"}').mode

    assert mutation.argument == Request(
        "PATCH", "/pools/a%20b", {"update_mask": "slots", "x": ""}, {"slots": 1, "n": "a b"}
    )


def test_a_fault_tells_no_argument_because_it_may_be_a_value() -> None:
    assert str(parse_fault('3-4=mutate:POST /variables {"key": "k", "value": "s3cr3t"}')) == "3-4=mutate"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("drop_before", "write WHEN=MODE[:ARGUMENT]; WHEN is N, N-M, N-, * or METHOD[ PATHGLOB][#N]"),
        ("3", "the modes are drop_before, drop_after, status:CODE"),
        ("0=throttle", "'0' names no calls; WHEN is N, N-M"),
        ("=throttle", "'' names no calls"),
        ("-3=throttle", "'-3' names no calls"),
        ("٣=throttle", "names no calls"),
        ("get=throttle", "METHOD being one of GET, POST, PATCH, DELETE"),
        ("GET variables=throttle", "names no calls"),
        ("GET#0=throttle", "names no calls"),
        ("GET /a#=throttle", "names no calls"),
        ("5-3=throttle", "no call is both from 5 on and up to 3"),
        ("1=drop", "no mode is called 'drop'; the modes are drop_before, drop_after"),
        ("1=", "no mode is called ''"),
        ("1=drop_before:x", "write drop_before; it takes no argument"),
        ("1=status", "write status:CODE; CODE is an HTTP status from 400 to 511"),
        ("1=status:200", "CODE is an HTTP status"),
        ("1=status:499", "CODE is an HTTP status"),
        ("1=status_after:x", "write status_after:CODE"),
        ("1=error:Nope", "TYPE is one of InternalServerException, RestApiServerException"),
        ("1=delay:-1", "SECONDS is a number from 0"),
        ("1=delay:inf", "SECONDS is a number from 0"),
        ("1=delay:soon", "SECONDS is a number from 0"),
        ("1=truncate:-1", "write truncate[:BYTES]; BYTES is a whole number"),
        ("1=rows:", "write rows:N; N is a whole number"),
        ("1=total:1.5", "N is a whole number"),
        ("1=mask:", "WORD is not empty"),
        ("1=mutate:", "write mutate:METHOD PATH [JSON]; METHOD is one of GET, POST, PATCH, DELETE"),
        ("1=mutate:PUT /pools", "METHOD is one of"),
        ("1=mutate:POST pools {}", "PATH starts with /"),
        ("1=mutate:POST /pools {", "write mutate:METHOD PATH [JSON]"),
        ("1=mutate:POST /pools NaN", "write mutate:METHOD PATH [JSON]"),
    ],
)
def test_what_cannot_be_understood_says_what_is_possible(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_fault(text)
    assert str(error.value).startswith(f"--fault {text}: ")
    assert said in str(error.value)


@pytest.mark.parametrize("text", ["1", "1=nope"])
def test_every_mode_is_named_where_none_is_understood(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_fault(text)
    assert all(shape.usage in str(error.value) for shape in MODES.values())
