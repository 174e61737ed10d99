"""What ``doctor`` makes is gone afterwards, whatever happens; nothing else is ever touched."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.airflow import Airflow
from reconciler.backends import Backend, Request, Response
from reconciler.dialects import V2
from reconciler.doctor.scratch import LONGEST_RUN, OURS, PREFIX, Scratch, is_ours, scratch_name
from reconciler.errors import AirflowError, Unreachable
from reconciler.model import Key, Resource
from reconciler.session import Session
from tests.doctor.support import Watched, add, contents, emulator, look, write

Place = Callable[..., Path]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An environment whose Airflow is a backend of the test's own."""

    def make(backend: Backend, **manifest: Any) -> Path:
        monkeypatch.setattr("reconciler.doctor.examination.connect", lambda *_: backend)
        return write(tmp_path / "dev", "sandbox:sandbox.json", **manifest)

    return make


def left_in(backend: Backend) -> set[str]:
    found = contents(backend)
    ids = [
        one.get("key") or one.get("connection_id") or one["name"] for rows in found.values() for one in rows
    ]
    return {one for one in ids if one.startswith(PREFIX)}


def nth_write(number: int, then: Callable[[Backend, Request], Response | None]) -> Watched:
    """An Airflow that does something else at its n-th write, counted from 1."""
    backend = Watched(emulator())
    backend.instead = lambda behind, request: (
        then(behind, request) if len(backend.writes) == number and request.method != "GET" else None
    )
    return backend


def count_of_writes(place: Place) -> int:
    backend = Watched(emulator())
    look(place(backend), scratch=True)
    return len(backend.writes)


def interrupted(_behind: Backend, _request: Request) -> Response:
    raise KeyboardInterrupt


def interrupted_too_late(behind: Backend, request: Request) -> Response:
    behind.send(request)
    raise KeyboardInterrupt


def broken(_behind: Backend, _request: Request) -> Response:
    raise ZeroDivisionError


def lost(behind: Backend, request: Request) -> Response:
    behind.send(request)
    raise Unreachable("the answer was lost")


def refused(_behind: Backend, _request: Request) -> Response:
    return Response(400, {"detail": "no"})


@pytest.mark.parametrize("then", [interrupted, interrupted_too_late, broken])
def test_nothing_is_left_when_the_run_dies_at_any_write(
    place: Place, then: Callable[[Backend, Request], Response]
) -> None:
    for number in range(1, count_of_writes(place) + 1):
        backend = nth_write(number, then)
        with pytest.raises((KeyboardInterrupt, ZeroDivisionError)):
            look(place(backend), scratch=True)
        assert left_in(backend.backend) == set(), number


@pytest.mark.parametrize("then", [lost, refused])
def test_nothing_is_left_when_any_write_goes_wrong(
    place: Place, then: Callable[[Backend, Request], Response]
) -> None:
    for number in range(1, count_of_writes(place) + 1):
        backend = nth_write(number, then)
        look(place(backend), scratch=True)
        assert left_in(backend.backend) == set(), number


def test_who_is_asked_to_stop_removes_what_was_made_first(place: Place) -> None:
    for number in range(1, count_of_writes(place) + 1):
        asked: list[bool] = []

        def stop(behind: Backend, request: Request, asked: list[bool] = asked) -> Response:
            asked.append(True)
            return behind.send(request)

        backend = nth_write(number, stop)
        found = look(place(backend), scratch=True, stopped=lambda asked=asked: bool(asked))
        assert left_in(backend.backend) == set(), number
        assert "shadows" not in found.order


def unremovable(_behind: Backend, request: Request) -> Response | None:
    return Response(403, {"detail": "Forbidden"}) if request.method == "DELETE" else None


def test_an_object_that_stays_is_named_and_no_more_are_made(place: Place) -> None:
    backend = Watched(emulator(), unremovable)

    found = look(place(backend), scratch=True)

    (left,) = left_in(backend.backend)
    assert found["scratch"].seen.startswith(f"pool/{left} is left behind: DELETE /pools/{left} answered 403")
    assert {found.state(check) for check in ("write variables", "masks", "write connections")} == {"skipped"}


