"""What a function is told by its environment variables, and what an event may say instead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Self

from reconciler.errors import UsageError

COMMANDS = ("plan", "apply")


@dataclass(frozen=True)
class Settings:
    """How a function has been deployed."""

    command: str = "plan"
    """What becomes of a message: ``plan``, which never writes, or ``apply``."""
    manifests: str = "."
    """A folder, or ``s3://BUCKET/KEY.zip``; environments are named relative to it."""
    environments: tuple[str, ...] = ("environments/*",)
    notify: tuple[str, ...] = ()
    notify_state: str | None = None
    queue: str | None = None
    """The URL of the queue that takes a message for each environment."""
    plans: str | None = None
    """``s3://BUCKET/PREFIX/``, below which saved plans lie; without it none is taken."""
    service: str = "reconciler"
    """The dimension of metrics that tells deployments apart."""

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """The settings in ``RECONCILER_…`` variables; an empty one is none. Raises UsageError."""
        given = {name: value for name, value in variables.items() if value.strip()}
        command = given.get("RECONCILER_COMMAND", cls.command)
        if command not in COMMANDS:
            raise UsageError(f"RECONCILER_COMMAND is '{command}'; use {' or '.join(COMMANDS)}")
        plans = given.get("RECONCILER_PLANS")
        if plans is not None and not plans.endswith("/"):
            raise UsageError("RECONCILER_PLANS has to end in '/', such as s3://BUCKET/plans/")
        return cls(
            command,
            given.get("RECONCILER_MANIFESTS", cls.manifests),
            _inside(given.get("RECONCILER_ENVIRONMENTS", " ".join(cls.environments)).split()),
            tuple(given.get("RECONCILER_NOTIFY", "").split()),
            given.get("RECONCILER_NOTIFY_STATE"),
            given.get("RECONCILER_QUEUE"),
            plans,
            given.get("POWERTOOLS_SERVICE_NAME", cls.service),
        )


@dataclass(frozen=True)
class Wanted:
    """What an event asks for, on top of how the function has been deployed."""

    settings: Settings
    plan: str | None = None
    """The address of a saved plan, which goes into every message."""


def wanted(event: Any, settings: Settings, *fields: str) -> Wanted:
    """The settings with the ``fields`` of an event in their place; raises UsageError.

    What Amazon EventBridge sends when no input is set for a rule asks for nothing (EventBridge user guide,
    "Events": ``detail-type`` is in each).
    """
    if not isinstance(event, Mapping):
        raise UsageError("the event is no JSON object")
    asked = {} if "detail-type" in event else dict(event)
    unknown = sorted(asked.keys() - set(fields))
    if unknown:
        raise UsageError(f"the event has an unknown '{unknown[0]}'; it may have {', '.join(fields)}")
    given = replace(
        settings,
        environments=_inside(_texts(asked, "environments", settings.environments)),
        notify=_texts(asked, "notify", settings.notify),
        notify_state=text(asked, "notify_state") or settings.notify_state,
    )
    return Wanted(given, text(asked, "plan"))


def text(values: Mapping[str, Any], name: str) -> str | None:
    """One text out of a JSON object; raises UsageError where it is something else."""
    value = values.get(name)
    if value is not None and not (isinstance(value, str) and value):
        raise UsageError(f"'{name}' is no text")
    return value


def _texts(values: Mapping[str, Any], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = values.get(name, default)
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
        raise UsageError(f"'{name}' is no list of texts")
    return tuple(value)


def _inside(patterns: Sequence[str]) -> tuple[str, ...]:
    """Folders and globs below the manifests; raises UsageError for what may lead elsewhere."""
    for pattern in patterns:
        check_inside(pattern)
    if not patterns:
        raise UsageError("no environment is named")
    return tuple(patterns)


def check_inside(folder: str) -> None:
    """Raises UsageError where a folder may lie outside of the manifests."""
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts or not folder.isprintable():
        raise UsageError(f"{folder!r} is no folder below the manifests")
