"""What a job needs of the place where the code lives, whichever that is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol


class NoPlan(Exception):
    """There is no saved plan for what was merged; says why."""


@dataclass(frozen=True)
class Post:
    """A comment or an issue that is there already."""

    id: int
    body: str

    def begins(self, first_line: str) -> bool:
        """Whether this is the one with that marker."""
        return self.body.splitlines()[:1] == [first_line]

    def says(self, text: str) -> bool:
        """Whether it is the same text; forges change the ends of lines."""
        return self.body.splitlines() == text.splitlines()


class Forge(Protocol):
    """GitHub or GitLab. What talks to its API raises ApiError."""

    @property
    def log_format(self) -> str:
        """The format that the job's log is best in."""

    @property
    def way_out(self) -> str:
        """How somebody is shown a plan of what is merged already."""

    @property
    def rights(self) -> Mapping[str, str]:
        """What a command's calls take to be allowed."""

    @property
    def run(self) -> str:
        """The URL of this job."""

    @property
    def commit(self) -> str:
        """What is planned or applied; of a pull request its newest commit, no merge that is tried out."""

    @property
    def has_request(self) -> bool:
        """Whether this job belongs to a pull request."""

    def check(self) -> None:
        """Raises WrongUse where running at all would be a mistake."""

    def comments(self) -> Iterator[Post]:
        """Those of the pull request that no stranger can have written."""

    def write_comment(self, text: str, old: Post | None) -> None:
        """A new comment on the pull request, or another text for ``old``."""

    def issues(self) -> Iterator[Post]:
        """The open ones that no stranger can have written."""

    def write_issue(self, title: str, text: str, old: Post | None) -> None:
        """A new issue, or another text for ``old``."""

    def close_issue(self, old: Post, text: str) -> None:
        """Says ``text`` and closes it."""

    def saved_plan(self, name: str) -> bytes:
        """The plan that was shown before this commit was merged; raises NoPlan."""

    def summarise(self, text: str) -> None:
        """Shows Markdown beside the job, where there is a place for it."""

    def warn(self, text: str) -> None:
        """One sentence that should be seen."""

    def outputs(self, values: Mapping[str, str]) -> None:
        """What later steps may ask for."""

    def artifact(self, name: str) -> str:
        """What to save this job's plan as; empty where nobody was shown it, so that it permits nothing."""
