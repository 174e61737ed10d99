"""What becomes of one message: the environment is planned or applied, or the message comes back."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from reconciler.aws.objects import fetched
from reconciler.aws.queue import Message, Poison, parsed
from reconciler.aws.running import Ended, ended
from reconciler.aws.settings import Settings
from reconciler.errors import ManifestError, ReconcilerError, Refused
from reconciler.fleet import attempt
from reconciler.manifests import load_environment
from reconciler.secrets import Schemes
from reconciler.stores.location import S3Location, parse_location

MARGIN = 60.0
"""Seconds that are left for the call in flight and for the ledger, once an apply's time is over."""

LEAST = 30.0
"""Seconds; an apply that has less is not begun."""

LONGEST_PLAN = 64 * 2**20
"""Bytes of a saved plan."""


class Outcome(StrEnum):
    """What became of a message; all but the first come back, until they are put aside."""

    DONE = "done"
    LOCKED = "locked"
    REFUSED = "refused"
    UNCONVERGED = "unconverged"
    FAILED = "failed"
    POISONED = "poisoned"
    POSTPONED = "postponed"


OUTCOMES = {0: Outcome.DONE, 3: Outcome.REFUSED, 4: Outcome.UNCONVERGED}
"""By the exit code of the command."""


@dataclass(frozen=True)
class Worked:
    """A message's outcome, what it was about, and why it is not done."""

    outcome: Outcome
    environment: str = ""
    why: Mapping[str, str] = field(default_factory=dict)
    changes: Sequence[str] = ()


class Unleased(Refused):
    """Nothing would keep two deliveries of one message apart."""


def work(body: str, root: Path, settings: Settings, seconds_left: Callable[[], float]) -> Worked:
    """Does what a message asks for, as far as the function is deployed for it.

    Every try is one run of the program: what an earlier one has done, this one finds done. Raises nothing.
    """
    parsing = attempt("", lambda: parsed(body, root))
    message = parsing.value
    if message is None:
        return Worked(Outcome.POISONED, why={"message": str(parsing.error)})
    trying = attempt("", lambda: _tried(message, root, settings, seconds_left()))
    return trying.value or _stopped(message, trying.error)


def _tried(message: Message, root: Path, settings: Settings, seconds_left: float) -> Worked:
    """One run of the command; raises ReconcilerError where it does not come to that."""
    plan = _allowed_plan(message, settings)
    options = _options(root / message.environment, settings, seconds_left)
    if options is None:
        return Worked(Outcome.POSTPONED, message.environment, {"message": "too little time is left"})
    return _judged(message, _run(message, plan, root, settings, options))


def _stopped(message: Message, error: ReconcilerError | None) -> Worked:
    outcomes: Mapping[type, Outcome] = {Poison: Outcome.POISONED, Unleased: Outcome.REFUSED}
    return Worked(outcomes.get(type(error), Outcome.FAILED), message.environment, {"message": str(error)})


def _allowed_plan(message: Message, settings: Settings) -> str | None:
    """The saved plan's address; raises Poison where this function takes none from there."""
    if message.plan is None:
        return None
    if settings.command != "apply":
        raise Poison("a saved plan is to be applied, and this function only plans")
    if settings.plans is None or not message.plan.startswith(settings.plans):
        raise Poison("the saved plan lies outside of RECONCILER_PLANS")
    return message.plan


def _options(folder: Path, settings: Settings, seconds_left: float) -> tuple[str, ...] | None:
    """What the command is told besides; ``None`` where its time would not do. Raises Unleased.

    An apply may take its deadline twice: for planning, and for what it writes.
    """
    if settings.command == "plan":
        return ()
    _check_leased(folder)
    deadline = (seconds_left - MARGIN) / 2
    return ("--yes", "--deadline", f"{deadline:.1f}") if deadline >= LEAST else None


def _check_leased(folder: Path) -> None:
    """Two deliveries of a message may run at one time, and only a lease that both see keeps them apart."""
    try:
        environment = load_environment(folder, Schemes())
    except ManifestError:
        return  # the command tells what is wrong
    if environment.ledger is None or not isinstance(parse_location(environment.ledger), S3Location):
        raise Unleased(f"{environment.name} has no ledger in S3, whose lease keeps two deliveries apart")


def _run(
    message: Message, plan: str | None, root: Path, settings: Settings, options: tuple[str, ...]
) -> Ended:
    told = ("--format", "emf", *options)
    if plan is None:
        return ended(root, settings.command, *told, environments=[message.environment])
    with tempfile.NamedTemporaryFile() as file:
        saved = fetched(plan, LONGEST_PLAN)
        file.write(saved.content if saved else b"")
        file.flush()
        told = ("--plan", file.name, *(option for option in told if option != "--yes"))
        return ended(root, settings.command, *told, environments=[message.environment])


def _judged(message: Message, run: Ended) -> Worked:
    outcome = Outcome.LOCKED if run.is_locked else OUTCOMES.get(run.code, Outcome.FAILED)
    why = run.failed or ({} if outcome is Outcome.DONE else {"exit_code": str(run.code)})
    return Worked(outcome, message.environment, why, run.changes)
