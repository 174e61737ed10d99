"""Tells people of drift, and keeps in mind what they have been told."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.amazon import Place
from reconciler.cli.terminal import Terminal
from reconciler.errors import LedgerChanged, ReconcilerError, Unexpected, UsageError
from reconciler.fleet import Result
from reconciler.messages import Messenger
from reconciler.notices import BadMemory, Memory, Notice, dump, notices, parse, told
from reconciler.plan import Plan
from reconciler.stores import LocationError, Store, open_store

TRIES = 5
"""How often what was told is put beside what another run has told meanwhile."""


@dataclass(frozen=True)
class Notifying:
    """Where people are told, and where it is kept what they were."""

    terminal: Terminal
    messengers: tuple[Messenger, ...]
    store: Store

    def tell(self, results: Sequence[Result[Plan]]) -> None:
        """Sends what is news; whatever goes wrong here is told on stderr, and fails no check."""
        output = self.terminal.output
        items = [
            output.failed(one.name, one.error) if one.value is None else output.plan(one.value)
            for one in results
        ]
        known = self._known()
        sent = [
            (messenger.destination, notice)
            for messenger in self.messengers
            for notice in notices(known.get(messenger.destination, {}), items)
            if self._sent(messenger, notice)
        ]
        if sent:
            self._remember(sent)

    def _sent(self, messenger: Messenger, notice: Notice) -> bool:
        try:
            messenger.send(notice.title, notice.body)
        except Exception as error:  # noqa: BLE001 - a courier's mistake is no reason to fail a check
            reason = error if isinstance(error, ReconcilerError) else Unexpected(error)
            told = f"{messenger.destination} was not told of {notice.environment}: {reason}"
            self.terminal.warn([f"{told}; the next run tries again"])
            return False
        return True

    def _known(self) -> Memory:
        try:
            return self._loaded()[0]
        except ReconcilerError as error:
            self.terminal.warn([f"what was told before cannot be read, so all is news: {error}"])
            return {}

    def _loaded(self) -> tuple[Memory, str | None]:
        stored = self.store.load()
        if stored is None:
            return {}, None
        try:
            return parse(stored.text), stored.version
        except BadMemory as error:
            raise UsageError(f"{self.store.place}: {error}") from None

    def _remember(self, sent: Sequence[tuple[str, Notice]]) -> None:
        for left in reversed(range(TRIES)):
            try:
                self._saved(sent)
            except LedgerChanged:
                if left:
                    continue
                self.terminal.warn([f"{self.store.place} changes all the time; the next run tells all again"])
            except ReconcilerError as error:
                self.terminal.warn([f"what was told cannot be kept, and is told again: {error}"])
            return

    def _saved(self, sent: Sequence[tuple[str, Notice]]) -> None:
        memory, version = self._loaded()
        for destination, notice in sent:
            memory = told(memory, destination, notice)
        self.store.save(dump(memory), version)


def notifying(destinations: tuple[str, ...], place: str | None, terminal: Terminal) -> Notifying | None:
    """Who is to be told, if anybody is; raises UsageError where that makes no sense."""
    if not destinations and place is None:
        return None
    if not destinations or place is None:
        raise UsageError(
            "--notify and --notify-state go together: the one says whom, the other what they know"
        )
    try:
        store = open_store(place, Path(), Place())
    except LocationError as error:
        raise UsageError(f"--notify-state: {error}") from None
    return Notifying(terminal, tuple(Messenger(one, terminal.secrets) for one in destinations), store)
