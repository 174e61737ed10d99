"""What a job does: one function for each command."""

from collections.abc import Callable, Mapping

from action.api import ApiError
from action.forge import Forge, NoPlan
from action.posts import close_issue, footer, keep_comment, keep_issue
from action.program import Done, reconcile
from action.settings import Settings

REFUSED = 3
DRIFTED = 2


class Failed(Exception):
    """What the job is for took a call that failed."""


def run(settings: Settings, forge: Forge) -> int:
    """The job's exit code; raises WrongUse and Failed."""
    forge.check()
    try:
        return COMMANDS[settings.command](settings, forge)
    except ApiError as error:
        raise Failed(explained(error, forge.rights.get(settings.command, ""))) from None


def explained(error: ApiError, rights: str) -> str:
    """What went wrong, and what it takes where rights are missing."""
    return f"{error}; {rights}" if error.denied else str(error)


def _validate(settings: Settings, forge: Forge) -> int:
    return _told(settings, forge, reconcile(settings, forge.log_format, "validate", *settings.arguments))


def _plan(settings: Settings, forge: Forge) -> int:
    done = reconcile(settings, forge.log_format, "plan", *settings.arguments)
    if settings.comment and forge.has_request and done.markdown:
        _comment(forge, f"{done.markdown}\n{footer(forge)}")
    artifact = forge.artifact(settings.artifact) if done.document else ""
    return _told(settings, forge, done, artifact=artifact)


def _comment(forge: Forge, text: str) -> None:
    """The plan is made and shown: that nobody may write beside it is no reason to fail."""
    try:
        keep_comment(forge, text)
    except ApiError as error:
        forge.warn(f"no comment was written: {explained(error, forge.rights['plan'])}")


def _apply(settings: Settings, forge: Forge) -> int:
    try:
        saved = forge.saved_plan(settings.artifact)
    except NoPlan as error:
        return _without_plan(settings, forge, str(error))
    file = settings.file("saved-plan.json")
    settings.results.mkdir(parents=True, exist_ok=True)
    file.write_bytes(saved)
    arguments = ("--plan", str(file), *settings.arguments)
    code = _told(settings, forge, reconcile(settings, forge.log_format, "apply", *arguments))
    if code == REFUSED:
        forge.summarise(f"> **Refused.** If what has changed since is right, {forge.way_out}.\n")
    return code


def _without_plan(settings: Settings, forge: Forge, why: str) -> int:
    """Nobody was shown what would be done: fine where that is nothing, else refused unless asked for."""
    if settings.without_plan == "apply":
        forge.warn(f"applied without a saved plan: {why}")
        done = reconcile(settings, forge.log_format, "apply", "--yes", *settings.arguments)
        return _told(settings, forge, done)
    done = reconcile(settings, forge.log_format, "plan")
    code = _told(settings, forge, done)
    if code or not done.changed:
        return code
    forge.warn(f"nothing was applied, since nobody was shown this plan: {why}; to go on, {forge.way_out}")
    forge.summarise(f"> **Nothing was applied**: {why}. To go on, {forge.way_out}.\n")
    return REFUSED


def _drift(settings: Settings, forge: Forge) -> int:
    """Drift itself is told by the issue, so that the job fails only where something is wrong with it."""
    done = reconcile(settings, forge.log_format, "drift", *settings.arguments)
    code = _told(settings, forge, done, drifted=str(bool(done.changed)).lower())
    if done.changed:
        keep_issue(forge, done)
    elif not done.failed:
        close_issue(forge, done)
    return 0 if code == DRIFTED else code


COMMANDS: Mapping[str, Callable[[Settings, Forge], int]] = {
    "validate": _validate,
    "plan": _plan,
    "apply": _apply,
    "drift": _drift,
}


def _told(settings: Settings, forge: Forge, done: Done, **more: str) -> int:
    forge.summarise(done.markdown)
    violations = sum(len(one.get("violations", ())) for one in done.environments)
    forge.outputs(
        {
            "exit-code": str(done.code),
            "changed": str(bool(done.changed)).lower(),
            "violations": str(violations),
            "results": str(settings.results),
            **more,
        }
    )
    return done.code
