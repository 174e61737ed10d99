"""What we manage and nobody reads: a secrets backend has an entry of the same name, which Airflow prefers."""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler import amazon
from reconciler.airflow import Airflow
from reconciler.amazon import Place
from reconciler.backends import Request
from reconciler.diagnosis import Finding, failed, ok, skipped, warning
from reconciler.doctor.lookups import Lookup, Unreadable, lookups
from reconciler.errors import AirflowError
from reconciler.model import Key
from reconciler.session import HTTP_NOT_FOUND

CHECK = "shadows"
SECTIONS = {
    "secrets": ("backend", "backend_kwargs"),
    "workers": ("secrets_backend", "secrets_backend_kwargs"),
}
MISSING = frozenset({"ResourceNotFoundException"})
PLACES = {"secretsmanager": "Secrets Manager", "ssm": "Parameter Store"}


def exposed(airflow: Airflow) -> Mapping[str, str] | None:
    """The options that Airflow itself shows; ``None`` where it does not (``expose_config``)."""
    options: dict[str, str] = {}
    for section, names in SECTIONS.items():
        try:
            answer = airflow.session.ask(Request("GET", "/config", {"section": section}))
        except AirflowError:
            return options or None
        if answer.status == HTTP_NOT_FOUND and section == "secrets":
            return None  # that section is always there; the other one only in some versions
        options |= {
            f"{section}.{name}": value for name, value in _section(answer.body).items() if name in names
        }
    return options


def _section(body: Any) -> dict[str, str]:
    with contextlib.suppress(TypeError, KeyError, LookupError):
        return {one["key"]: str(one["value"]) for part in body["sections"] for one in part["options"]}
    return {}


def shadows(options: Mapping[str, str] | None, managed: Collection[Key], place: Place) -> Iterator[Finding]:
    """A row for each managed variable or connection that is hidden by another of its name."""
    if options is None:
        yield skipped(
            CHECK, "the environment's configuration cannot be read, so its secrets backend is unknown"
        )
        return
    try:
        places = lookups(options)
    except Unreadable as error:
        yield warning(CHECK, str(error), "whether it hides what is declared here has to be looked up there")
        return
    if not places:
        yield ok(CHECK, "no secrets backend is configured")
        return
    yield from _shadows(places, managed, place)


def _shadows(places: Iterable[Lookup], managed: Collection[Key], place: Place) -> Iterator[Finding]:
    asked = [(lookup, names) for lookup in places if (names := lookup.names(managed))]
    if not asked:
        yield ok(CHECK, "nothing that is managed is looked up in the secrets backend")
    for lookup, names in asked:
        try:
            found = _there(lookup, names, place)
        except amazon.failures() as error:
            yield _unknown(lookup, error)
            continue
        yield from (_shadowed(lookup, names[name], name) for name in sorted(found))
        if not found:
            yield ok(CHECK, f"none of {len(names)} managed {lookup.kind}s is in {_described(lookup)}")


def _described(lookup: Lookup) -> str:
    return f"{PLACES[lookup.service]} under '{lookup.prefix}'"


def _shadowed(lookup: Lookup, key: Key, name: str) -> Finding:
    return failed(
        CHECK,
        f"{key} is hidden: Airflow reads {name} in {PLACES[lookup.service]} first",
        "remove one of the two; as it is, an apply changes what nobody reads",
    )


def _unknown(lookup: Lookup, error: Exception) -> Finding:
    seen, _, advice = amazon.explained(error, f"{lookup.kind}s in {_described(lookup)}").partition("; ")
    return warning(CHECK, seen, advice or "what is hidden is not known until this can be asked")


def _there(lookup: Lookup, names: Collection[str], place: Place) -> set[str]:
    """Those of ``names`` that exist; raises ``amazon.failures()``. No value is read."""
    there = replace(
        place,
        region=lookup.region or place.region,
        role_arn=lookup.role_arn or place.role_arn,
        endpoint_url=None,
    )
    client = amazon.client(lookup.service, there, **amazon.READS)
    if lookup.service == "ssm":
        return names & _parameters(client, lookup).keys()
    try:
        return names & _secrets(client, lookup).keys()
    except amazon.failures() as error:
        if not _is_denied(error):
            raise
    return {name for name in names if _is_described(client, name)}


def _is_denied(error: Exception) -> bool:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - only where it is used

    return isinstance(error, ClientError) and amazon.refusal(error).denied


def _parameters(client: Any, lookup: Lookup) -> dict[str, None]:
    """Names in Parameter Store; a hundred calls would be needed where one lists fifty."""
    filters = [{"Key": "Name", "Option": "BeginsWith", "Values": [f"{lookup.prefix}/"]}]
    pages = client.get_paginator("describe_parameters").paginate(ParameterFilters=filters)
    return {one["Name"]: None for page in pages for one in page["Parameters"]}


def _secrets(client: Any, lookup: Lookup) -> dict[str, None]:
    """Names in Secrets Manager; those that are going to be deleted are not among them."""
    filters = [{"Key": "name", "Values": [lookup.prefix]}] if lookup.prefix else []
    pages = client.get_paginator("list_secrets").paginate(Filters=filters)
    return {one["Name"]: None for page in pages for one in page["SecretList"]}


def _is_described(client: Any, name: str) -> bool:
    """Whether there is a secret of that name, asked with a right that may be given for a prefix."""
    try:
        answer = client.describe_secret(SecretId=name)
    except amazon.failures() as error:
        from botocore.exceptions import ClientError  # noqa: PLC0415 - only where it is used

        if isinstance(error, ClientError) and amazon.refusal(error).code in MISSING:
            return False
        raise
    return not answer.get("DeletedDate")
