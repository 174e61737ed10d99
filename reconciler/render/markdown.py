"""A comment for a pull request: a table over the environments, and a fold for each.

The first line is a marker by which a CI finds the comment it wrote before: the command, and a digest of the
environments' names, so that several comments of one pull request stay apart.

Whatever comes from data stands in blocks of HTML, where no Markdown is read, and there in ``<code>``, where
GitHub looks for no mention, link or emoji. A blank line would end such a block, so there is none in it.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from reconciler.model import text_digest
from reconciler.plan import Action
from reconciler.render.markdown_parts import Entry, code, entries, place
from reconciler.render.plain import many, visible
from reconciler.render.told import Item, Told, changes_of, has_trouble, name_of, plan_of
from reconciler.render.totals import calls, counted, state, summary, total

LONGEST = 60_000
"""Characters; GitHub takes 65,536."""

MOST_FRAMES = LONGEST // 2
"""Characters for the table and what is around the folds; the rest is for what stands in them."""

COLUMNS = ("environment", "target", *(action.value for action in Action), "violations", "calls")
SECTIONS = {
    "error": "Errors",
    "violation": "Violations",
    "change": "Changes",
    "warning": "Warnings",
    "unverified value": "Unverified",
    "unmanaged resource": "Unmanaged",
}
"""What a fold tells, by what one of each is called."""


def render(told: Told) -> str:
    """The comment; what it has no room for is counted."""
    shown, left_out = _with_room(told.environments)
    found = [list(entries(item)) for item in shown]
    room = LONGEST - len(_comment(told, shown, [set() for _ in shown], found, left_out))
    return _comment(told, shown, _kept(found, room), found, left_out)


def _comment(
    told: Told,
    shown: Sequence[Item],
    kept: Sequence[set[int]],
    found: Sequence[Sequence[Entry]],
    left_out: Sequence[Item],
) -> str:
    blocks = [
        _marker(told),
        f"### reconciler {told.command}: {total(told)}",
        _table(shown, left_out),
        *map(_fold, shown, found, kept),
    ]
    return "\n\n".join(blocks) + "\n"


def _marker(told: Told) -> str:
    names = "\n".join(sorted(map(name_of, told.environments)))
    return f"<!-- reconciler {told.command} {text_digest(visible(names))[:12]} -->"


def _with_room(environments: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Those whose rows and frames have room, in their order, and the others; troubled ones come first."""
    order = sorted(range(len(environments)), key=lambda index: not has_trouble(environments[index]))
    sizes = accumulate(_frame_size(environments[index]) for index in order)
    kept = set(order[: bisect_right(list(sizes), MOST_FRAMES)])
    shown = [item for index, item in enumerate(environments) if index in kept]
    return shown, [item for index, item in enumerate(environments) if index not in kept]


def _frame_size(item: Item) -> int:
    return len(_row(item)) + len(_fold(item, list(entries(item)), set())) + len("\n\n")


def _kept(found: Sequence[Sequence[Entry]], room: int) -> list[set[int]]:
    """Which entries have room: the gravest first, then those that come first in each environment."""
    order = sorted(
        (one.rank, index, fold) for fold, ones in enumerate(found) for index, one in enumerate(ones)
    )
    sizes = accumulate(len(found[fold][index].html) + len("\n") for _, index, fold in order)
    kept: list[set[int]] = [set() for _ in found]
    for _, index, fold in order[: bisect_right(list(sizes), room)]:
        kept[fold].add(index)
    return kept


def _table(shown: Sequence[Item], left_out: Sequence[Item]) -> str:
    head = "".join(f"<th>{column}</th>" for column in COLUMNS)
    rows = [f"<tr>{head}</tr>", *map(_row, shown)]
    if left_out:
        troubled = sum(map(has_trouble, left_out))
        changes = sum(len(changes_of(item)) for item in left_out)
        told = (
            f"{many(len(left_out), 'more environment')}: {many(changes, 'change')}, {troubled:,} with trouble"
        )
        rows.append(f"<tr><td colspan={len(COLUMNS)}>{told}</td></tr>")
    return "\n".join(["<table>", *rows, "</table>"])


def _row(item: Item) -> str:
    plan = plan_of(item)
    name = f"<td>{code(name_of(item))}</td>"
    if plan is None:
        return f"<tr>{name}<td colspan={len(COLUMNS) - 1}>{state(item)}</td></tr>"
    numbers = [*(plan.count(action) for action in Action), len(plan.violations)]
    cells = [code(plan.target), *(f"{number:,}" for number in numbers), calls(item)]
    return f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _fold(item: Item, found: Sequence[Entry], kept: set[int]) -> str:
    """One environment, opened where something is wrong in it."""
    opened = " open" if has_trouble(item) else ""
    lines = [f"<details{opened}><summary>{code(name_of(item))}: {summary(item)}</summary>", *place(item)]
    lines += [line for noun in SECTIONS for line in _section(noun, found, kept)]
    return "\n".join([*lines, "</details>"])


def _section(noun: str, found: Sequence[Entry], kept: set[int]) -> Iterator[str]:
    ones = [(index in kept, one) for index, one in enumerate(found) if one.noun == noun]
    if not ones:
        return
    folded = noun == "unmanaged resource"
    title = f"{SECTIONS[noun]}: {len(ones):,}"
    yield f"<details><summary>{title}</summary>" if folded else f"<b>{title}</b>"
    yield "<ul>"
    yield from (one.html for is_kept, one in ones if is_kept)
    yield from _rest(noun, [one.group for is_kept, one in ones if not is_kept])
    yield "</ul></details>" if folded else "</ul>"


def _rest(noun: str, groups: Sequence[str]) -> Iterator[str]:
    if groups:
        kinds = f": {counted(groups)}" if any(groups) else ""
        yield f"<li>{many(len(groups), f'more {noun}')}{kinds}</li>"
