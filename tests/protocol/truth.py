"""What has really happened, which no run of the tool can see, and what must never come of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from reconciler.plan import Action
from tests.protocol.machine import Intrusion, Step, Trace
from tests.protocol.world import OWN, UNKNOWN, Deed, Git, Row, Rows, Wish, World, put

Author = Literal["nobody", "the tool", "a person", "both"]

DELETED = "a person's resource is deleted"
OVERWRITTEN = "a person's resource is overwritten unasked"
UNPROTECTED = "a protected resource is deleted"
LEAKED = "a resource of ours is leaked"
LOST = "ownership is lost"
WRONG = "a wrong secret is believed right"
UNTOLD = "what did not converge is not told"
CAUSELESS = "a guard stands without a cause"
CRIMES = (DELETED, OVERWRITTEN, UNPROTECTED, LEAKED, LOST, WRONG, UNTOLD, CAUSELESS)

TWIN_DELETED = "deleted: a person's, which looks just like ours"
TWIN_OVERWRITTEN = "overwritten: a person's, which looks just like ours"
REPAIRED = "overwritten: a person's, in the place of one of ours"
LEFT = "left alone: ours, but edited where an unfinished run hides that"
UNSEEN = "unverified: a secret that a person set"
TAKEN_OVER = "unverified: a secret that was taken over"
EXCUSES = {
    TWIN_DELETED: "no reader can tell it from ours, whose place it took, or from what was going to be ours",
    TWIN_OVERWRITTEN: "the same",
    REPAIRED: "git declares an id that is ours: whatever stands there is made what git says",
    LEFT: "no reader can tell it from a person's own in the place of what a broken run made or deleted",
    UNSEEN: "Airflow hides it; the plan lists it as unverified, and --resend-secrets is the way out",
    TAKEN_OVER: "what equals git in all that can be read is taken over unwritten, and listed as unverified",
}
"""What no protocol can avoid, or what is a rule of this one: counted, and no crime."""


class Truth(NamedTuple):
    """What has happened to one id."""

    author: Author = "nobody"
    """Whose the living resource is. ``both``: ours, and edited by a person where a run hides that.

    Either while a run on it was unfinished, or before one that was to delete it and has not come to it.
    """
    wrote: str | None = None
    """What could be read of it when the last run on it began, or ended well; nothing once it is deleted."""
    meant: str | None = None
    """What an unfinished run wanted to be read."""
    unfinished: bool = False
    """Whether a run on it has broken off, and none has settled it since."""
    leaving: bool = False
    """Whether the last run on it was to delete it: what takes its place is nobody's of ours."""
    protect: bool = False
    """Whether git said so of it when we last wrote it."""
    inherited: bool = False
    """Whether it was taken over with whatever secret it had, and none has been sent since."""

    @property
    def ours(self) -> set[str | None]:
        """What something of ours can look like: a person's own that does cannot be told from it."""
        return {self.wrote, self.meant} - {None}


NOTHING = Truth()
Truths = tuple[Truth, ...]


class State(NamedTuple):
    """The world at one moment."""

    rows: Rows
    ledger: str
    truths: Truths

    @property
    def strangers(self) -> tuple[bool, ...]:
        """Which ids a person has made."""
        return tuple(truth.author == "a person" for truth in self.truths)

    @property
    def seen(self) -> tuple[object, ...]:
        """All that a run can see of it."""
        return tuple(row and row.shown for row in self.rows), self.ledger


class Fact(NamedTuple):
    """Something to be counted, and the id that it is about."""

    what: str
    at: int


def after_deed(state: State, deed: Deed) -> State:
    """The state once a person has done something."""
    truths = _with(state.truths, deed.at, _touched(state.truths[deed.at], deed))
    return State(put(state.rows, deed.at, deed.row), state.ledger, truths)


def _touched(truth: Truth, deed: Deed) -> Truth:
    if deed.what in {"creates", "replaces"}:
        return truth._replace(author="a person")
    if deed.what == "deletes":
        return truth._replace(author="nobody", protect=False)
    hidden = deed.what == "edits" and truth.author == "the tool" and truth.unfinished
    return truth._replace(author="both") if hidden else truth


