"""Every way through a world, equal states taken once."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from reconciler.applying import Application
from reconciler.guards import Allowed
from reconciler.ledger_document import parse
from reconciler.selection import Selection
from tests.protocol import careful
from tests.protocol.machine import Fault, Intrusion, Machine, Mode, Step, Trace
from tests.protocol.truth import CRIMES, EXCUSES, NOTHING, Fact, Saying, State, Telling, after_deed, verdict
from tests.protocol.world import Deed, Git, deeds, told

MODES: tuple[Mode, ...] = ("lost, executed", "lost, not executed", "refused", "2xx, not committed")


class Event(NamedTuple):
    """One thing that happens: a person's deed, or an apply that gets so far; without a trace, nowhere."""

    deed: Deed | None
    git: Git = ()
    trace: Trace | None = None
    steps: int = 0
    dies: bool = True

    def __str__(self) -> str:
        if self.deed is not None:
            return str(self.deed)
        trouble = self.trace.trouble if self.trace else None
        how = f" [{trouble.mode}, write {trouble.call}]" if isinstance(trouble, Fault) else ""
        how += f" [after {trouble.steps} steps, {trouble.deed}]" if isinstance(trouble, Intrusion) else ""
        done = ", ".join(map(str, self.trace.steps[: self.steps] if self.trace else ())) or "nothing"
        return f"apply of {told(self.git)}{how}: {done}" + ", then it dies" * self.dies


@dataclass
class Findings:
    """What has been counted, one case of each kind that is among the shortest, and how much was done."""

    counts: Counter[str] = field(default_factory=Counter)
    shortest: dict[str, tuple[str, ...]] = field(default_factory=dict)
    cases: dict[str, set[tuple[State, int]]] = field(default_factory=dict)
    runs: int = 0
    """Sequences of events, each with what git says at its end."""
    applies: int = 0
    """Applies that were really carried out."""
    states: int = 0

    @property
    def crimes(self) -> dict[str, int]:
        """What no protocol may do."""
        return {what: self.counts[what] for what in CRIMES if self.counts[what]}

    @property
    def excused(self) -> dict[str, int]:
        """What no protocol can avoid."""
        return {what: self.counts[what] for what in EXCUSES if self.counts[what]}

    def told(self) -> str:
        """The crimes, each with its counterexample."""
        return "\n".join(
            f"{number} x {what}:\n" + "\n".join(f"    {event}" for event in self.shortest[what])
            for what, number in self.crimes.items()
        )


