"""References to secrets, looked up. A source is an entry point of the group ``reconciler.secrets``."""

from dataclasses import replace
from importlib.metadata import entry_points
from typing import Protocol

from reconciler.errors import SecretError
from reconciler.model import MASK, Key, Resource, Secret, State, mapped_secrets

GROUP = "reconciler.secrets"


class Source(Protocol):
    """Where secrets of one scheme come from."""

    def value(self, name: str) -> str | None:
        """The plaintext of a secret; ``None`` if the source has none of that name or it is empty."""


def schemes() -> frozenset[str]:
    """The schemes of references that can be looked up here."""
    return frozenset(point.name for point in entry_points(group=GROUP))


class Secrets:
    """Every secret of a run: each source made once, each reference asked once."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        self._known: dict[str, Secret] = {}

    def __call__(self, secret: Secret) -> Secret:
        """The same secret, looked up; unknown if its source has none. Raises SecretError."""
        if secret.known:
            self._known[secret.ref] = secret
        if secret.ref not in self._known:
            scheme, _, name = secret.ref.partition(":")
            if scheme not in self._sources:
                self._sources[scheme] = _source(scheme)
            value = _checked(secret.ref, self._sources[scheme].value(name))
            self._known[secret.ref] = Secret(secret.ref, value)
        return self._known[secret.ref]

    def resolved(self, desired: State) -> dict[Key, Resource]:
        """A declared state with every secret looked up."""
        return {
            key: replace(resource, fields=mapped_secrets(resource.fields, self))
            for key, resource in desired.items()
        }

    def known(self) -> tuple[Secret, ...]:
        """All that have been looked up, for those who keep them out of texts."""
        return tuple(self._known.values())


def _source(scheme: str) -> Source:
    points = [point for point in entry_points(group=GROUP) if point.name == scheme]
    if not points:
        raise SecretError(f"'{scheme}' is no source of secrets")
    source: Source = points[0].load()()
    return source


def _checked(reference: str, value: str | None) -> str | None:
    if value and MASK in value:
        raise SecretError(f"the secret {reference} holds '***', which is Airflow's mask and not a value")
    return value
