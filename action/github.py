"""GitHub: comments, issues, and plans saved as artifacts."""

import io
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from action.api import Api
from action.forge import NoPlan, Post
from action.settings import WrongUse

INSIDERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
SHOWN = frozenset({"pull_request", "workflow_dispatch"})
"""Events whose plan somebody looks at before it is applied; the others permit nothing."""

SAVED = "plan.json"
WAY_OUT = "start the workflow that plans by hand on this branch, read its plan, then run this job again"
RIGHTS: Mapping[str, str] = {
    "plan": "the plan is in the summary of this run; a fork's run may never write, another one needs "
    "'permissions: {pull-requests: write}'",
    "apply": "the job needs 'permissions: {actions: read, contents: read, pull-requests: read}'",
    "drift": "the job needs 'permissions: {issues: write}'",
}
"""The permissions of a job's token, by command."""


@dataclass(frozen=True)
class GitHub:
    """A job of GitHub Actions."""

    api: Api
    repository: str
    event: str
    payload: Mapping[str, Any]
    sha: str
    branch: str
    run: str
    summary: Path
    output: Path

    log_format: ClassVar[str] = "github"
    way_out: ClassVar[str] = WAY_OUT
    rights: ClassVar[Mapping[str, str]] = RIGHTS

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """The job that GitHub's variables tell of."""
        token = variables.get("RECONCILER_TOKEN", "")
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        repository = variables["GITHUB_REPOSITORY"]
        return cls(
            api=Api(variables["GITHUB_API_URL"], {**headers, **authorization}),
            repository=repository,
            event=variables["GITHUB_EVENT_NAME"],
            payload=json.loads(Path(variables["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8")),
            sha=variables["GITHUB_SHA"],
            branch=variables["GITHUB_REF_NAME"],
            run=f"{variables['GITHUB_SERVER_URL']}/{repository}/actions/runs/{variables['GITHUB_RUN_ID']}",
            summary=Path(variables["GITHUB_STEP_SUMMARY"]),
            output=Path(variables["GITHUB_OUTPUT"]),
        )

    @property
    def has_request(self) -> bool:
        """Whether the event is one of a pull request."""
        return self.event == "pull_request"

    @property
    def commit(self) -> str:
        """The commit that a plan is saved under; GITHUB_SHA of a pull request is a merge made for the run."""
        return str(self.payload["pull_request"]["head"]["sha"]) if self.has_request else self.sha

    def check(self) -> None:
        """Raises WrongUse for the event that lends a stranger's files this repository's credentials."""
        if self.event == "pull_request_target":
            raise WrongUse(
                "pull_request_target gives files of forks this repository's rights; use pull_request"
            )

    def comments(self) -> Iterator[Post]:
        """Those of bots and of the repository's own people: others could change theirs after a review."""
        return self._own(f"/issues/{self._number}/comments")

    def write_comment(self, text: str, old: Post | None) -> None:
        """A new comment, or another text for ``old``."""
        if old is None:
            self.api.send("POST", self._at(f"/issues/{self._number}/comments"), body=text)
        else:
            self.api.send("PATCH", self._at(f"/issues/comments/{old.id}"), body=text)

    def issues(self) -> Iterator[Post]:
        """The open issues of the same authors."""
        return self._own("/issues", state="open")

    def write_issue(self, title: str, text: str, old: Post | None) -> None:
        """A new issue, or another text for ``old``."""
        if old is None:
            self.api.send("POST", self._at("/issues"), title=title, body=text)
        else:
            self.api.send("PATCH", self._at(f"/issues/{old.id}"), title=title, body=text)

    def close_issue(self, old: Post, text: str) -> None:
        """A comment, then the end."""
        self.api.send("POST", self._at(f"/issues/{old.id}/comments"), body=text)
        self.api.send("PATCH", self._at(f"/issues/{old.id}"), state="closed", state_reason="completed")

    def saved_plan(self, name: str) -> bytes:
        """The plan made by hand of this very commit, else the one of the pull request that became it."""
        found = self._artifact(name, self.sha)
        if found is None:
            request = self._merged()
            found = self._artifact(name, request["head"]["sha"])
        if found is None:
            raise NoPlan(
                f"pull request #{request['number']} has no artifact {name}-{request['head']['sha']}: "
                "its plan was not made, was given another name, or has expired"
            )
        return _unpacked(self.api.content(self._at(f"/actions/artifacts/{found['id']}/zip")))

    def summarise(self, text: str) -> None:
        """Adds to the summary of the run."""
        with self.summary.open("a", encoding="utf-8") as stream:
            stream.write(f"{text}\n")

    def warn(self, text: str) -> None:
        """An annotation."""
        escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        sys.stdout.write(f"::warning::{escaped}\n")

    def outputs(self, values: Mapping[str, str]) -> None:
        """The outputs of the step."""
        with self.output.open("a", encoding="utf-8") as stream:
            stream.writelines(f"{name}={value}\n" for name, value in values.items())

    def artifact(self, name: str) -> str:
        """The name of the artifact, which has the commit in it."""
        return f"{name}-{self.commit}" if self.event in SHOWN else ""

    @property
    def _number(self) -> int:
        return int(self.payload["pull_request"]["number"])

    def _at(self, path: str) -> str:
        return f"/repos/{self.repository}{path}"

    def _own(self, path: str, **query: str) -> Iterator[Post]:
        for entry in self.api.pages(self._at(path), **query):
            if "pull_request" not in entry and _is_insider(entry):
                yield Post(entry["number"] if path == "/issues" else entry["id"], entry["body"] or "")

    def _merged(self) -> Any:
        """The pull request that was merged as this commit; raises NoPlan."""
        requests = self.api.get(self._at(f"/commits/{self.sha}/pulls"))
        merged = [one for one in requests if self._became_this(one)]
        if not merged:
            raise NoPlan(
                f"no pull request was merged as {self.sha[:12]}: it was pushed, or others came after it"
            )
        return merged[0]

    def _became_this(self, request: Mapping[str, Any]) -> bool:
        merged = request["merged_at"] is not None and request["merge_commit_sha"] == self.sha
        return merged and request["base"]["ref"] == self.branch

    def _artifact(self, name: str, sha: str) -> Any:
        """The newest that this repository itself has made of a commit: a fork's run can choose any name."""
        found = self.api.get(self._at("/actions/artifacts"), name=f"{name}-{sha}", per_page=100)["artifacts"]
        sound = [one for one in found if not one["expired"] and _is_own(one["workflow_run"], sha)]
        return max(sound, key=lambda one: one["id"], default=None)


def _unpacked(archive: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            return opened.read(SAVED)
    except (zipfile.BadZipFile, KeyError):
        raise NoPlan(f"the artifact has no {SAVED}: something else was saved under this name") from None


def _is_insider(entry: Mapping[str, Any]) -> bool:
    """Whether a bot or somebody of the repository is the author."""
    user = entry["user"] or {}
    return user.get("type") == "Bot" or entry.get("author_association") in INSIDERS


def _is_own(run: Mapping[str, Any] | None, sha: str) -> bool:
    """Whether a run of this repository itself made it, of that commit; GitHub may leave any of it out."""
    told = run or {}
    home = told.get("repository_id")
    return home is not None and told.get("head_repository_id") == home and told.get("head_sha") == sha