@dataclass
class Explorer:
    """Goes everywhere in one world; ``intrusions`` adds what a person does in the middle of an apply."""

    machine: Machine
    intrusions: bool = False

    def __post_init__(self) -> None:
        self.findings = Findings()
        self._parents: dict[State, tuple[State, Event] | None] = {}
        self._clean: dict[object, Trace | None] = {}
        self._troubled: dict[object, tuple[Trace, ...]] = {}
        self._sayings: dict[object, Saying] = {}

    @property
    def start(self) -> State:
        """Nothing lives, and nothing is known."""
        world = self.machine.world
        return State(world.empty, self.machine.blank, (NOTHING,) * len(world.ids))

    def to_depth(self, depth: int) -> Findings:
        """After so many events a whole apply of everything that git may say."""
        with self.machine.in_force():
            level = Counter({self.start: 1})
            self._parents[self.start] = None
            for _ in range(depth):
                level = self._next(level)
            for state, ways in level.items():
                self._close(state, ways)
        return self._concluded()

    def everywhere(self) -> Findings:
        """The same after any number of events."""
        with self.machine.in_force():
            level = Counter({self.start: 1})
            self._parents[self.start] = None
            while level:
                known = set(self._parents)
                level = Counter(dict.fromkeys(self._next(level).keys() - known, 1))
            for state in self._parents:
                self._close(state, 1)
        return self._concluded()

    def authors(self) -> dict[tuple[object, ...], set[str]]:
        """By all that a run can see, whose the resources may be."""
        found: dict[tuple[object, ...], set[str]] = {}
        for state in self._parents:
            found.setdefault(state.seen, set()).update(truth.author for truth in state.truths)
        return found

    def _concluded(self) -> Findings:
        self.findings.states = len(self._parents)
        return self.findings

    def _next(self, level: Counter[State]) -> Counter[State]:
        after: Counter[State] = Counter()
        for state, ways in level.items():
            for event, found, facts in self._events(state):
                after[found] += ways
                self._parents.setdefault(found, (state, event))
                self._count(facts, ways, state, event)
        return after

    def _events(self, state: State) -> Iterator[tuple[Event, State, tuple[Fact, ...]]]:
        for deed in deeds(self.machine.world, state.rows):
            yield Event(deed), after_deed(state, deed), ()
        for git in self.machine.world.gits:
            yield Event(None, git), state, ()
            clean = self._clean_run(state, git)
            if clean is not None:
                yield from self._stages(state, clean, ())
                for trace in self._troubled_runs(state, git, clean):
                    yield from self._stages(state, trace, clean.steps)

    def _stages(
        self, state: State, trace: Trace, known: tuple[Step, ...]
    ) -> Iterator[tuple[Event, State, tuple[Fact, ...]]]:
        """What a run leaves that dies after each of its steps, or after the last; ``known`` ones aside."""
        telling = Telling(self.machine.world, state, trace)
        for number, (after, facts) in enumerate(telling.states(), 1):
            if trace.steps[:number] != known[:number] or number == len(trace.steps):
                yield Event(None, trace.git, trace, number, number < len(trace.steps)), after, facts

    def _clean_run(self, state: State, git: Git) -> Trace | None:
        """An apply that goes well, by somebody careful; ``None`` where there is nothing to carry out."""
        seen = (state.rows, state.ledger, git, state.strangers)
        if seen not in self._clean:
            application = careful.application(self.machine, *seen)
            run = None if application is None else self._run(state, git, application, None)
            self._clean[seen] = run
        return self._clean[seen]

    def _troubled_runs(self, state: State, git: Git, clean: Trace) -> tuple[Trace, ...]:
        seen = (state.rows, state.ledger, git, state.strangers)
        if seen not in self._troubled:
            troubles = tuple(self._troubles(state, clean))
            application = careful.application(self.machine, *seen) if troubles else None
            runs = (self._run(state, git, application, one) for one in troubles if application)
            self._troubled[seen] = tuple(runs)
        return self._troubled[seen]

    def _run(
        self, state: State, git: Git, application: Application, trouble: Fault | Intrusion | None
    ) -> Trace:
        self.findings.applies += 1
        return self.machine.run(state.rows, state.ledger, git, application, trouble)

    def _troubles(self, state: State, clean: Trace) -> Iterator[Fault | Intrusion]:
        if not clean.writes:
            return
        yield from (Fault(mode, call) for call in range(1, clean.writes + 1) for mode in MODES)
        yield from (Fault("interrupted", call) for call in range(clean.writes + 1))
        if self.intrusions:
            rows = (state.rows, *(step.rows for step in clean.steps[:-1]))
            for number, living in enumerate(rows):
                yield from (Intrusion(number, deed) for deed in deeds(self.machine.world, living))

    def _close(self, state: State, ways: int) -> None:
        """A whole apply of all that git may say, and what is to be said of its end."""
        for git in self.machine.world.gits:
            self.findings.runs += ways
            end, facts, clean = state, tuple[Fact, ...](), self._clean_run(state, git)
            if clean is not None:
                *_, (end, facts) = Telling(self.machine.world, state, clean).states()
            saying = self._saying(end, git, converged=clean is not None and clean.converged)
            event = Event(None, git, clean, len(clean.steps) if clean else 0, dies=False)
            self._count(facts, ways, state, event)
            self._count(tuple(verdict(end, git, saying)), ways, state, event)

    def _saying(self, state: State, git: Git, *, converged: bool) -> Saying:
        seen = (state.rows, state.ledger, git)
        if seen not in self._sayings:
            plan = self.machine.plan(*seen, Allowed(), Selection()).plan
            at, keys = self.machine.keys.index, self.machine.keys
            self._sayings[seen] = Saying(
                owned=frozenset(map(at, parse(state.ledger, "the model").entries)),
                changes=frozenset(at(change.key) for change in plan.changes),
                guards=frozenset(
                    (at(key), one.guard)
                    for one in plan.violations
                    for key in keys
                    if str(key) in one.message or one.guard in {"deletes", "missing"}
                ),
                unverified=frozenset(at(one.key) for one in plan.difference.unverified),
                converged=True,
            )
        return self._sayings[seen]._replace(converged=converged)

    def _count(self, facts: tuple[Fact, ...], ways: int, state: State, event: Event) -> None:
        for fact in facts:
            self.findings.counts[fact.what] += ways
            cases = self.findings.cases.setdefault(fact.what, set())
            if (state, fact.at) not in cases:
                cases.add((state, fact.at))
                self._keep_shortest(fact.what, state, event)

    def _keep_shortest(self, what: str, state: State, event: Event) -> None:
        path = (*self._path(state), str(event))
        if len(path) < len(self.findings.shortest.get(what, (*path, ""))):
            self.findings.shortest[what] = path

    def _path(self, state: State) -> Iterator[str]:
        """The events that have led here first."""
        parent = self._parents[state]
        if parent is not None:
            yield from self._path(parent[0])
            yield str(parent[1])
