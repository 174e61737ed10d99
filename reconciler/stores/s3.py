"""A ledger in S3, whose conditional writes keep two runs apart."""

import contextlib
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from botocore import exceptions as aws

from reconciler import amazon
from reconciler.amazon import Place, Refusal
from reconciler.errors import LedgerChanged, LedgerUnavailable, LedgerUncertain, ReconcilerError, WrongLedger
from reconciler.stores import Stored

CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "OperationAborted", "NoSuchKey"})
"""A condition that fails, a race that is lost, and the object to replace being gone."""

NEVER_SENT = (
    aws.ConnectTimeoutError,
    aws.EndpointConnectionError,
    aws.ParamValidationError,
    aws.ProxyConnectionError,
    aws.NoRegionError,
)


class S3Store:
    """An object in a bucket; its version is its ETag, its clock the one of S3."""

    def __init__(self, bucket: str, key: str, where: Place) -> None:
        self._bucket = bucket
        self._key = key
        self._where = where

    @property
    def place(self) -> str:
        """The object's address."""
        return self._address(self._key)

    def load(self) -> Stored | None:
        """The object as it is now."""
        with self._explained():
            answer = self._got(self._key)
        if answer is None:
            return None
        if "ETag" not in answer:
            raise LedgerUnavailable(
                f"{self.place}: the answer has no ETag, so that nothing can be written safely"
            )
        try:
            return Stored(answer["Content"].decode(), answer["ETag"], _age(answer))
        except UnicodeDecodeError:
            raise WrongLedger(f"{self.place} is no ledger: it is not UTF-8; restore it") from None

    def save(self, text: str, replacing: str | None) -> str:
        """Put the object once, on the condition that nobody else has."""
        condition = {"IfNoneMatch": "*"} if replacing is None else {"IfMatch": replacing}
        content = text.encode()
        with self._explained():
            client = self._writer
        try:
            answer = client.put_object(
                Bucket=self._bucket, Key=self._key, Body=content, ContentType="application/json", **condition
            )
        except amazon.failures() as error:
            raise self._not_written(error) from None
        if "ETag" not in answer:
            raise LedgerUncertain(_uncertain(self.place, "the answer was cut short"))
        return str(answer["ETag"])

    def neighbours(self) -> Iterator[tuple[str, str]]:
        """The other ``*.json`` objects up to the last ``/`` of the key, in order."""
        with self._explained():
            keys = [key for key in self._keys_beside() if key.endswith(".json") and key != self._key]
        for key in keys:
            with self._explained():
                answer = self._got(key)
            with contextlib.suppress(UnicodeDecodeError):
                if answer is not None:
                    yield self._address(key), answer["Content"].decode()

    def own_key(self, *, create: bool) -> None:
        """None: whoever reads the bucket would have it."""
        del create

    @cached_property
    def _session(self) -> Any:
        return amazon.session(self._where)

    @cached_property
    def _reader(self) -> Any:
        return amazon.client_in(self._session, "s3", self._where.endpoint_url, **amazon.READS)

    @cached_property
    def _writer(self) -> Any:
        """Another client, whose one attempt is all: a write that is repeated meets its own first result."""
        return amazon.client_in(self._session, "s3", self._where.endpoint_url)

    def _got(self, key: str) -> Mapping[str, Any] | None:
        """The answer with its whole ``Content``; ``None`` where there is no such object."""
        try:
            answer = self._reader.get_object(Bucket=self._bucket, Key=key)
        except aws.ClientError as error:
            if amazon.refusal(error).code == "NoSuchKey":
                return None
            raise
        with contextlib.closing(answer["Body"]) as body:
            return {**answer, "Content": body.read()}

    def _keys_beside(self) -> Iterator[str]:
        folder = self._key[: self._key.rfind("/") + 1]
        pages = self._reader.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=folder, Delimiter="/"
        )
        for page in pages:
            yield from (entry["Key"] for entry in page.get("Contents", ()))

    def _address(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except amazon.failures() as error:
            raise LedgerUnavailable(self._why(error)) from None

    def _why(self, error: Exception) -> str:
        if isinstance(error, aws.ClientError) and amazon.refusal(error).code == "NoSuchBucket":
            return (
                f"{self.place}: there is no bucket {self._bucket}; create it, or correct the ledger's address"
            )
        return amazon.explained(error, self.place)

    def _not_written(self, error: Exception) -> ReconcilerError:
        if isinstance(error, aws.ClientError):
            return self._refused(error, amazon.refusal(error))
        why = self._why(error)
        if amazon.lacks_credentials(error) or isinstance(error, NEVER_SENT):
            return LedgerUnavailable(why)
        return LedgerUncertain(_uncertain(self.place, why.removeprefix(f"{self.place}: ")))

    def _refused(self, error: aws.ClientError, refusal: Refusal) -> ReconcilerError:
        if refusal.code in CHANGED or refusal.status == 412:  # noqa: PLR2004 - the HTTP status itself
            return LedgerChanged(
                f"{self.place} is not what this run has read: another one changed it; run again"
            )
        if refusal.code == "NotImplemented":
            return LedgerUnavailable(
                f"{self.place}: this store knows no conditional writes, which a ledger takes"
            )
        if refusal.status >= 500:  # noqa: PLR2004 - the HTTP status itself
            return LedgerUncertain(_uncertain(self.place, f"AWS answered {refusal.code}"))
        return LedgerUnavailable(self._why(error))


def _uncertain(place: str, why: str) -> str:
    return f"nobody can tell whether {place} was written: {why}; run again"


def _age(answer: Mapping[str, Any]) -> float:
    """Seconds by S3's clock alone; 0 where the answer tells no time, so that nothing seems out of date."""
    try:
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return max(0.0, float((now - answer["LastModified"]).total_seconds()))
    except (KeyError, TypeError, ValueError):
        return 0.0
