"""GitLab: notes, issues, and plans saved as artifacts of jobs."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self
from urllib.parse import quote

from action.api import Api, ApiError
from action.forge import NoPlan, Post

SAVED = "reconciler-results/plan.json"
"""Where the template's jobs leave the plan, in their artifacts."""

RIGHT = "RECONCILER_TOKEN has to be a project access token with the scope api, and this job has to get it"
WAY_OUT = "start a pipeline by hand on this branch, read its plan, then run its apply job"


@dataclass(frozen=True)
class GitLab:
    """A job of GitLab CI."""

    api: Api
    project: str
    request: str
    """The number of the merge request, or nothing."""
    commit: str
    branch: str
    run: str

    log_format: ClassVar[str] = "text"
    way_out: ClassVar[str] = WAY_OUT
    rights: ClassVar[Mapping[str, str]] = dict.fromkeys(("plan", "apply", "drift"), RIGHT)

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """The job that GitLab's variables tell of."""
        token = variables.get("RECONCILER_TOKEN", "")
        return cls(
            api=Api(variables["CI_API_V4_URL"], {"PRIVATE-TOKEN": token} if token else {}),
            project=variables["CI_PROJECT_ID"],
            request=variables.get("CI_MERGE_REQUEST_IID", ""),
            commit=variables.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or variables["CI_COMMIT_SHA"],
            branch=variables["CI_COMMIT_REF_NAME"],
            run=variables["CI_JOB_URL"],
        )

    @property
    def has_request(self) -> bool:
        """Whether the pipeline is one of a merge request."""
        return bool(self.request)

    def check(self) -> None:
        """Nothing: a fork's pipeline runs in the fork, without this project's variables."""

    def comments(self) -> Iterator[Post]:
        """The token's own notes."""
        for note in self.api.pages(self._at(f"/merge_requests/{self.request}/notes")):
            if note["author"]["id"] == self._me:
                yield Post(note["id"], note["body"])

    def write_comment(self, text: str, old: Post | None) -> None:
        """A new note, or another text for ``old``."""
        notes = self._at(f"/merge_requests/{self.request}/notes")
        if old is None:
            self.api.send("POST", notes, body=text)
        else:
            self.api.send("PUT", f"{notes}/{old.id}", body=text)

    def issues(self) -> Iterator[Post]:
        """The open issues that the token has opened."""
        query: dict[str, str | int] = {"state": "opened", "scope": "all", "author_id": self._me}
        for issue in self.api.pages(self._at("/issues"), **query):
            yield Post(issue["iid"], issue["description"] or "")

    def write_issue(self, title: str, text: str, old: Post | None) -> None:
        """A new issue, or another text for ``old``."""
        if old is None:
            self.api.send("POST", self._at("/issues"), title=title, description=text)
        else:
            self.api.send("PUT", self._at(f"/issues/{old.id}"), title=title, description=text)

    def close_issue(self, old: Post, text: str) -> None:
        """A note, then the end."""
        self.api.send("POST", self._at(f"/issues/{old.id}/notes"), body=text)
        self.api.send("PUT", self._at(f"/issues/{old.id}"), state_event="close")

    def saved_plan(self, name: str) -> bytes:
        """The plan made by hand of this very commit, else the one of the merge request that became it."""
        by_hand = self.api.get(self._at("/pipelines"), sha=self.commit, source="web", order_by="id")
        for pipeline in by_hand:
            found = self._plan_in(pipeline, name)
            if found is not None:
                return found
        request = self._merged()
        found = self._plan_of(request, name)
        if found is None:
            raise NoPlan(
                f"merge request !{request['iid']} has no plan of its last commit in a job '{name}': "
                "it was not made, was made in a fork, or has expired"
            )
        return found

    def summarise(self, text: str) -> None:
        """Nothing: the log has the plan, and GitLab no other place beside a job."""

    def warn(self, text: str) -> None:
        """A line of the log."""
        sys.stdout.flush()
        sys.stderr.write(f"warning: {text}\n")

    def outputs(self, values: Mapping[str, str]) -> None:
        """Nothing: jobs hand on files."""

    def artifact(self, name: str) -> str:
        """The job that saves the plan, as its rules say."""
        return name

    @cached_property
    def _me(self) -> int:
        return int(self.api.get("/user")["id"])

    def _at(self, path: str) -> str:
        return f"/projects/{self.project}{path}"

    def _merged(self) -> Any:
        """The merge request that was merged as this commit; raises NoPlan."""
        requests = self.api.get(self._at(f"/repository/commits/{self.commit}/merge_requests"))
        merged = [one for one in requests if self._became_this(one)]
        if not merged:
            raise NoPlan(f"{self.commit[:12]} is no merge of a merge request into {self.branch}")
        return merged[0]

    def _became_this(self, request: Mapping[str, Any]) -> bool:
        """Whether it was merged as this commit: by a merge, a squash, or as it was."""
        commits = {request.get("merge_commit_sha"), request.get("squash_commit_sha"), request["sha"]}
        merged = request["state"] == "merged" and request["target_branch"] == self.branch
        return merged and self.commit in commits

    def _plan_of(self, request: Mapping[str, Any], name: str) -> bytes | None:
        """Of the newest pipeline alone: an older one planned what has been changed since."""
        pipelines = self.api.get(self._at(f"/merge_requests/{request['iid']}/pipelines"))
        own = [one for one in pipelines if one["source"] == "merge_request_event"]
        newest = max(own, key=lambda one: one["id"], default=None)
        return self._plan_in(newest, name) if newest and self._is_of(newest, request) else None

    def _is_of(self, pipeline: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
        """Whether it ran here and on the last commit; a merge that is tried out has a commit of its own."""
        tried_out = str(pipeline["ref"]).endswith("/merge")
        here = str(pipeline["project_id"]) == self.project
        return here and (tried_out or pipeline["sha"] == request["sha"])

    def _plan_in(self, pipeline: Mapping[str, Any], name: str) -> bytes | None:
        jobs = self.api.pages(self._at(f"/pipelines/{pipeline['id']}/jobs"))
        job = next((one["id"] for one in jobs if one["name"] == name), None)
        try:
            return (
                None if job is None else self.api.content(self._at(f"/jobs/{job}/artifacts/{quote(SAVED)}"))
            )
        except ApiError as error:
            if error.denied:
                return None
            raise
