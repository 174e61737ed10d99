"""How an environment's own configuration lets Airflow look variables and connections up elsewhere first.

Names, defaults and rules are those of the Amazon provider's ``SecretsManagerBackend`` and
``SystemsManagerParameterStoreBackend``.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.model import Key

PACKAGE = "airflow.providers.amazon.aws.secrets."
MANAGER = f"{PACKAGE}secrets_manager.SecretsManagerBackend"
PARAMETERS = f"{PACKAGE}systems_manager.SystemsManagerParameterStoreBackend"
SERVICES = {MANAGER: "secretsmanager", PARAMETERS: "ssm"}
DEFAULTS = {
    "secretsmanager": {"variable": "airflow/variables", "connection": "airflow/connections"},
    "ssm": {"variable": "/airflow/variables", "connection": "/airflow/connections"},
}
OPTIONS = (
    ("secrets.backend", "secrets.backend_kwargs"),
    ("workers.secrets_backend", "workers.secrets_backend_kwargs"),
)
"""The backend of all parts of Airflow, and that of its workers alone (Airflow 3)."""


class Unreadable(ValueError):
    """A configuration of which nobody can tell what Airflow makes of it."""


@dataclass(frozen=True)
class Lookup:
    """One place in which Airflow looks before it looks into its own database."""

    service: str
    kind: str
    prefix: str
    separator: str
    pattern: str | None
    region: str | None = None
    role_arn: str | None = None

    def name_of(self, key: Key) -> str | None:
        """Under which name a resource is looked up there; ``None`` where it is not."""
        if key.kind != self.kind:
            return None
        if self.pattern is not None and not re.match(self.pattern, key.id, re.IGNORECASE):
            return None
        return f"{self.prefix}{self.separator}{key.id}" if self.prefix else key.id

    def names(self, keys: Iterable[Key]) -> dict[str, Key]:
        """The resources that are looked up there, by their names there."""
        return {name: key for key in keys if (name := self.name_of(key)) is not None}


def lookups(options: Mapping[str, str]) -> tuple[Lookup, ...]:
    """Where Airflow looks first, out of its options; raises Unreadable."""
    found = dict[Lookup, None]()
    for backend, arguments in OPTIONS:
        if options.get(backend):
            found.update(dict.fromkeys(_of_backend(options[backend], options.get(arguments, ""))))
    return tuple(found)


def _of_backend(name: str, arguments: str) -> list[Lookup]:
    service = SERVICES.get(name)
    if service is None:
        raise Unreadable(f"the secrets backend {name} is not one that can be looked into")
    given = _arguments(arguments)
    return [one for kind in ("variable", "connection") if (one := _lookup(service, kind, given)) is not None]


def _arguments(text: str) -> Mapping[str, object]:
    try:
        given = json.loads(text or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Unreadable("the arguments of the secrets backend are hidden or no JSON object")
    return given


def _lookup(service: str, kind: str, given: Mapping[str, object]) -> Lookup | None:
    """``None`` where the prefix is null: then the kind is not looked up there."""
    prefix = given.get(f"{kind}s_prefix", DEFAULTS[service][kind])
    if prefix is None:
        return None
    pattern = given.get(f"{kind}s_lookup_pattern")
    return Lookup(
        service,
        kind,
        str(prefix).rstrip("/") if service == "ssm" else str(prefix),
        "/" if service == "ssm" else str(given.get("sep", "/")),
        None if pattern is None else _checked(str(pattern)),
        _text(given.get("region_name")),
        _text(given.get("role_arn")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _checked(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error:
        raise Unreadable("a lookup pattern of the secrets backend is no regular expression") from None
    return pattern
