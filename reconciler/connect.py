"""From a target to the backend that reaches it; only the backend that is used is imported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from reconciler.backends import Backend, Witness
from reconciler.errors import SecretError
from reconciler.model import Secret
from reconciler.rate import RateLimit
from reconciler.retry import Patience
from reconciler.session import Session, Watcher
from reconciler.targets import HttpTarget, MwaaTarget, SandboxTarget, Target

MWAA_RATE = 10.0
"""Requests a second that MWAA grants an environment (MWAA user guide, "Using the Airflow REST API")."""


def connect(target: Target, resolve: Callable[[Secret], Secret], witness: Witness | None = None) -> Backend:
    """A backend for ``target``; raises WrongAccount, AccessDenied or SecretError, Airflow being unasked.

    ``witness`` is shown what comes over the wire; a sandbox has none.
    """
    match target:
        case MwaaTarget():
            from reconciler.backends.mwaa import MwaaBackend  # noqa: PLC0415 - boto3 takes 0.1 s to import

            return MwaaBackend(target, witness)
        case HttpTarget():
            from reconciler.backends.http import HttpBackend  # noqa: PLC0415 - only where it is used

            return HttpBackend(_signed_in(target, resolve), witness)
        case SandboxTarget():
            from reconciler.sandbox.emulator import Emulator  # noqa: PLC0415 - only where it is used

            version = Emulator.newest(target.airflow)
            return Emulator(Path(target.folder) / target.file, version, enforce_path_limit=True)


def environment_names(target: MwaaTarget) -> list[str]:
    """The names of all environments where ``target`` is, its own aside; raises as ``connect``."""
    from reconciler.backends.mwaa import names_at  # noqa: PLC0415 - boto3 takes 0.1 s to import

    return names_at(target)


def session_with(
    backend: Backend, target: Target, rate: float | None, watcher: Watcher, patience: Patience
) -> Session:
    """A session that keeps to a rate in requests a second, where none is given to that of the target."""
    return Session(backend, RateLimit(rate or default_rate(target)), watcher, patience)


def default_rate(target: Target) -> float | None:
    """Requests a second where ``rate_limit`` says nothing; ``None`` for no limit."""
    return MWAA_RATE if isinstance(target, MwaaTarget) else None


def _signed_in(target: HttpTarget, resolve: Callable[[Secret], Secret]) -> HttpTarget:
    return HttpTarget(
        target.url,
        target.airflow,
        username=_credential(target.username, resolve),
        password=_credential(target.password, resolve),
        token=_credential(target.token, resolve),
    )


def _credential(value: Any, resolve: Callable[[Secret], Secret]) -> Any:
    if not isinstance(value, Secret):
        return value
    secret = resolve(value)
    if not secret.known:
        raise SecretError(f"the secret {secret.ref} is missing, and signing in takes it")
    return secret
