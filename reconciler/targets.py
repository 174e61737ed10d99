"""The URL of an environment, taken apart."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from reconciler.model import Secret

MWAA_NAME = re.compile(r"[a-zA-Z][0-9a-zA-Z_-]{0,79}\Z")  # botocore's model of MWAA, EnvironmentName
REGION = re.compile(r"[a-z]{2,5}(-[a-z]+)+-\d+\Z")
ACCOUNT = re.compile(r"\d{12}\Z")
ROLE = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/.+\Z")
FORMS = "write mwaa://REGION/NAME, http(s)://HOST[:PORT][/PREFIX] or sandbox:FILE"
MAJORS = {"2": 2, "3": 3}


class TargetError(ValueError):
    """A target that is not written as it should be."""


@dataclass(frozen=True)
class MwaaTarget:
    """An Amazon MWAA environment, reached through InvokeRestApi."""

    region: str
    name: str
    account: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    endpoint_url: str | None = None

    def __str__(self) -> str:
        return f"mwaa://{self.region}/{self.name}"


@dataclass(frozen=True)
class HttpTarget:
    """An Airflow web server, reached directly."""

    url: str
    airflow: int | None = None
    username: str | Secret | None = None
    password: str | Secret | None = None
    token: str | Secret | None = None

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class SandboxTarget:
    """The embedded stand-in, its state in one file."""

    file: str
    airflow: int = 3
    folder: str = "."
    """What ``file`` is relative to."""

    def __str__(self) -> str:
        return f"sandbox:{self.file}"


Target = MwaaTarget | HttpTarget | SandboxTarget


def parse_target(text: str) -> Target:
    """The target that ``text`` names; raises TargetError with what is wrong and what to write.

    The error quotes no part in which people put credentials.
    """
    if "@" in re.split("[/?#]", text.partition("//")[2])[0]:
        raise TargetError("credentials do not belong here; write those of an http(s):// target under 'auth'")
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise TargetError(f"this is no URL; {FORMS}") from error
    options = _options(parts.query)
    if parts.fragment:
        raise TargetError("a target has no '#' part; remove it")
    match parts.scheme:
        case "mwaa":
            return _mwaa(parts.netloc, parts.path.lstrip("/"), options)
        case "http" | "https":
            return _http(text, options)
        case "sandbox":
            return _sandbox(unquote(text.removeprefix("sandbox:").partition("?")[0]), options)
    raise TargetError(f"this is no target; {FORMS}")


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise TargetError(f"the option '{twice}' stands twice; keep one of the two")
    return dict(pairs)


def _known(options: dict[str, str], *names: str) -> dict[str, str]:
    for name in options:
        if name not in names:
            raise TargetError(f"unknown option '{name}'; use {', '.join(names)}")
    return options


def _mwaa(region: str, name: str, options: dict[str, str]) -> MwaaTarget:
    _known(options, "account", "profile", "role_arn", "endpoint_url")
    if not REGION.match(region):
        raise TargetError(f"'{region}' is not an AWS region; write mwaa://eu-west-1/NAME")
    if not MWAA_NAME.match(name):
        raise TargetError(
            f"'{name}' is not the name of an MWAA environment: a letter, then letters, digits, - and _"
        )
    if "account" in options and not ACCOUNT.match(options["account"]):
        raise TargetError("account is not a number of 12 digits; write it whole")
    if "profile" in options and not options["profile"]:
        raise TargetError("profile is empty; name one, or leave it out")
    if "role_arn" in options and not ROLE.match(options["role_arn"]):
        raise TargetError("role_arn is not the ARN of a role; write arn:aws:iam::ACCOUNT:role/NAME")
    if "endpoint_url" in options and not re.match(r"https?://[^/?#]+", options["endpoint_url"]):
        raise TargetError("endpoint_url is no URL; write http(s)://HOST[:PORT]")
    return MwaaTarget(region, name, **options)


def _major(options: dict[str, str]) -> int | None:
    if "airflow" not in options:
        return None
    if options["airflow"] not in MAJORS:
        raise TargetError("airflow is neither 2 nor 3; choose one, or leave it out")
    return MAJORS[options["airflow"]]


def _http(text: str, options: dict[str, str]) -> HttpTarget:
    _known(options, "airflow")
    parts = urlsplit(text)
    try:
        parts.port  # noqa: B018 - reading it validates it
    except ValueError as error:
        raise TargetError("the port is not a number from 0 to 65535; correct it") from error
    if not parts.hostname:
        raise TargetError("no host is named; write http(s)://HOST[:PORT][/PREFIX]")
    return HttpTarget(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", _major(options))


def _sandbox(file: str, options: dict[str, str]) -> SandboxTarget:
    _known(options, "airflow")
    if not file or file.startswith("//"):
        raise TargetError("no file is named; write sandbox:FILE")
    return SandboxTarget(file, _major(options) or 3)


def spelled_out(target: Target) -> str:
    """The text that ``parse_target`` reads as ``target``, credentials left out."""
    match target:
        case MwaaTarget():
            names = ("account", "profile", "role_arn", "endpoint_url")
            options = {name: getattr(target, name) for name in names}
            options["endpoint_url"] = re.sub("//[^/?#]*@", "//", target.endpoint_url or "")
            return _with_options(str(target), options)
        case HttpTarget():
            return _with_options(target.url, {"airflow": target.airflow})
        case SandboxTarget():
            return _with_options(f"sandbox:{quote(target.file)}", {"airflow": target.airflow})


def _with_options(url: str, options: Mapping[str, str | int | None]) -> str:
    query = urlencode({name: value for name, value in options.items() if value}, safe=":/")
    return f"{url}?{query}" if query else url
