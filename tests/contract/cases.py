"""The contract as data: reading case files, and holding an answer against what a case expects. Pure.

A case file is a list of cases::

    - name: a sentence that says the behaviour
      versions: ">=3.2"             # which versions have it; all of them by default
      emulated: false               # where the sandbox's emulator is not held to it; needs `why`
      why: the reason
      steps:
        - request: [PATCH, /variables/a%2Fb, {key: a/b, value: "1"}]
          query: {update_mask: [value, description]}      # a list repeats the parameter
          versions: ">=3"           # the step is left out elsewhere
          each: 120                 # repeated, `{i}` in any text of the request counting 000, 001, ...
          answer:                   # one for all, or by version, where the first that fits counts
            "<3": {status: 200, body: {key: a/b}}
            ">=3": {status: 200, absent: [team_name]}

An expectation names the status and any of: `body`, in which mappings may have more keys than expected while
lists must have as many items; `absent`, keys that the body must not have at any depth; `contains`, texts that
stand in the body as JSON (or as text, if it is not JSON); `rows`, how many items the one list in it has.
`{version}` in an expected text stands for the server's version; `!times [x, 250]` is a long text.
"""

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

import yaml
from packaging.specifiers import SpecifierSet

from reconciler.backends import Method, NotJson, Request, Response
from tests.rig.versions import RELEASES

ANYTHING = object()
"""Stands for a body about which nothing is expected."""

ALL = SpecifierSet()


class CaseError(ValueError):
    """A case file that does not say what it should."""


@dataclass(frozen=True)
class Expectation:
    """What an answer has to be like."""

    status: int
    body: Any = ANYTHING
    absent: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    rows: int | None = None


@dataclass(frozen=True)
class Step:
    """One request, perhaps repeated, and its answer by version."""

    request: Request
    answers: tuple[tuple[SpecifierSet, Expectation], ...]
    versions: SpecifierSet = ALL
    each: int | None = None

    def answer(self, version: str) -> Expectation:
        """What is expected of ``version``; raises CaseError where the case does not say."""
        for versions, expectation in self.answers:
            if version in versions:
                return expectation
        raise CaseError(f"no answer for {version}")

    def requests(self) -> Iterator[Request]:
        """The requests to send, each of which is to be answered as expected."""
        if self.each is None:
            yield self.request
            return
        for index in range(self.each):
            number = f"{index:03}"
            path, body = _filled(self.request.path, "{i}", number), _filled(self.request.body, "{i}", number)
            yield Request(self.request.method, path, self.request.query, body)


@dataclass(frozen=True)
class Case:
    """One behaviour of Airflow's REST API."""

    name: str
    theme: str
    steps: tuple[Step, ...] = field(repr=False)
    versions: SpecifierSet = ALL
    emulated: bool = True
    why: str = ""

    def steps_on(self, version: str) -> tuple[Step, ...]:
        """The steps that ``version`` takes."""
        return tuple(step for step in self.steps if version in step.versions)


