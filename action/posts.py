"""One comment and one issue, written once and then kept up to date."""

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256

from action.forge import Forge, Post
from action.program import Done

DIGEST = "<!-- drift "
LONGEST_NAMES = 200
"""Characters of a title; GitHub and GitLab take 255."""


def keep_comment(forge: Forge, text: str) -> None:
    """Writes the comment, or replaces the one with the same first line."""
    old = _found(forge.comments(), text)
    if old is None or not old.says(text):
        forge.write_comment(text, old)


def keep_issue(forge: Forge, drift: Done) -> None:
    """Opens the issue about these environments; one that tells this very drift is left as it is."""
    text = with_digest(drift)
    old = _found(forge.issues(), text)
    if old is None or old.body.splitlines()[1:2] != text.splitlines()[1:2]:
        forge.write_issue(_title(drift.changed), f"{text}\n{footer(forge)}", old)


def close_issue(forge: Forge, drift: Done) -> None:
    """Closes the issue about these environments, if there is one."""
    old = _found(forge.issues(), drift.markdown)
    if old is not None:
        forge.close_issue(old, f"Nothing has drifted any more.\n\n{footer(forge)}")


def with_digest(drift: Done) -> str:
    """What has drifted, with a second line that only another drift changes: not a count of calls, say."""
    told = [[one["name"], one.get("error"), one.get("changes")] for one in drift.environments]
    digest = sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    marker, _, rest = drift.markdown.partition("\n")
    return f"{marker}\n{DIGEST}{digest[:16]} -->\n{rest}"


def footer(forge: Forge) -> str:
    """Which run and commit a text is of."""
    return f"<sub>Commit {forge.commit[:12]}, [this run]({forge.run}).</sub>\n"


def _title(names: Sequence[str]) -> str:
    told = ", ".join(names)
    return f"Airflow drift: {told if len(told) <= LONGEST_NAMES else f'{len(names)} environments'}"


def _found(posts: Iterator[Post], text: str) -> Post | None:
    marker = text.partition("\n")[0]
    return next((post for post in posts if post.begins(marker)), None)