def _with(truths: Truths, at: int, truth: Truth) -> Truths:
    return (*truths[:at], truth, *truths[at + 1 :])


@dataclass(frozen=True)
class Telling:
    """A run told again by somebody who knows the truth."""

    world: World
    before: State
    trace: Trace

    def states(self) -> Iterator[tuple[State, tuple[Fact, ...]]]:
        """The state after each step, and what has come to be counted by then."""
        state, facts = self.before, tuple[Fact, ...]()
        for step in self.trace.steps:
            facts += tuple(self._judged(step, state))
            state = State(step.rows, step.ledger, self._after(step, state))
            yield state, facts

    def _after(self, step: Step, state: State) -> Truths:
        truths = state.truths
        if step.what == "begin":
            return tuple(self._begun(at, truth, step.rows[at]) for at, truth in enumerate(truths))
        if step.what == "end":
            return tuple(self._ended(at, truth, step.rows[at]) for at, truth in enumerate(truths))
        if step.at is None:
            return truths
        truth = truths[step.at]
        if step.what == "deed" and isinstance(self.trace.trouble, Intrusion):
            return _with(truths, step.at, _touched(truth, self.trace.trouble.deed))
        return _with(truths, step.at, self._called(step, truth, step.rows[step.at]))

    def _wish(self, at: int) -> Wish | None:
        wish = self.trace.git[at]
        return None if wish is None or wish.absent else wish

    def _begun(self, at: int, truth: Truth, row: Row | None) -> Truth:
        """What looked like ours when it was planned is taken for it, and from here on known by its looks.

        So is what git has caught up with: a person's own that an update leaves as it is in all that is shown.
        """
        action, wish, planned = self.trace.action(at), self._wish(at), self.before.rows[at]
        if action is None or action.only_ledger:
            return truth
        edited = row is not None and row.shown not in truth.ours
        known = truth.ours | ({wish.shown} if wish and action is Action.UPDATE else set())
        hides = edited and truth.author == "the tool" and action in {Action.DELETE, Action.REPLACE}
        return truth._replace(
            author="both" if hides else truth.author,
            wrote=planned.shown if planned and planned.shown in known else truth.wrote,
            meant=wish.shown if wish else truth.meant,
            unfinished=True,
            leaving=action is Action.DELETE,
        )

    def _called(self, step: Step, truth: Truth, row: Row | None) -> Truth:
        if step.what == "DELETE":
            return truth._replace(author="nobody")
        wish = self._wish(step.at or 0)
        sent = row is not None and wish is not None and row.secret == wish.version
        inherited = truth.inherited or truth.author in {"a person", "both"}
        protect = truth.protect or (wish is not None and wish.protect)
        return truth._replace(author="the tool", protect=protect, inherited=inherited and not sent)

    def _ended(self, at: int, truth: Truth, row: Row | None) -> Truth:
        """The truth of an id once the ledger is written: only what is as it was meant is settled."""
        action, result, wish = self.trace.action(at), self.trace.result(at), self._wish(at)
        before = self.before.truths[at]
        if action is None:
            return truth
        if result in {"refused", "skipped"}:
            known = ("wrote", "meant", "unfinished", "leaving")
            return truth._replace(**{name: getattr(before, name) for name in known})
        if action is Action.FORGET:
            return Truth(truth.author)
        if result != "done" or not self._is_as_meant(at, row):
            return truth
        if wish is None:
            return NOTHING
        inherited = truth.inherited or truth.author in {"a person", "both"}
        return Truth("the tool", wish.shown, protect=wish.protect, inherited=inherited)

    def _is_as_meant(self, at: int, row: Row | None) -> bool:
        """Whether what everybody sees is as it was meant, and the tool has looked at all that it sent."""
        wish = self._wish(at)
        if not self._is_verified(at):
            return False
        if wish is None or row is None:
            return wish is None and row is None
        return row.shown == wish.shown

    def _is_verified(self, at: int) -> bool:
        """Whether the tool has looked and found nothing left to do, if there was anything to see."""
        return self.trace.action(at) is Action.ADOPT or (self.trace.looked and at not in self.trace.remaining)

    def _judged(self, step: Step, state: State) -> Iterator[Fact]:
        """What a call has done that it must not, told from the state before it."""
        if step.at is None or step.what == "deed":
            return
        at, row, truth = step.at, state.rows[step.at], state.truths[step.at]
        deletes = step.what == "DELETE" and self.trace.action(at) is Action.DELETE
        if step.what == "DELETE" and truth.protect and row is not None:
            yield Fact(UNPROTECTED, at)
        if row is None or truth.author != "a person" or self._is_asked_for(at, deletes=deletes):
            return
        alike = row.shown in truth.ours | self.before.truths[at].ours or self._was_seen(at, row)
        if deletes:
            yield Fact(TWIN_DELETED if alike else DELETED, at)
        elif alike:
            yield Fact(TWIN_OVERWRITTEN, at)
        else:
            yield Fact(REPAIRED if self._was_ours(at) else OVERWRITTEN, at)

    def _was_ours(self, at: int) -> bool:
        """Whether the id was ours when the run was planned: then it undoes whatever a person has done."""
        row, truth = self.before.rows[at], self.before.truths[at]
        looked_ours = row is not None and row.shown in truth.ours
        return looked_ours or (truth.wrote is not None and not truth.leaving)

    def _is_asked_for(self, at: int, *, deletes: bool) -> bool:
        """Whether git or the operator has said so of this very id, whosever it is."""
        said = self.trace.git[at]
        return (said is not None and said.absent) if deletes else at in self.trace.adopted

    def _was_seen(self, at: int, row: Row) -> bool:
        """Whether it has come in the middle of the run, in the place of something that looked the same."""
        intruded = isinstance(self.trace.trouble, Intrusion)
        before = self.before.rows[at]
        return intruded and before is not None and before.shown == row.shown and not self.before.strangers[at]


