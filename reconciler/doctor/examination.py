"""All checks of one environment, in an order in which the first that fails explains those after it."""

from collections import Counter
from collections.abc import Generator, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from reconciler.airflow import Airflow
from reconciler.amazon import place_of
from reconciler.backends import Backend
from reconciler.backends.readonly import ReadOnly
from reconciler.connect import connect
from reconciler.diagnosis import Diagnosis, Finding, failed, failure, ok, skipped
from reconciler.doctor import keeping, questions, reach, references, service, shadows, writing
from reconciler.doctor.means import Means, Wire, all_skipped
from reconciler.doctor.scratch import Scratch, leftovers
from reconciler.errors import ManifestError, ReconcilerError
from reconciler.keeper import Kept
from reconciler.kinds import KINDS
from reconciler.manifests import Environment
from reconciler.model import Key
from reconciler.render.plain import many
from reconciler.secrets import Secrets
from reconciler.session import Call
from reconciler.targets import MwaaTarget, SandboxTarget, spelled_out

IN_SERVICE = ("identity", "clock", "environment")
IN_AIRFLOW = (
    "health",
    *(f"read {kind.collection}" for kind in KINDS),
    "page size",
    "plan",
    "ids",
    *questions.CHECKS,
    "leftovers",
    *writing.CHECKS,
)
KEPT = ("ledger", *keeping.DEPENDENT, "secrets")
AFTER_MANIFESTS = (*IN_SERVICE, "rate", *KEPT, "version", *IN_AIRFLOW, shadows.CHECK)
READ_ONLY = "nothing is written without --scratch"
LOCKED = "another run holds the ledger's lease, and nothing is written beside it"

Checks = Generator[Finding, None, None]


def unsound(name: str, error: ManifestError) -> Diagnosis:
    """What is to be told of an environment whose files are wrong: nothing after them can be looked at."""
    found = [failed("manifests", f"{one.origin}: {one.what}", one.fix) for one in error.problems]
    return Diagnosis(
        name, None, (*found, *all_skipped(AFTER_MANIFESTS, "the manifests have to be sound first"))
    )


