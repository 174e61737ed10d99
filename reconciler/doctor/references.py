"""The secrets that manifests refer to: whether each can be looked up, without showing any."""

from collections.abc import Iterator, Sequence

from reconciler.diagnosis import Finding, failed, ok, skipped
from reconciler.errors import SecretError
from reconciler.manifests import Environment
from reconciler.model import Secret, secrets_in
from reconciler.secrets import Secrets

VERSIONED = frozenset({"aws-sm", "ssm"})
"""The sources of this package that tell versions of a secret apart."""

SHOWN = 5


def references(environment: Environment) -> list[str]:
    """What the declared resources refer to, each once."""
    found = (secret.ref for one in environment.desired.values() for secret in secrets_in(one.fields))
    return list(dict.fromkeys(found))


def has_versions(reference: str) -> bool:
    """Whether a plan compares the secret by its version, and needs no right to read it."""
    return reference.partition(":")[0] in VERSIONED


def listed(names: Sequence[str]) -> str:
    """The first few of many names."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def secrets_found(environment: Environment, secrets: Secrets) -> Iterator[Finding]:
    """One row for each reference that leads nowhere, and one for all others."""
    asked = references(environment)
    if not asked:
        yield skipped("secrets", "the manifests refer to none")
        return
    wrong = [finding for ref in asked if (finding := _wrong(ref, secrets)) is not None]
    if len(wrong) < len(asked):
        yield ok("secrets", f"{len(asked) - len(wrong)} of {len(asked)} references lead to a secret")
    yield from wrong


def _wrong(reference: str, secrets: Secrets) -> Finding | None:
    try:
        missing = secrets.planned(Secret(reference)).missing
    except SecretError as error:
        seen, _, advice = str(error).partition("; ")
        return failed("secrets", seen, advice)
    if not missing:
        return None
    return failed(
        "secrets", f"{reference} is missing or empty", "create it: an apply that has to send it fails"
    )
