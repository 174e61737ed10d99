import pytest

from reconciler import keeper
from reconciler.stores import Store, open_store
from tests.faults.worlds import LEDGERS


@pytest.fixture(autouse=True)
def ledgers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Store]:
    """Where the program finds a ledger before it looks where it is said to be."""
    monkeypatch.setattr(
        keeper, "open_store", lambda location, *rest: LEDGERS.get(location) or open_store(location, *rest)
    )
    LEDGERS.clear()
    return LEDGERS
