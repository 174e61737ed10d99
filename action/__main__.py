"""A job of a CI: ``python -m action``, told by variables what to do (`docs/ci.md`)."""

import os
import sys

from action.commands import Failed, run
from action.forge import Forge
from action.github import GitHub
from action.gitlab import GitLab
from action.settings import WrongUse, settings_of


def forge() -> Forge:
    """The forge whose job this is."""
    if "GITLAB_CI" in os.environ:
        return GitLab.of(os.environ)
    if "GITHUB_ACTIONS" in os.environ:
        return GitHub.of(os.environ)
    raise WrongUse("this is neither a job of GitHub Actions nor one of GitLab CI: run reconciler itself")


def main() -> int:
    """The exit code: that of the program, or 1."""
    try:
        return run(settings_of(os.environ), forge())
    except (WrongUse, Failed) as error:
        sys.stdout.flush()
        sys.stderr.write(f"error: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
