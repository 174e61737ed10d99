"""References to secrets, looked up. A source is an entry point of the group ``reconciler.secrets``."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, Protocol

from reconciler.amazon import Place
from reconciler.errors import SecretError
from reconciler.model import MASK, Key, Resource, Secret, State, holds_secrets, mapped_secrets

GROUP = "reconciler.secrets"
OWN = frozenset({"aws-sm", "env", "ssm"})
"""The sources that this package brings; to search all installed ones for more takes a while."""


class Source(Protocol):
    """Where secrets of one scheme come from.

    One that tells versions of its values apart has ``version(name)`` too, which needs no right to read
    them, and takes the version as a second argument of ``value``. One that depends on where the
    environment lives has a class method ``at(place)``.
    """

    def value(self, name: str) -> str | None:
        """The plaintext of a secret; ``None`` if the source has none of that name or it is empty."""


class Schemes(Collection[str]):
    """The schemes of references that can be looked up here."""

    def __contains__(self, scheme: object) -> bool:
        return scheme in OWN or scheme in _points()

    def __iter__(self) -> Iterator[str]:
        return iter(_points())

    def __len__(self) -> int:
        return len(_points())


class Secrets:
    """The secrets of one environment: each source made once, each reference asked once.

    Those of several environments share what they know, for the sake of those who keep it out of texts.
    """

    def __init__(self, place: Place = Place(), known: list[Secret] | None = None) -> None:  # noqa: B008 - frozen
        self._place = place
        self._sources: dict[str, Any] = {}
        self._planned: dict[str, Secret] = {}
        self._fetched: dict[str, Secret] = {}
        self._known = [] if known is None else known

    def at(self, place: Place) -> "Secrets":
        """The secrets of an environment that lives in ``place``."""
        return Secrets(place, self._known)

    def __call__(self, secret: Secret) -> Secret:
        """The same secret with its plaintext; unknown if its source has none. Raises SecretError."""
        if secret.known:
            return self._noted(secret)
        if secret.ref not in self._fetched:
            source, name = self._source(secret.ref)
            pinned = (secret.version,) if secret.version is not None else ()
            value = _checked(secret.ref, source.value(name, *pinned))
            self._fetched[secret.ref] = self._noted(Secret(secret.ref, value, secret.version))
        return self._fetched[secret.ref]

    def planned(self, secret: Secret) -> Secret:
        """The same secret with what a plan compares: its version, or its plaintext where there is none.

        Raises SecretError.
        """
        if secret.known:
            return self._noted(secret)
        if secret.ref not in self._planned:
            source, name = self._source(secret.ref)
            versioned = hasattr(source, "version")
            found = Secret(secret.ref, version=source.version(name)) if versioned else self(secret)
            self._planned[secret.ref] = found
        return self._planned[secret.ref]

    def resolved(self, desired: State) -> dict[Key, Resource]:
        """A declared state with every secret looked up as far as a plan needs it."""
        return _mapped(desired, self.planned)

    def fetched(self, desired: State) -> dict[Key, Resource]:
        """The same with every plaintext."""
        return _mapped(desired, self)

    def known(self) -> tuple[Secret, ...]:
        """All whose plaintext is known, for those who keep them out of texts."""
        return tuple(self._known)

    def _noted(self, secret: Secret) -> Secret:
        if secret.known and not any(secret is one for one in self._known):
            self._known.append(secret)
        return secret

    def _source(self, reference: str) -> tuple[Any, str]:
        scheme, _, name = reference.partition(":")
        if scheme not in self._sources:
            self._sources[scheme] = _source(scheme, self._place)
        return self._sources[scheme], name


def _mapped(desired: State, change: Any) -> dict[Key, Resource]:
    return {
        key: replace(resource, fields=mapped_secrets(resource.fields, change))
        if holds_secrets(resource.fields)
        else resource
        for key, resource in desired.items()
    }


def _points() -> dict[str, Any]:
    """The entry points of every source that is installed, the first of each name."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow, and rarely needed

    return {point.name: point for point in reversed(tuple(entry_points(group=GROUP)))}


def _source(scheme: str, place: Place) -> Any:
    points = _points()
    if scheme not in points:
        raise SecretError(f"'{scheme}' is no source of secrets")
    made = points[scheme].load()
    return made.at(place) if hasattr(made, "at") else made()


def _checked(reference: str, value: str | None) -> str | None:
    if value and MASK in value:
        raise SecretError(f"the secret {reference} holds '***', which is Airflow's mask and not a value")
    return value