def test_a_removal_that_is_only_pretended_is_noticed(place: Place) -> None:
    backend = Watched(emulator(), lambda _, request: Response(204) if request.method == "DELETE" else None)

    assert look(place(backend), scratch=True)["scratch"].seen.endswith("is still there after its removal")


def test_an_object_that_stays_is_told_also_when_the_run_dies(place: Place) -> None:
    def instead(_behind: Backend, request: Request) -> Response | None:
        if request.method == "PATCH":
            raise KeyboardInterrupt
        return Response(403) if request.method == "DELETE" else None

    told: list[str] = []
    backend = Watched(emulator(), instead)
    with pytest.raises(KeyboardInterrupt):
        look(place(backend), scratch=True, tell=told.append)

    (left,) = left_in(backend.backend)
    assert [left in text for text in told] == [True]


def old_name() -> str:
    return scratch_name(time.time() - LONGEST_RUN - 60)


def test_what_a_dead_run_left_is_told_and_removed_by_the_next_that_may_write(place: Place) -> None:
    backend, left = Watched(emulator()), old_name()
    add(backend.backend, "/connections", connection_id=left, conn_type="http")

    found = look(place(backend))
    assert (found.state("leftovers"), left_in(backend)) == ("warning", {left})
    assert f"connection/{left}" in found["leftovers"].seen

    found = look(place(backend), scratch=True)
    assert (found.state("leftovers"), left_in(backend)) == ("ok", set())


def test_what_may_be_of_a_run_under_way_is_left_alone(place: Place) -> None:
    backend, young = Watched(emulator()), scratch_name(time.time())
    add(backend.backend, "/variables", key=young, value="1")

    found = look(place(backend), scratch=True)

    assert (found.state("leftovers"), left_in(backend)) == ("warning", {young})


@pytest.mark.parametrize(
    "other", ["reconciler_doctor", f"{PREFIX}x", f"{PREFIX}00000000", f"my_{PREFIX}00000000_00000000", ""]
)
def test_what_only_resembles_ours_is_never_touched(place: Place, other: str) -> None:
    id_ = other or old_name() + "x"
    backend = Watched(emulator())
    add(backend.backend, "/variables", key=id_, value="1")

    found = look(place(backend), scratch=True)

    assert found["leftovers"].seen == "nothing is left of earlier runs"
    assert [row["key"] for row in contents(backend)["variables"]] == [id_]
    assert not is_ours(Key("variable", id_))


def test_what_git_declares_is_never_touched_whatever_it_is_called(place: Place) -> None:
    backend, declared = Watched(emulator()), old_name()
    add(backend.backend, "/variables", key=declared, value="1")

    look(place(backend, variables={declared: 1}), scratch=True)

    assert left_in(backend) == {declared}


def test_names_are_of_a_form_that_fits_every_path_and_differ() -> None:
    names = {scratch_name(time.time()) for _ in range(100)}
    assert len(names) == 100
    assert all(OURS.match(name) for name in names)
    assert all(V2("3.3.1", 64).fits_path(Key("connection", f"{name}/s")) for name in names)


def test_what_is_not_ours_cannot_even_be_asked_to_be_removed() -> None:
    backend = Watched(emulator())
    scratch = Scratch(Airflow(Session(backend), V2("3.3.1", None)), time.time)

    with pytest.raises(AssertionError, match="not ours"):
        scratch.remove(Key("variable", "a"))
    with pytest.raises(AssertionError, match="not ours"):
        scratch.create(Resource(Key("variable", "a"), {"value": "1"}))
    assert backend.writes == []


def test_what_surely_was_not_made_is_not_removed() -> None:
    backend = Watched(emulator(), lambda _, request: Response(403) if request.method == "POST" else None)
    scratch = Scratch(Airflow(Session(backend), V2("3.3.1", None)), time.time)

    with pytest.raises(AirflowError):
        scratch.create(scratch.resource("pool"))
    assert scratch.alive == []
