"""What a job asks for, read from its variables."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

COMMANDS = ("validate", "plan", "apply", "drift")
WITHOUT_PLAN = ("refuse", "apply")
TOKENS = frozenset(
    """
    ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_RUNTIME_TOKEN AWS_ID_TOKEN CI_JOB_JWT CI_JOB_TOKEN GITHUB_TOKEN
    RECONCILER_TOKEN
    """.split()
)
HIDDEN = TOKENS | {"PYTHONPATH"}
"""Variables that the program does not get: manifests may refer to any that it has."""


class WrongUse(Exception):
    """A job that cannot be meant so."""


@dataclass(frozen=True)
class Settings:
    """One job."""

    command: str
    environments: tuple[str, ...]
    arguments: tuple[str, ...]
    """More options of the command."""
    comment: bool
    without_plan: str
    """What ``apply`` does where no saved plan is found: ``refuse`` or ``apply``."""
    artifact: str
    """What the saved plan is called: an artifact's first part on GitHub, a job on GitLab."""
    results: Path
    """The folder for what the program writes."""

    def file(self, name: str) -> Path:
        """One of its files."""
        return self.results / name


def settings_of(variables: Mapping[str, str]) -> Settings:
    """The job that these variables describe; raises WrongUse."""
    environments = _words(variables, "ENVIRONMENTS")
    if not environments:
        raise WrongUse("no environments are given: name folders, or a glob such as 'environments/*'")
    return Settings(
        command=_one_of(variables, "COMMAND", COMMANDS),
        environments=environments,
        arguments=_words(variables, "ARGS"),
        comment=_one_of(variables, "COMMENT", ("true", "false")) == "true",
        without_plan=_one_of(variables, "WITHOUT_PLAN", WITHOUT_PLAN),
        artifact=variables.get("RECONCILER_PLAN_ARTIFACT") or "reconciler-plan",
        results=Path(variables.get("RECONCILER_RESULTS") or "reconciler-results"),
    )


def _words(variables: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Words as a shell tells them apart; nothing in them is expanded or run."""
    try:
        return tuple(shlex.split(variables.get(f"RECONCILER_{name}", "")))
    except ValueError as error:
        raise WrongUse(f"{name.lower()} cannot be read: {error}") from None


def _one_of(variables: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = variables.get(f"RECONCILER_{name}") or choices[0]
    if value not in choices:
        raise WrongUse(f"{name.lower().replace('_', '-')} is one of {', '.join(choices)}, not '{value}'")
    return value
