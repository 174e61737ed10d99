"""Secrets that AWS keeps: ``aws-sm:NAME[#json.key]`` and ``ssm:/NAME``. NAME may be an ARN."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self

from botocore import exceptions as aws

from reconciler import amazon
from reconciler.amazon import Place
from reconciler.errors import SecretError

HOME = Place()
"""Where boto3 looks when it is told nothing."""

MISSING = frozenset({"ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"})


class _Source:
    """What both sources share: a client for each region, made once."""

    service: ClassVar[str]
    scheme: ClassVar[str]
    proof: ClassVar[str]
    """What every answer has: without it something else than AWS has answered."""

    def __init__(self, place: Place = HOME) -> None:
        self._place = place
        self._clients: dict[Place, Any] = {}

    @classmethod
    def at(cls, place: Place) -> Self:
        """The source as an environment's target reaches it: its region, profile and role."""
        return cls(place)

    def _client(self, name: str) -> Any:
        place = self._place.of(name)
        if place not in self._clients:
            self._clients[place] = amazon.client(self.service, place, **amazon.READS)
        return self._clients[place]

    def _asked(self, operation: str, name: str, **arguments: Any) -> dict[str, Any] | None:
        """The answer of AWS; ``None`` where there is no such secret."""
        with _explained(self._subject(name)):
            answer = _unless_missing(getattr(self._client(name), operation), arguments)
        if answer is not None and self.proof not in answer:
            raise SecretError(f"{self._subject(name)}: no usable answer of AWS")
        return answer

    def _subject(self, name: str) -> str:
        return f"the secret {self.scheme}:{name}"


class SecretsManager(_Source):
    """AWS Secrets Manager; a version is the id of the one staged AWSCURRENT."""

    service = "secretsmanager"
    scheme = "aws-sm"
    proof = "ARN"

    def version(self, name: str) -> str | None:
        """The current version's id, which takes no right to read a value; ``None`` if there is none."""
        secret = name.partition("#")[0]
        answer = self._asked("describe_secret", name, SecretId=secret) or {}
        if answer.get("DeletedDate"):
            return None
        stages = answer.get("VersionIdsToStages") or {}
        return next((version for version, staged in stages.items() if "AWSCURRENT" in staged), None)

    def value(self, name: str, version: str | None = None) -> str | None:
        """The plaintext, of that version where one is named; ``None`` if it is missing or empty."""
        secret, _, key = name.partition("#")
        pinned = {"VersionId": version} if version else {}
        answer = self._asked("get_secret_value", name, SecretId=secret, **pinned) or {}
        text = answer.get("SecretString") or _decoded(answer.get("SecretBinary"), self._subject(name))
        return (_picked(text, key, self._subject(name)) if key and text else text) or None


class ParameterStore(_Source):
    """AWS Systems Manager's Parameter Store; a version is its number."""

    service = "ssm"
    scheme = "ssm"
    proof = "Parameter"

    def version(self, name: str) -> str | None:
        """The version's number, read without decrypting the value; ``None`` if there is none."""
        answer = self._asked("get_parameter", name, Name=name, WithDecryption=False)
        return str(answer["Parameter"]["Version"]) if answer else None

    def value(self, name: str, version: str | None = None) -> str | None:
        """The plaintext, of that version where one is named; ``None`` if it is missing or empty."""
        selected = f"{_unpinned(name)}:{version}" if version else name
        answer = self._asked("get_parameter", name, Name=selected, WithDecryption=True)
        return (answer["Parameter"].get("Value") or None) if answer else None


@contextlib.contextmanager
def _explained(subject: str) -> Iterator[None]:
    try:
        yield
    except amazon.failures() as error:
        raise SecretError(amazon.explained(error, subject)) from None


def _unless_missing(operation: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return dict(operation(**arguments))
    except aws.ClientError as error:
        if _is_missing(error):
            return None
        raise


def _is_missing(error: aws.ClientError) -> bool:
    refusal = amazon.refusal(error)
    deleted = refusal.code == "InvalidRequestException" and "delet" in refusal.said
    return deleted or refusal.code in MISSING


def _unpinned(name: str) -> str:
    """A parameter's name without the version or label that it may end in."""
    return ":".join(name.split(":")[: 6 if name.startswith("arn:") else 1])


def _decoded(content: bytes | None, subject: str) -> str | None:
    text = _utf8(content or b"")
    if text is None:
        raise SecretError(f"{subject} is binary and not UTF-8; store it as text")
    return text


def _utf8(content: bytes) -> str | None:
    """The text, or ``None``; the error is not kept, for it holds the secret."""
    with contextlib.suppress(UnicodeDecodeError):
        return content.decode()
    return None


def _picked(text: str, key: str, subject: str) -> str | None:
    """What stands under a key of a JSON object, as text; ``None`` if nothing does."""
    fields = _json_object(text)
    if fields is None:
        raise SecretError(f"{subject} is no JSON object, so that it has no keys; leave '#{key}' out")
    found = _found(fields, key)
    return found if found is None or isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _json_object(text: str) -> dict[str, Any] | None:
    """The object, or ``None``; the error is not kept, for it holds the secret."""
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(text)
        return document if isinstance(document, dict) else None
    return None


def _found(document: Any, key: str) -> Any:
    """The value of exactly this key, else what the key leads to as a dotted path."""
    if not isinstance(document, dict):
        return None
    if key in document:
        return document[key]
    head, dot, rest = key.partition(".")
    return _found(document.get(head), rest) if dot else None