class Saying(NamedTuple):
    """What the tool says once a whole apply is over."""

    owned: frozenset[int]
    """What the ledger owns."""
    changes: frozenset[int]
    """What the next plan would still do something about."""
    guards: frozenset[tuple[int, str]]
    """What keeps it from that."""
    unverified: frozenset[int]
    converged: bool


def verdict(state: State, git: Git, saying: Saying) -> Iterator[Fact]:
    """What is to be counted once a whole apply is over."""
    for at, (row, truth, wish) in enumerate(zip(state.rows, state.truths, git, strict=True)):
        guards = {guard for place, guard in saying.guards if place == at}
        if guards and "protect" not in guards and truth.author == "the tool":
            yield Fact(CAUSELESS, at)
        if _is_untold(at, row, wish, guards, saying):
            yield Fact(UNTOLD, at)
        if row is not None:
            wanted = wish is not None and not wish.absent
            yield from (
                _wanted(at, row, truth, wish, saying) if wanted and wish else _unwanted(at, truth, saying)
            )


def _is_untold(at: int, row: Row | None, wish: Wish | None, guards: set[str], saying: Saying) -> bool:
    """Whether something is left to do, and a run claims to have done it all, or no plan says so."""
    if at in saying.changes:
        return not guards and saying.converged
    if wish is None:
        return False
    return row is not None if wish.absent else row is None or row.shown != wish.shown


def _unwanted(at: int, truth: Truth, saying: Saying) -> Iterator[Fact]:
    if at in saying.owned and at not in saying.changes:
        yield Fact(LEAKED, at)
    elif at not in saying.owned and truth.author in {"the tool", "both"}:
        yield Fact(LEAKED if truth.author == "the tool" else LEFT, at)


def _wanted(at: int, row: Row, truth: Truth, wish: Wish, saying: Saying) -> Iterator[Fact]:
    if at not in saying.owned and truth.author in {"the tool", "both"}:
        yield Fact(LOST if truth.author == "the tool" else LEFT, at)
    if at in saying.owned and at not in saying.changes and wish.version not in {row.secret, UNKNOWN}:
        excused = at in saying.unverified and (row.secret == OWN or truth.inherited)
        excuse = UNSEEN if row.secret == OWN else TAKEN_OVER
        yield Fact(excuse if excused else WRONG, at)