@dataclass
class Examination:
    """One environment being looked at, and what is known of it so far."""

    environment: Environment
    means: Means
    airflow: Airflow | None = None
    scratch: Scratch | None = None
    described: service.Described | None = None
    kept: Kept | None = None
    calls: Counter[str] = field(default_factory=Counter)
    """How many calls there were of each method, those of removals included."""
    wire: Wire = field(init=False)
    secrets: Secrets = field(init=False)

    def __post_init__(self) -> None:
        self.wire = Wire(self.means.clock)
        self.secrets = self.means.secrets.at(place_of(self.environment.target))

    @property
    def is_service(self) -> bool:
        """Whether InvokeRestApi stands between us and Airflow."""
        return isinstance(self.environment.target, MwaaTarget)

    @property
    def managed(self) -> AbstractSet[Key]:
        """What git declares, and what the ledger owns."""
        owned = self.kept.ledger.entries if self.kept is not None else {}
        return self.environment.desired.keys() | owned.keys()

    @property
    def _is_locked(self) -> bool:
        return self.kept is not None and self.kept.is_locked

    def checks(self) -> Checks:
        """Every finding in its order."""
        yield _sound(self.environment)
        yield ok("target", spelled_out(self.environment.target))
        passed = yield from self._service()
        yield reach.rate(self.environment)
        self.kept = yield from keeping.ledger(self.environment, self.means, self.secrets)
        yield from references.secrets_found(self.environment, self.secrets)
        yield from self._airflow(passed=passed)
        yield from shadows.shadows(self._options(), self.managed, place_of(self.environment.target))

    def _service(self) -> Generator[Finding, None, bool]:
        """What AWS says; whether Airflow can be asked after that."""
        target = self.environment.target
        if not isinstance(target, MwaaTarget):
            yield from all_skipped(("identity", "environment"), f"{target} is no MWAA environment")
            return True
        identity = service.identity(target, self.wire)
        if self.wire.ahead is not None:
            yield service.clock(self.wire)
        yield identity
        if identity.state == "failed":
            yield skipped("environment", "who asks has to be known first")
            return False
        self.described = yield from service.environment(target)
        return True

    def _airflow(self, *, passed: bool) -> Checks:
        timed = self.wire.ahead is not None
        if not passed:
            yield from self._unreached("who asks has to be known first", timed=timed)
            return
        found = list(self._versions())
        if not timed:
            yield self._clock()
        yield from found
        if self.airflow is None:
            yield from all_skipped(IN_AIRFLOW, "Airflow has to answer first")
            return
        yield reach.health(self.airflow)
        yield from self._state(self.airflow)

    def _unreached(self, why: str, *, timed: bool) -> Checks:
        if not timed:
            yield skipped("clock", why)
        yield from all_skipped(("version", *IN_AIRFLOW), why)

    def _clock(self) -> Finding:
        if isinstance(self.environment.target, SandboxTarget):
            return skipped("clock", "a sandbox has no clock of its own")
        return service.clock(self.wire)

    def _versions(self) -> Iterator[Finding]:
        described = self.described.version if self.described else None
        try:
            backend = connect(self.environment.target, self.secrets, self.wire.witness)
        except ReconcilerError as error:
            yield failure("version", error)
            return
        reach_: Backend = backend if self.means.scratch else ReadOnly(backend)
        session = reach.session_of(
            self.environment, reach_, self.means, replace(self.means.watcher, called=self._observe)
        )
        self.airflow = yield from reach.version(session, described)

    def _observe(self, call: Call) -> None:
        self.calls[call.method] += 1
        self.means.watcher.called(call)

    def _state(self, airflow: Airflow) -> Checks:
        readable = reach.Readable()
        yield from reach.reads(airflow, readable)
        yield from reach.sizes(self.environment, airflow, readable)
        yield from reach.fitting(self.environment, airflow.dialect)
        asker = questions.Asker(airflow, self.wire, self.means.clock())
        yield from questions.questions(asker, self.environment, is_service=self.is_service)
        self.scratch = Scratch(airflow, self.means.clock)
        if readable.reading is None:
            yield skipped("leftovers", "what lives could not be read")
        else:
            foreign = readable.reading.state.keys() - self.managed
            yield from leftovers(self.scratch, foreign, remove=self.means.scratch)
        if not self.means.scratch or self._is_locked:
            yield from all_skipped(writing.CHECKS, LOCKED if self.means.scratch else READ_ONLY)
            return
        writer = writing.Writer(self.scratch, self.wire)
        yield from writing.writes(writer, self.environment, is_service=self.is_service)

    def cleared(self) -> list[Finding]:
        """Removes what is left of the checks; a finding for each object that stays."""
        return [] if self.scratch is None else [*self.scratch.remove_all()]

    def _options(self) -> dict[str, str] | None:
        if self.described is not None:
            return dict(self.described.options)
        shown = shadows.exposed(self.airflow) if self.airflow is not None else None
        return None if shown is None else dict(shown)


def _sound(environment: Environment) -> Finding:
    count, doubts = len(environment.desired), len(environment.warnings)
    seen = f"{many(count, 'resource')} declared" + (f", {many(doubts, 'warning')}" if doubts else "")
    return ok("manifests", seen, "reconciler validate tells them" if doubts else "")


def examine(environment: Environment, means: Means) -> Diagnosis:
    """Everything about one environment; it ends early where somebody asks it to.

    Whatever becomes of the checks, what they have made is removed. Only mistakes of the program raise.
    """
    examination = Examination(environment, means)
    findings: list[Finding] = []
    try:
        for finding in examination.checks():
            findings.append(finding)
            if means.stopped():
                break
    except BaseException:
        for left in examination.cleared():
            means.tell(f"{left.seen}; {left.advice}")
        raise
    return _diagnosis(examination, (*findings, *examination.cleared()))


def _diagnosis(examination: Examination, findings: tuple[Finding, ...]) -> Diagnosis:
    environment, airflow, calls = examination.environment, examination.airflow, examination.calls
    return Diagnosis(
        environment.name,
        str(environment.target),
        findings,
        None if airflow is None else airflow.dialect.version,
        calls["GET"],
        calls.total() - calls["GET"],
    )
