"""Amazon's side of an MWAA environment: who asks, what time it is there, and what the environment is."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler import amazon
from reconciler.diagnosis import Finding, failed, failure, ok, skipped, warning
from reconciler.doctor.means import Wire
from reconciler.errors import WrongAccount
from reconciler.targets import MwaaTarget

USABLE = frozenset({"AVAILABLE", "UPDATE_FAILED"})
"""Statuses of GetEnvironment in which the web server answers as usual (MWAA API reference, Environment)."""

PASSING = frozenset({"CREATING_SNAPSHOT", "MAINTENANCE", "PENDING", "ROLLING_BACK", "UPDATING"})

PRECISE, TOLERABLE, LONGEST = 2, 60, 300
"""Seconds. The time in an answer is whole seconds, and old by the answer's way here. AWS refuses signatures
that are more than five minutes off (AWS IAM user guide, "Signature Version 4")."""


@dataclass(frozen=True)
class Described:
    """What GetEnvironment shows of an environment."""

    version: str
    options: Mapping[str, str]


def identity(target: MwaaTarget, wire: Wire) -> Finding:
    """Who the credentials are, asked of STS, which takes no permission."""
    try:
        sts = amazon.client_in(amazon.session(amazon.place_of(target)), "sts", **amazon.READS)
        caller = sts.get_caller_identity()
    except amazon.failures() as error:
        wire.note_date(_headers(error))
        return _unknown(error, target)
    wire.note_date(caller["ResponseMetadata"]["HTTPHeaders"])
    return _known(caller, target)


def _known(caller: Mapping[str, Any], target: MwaaTarget) -> Finding:
    account, arn = caller.get("Account", "unknown"), caller.get("Arn", "somebody")
    if target.account not in {None, account}:
        error = WrongAccount(
            f"the credentials belong to account {account} ({arn}), {target} is in {target.account}; "
            "choose another profile or role_arn, or correct account="
        )
        return failure("identity", error)
    if target.account is None:
        return ok("identity", f"{arn}; no account= to hold it against", f"write account={account}")
    return ok("identity", f"{arn}, account {account} as the target says")


def _unknown(error: Exception, target: MwaaTarget) -> Finding:
    """Only a target with ``account=`` or ``role_arn=`` takes STS to answer, but all take credentials."""
    said = amazon.explained(error, "AWS STS")
    if target.account or target.role_arn or amazon.lacks_credentials(error):
        seen, _, advice = said.partition("; ")
        return failed(
            "identity", seen, advice or "see that boto3 finds credentials: aws sts get-caller-identity"
        )
    return warning("identity", said, "nothing depends on it until the target says account=")


def _headers(error: Exception) -> Mapping[str, str]:
    response = getattr(error, "response", {})
    headers: Mapping[str, str] = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return headers


def clock(wire: Wire) -> Finding:
    """By how much this machine's clock is off."""
    if wire.ahead is None:
        return skipped("clock", "no answer has told a time")
    off = round(-wire.ahead)
    seen = (
        f"within {PRECISE} s" if abs(off) <= PRECISE else f"{abs(off)} s {'ahead' if off > 0 else 'behind'}"
    )
    if abs(off) > LONGEST:
        return failed("clock", seen, f"set it: AWS refuses signatures that are more than {LONGEST} s off")
    if abs(off) > TOLERABLE:
        return warning(
            "clock", seen, f"set it: AWS refuses signatures from {LONGEST} s on; leases do not care"
        )
    return ok("clock", seen)


def environment(target: MwaaTarget) -> Generator[Finding, None, Described | None]:
    """What the service says of the environment, where it may be asked."""
    try:
        client = mwaa_client(target)
        found = client.get_environment(Name=target.name).get("Environment") or {}
    except amazon.failures() as error:
        yield _not_described(error, target)
        return None
    yield _status(found)
    return Described(found.get("AirflowVersion", ""), found.get("AirflowConfigurationOptions") or {})


def mwaa_client(target: MwaaTarget) -> Any:
    """A client that reads, whose host gets a prefix only on the real service."""
    session = amazon.session(amazon.place_of(target))
    elsewhere = {"inject_host_prefix": False}
    return amazon.client_in(session, "mwaa", target.endpoint_url, elsewhere=elsewhere, **amazon.READS)


def _not_described(error: Exception, target: MwaaTarget) -> Finding:
    said = amazon.explained(error, str(target))
    refusal: Callable[[Any], amazon.Refusal] = amazon.refusal
    if getattr(error, "response", None) is None:
        return failed("environment", said, "check the region in the target, and the network")
    if refusal(error).code == "ResourceNotFoundException":
        there = f"aws mwaa list-environments --region {target.region} names those there are"
        return failed("environment", f"AWS knows no environment {target}", f"correct region or name: {there}")
    seen, _, advice = said.partition("; ")
    more = "without it nothing is known of its status and its secrets backend"
    return warning("environment", seen, f"{advice}; {more}" if advice else more)


def _status(found: Mapping[str, Any]) -> Finding:
    status, access = found.get("Status", "unknown"), found.get("WebserverAccessMode", "unknown")
    seen = f"{status}, Airflow {found.get('AirflowVersion', 'unknown')}, web server {access}"
    if status in USABLE:
        private = "a private web server answers InvokeRestApi only inside its VPC"
        return ok("environment", seen, private if access == "PRIVATE_ONLY" else "")
    if status in PASSING:
        return warning("environment", seen, "wait until it is AVAILABLE: calls may fail meanwhile")
    return failed("environment", seen, "make it AVAILABLE first")
