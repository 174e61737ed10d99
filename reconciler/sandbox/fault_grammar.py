"""What ``--fault`` says: ``WHEN=MODE[:ARGUMENT]``, which calls meet a fault, and what happens to them."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any, NoReturn, cast, get_args
from urllib.parse import parse_qsl

from reconciler.backends import Method, Request
from reconciler.errors import UsageError
from reconciler.sandbox.invoke import grouped

SERVICE_ERRORS = (
    "InternalServerException",
    "RestApiServerException",
    "RestApiClientException",
    "AccessDeniedException",
    "ExpiredTokenException",
    "ThrottlingException",
    "ResourceNotFoundException",
    "ValidationException",
)

METHODS = get_args(Method)
_NUMBER = "[1-9][0-9]*"
_RANGE = re.compile(rf"(?P<first>{_NUMBER})(?P<dash>-(?P<last>{_NUMBER})?)?")
_PATTERN = re.compile(rf"(?P<method>{'|'.join(METHODS)})( (?P<glob>[/*][^\s#]*))?(#(?P<nth>{_NUMBER}))?")


@dataclass(frozen=True)
class When:
    """The calls of a method and path, counted from 1, that stand from ``first`` to ``last``.

    ``method`` ``None`` is any method, ``last`` ``None`` means that it never ends; ``text`` is what a
    person wrote.
    """

    text: str
    first: int = 1
    last: int | None = None
    method: str | None = None
    glob: str = "*"

    def matches(self, request: Request) -> bool:
        """Whether a request, its path below the REST root, is one of those that are counted."""
        return self.method in {None, request.method} and fnmatchcase(request.path, self.glob)

    def holds(self, nth: int) -> bool:
        """Whether the ``nth`` of the calls that match is meant."""
        return self.first <= nth and (self.last is None or nth <= self.last)


@dataclass(frozen=True)
class Mode:
    """What happens to a call; ``argument`` is ``None`` where the mode takes or was given none."""

    name: str
    argument: Any = None


@dataclass(frozen=True)
class Fault:
    """The calls that go wrong and the way in which they do; as text without the argument, often a value."""

    when: When
    mode: Mode

    def __str__(self) -> str:
        return f"{self.when.text}={self.mode.name}"


@dataclass(frozen=True)
class Shape:
    """A mode as help, guide and errors tell it; ``read`` raises ValueError for what is no argument of it."""

    name: str
    meaning: str
    argument: str
    possible: str
    read: Callable[[str], Any]

    @property
    def usage(self) -> str:
        """How the mode is written."""
        return f"{self.name}{self.argument}"


def parse_fault(text: str) -> Fault:
    """The fault that ``WHEN=MODE[:ARGUMENT]`` describes; raises UsageError with what is possible."""
    when, equals, mode = text.partition("=")
    if not equals:
        raise UsageError(f"--fault {text}: write WHEN=MODE[:ARGUMENT]; {WHENS}; {_modes()}")
    return Fault(_when(text, when), _mode(text, mode))


WHENS = f"WHEN is N, N-M, N-, * or METHOD[ PATHGLOB][#N], METHOD being one of {', '.join(METHODS)}"


def _modes() -> str:
    return f"the modes are {', '.join(shape.usage for shape in MODES.values())}"


def _when(text: str, when: str) -> When:
    if when == "*":
        return When(when)
    if found := _RANGE.fullmatch(when):
        return _range(text, found)
    if found := _PATTERN.fullmatch(when):
        return _pattern(found)
    raise UsageError(f"--fault {text}: '{when}' names no calls; {WHENS}")


def _range(text: str, found: re.Match[str]) -> When:
    first = int(found["first"])
    if not found["dash"]:
        return When(found.string, first, first)
    last = int(found["last"]) if found["last"] else None
    if last is not None and last < first:
        raise UsageError(f"--fault {text}: no call is both from {first} on and up to {last}")
    return When(found.string, first, last)


def _pattern(found: re.Match[str]) -> When:
    nth = int(found["nth"]) if found["nth"] else None
    return When(found.string, nth or 1, nth, found["method"], found["glob"] or "*")


def _mode(text: str, mode: str) -> Mode:
    name, _, argument = mode.partition(":")
    if name not in MODES:
        raise UsageError(f"--fault {text}: no mode is called '{name}'; {_modes()}")
    shape = MODES[name]
    try:
        return Mode(name, shape.read(argument))
    except ValueError:
        raise UsageError(f"--fault {text}: write {shape.usage}; {shape.possible}") from None


def _nothing(text: str) -> None:
    if text:
        raise ValueError(text)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


def _length(text: str) -> int | None:
    return _number(text) if text else None


def _status(text: str) -> int:
    status = HTTPStatus(_number(text))
    if status < HTTPStatus.BAD_REQUEST:
        raise ValueError(text)
    return int(status)


def _type(text: str) -> str:
    if text not in SERVICE_ERRORS:
        raise ValueError(text)
    return text


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(text)
    return seconds


def _word(text: str) -> str:
    if not text:
        raise ValueError(text)
    return text


def _request(text: str) -> Request:
    method, _, rest = text.partition(" ")
    target, _, body = rest.partition(" ")
    path, _, query = target.partition("?")
    if method not in METHODS or not path.startswith("/"):
        raise ValueError(text)
    parameters = grouped(parse_qsl(query, keep_blank_values=True))
    document = json.loads(body, parse_constant=_no_constant) if body else None
    return Request(cast("Method", method), path, parameters, document)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _plain(name: str, meaning: str) -> Shape:
    return Shape(name, meaning, "", "it takes no argument", _nothing)


_A_STATUS = (":CODE", "CODE is an HTTP status from 400 to 511", _status)
_A_NUMBER = (":N", "N is a whole number", _number)

_SHAPES = (
    _plain("drop_before", "not executed; the connection closes without an answer"),
    _plain("drop_after", "executed; the connection closes without an answer"),
    Shape("status", "not executed; Airflow answers CODE", *_A_STATUS),
    Shape("status_after", "executed; Airflow answers CODE all the same", *_A_STATUS),
    _plain("throttle", "not executed; the service throttles, as `--assume` has it"),
    Shape(
        "error",
        "not executed; the service answers an error of TYPE",
        ":TYPE",
        f"TYPE is one of {', '.join(SERVICE_ERRORS)}",
        _type,
    ),
    Shape(
        "delay",
        "executed after SECONDS, even where the service has answered by then that it took too long",
        ":SECONDS",
        "SECONDS is a number from 0",
        _seconds,
    ),
    Shape(
        "truncate",
        "executed; the answer's HTTP body ends after BYTES, half of it by default",
        "[:BYTES]",
        "BYTES is a whole number",
        _length,
    ),
    _plain("not_applied", "a write is not executed and answers 2xx with what there was before"),
    _plain("not_committed", "a write answers as if it had worked and is undone; sandbox only"),
    Shape(
        "mutate",
        "executed, but somebody else's call goes first",
        ":METHOD PATH [JSON]",
        f"METHOD is one of {', '.join(METHODS)}, PATH starts with / and may have a query",
        _request,
    ),
    Shape(
        "mask",
        "executed; WORD is `***` in every `value` and `extra` answered, and from then on unless WHEN ends",
        ":WORD",
        "WORD is not empty",
        _word,
    ),
    Shape("rows", "executed; a list shows its first N rows, `total_entries` stays", *_A_NUMBER),
    Shape("total", "executed; a list's `total_entries` is N", *_A_NUMBER),
    _plain("empty", "executed; a list shows no rows and a total of 0"),
    _plain("expire", "not executed, nor any later call: the credentials have expired"),
    _plain("kill_before", "not executed; the client's process is killed"),
    _plain("kill_after", "executed; the client's process is killed before it gets the answer"),
)

MODES = {shape.name: shape for shape in _SHAPES}
