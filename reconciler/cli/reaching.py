"""What lives in an environment, read whole by the commands that only look."""

from dataclasses import dataclass

from reconciler.airflow import Airflow
from reconciler.amazon import place_of
from reconciler.backends.readonly import ReadOnly
from reconciler.cli.terminal import Terminal
from reconciler.connect import connect, session_with
from reconciler.dialects import Dialect
from reconciler.kinds import BY_NAME
from reconciler.manifests.rules import id_problem
from reconciler.model import Key, State
from reconciler.retry import Patience
from reconciler.selection import Selection
from reconciler.session import identify
from reconciler.targets import Target


@dataclass(frozen=True)
class Source:
    """An environment that is read."""

    name: str
    target: Target
    rate: float | None = None


@dataclass(frozen=True)
class Addressable:
    """The selected resources that can be asked for one by one."""

    dialect: Dialect
    selection: Selection

    def __contains__(self, key: object) -> bool:
        """Whether its id is sound, and short enough for a path."""
        if not isinstance(key, Key) or key not in self.selection:
            return False
        return id_problem(BY_NAME[key.kind], key.id) is None and self.dialect.fits_path(key)


def reached(source: Source, terminal: Terminal) -> Airflow:
    """The environment behind a backend that can only read; its version is the first call."""
    secrets = terminal.secrets.at(place_of(source.target))
    backend = ReadOnly(connect(source.target, secrets))
    watcher = terminal.watcher(source.name)
    session = session_with(backend, source.target, source.rate, watcher, Patience())
    return Airflow(session, identify(session))


def living(airflow: Airflow, selection: Selection) -> State:
    """The selected resources, whole where they can be asked for one by one."""
    reading = airflow.read(selection.chosen_kinds(), Addressable(airflow.dialect, selection))
    return {key: resource for key, resource in reading.state.items() if key in selection}