def load(folder: Path) -> tuple[Case, ...]:
    """Every case in the files of ``folder``; raises CaseError."""
    cases = tuple(case for file in sorted(folder.glob("*.yaml")) for case in _read(file))
    names = [case.name for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise CaseError(f"several cases have the name: {', '.join(sorted(twice))}")
    return cases


def parse(text: str, theme: str) -> tuple[Case, ...]:
    """The cases that a file's text holds; raises CaseError."""
    document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader that knows one more tag
    return tuple(_case(item, theme) for item in document)


def mismatches(expected: Expectation, response: Response, version: str) -> tuple[str, ...]:
    """What is wrong with ``response``, as sentences; none if it is as expected."""
    checks: tuple[Callable[[], Iterable[str]], ...] = (
        lambda: _status(expected, response),
        lambda: _body(expected, response, version),
        lambda: _absent(expected, response.body),
        lambda: _contains(expected, response.body, version),
        lambda: _rows(expected, response.body),
    )
    return tuple(problem for check in checks for problem in check())


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, which would hide half of a case."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    if len(set(keys)) != len(keys):
        raise CaseError(f"a key stands twice{node.start_mark}")
    return loader.construct_mapping(node, deep=True)


def _times(loader: _Loader, node: yaml.SequenceNode) -> str:
    text, count = loader.construct_sequence(node)
    return str(text) * int(count)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("!times", _times)


def _read(file: Path) -> tuple[Case, ...]:
    try:
        return parse(file.read_text(encoding="utf-8"), file.stem)
    except (CaseError, yaml.YAMLError) as error:
        raise CaseError(f"{file.name}: {error}") from error


def _only(what: str, given: Any, required: set[str], optional: set[str]) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise CaseError(f"{what} is no mapping: {given!r}")
    unknown, missing = set(given) - required - optional, required - set(given)
    if unknown or missing:
        raise CaseError(f"{what}: unknown {sorted(map(str, unknown))}, missing {sorted(missing)}")
    return given


def _case(item: Any, theme: str) -> Case:
    given = _only("case", item, {"name", "steps"}, {"versions", "emulated", "why"})
    case = Case(
        name=given["name"],
        theme=theme,
        steps=tuple(_named(given["name"], step) for step in given["steps"]),
        versions=SpecifierSet(given.get("versions", "")),
        emulated=given.get("emulated", True),
        why=given.get("why", ""),
    )
    if case.emulated is bool(case.why):
        raise CaseError(f"{case.name}: 'why' belongs to 'emulated: false', and only there")
    _all_answered(case)
    return case


def _named(case: str, item: Any) -> Step:
    try:
        return _step(item)
    except (CaseError, ValueError) as error:
        raise CaseError(f"{case}: {error}") from error


def _all_answered(case: Case) -> None:
    versions = [version for version in RELEASES if version in case.versions]
    if not versions or not case.steps:
        raise CaseError(f"{case.name}: never runs")
    for number, step in enumerate(case.steps, 1):
        taken = [version for version in versions if version in step.versions]
        used = [id(step.answer(version)) for version in taken]
        idle = [str(by) for by, answer in step.answers if id(answer) not in used]
        if idle:
            raise CaseError(f"{case.name}: step {number}: never used: {', '.join(idle) or 'the answer'}")


def _step(item: Any) -> Step:
    given = _only("step", item, {"request", "answer"}, {"query", "versions", "each"})
    return Step(
        request=_request(given["request"], given.get("query", {})),
        answers=tuple(_answers(given["answer"])),
        versions=SpecifierSet(given.get("versions", "")),
        each=given.get("each"),
    )


def _request(item: Any, query: Any) -> Request:
    if not isinstance(item, list) or len(item) not in {2, 3} or item[0] not in get_args(Method):
        raise CaseError(f"a request is [METHOD, /path] or [METHOD, /path, body], not {item!r}")
    if not item[1].startswith("/"):
        raise CaseError(f"the path '{item[1]}' does not begin with a slash")
    parameters = {name: tuple(value) if isinstance(value, list) else value for name, value in query.items()}
    return Request(cast("Method", item[0]), item[1], parameters, item[2] if len(item) > 2 else None)


def _answers(item: Any) -> Iterator[tuple[SpecifierSet, Expectation]]:
    if isinstance(item, dict) and "status" in item:
        yield ALL, _expectation(item)
        return
    for versions, expectation in item.items():
        yield SpecifierSet(versions), _expectation(expectation)


def _expectation(item: Any) -> Expectation:
    given = _only("answer", item, {"status"}, {"body", "absent", "contains", "rows"})
    return Expectation(
        status=given["status"],
        body=given.get("body", ANYTHING),
        absent=_texts(given.get("absent", [])),
        contains=_texts(given.get("contains", [])),
        rows=given.get("rows"),
    )


def _texts(item: Any) -> tuple[str, ...]:
    return (item,) if isinstance(item, str) else tuple(item)


def _filled(value: Any, placeholder: str, text: str) -> Any:
    if isinstance(value, str):
        return value.replace(placeholder, text)
    if isinstance(value, dict):
        return {name: _filled(item, placeholder, text) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, placeholder, text) for item in value]
    return value


def _status(expected: Expectation, response: Response) -> Iterator[str]:
    if response.status != expected.status:
        yield f"status {response.status}, not {expected.status}"


def _body(expected: Expectation, response: Response, version: str) -> Iterator[str]:
    if expected.body is not ANYTHING:
        yield from _differences("body", _filled(expected.body, "{version}", version), response.body)


def _differences(place: str, expected: Any, seen: Any) -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(seen, dict):
        for name, item in expected.items():
            if name in seen:
                yield from _differences(f"{place}.{name}", item, seen[name])
            else:
                yield f"{place} has no '{name}'"
    elif isinstance(expected, list) and isinstance(seen, list) and len(expected) == len(seen):
        for index, (item, other) in enumerate(zip(expected, seen, strict=True)):
            yield from _differences(f"{place}[{index}]", item, other)
    elif type(expected) is not type(seen) or expected != seen:
        yield f"{place} is {seen!r}, not {expected!r}"


def _absent(expected: Expectation, body: Any) -> Iterator[str]:
    for name in sorted(set(expected.absent) & set(_keys(body))):
        yield f"body has '{name}'"


def _keys(value: Any) -> Iterator[str]:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    yield from value if isinstance(value, dict) else ()
    for item in items:
        yield from _keys(item)


def _contains(expected: Expectation, body: Any, version: str) -> Iterator[str]:
    text = body.excerpt if isinstance(body, NotJson) else json.dumps(body, ensure_ascii=False)
    for part in expected.contains:
        if part.replace("{version}", version) not in text:
            yield f"body does not contain {part!r}"


def _rows(expected: Expectation, body: Any) -> Iterator[str]:
    if expected.rows is None:
        return
    lists = [value for value in body.values() if isinstance(value, list)] if isinstance(body, dict) else []
    if [expected.rows] != [len(rows) for rows in lists]:
        yield f"lists of {[len(rows) for rows in lists]} rows, not one of {expected.rows}"
