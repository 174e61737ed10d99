"""The address of a ledger, taken apart."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from reconciler.targets import REGION, ROLE

BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
ENDPOINT = re.compile(r"https?://[^/?#@\s]+(/[^?#@\s]*)?\Z")
KEY_BYTES = 1024
"""The longest key of an S3 object (Amazon S3 user guide, "Naming Amazon S3 objects")."""

FORMS = "write file:PATH or s3://BUCKET/KEY"
OPTIONS = ("region", "profile", "role_arn", "endpoint_url")


class LocationError(ValueError):
    """A ledger's address that is not written as it should be."""


@dataclass(frozen=True)
class FileLocation:
    """A file, relative to the environment's folder."""

    path: str


@dataclass(frozen=True)
class S3Location:
    """An object in S3; what is left out is the target's."""

    bucket: str
    key: str
    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    endpoint_url: str | None = None


def parse_location(location: str) -> FileLocation | S3Location:
    """The place that ``location`` names; raises LocationError with what is wrong and what to write.

    The error quotes no part in which people put credentials.
    """
    if "@" in re.split("[/?#]", location.partition("//")[2])[0]:
        raise LocationError("credentials do not belong here; name a profile or a role_arn")
    try:
        parts = urlsplit(location)
    except ValueError as error:
        raise LocationError(f"this is no ledger's address; {FORMS}") from error
    if parts.fragment or location.endswith("#"):
        raise LocationError("a ledger's address has no '#' part; remove it, or write %23")
    match parts.scheme:
        case "file":
            return _file(location.partition(":")[2].partition("?")[0], parts.query)
        case "s3":
            return _s3(parts.netloc, unquote(parts.path.removeprefix("/")), _options(parts.query))
    raise LocationError(f"this is no ledger's address; {FORMS}")


def _file(path: str, query: str) -> FileLocation:
    if query:
        raise LocationError("a file: ledger has no options; remove the '?' part, or write %3F")
    if path.startswith("//"):
        raise LocationError(
            "a host has no place in a file: ledger; write file:PATH, such as file:/srv/dev.json"
        )
    plain = unquote(path)
    if not plain or "\0" in plain:
        raise LocationError("no file is named; write file:PATH")
    if plain.rpartition("/")[2] in {"", ".", ".."}:
        raise LocationError("this names a folder; write the file in it, such as file:ledgers/dev.json")
    if plain.lower().endswith((".yaml", ".yml")):
        raise LocationError("a ledger is JSON, and what ends in .yaml is read as a manifest; name it .json")
    return FileLocation(plain)


def _options(query: str) -> Mapping[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    names = [name for name, _ in pairs]
    for name in names:
        if name not in OPTIONS:
            raise LocationError(f"unknown option '{name}'; use {', '.join(OPTIONS)}")
        if names.count(name) > 1:
            raise LocationError(f"the option '{name}' stands twice; keep one of the two")
    return dict(pairs)


def _s3(bucket: str, key: str, options: Mapping[str, str]) -> S3Location:
    if not bucket:
        raise LocationError("no bucket is named; write s3://BUCKET/KEY")
    if not BUCKET.match(bucket):
        raise LocationError(
            f"'{bucket}' is not the name of a bucket: 3 to 63 lower-case letters, digits, - and dots"
        )
    if not key or key.endswith("/"):
        raise LocationError(
            f"no object is named; write s3://{bucket}/KEY, such as s3://{bucket}/airflow/dev.json"
        )
    if len(key.encode()) > KEY_BYTES:
        raise LocationError(f"the key is longer than the {KEY_BYTES} bytes that S3 takes; shorten it")
    _check_options(options)
    return S3Location(bucket, key, **options)


def _check_options(options: Mapping[str, str]) -> None:
    if "endpoint_url" in options and not ENDPOINT.match(options["endpoint_url"]):
        raise LocationError("endpoint_url is no URL; write http(s)://HOST[:PORT]")
    if "region" in options and not _is_region(options["region"], own="endpoint_url" not in options):
        raise LocationError("region is not an AWS region; write one such as eu-west-1")
    if "profile" in options and not options["profile"]:
        raise LocationError("profile is empty; name one, or leave it out")
    if "role_arn" in options and not ROLE.match(options["role_arn"]):
        raise LocationError("role_arn is not the ARN of a role; write arn:aws:iam::ACCOUNT:role/NAME")


def _is_region(text: str, *, own: bool) -> bool:
    """Whether this can be a region; stores that are not Amazon's have names of their own for them."""
    return bool(REGION.match(text) if own else re.fullmatch(r"[\w-]+", text))
