"""Messages on their way to people: through Amazon SNS, or through Apprise to chats, mail and webhooks."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from reconciler import amazon
from reconciler.backends import wire
from reconciler.errors import ReconcilerError, SecretError, UsageError
from reconciler.model import Secret
from reconciler.secrets import Schemes

TOPIC = re.compile(r"sns:(arn:[\w-]+:sns:([\w-]+):\d{12}:[\w.-]+)\Z")
LONGEST_SUBJECT = 99
"""Characters; SNS takes fewer than 100, ASCII, on one line (Amazon SNS API reference, Publish)."""


class Undelivered(ReconcilerError):
    """A message did not get through; the text tells no address."""


@dataclass(frozen=True)
class Messenger:
    """Sends messages to one destination.

    That is ``sns:`` and the ARN of a topic, or a reference to a secret that is an address of Apprise, since
    such an address holds a token or a password.
    """

    destination: str
    resolve: Callable[[Secret], Secret]

    def __post_init__(self) -> None:
        scheme = self.destination.partition(":")[0]
        if TOPIC.match(self.destination) is None and (scheme == "sns" or scheme not in Schemes()):
            raise UsageError(
                f"'{scheme}:…' is no destination; write sns:TOPIC-ARN, or a reference to a secret that is an "
                "address of Apprise, such as env:SLACK_URL"
            )

    def send(self, title: str, body: str) -> None:
        """Raises Undelivered, SecretError, or UsageError where Apprise is not installed."""
        topic = TOPIC.match(self.destination)
        if topic is not None:
            _publish(topic[1], topic[2], title, body)
            return
        address = self.resolve(Secret(self.destination))
        if not address.known:
            raise SecretError(f"the secret {address.ref} is missing")
        _apprise(wire.encode(address), title, body)


def _publish(topic: str, region: str, title: str, body: str) -> None:
    subject = title.encode("ascii", "replace").decode()[:LONGEST_SUBJECT]
    try:
        client = amazon.client("sns", amazon.Place(region))
        client.publish(TopicArn=topic, Subject=subject, Message=body)
    except amazon.failures() as error:
        raise Undelivered(amazon.explained(error, "SNS")) from None


def _apprise(address: str, title: str, body: str) -> None:
    try:
        import apprise  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise UsageError("messages other than SNS take Apprise: pip install 'reconciler[notify]'") from None
    log = logging.getLogger("apprise")  # it tells addresses, which hold tokens
    log.addHandler(logging.NullHandler())
    log.propagate = False
    courier = apprise.Apprise()
    if not courier.add(address):
        raise Undelivered("the address is none that Apprise knows")
    if not courier.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT):
        raise Undelivered("the other side did not take it")
