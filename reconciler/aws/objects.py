"""Objects in S3 that a function reads: the manifests, and saved plans."""

import contextlib
import re
from dataclasses import dataclass, field

from reconciler import amazon
from reconciler.errors import ReconcilerError, UsageError

ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^?#]+)")
NOT_MODIFIED = 304


class Unavailable(ReconcilerError):
    """An object cannot be read now."""


@dataclass(frozen=True)
class Fetched:
    """An object as it is now; its version is its ETag."""

    content: bytes = field(repr=False)
    version: str


def fetched(address: str, most: int, known: str | None = None) -> Fetched | None:
    """The object at ``s3://BUCKET/KEY``, ``None`` where its version is still ``known``.

    Raises UsageError where that is no address, or more than ``most`` bytes lie there, and Unavailable.
    """
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise UsageError(f"'{address}' is no address of an object; write s3://BUCKET/KEY")
    condition = {} if known is None else {"IfNoneMatch": known}
    try:
        client = amazon.client("s3", amazon.Place(), **amazon.READS)
        answer = client.get_object(Bucket=found[1], Key=found[2], **condition)
        with contextlib.closing(answer["Body"]) as body:
            content = body.read(most + 1)
    except amazon.failures() as error:
        if known is not None and _is_unchanged(error):
            return None
        raise Unavailable(amazon.explained(error, address)) from None
    if len(content) > most:
        raise UsageError(f"{address} has more than {most:,} bytes")
    return Fetched(content, answer["ETag"])


def _is_unchanged(error: Exception) -> bool:
    answer = getattr(error, "response", {})
    return bool(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") == NOT_MODIFIED)
