"""A world small enough to try everything in it: a few ids, what git may say of them, what a person may do."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

Source = Literal["versioned", "keyed", "bare"]
"""How secrets compare: by the source's version, by a digest under a key, or by ``secret_version`` alone."""

OWN = "P"
"""Whatever secret a person chose; git's secrets are called by their versions."""

NO_SECRET, UNKNOWN = "0", "?"
"""Versions of a password that git takes away, and of one that its source does not hold at the moment."""


class Row(NamedTuple):
    """One living resource: what every reader sees of it, and whose secret it holds."""

    shown: str
    secret: str

    def __str__(self) -> str:
        return f"({self.shown or 'empty'}, secret {self.secret})"


class Wish(NamedTuple):
    """What git says of one id: that it is to be so, or gone."""

    version: str
    shown: str = "A"
    protect: bool = False
    absent: bool = False

    def __str__(self) -> str:
        declared = f"({self.shown}, secret {self.version})" + ", protected" * self.protect
        return "absent" if self.absent else declared


ABSENT = Wish("", "", absent=True)

Rows = tuple[Row | None, ...]
Git = tuple[Wish | None, ...]
"""Both in the order of the world's ids; ``None`` for one that does not live, or of which git says nothing."""


@dataclass(frozen=True)
class World:
    """What there is, and between how much git and a person may choose."""

    wishes: tuple[tuple[Wish | None, ...], ...]
    """For each id what git may say of it."""
    kind: str = "connection"
    airflow: str = "3.3.1"
    source: Source = "versioned"
    adopts: bool = False
    """Whether the operator takes over what he finds, where a guard asks."""
    contents: tuple[str, ...] = ("A", "X")
    """What a person may write where everybody can read it; the secret is always his own."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids; their names look secret, so that Airflow 3 hides the values of such variables."""
        return tuple(f"{letter}_token" for letter in "ab"[: len(self.wishes)])

    @property
    def gits(self) -> tuple[Git, ...]:
        """All that git may say."""
        return tuple(itertools.product(*self.wishes))

    @property
    def empty(self) -> Rows:
        """An Airflow that holds nothing."""
        return (None,) * len(self.wishes)

    @property
    def shows_secrets(self) -> bool:
        """Whether Airflow shows in clear what git keeps secret."""
        return self.kind == "variable" and self.airflow.startswith("2.")


class Deed(NamedTuple):
    """What a person does to one id, and what stands there afterwards."""

    what: Literal["creates", "replaces", "edits", "gives another secret to", "deletes"]
    at: int
    row: Row | None

    def __str__(self) -> str:
        return f"a person {self.what} {'ab'[self.at]}" + (f": {self.row}" if self.row else "")


def deeds(world: World, rows: Rows) -> Iterator[Deed]:
    """Everything that a person may do now, one thing at a time."""
    for at, row in enumerate(rows):
        own = [Row(shown, OWN) for shown in world.contents]
        if row is None:
            yield from (Deed("creates", at, made) for made in own)
            continue
        yield from (Deed("replaces", at, made) for made in own)
        yield from (Deed("edits", at, Row(one, row.secret)) for one in world.contents if one != row.shown)
        if row.secret != OWN:
            yield Deed("gives another secret to", at, Row(row.shown, OWN))
        yield Deed("deletes", at, None)


def put(rows: Rows, at: int, row: Row | None) -> Rows:
    """The rows with another one in one place."""
    return (*rows[:at], row, *rows[at + 1 :])


def told(git: Git) -> str:
    """What git says, for whoever reads a counterexample."""
    return ", ".join(f"{id_} {wish or 'undeclared'}" for id_, wish in zip("ab", git, strict=False))
