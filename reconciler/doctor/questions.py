"""What no documentation of InvokeRestApi tells and a read does: lists, errors, paths and slashes.

All ids that are asked for are our own and do not exist: each answer is a 404, or the service's refusal.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from reconciler.airflow import Airflow
from reconciler.backends import PATH_LIMIT, Request
from reconciler.diagnosis import Finding, failed, ok, skipped, warning
from reconciler.dialects import path_of
from reconciler.doctor.means import Wire, all_skipped
from reconciler.doctor.scratch import scratch_name
from reconciler.errors import AirflowError, Rejected
from reconciler.manifests import Environment
from reconciler.model import Key
from reconciler.session import HTTP_NOT_FOUND

LISTS = "lists in queries"
SLASHES = "slashes in ids"
OF_THE_SERVICE = ("booleans in queries", "errors", "path limit", "service limits")
CHECKS = (LISTS, SLASHES, *OF_THE_SERVICE)

MARK = "reconciler_doctor"
"""A column to sort by that no version has, so that Airflow names in its refusal what has arrived."""

COMPLAINT = re.compile("Ordering with '(.*?)' is disallowed", re.DOTALL)
COLLECTION = "/variables"
LONGEST_ASKED = 261
"""Characters of the path of the longest id of a variable that Airflow takes."""


@dataclass(frozen=True)
class Asker:
    """What the questions are asked through; ``now`` dates the ids that do not exist."""

    airflow: Airflow
    wire: Wire
    now: float

    def arrives(self, path: str) -> bool:
        """Whether the path of an id that does not exist gets to Airflow; raises AirflowError."""
        try:
            answer = self.airflow.session.ask(Request("GET", path))
        except Rejected:
            return False
        return answer.status == HTTP_NOT_FOUND

    def sorted_by(self, order: Any) -> str | None:
        """What Airflow takes ``order`` for; ``None`` where it has nothing against it."""
        query = cast("dict[str, str]", {"limit": "1", "order_by": order})
        try:
            self.airflow.session.ask(Request("GET", COLLECTION, query))
        except Rejected as error:
            found = COMPLAINT.search(str(error))
            return found[1] if found else ""
        return None


def lists(asker: Asker) -> Finding:
    """What becomes of a parameter that is repeated."""
    arrived = asker.sorted_by(("key", MARK))
    how = {MARK: "repeat", f"key,{MARK}": "comma", None: "first"}.get(arrived, "")
    if arrived is not None and arrived.startswith("["):
        how = "json"
    meaning = {
        "repeat": "a list becomes a repeated parameter",
        "comma": "a list becomes one parameter, joined with commas",
        "json": "a list becomes one parameter that holds JSON",
        "first": "of a list only the first item arrives",
    }
    if not how:
        return skipped(LISTS, "Airflow's answer does not tell")
    if how == "repeat" or asker.airflow.dialect.major == 2:  # noqa: PLR2004 - Airflow 2, whose masks are no lists
        return ok(LISTS, meaning[how])
    return warning(LISTS, meaning[how], "updates of several fields take a call for each, which apply sees to")


def booleans(asker: Asker) -> Finding:
    """How a boolean is spelled in a query; no command sends one."""
    arrived = asker.sorted_by(order=True)
    if arrived not in {"true", "True"}:
        return skipped("booleans in queries", "Airflow's answer does not tell")
    return ok("booleans in queries", f"true arrives as '{arrived}'; nothing depends on it")


def errors(asker: Asker) -> Finding:
    """How the service passes on what Airflow refuses."""
    asker.airflow.session.ask(Request("GET", path_of(Key("variable", scratch_name(asker.now)))))
    return ok("errors", f"Airflow's 404 arrives {asker.wire.arrived_as}")


def limits() -> Finding:
    """What cannot be asked without harm."""
    return skipped(
        "service limits",
        "throttling, answers above 6 MB and calls above 10 s are not asked for: that takes overloading the "
        "environment, and every error that may tell of them is understood",
    )


def path_limit(asker: Asker) -> Finding:
    """How long a path may be, which form of it counts, and what a longer one is answered with."""
    taken, refused = (
        asker.arrives(_plain(asker, PATH_LIMIT)),
        not asker.arrives(_plain(asker, PATH_LIMIT + 1)),
    )
    how = asker.wire.arrived_as
    if taken and refused:
        encoded = not asker.arrives(_spelled(asker))
        counted = (
            "as it is sent, percent-encoded" if encoded else "decoded; ids are held to the stricter form"
        )
        return ok("path limit", f"{PATH_LIMIT} characters, counted {counted}; a longer one is refused {how}")
    longest = _longest(asker)
    if longest is None:
        return ok(
            "path limit", f"none up to {LONGEST_ASKED} characters: ids are held to {PATH_LIMIT} without need"
        )
    if taken:
        return ok("path limit", f"{longest} characters, more than the {PATH_LIMIT} that ids are held to")
    told = f"{longest} characters" if longest else f"fewer than {len(_start(asker))} characters"
    seen = f"{told}, and ids are held to {PATH_LIMIT}"
    return failed("path limit", seen, "keep ids so short that their paths fit")


def _plain(asker: Asker, length: int) -> str:
    """A path of that many characters to an id that does not exist."""
    return _start(asker).ljust(length, "x")


def _start(asker: Asker) -> str:
    """The shortest path to an id that surely does not exist."""
    return f"{COLLECTION}/{scratch_name(asker.now)}"


def _spelled(asker: Asker) -> str:
    """A path that is too long as it is sent and fits decoded."""
    return _start(asker) + "%20" * 8


def _longest(asker: Asker) -> int | None:
    """The longest path that is taken, found by halving; ``None`` where all fit, 0 where ours does not."""
    fits, too_long = len(_start(asker)), LONGEST_ASKED
    if asker.arrives(_plain(asker, LONGEST_ASKED)):
        return None
    if not asker.arrives(_start(asker)):
        return 0
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        fits, too_long = (middle, too_long) if asker.arrives(_plain(asker, middle)) else (fits, middle)
    return fits


def slashes(asker: Asker, environment: Environment) -> Finding:
    """Whether an id with a slash is taken for an id."""
    if can_be_removed(asker.airflow, Key("variable", f"{scratch_name(asker.now)}/s")):
        return ok(SLASHES, "%2F gets through: an id with a slash is taken for one")
    return no_slashes(SLASHES, environment, "%2F does not get through: another route of Airflow answers")


def can_be_removed(airflow: Airflow, key: Key) -> bool:
    """Whether a call about an id that does not exist gets where calls about ids without a slash get."""
    plain = Key(key.kind, key.id.partition("/")[0])
    return _not_found(airflow, key) == _not_found(airflow, plain)


def no_slashes(check: str, environment: Environment, seen: str) -> Finding:
    """Worse where git declares such ids."""
    ids = [key for key in environment.desired if "/" in key.id]
    if ids:
        return failed(check, f"{seen}; {len(ids)} declared ids have one", "rename them")
    return warning(check, seen, "declare no ids with '/'")


def _not_found(airflow: Airflow, key: Key) -> str:
    """The answer about an id that does not exist, without the id."""
    answer = airflow.session.ask(Request("GET", path_of(key)), key)
    text = json.dumps([answer.status, answer.body], default=type)
    return text.replace(json.dumps(key.id)[1:-1], "")


def questions(asker: Asker, environment: Environment, *, is_service: bool) -> Iterator[Finding]:
    """Every question that a read answers; those about the service where there is one."""
    yield _asked(LISTS, lambda: lists(asker))
    yield _asked(SLASHES, lambda: slashes(asker, environment))
    if not is_service:
        yield from all_skipped(OF_THE_SERVICE, "only InvokeRestApi stands between")
        return
    yield _asked("booleans in queries", lambda: booleans(asker))
    yield _asked("errors", lambda: errors(asker))
    yield _asked("path limit", lambda: path_limit(asker))
    yield limits()


def _asked(check: str, question: Any) -> Finding:
    """The answer, or why there is none."""
    try:
        found: Finding = question()
    except AirflowError as error:
        return skipped(check, f"no answer: {error}")
    return found
