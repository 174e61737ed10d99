"""Everything that a queue, Lambda and Airflow may do to messages, mixed at random from a seed."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.backends import Request
from tests.aws import support
from tests.lambda_.conftest import Fleet, Queue, Wire, call, made_queue, numbers

NAMES = [f"e{number}" for number in range(5)]
VARIABLES = {"a": "1", "b": "2", "c": "3"}
FAULTS = (
    (),
    ("*=throttle",),
    ("GET#2=throttle", "POST#1=throttle"),
    ("POST#2=expire",),
    ("POST#1=drop_after",),
    ("POST#1=drop_before",),
)


class Killed(BaseException):
    """The function is gone."""


@dataclass
class Storm:
    """Delivers messages, each with a fault of its own, and sometimes kills the function."""

    queue: Queue
    wire: Wire
    dice: random.Random
    ended: int = 0

    def deliver(self, record: dict[str, Any]) -> None:
        event = {"Records": [record]}
        self.wire.faults = self.dice.choice(FAULTS)
        self.wire.fault = self.killing(self.dice.randrange(3)) if self.dice.random() < 0.3 else _nothing
        try:
            answer = call(event)
        except Killed:
            self.queue.show_again(event)
            return
        self.ended += 1
        self.queue.settle(event, answer)

    def killing(self, after: int) -> Callable[[Request], None]:
        """Ends the function before one of the creations that are still to come."""
        last = len(self.wire.writes) + after

        def die(request: Request) -> None:
            if request.method == "POST" and len(self.wire.writes) >= last:
                raise Killed

        return die


def _nothing(_request: Request) -> None:
    """Lets the call through."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.usefixtures("applying")
def test_nothing_is_lost_nothing_is_done_twice_and_all_is_counted(
    fleet: Fleet, wire: Wire, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    dice, queue = random.Random(seed), made_queue(support.fresh("storm"))  # noqa: S311 - no secret is drawn
    storm = Storm(queue, wire, dice)
    folders = [fleet.add(name, variables=VARIABLES) for name in NAMES]
    messages = [*folders, *dice.sample(folders, 3)]
    dice.shuffle(messages)
    queue.send(*({"environment": one} for one in messages))
    while records := queue.receive()["Records"]:
        for record in dice.sample(records, len(records)):
            storm.deliver(record)
        for name in NAMES:
            fleet.let_the_lease_run_out(name)
    counted = Counter[str]()
    for line in numbers(capsys.readouterr().out, "reconcile"):
        counted.update({name: int(number) for name, number in line.items()})

    put_aside = queue.put_aside()
    assert counted["messages_done"] + len(put_aside) == len(messages)
    assert counted.total() == storm.ended

    wire.faults, wire.fault = (), _nothing
    queue.send(*put_aside)
    queue.work_off()

    assert [fleet.variables(name) for name in NAMES] == [VARIABLES] * len(NAMES)
    assert wire.created == {(name, key): 1 for name in NAMES for key in VARIABLES}
    assert not any(fleet.ledger(name).get("lease") for name in NAMES)
