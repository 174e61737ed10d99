"""What the page shows of a run: sections, rows, and what they can be filtered by."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from reconciler.compare import FieldChange
from reconciler.plan import Action, Change, Plan
from reconciler.render.html_values import Value, sides
from reconciler.render.text import SYMBOLS, dotted, secret_text, shown_fields
from reconciler.render.told import Item, Told, changes_of, is_grave, name_of, plan_of
from reconciler.render.totals import counted
from reconciler.report import Outcome, Report, Result

MOST_CHANGES = 20_000
MOST_FIELDS = 100
ROOM = 5_000_000
AROUND = 250
"""Changes of a run, fields of one change, and characters of all fields with what is around each."""

MOST_OPEN = 200
"""Changes of a run that are open from the start."""

GIVEN = {
    "kinds": "--kind",
    "only": "--only",
    "allow_deletes": "--allow-deletes",
    "allow_missing": "--allow-missing",
    "adopt": "--adopt",
    "allow_delete": "--allow-delete",
}
"""Options as a plan keeps them, and as people give them."""

SIGNS: dict[Result, str] = {"done": "✓", "refused": "✕", "unknown": "?", "skipped": "·"}
"""What became of a change, in a sign."""

Tally = tuple[str, str, int]
"""How many there are of something: its name and its sign first."""

Place = tuple[int, int]
"""A change: which environment, and which of its changes."""


@dataclass(frozen=True)
class Field:
    """One leaf; ``secret`` is all there is to tell of a secret one."""

    path: str
    secret: str | None
    before: Value | None
    after: Value | None

    @property
    def size(self) -> int:
        """Characters that it takes."""
        return AROUND + len(self.path) + sum(side.size for side in (self.before, self.after) if side)


@dataclass(frozen=True)
class Story:
    """A change, and what became of it where it was tried."""

    change: Change
    outcome: Outcome | None = None

    @property
    def is_urgent(self) -> bool:
        """Whether it must not be left out for others."""
        return is_grave(self.change) or bool(self.outcome and self.outcome.result != "done")

    @property
    def has_remarks(self) -> bool:
        """Whether there is anything to say beside its fields: of an edit, or of when it was tried."""
        tried = self.outcome
        return bool(self.change.edit or (tried and (tried.error or tried.warning)))


@dataclass(frozen=True)
class Row:
    """A story as it is shown; ``more`` counts the fields that are not."""

    story: Story
    fields: tuple[Field, ...]
    more: int
    is_open: bool

    @property
    def has_before(self) -> bool:
        """Whether there is anything to put on the left."""
        return any(field.before for field in self.fields)


@dataclass(frozen=True)
class Section:
    """One environment."""

    number: int
    name: str
    folder: str
    item: Item
    plan: Plan | None
    options: str
    """Those that shaped the plan, as they were given."""
    tally: Sequence[Tally]
    rows: Sequence[Row]
    left_out: str


@dataclass(frozen=True)
class Option:
    """One thing to filter by, and how many changes are of it."""

    value: str
    sign: str
    count: int


@dataclass(frozen=True)
class Facet:
    """What changes can be told apart by."""

    name: str
    options: Sequence[Option]

    @property
    def is_short(self) -> bool:
        """Whether all of it has room beside the others, so that several can be chosen."""
        return self.name in {"action", "outcome", "kind"}


def sections(told: Told) -> list[Section]:
    """Every environment in its place, with as many changes as there is room for, the gravest first."""
    found = [_stories(item) for item in told.environments]
    kept = _kept(found)
    is_open = sum(map(len, found)) <= MOST_OPEN
    return [
        Section(
            number=number,
            name=name_of(item),
            folder=told.folders.get(name_of(item), ""),
            item=item,
            plan=plan_of(item),
            options=_options_given(plan_of(item)),
            tally=_tally(item),
            rows=[
                _row(story, kept[number, index], is_open=is_open)
                for index, story in enumerate(stories)
                if (number, index) in kept
            ],
            left_out=counted(
                [
                    story.change.action.value
                    for index, story in enumerate(stories)
                    if (number, index) not in kept
                ]
            ),
        )
        for number, (item, stories) in enumerate(zip(told.environments, found, strict=True))
    ]


def facets(shown: Sequence[Section]) -> list[Facet]:
    """What makes a difference among the changes that are shown."""
    stories = [row.story for section in shown for row in section.rows]
    actions = Counter(story.change.action for story in stories)
    results = Counter(story.outcome.result for story in stories if story.outcome)
    made = [
        Facet("action", [Option(one.value, SYMBOLS[one], actions[one]) for one in Action if actions[one]]),
        Facet("outcome", [Option(one, sign, results[one]) for one, sign in SIGNS.items() if results[one]]),
        Facet("kind", _options(story.change.key.kind for story in stories)),
        Facet("reason", _options(story.change.reason for story in stories)),
        Facet("environment", [Option(section.name, "", len(section.rows)) for section in shown]),
    ]
    return [facet for facet in made if len(facet.options) > 1]


def _options_given(plan: Plan | None) -> str:
    options = plan.options if plan else {}
    words = [f"{option} {one}" for name, option in GIVEN.items() for one in _each(options.get(name, ()))]
    return " ".join([*words, *(["--resend-secrets"] if options.get("resend_secrets") else [])])


def _each(values: Any) -> Iterator[str]:
    """Numbers of a kind stand in a mapping, everything else in a list."""
    yield from (
        (f"{kind}={number}" for kind, number in values.items()) if isinstance(values, Mapping) else values
    )


def _options(values: Iterable[str]) -> list[Option]:
    return [Option(value, "", count) for value, count in sorted(Counter(values).items())]


def _stories(item: Item) -> list[Story]:
    if isinstance(item, Report):
        return [Story(outcome.change, outcome) for outcome in item.outcomes]
    return [Story(change) for change in changes_of(item)]


def outcomes(shown: Sequence[Section]) -> list[Tally]:
    """What became of all changes of a run."""
    reports = [section.item for section in shown if isinstance(section.item, Report)]
    results = Counter(outcome.result for report in reports for outcome in report.outcomes)
    return [(result, sign, results[result]) for result, sign in SIGNS.items() if results[result]]


def _tally(item: Item) -> list[Tally]:
    """What became of the changes of a report, what there is to do of a plan."""
    if isinstance(item, Report):
        results = Counter(outcome.result for outcome in item.outcomes)
        return [(result, sign, results[result]) for result, sign in SIGNS.items() if results[result]]
    actions = Counter(change.action for change in changes_of(item))
    return [(one.value, SYMBOLS[one], actions[one]) for one in Action if actions[one]]


def _kept(found: Sequence[Sequence[Story]]) -> dict[Place, tuple[Field, ...]]:
    """The changes that are shown, with those of their fields that there is room for."""
    order = sorted(
        (not story.is_urgent, number, index)
        for number, stories in enumerate(found)
        for index, story in enumerate(stories)
    )
    room, kept = ROOM, dict[Place, tuple[Field, ...]]()
    for _, number, index in order[:MOST_CHANGES]:
        fields = _fields(found[number][index].change) if room > 0 else ()
        room -= sum(field.size for field in fields)
        kept[number, index] = fields
    return kept


def _fields(change: Change) -> tuple[Field, ...]:
    return tuple(map(_field, islice(change.fields, MOST_FIELDS)))


def _field(field: FieldChange) -> Field:
    before, after = (None, None) if field.secret else sides(field.before, field.after)
    return Field(dotted(field.path), secret_text(field) if field.secret else None, before, after)


def _row(story: Story, fields: tuple[Field, ...], *, is_open: bool) -> Row:
    tells = bool(shown_fields(story.change)) and is_open
    more = len(story.change.fields) - len(fields)
    return Row(story, fields, more, is_open=tells or story.has_remarks)
