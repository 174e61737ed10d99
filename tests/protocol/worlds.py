"""The worlds that are explored, each for what it has and the others have not."""

from reconciler.ledger_document import parse
from tests.protocol.truth import State
from tests.protocol.world import ABSENT, NO_SECRET, UNKNOWN, Wish, World

ONE = ((None, Wish("1"), Wish("2"), Wish("2", "B")),)
"""A new secret alone, and one together with something that can be read."""

FEW = ((None, Wish("1"), Wish("2", "B")),)
UNSURE = ((None, Wish("1"), Wish("2"), Wish(UNKNOWN), Wish(UNKNOWN, "B")),)
PASSWORD = ((None, Wish(NO_SECRET), Wish("1"), Wish("2", "B")),)

TWO_IDS = World(((None, Wish("1"), Wish("2", "B")), (None, Wish("1"), Wish("2"))))
SMALL = World(FEW)
SIMPLE = World(ONE)

WORLDS = {
    "a connection on Airflow 2, whose passwords are never shown": World(ONE, airflow="2.11.2"),
    "a variable on Airflow 3": World(ONE, "variable"),
    "a variable on Airflow 2, which shows values in clear": World(ONE, "variable", "2.11.2"),
    "secrets that are told apart by a key": World(ONE, source="keyed"),
    "the same where Airflow shows them": World(ONE, "variable", "2.11.2", source="keyed"),
    "secrets that are told apart by secret_version": World(ONE, source="bare"),
    "an operator who takes everything over": World(ONE, adopts=True),
    "the same on Airflow 2": World(ONE, airflow="2.11.2", adopts=True),
    "a password that is taken away, which takes a new connection": World(PASSWORD),
    "the same on Airflow 2, which shows no password": World(PASSWORD, airflow="2.11.2"),
    "an id that is to be absent": World(((None, ABSENT, Wish("1"), Wish("2", "B")),)),
    "a source that does not hold the secret at times": World(UNSURE),
    "the same under a key": World(UNSURE, source="keyed"),
    "the same with secret_version": World(UNSURE, source="bare"),
}
PROTECTING = World(((None, Wish("1"), Wish("2", "B"), Wish("1", protect=True)),))


def is_made_anew(state: State) -> bool:
    """Whether the ledger still knows what was there before something was to be made that is gone.

    A person's own that looks like that is taken for ours, as if a backup had been restored: that is a rule
    of this protocol, and another could do otherwise.
    """
    entries = parse(state.ledger, "the model").entries.values()
    return any(one.record and one.pending and one.pending.action.value == "create" for one in entries)
