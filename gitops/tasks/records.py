"""What a stage keeps of each deployment that was verified or failed: a GitHub Deployment of the commit.

There is one for each commit, application and stage, and its newest status counts. It has a commit status in its place
where the token may not write Deployments. A request is not sent again before what it may have done was looked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from gitops.tasks.github import GitHub, explained
from gitops.tasks.http_client import Answer, PromotionError, repeated
from gitops.tasks.text import at, line

LONGEST = 140
"""Characters that GitHub takes as the description of a status."""


class RefusedError(PromotionError):
    """GitHub will not take the record, now or later."""


@dataclass(frozen=True)
class Verdict:
    """What is recorded. `values` are the promoted ones; None, and `version` and `traceparent` empty: not known.

    With `auto_inactive` GitHub sets earlier deployments in the environment inactive, of every application there. With
    `keeps_success` it is not written where a success is recorded already.
    """

    application: str
    stage: str
    commit: str
    version: str
    traceparent: str
    verified_by: str
    values: Mapping[str, str] | None = None
    auto_inactive: bool = False
    state: Literal["success", "failure"] = "success"
    reason: str = ""
    keeps_success: bool = False

    def stands(self, states: list[Any]) -> bool:
        """Whether there is nothing to write, given the states that were written, newest first."""
        return states[:1] == [self.state] or (self.keeps_success and "success" in states)

    @property
    def description(self) -> str:
        """Why it failed, or, as far as there is room, what a commit status has no other place for."""
        if self.state == "failure":
            return line(self.reason) if len(line(self.reason)) <= LONGEST else f"{line(self.reason)[: LONGEST - 1]}…"
        said = {"version": self.version, "traceparent": self.traceparent, "verifiedBy": self.verified_by}
        text = ""
        for key, value in said.items():
            longer = f"{text} {key}={value}".strip()
            text = longer if value and len(longer) <= LONGEST else text
        return text

    @property
    def payload(self) -> dict[str, object]:
        """What the Deployment carries for readers."""
        said: dict[str, object] = {"application": self.application, "version": self.version}
        said |= {} if self.values is None else {"values": dict(self.values)}
        return said | {"traceparent": self.traceparent, "verifiedBy": self.verified_by}


@dataclass(frozen=True)
class Recorded:
    """Where the record is, empty where the token may write none; whether this run has written it, and what to say."""

    where: Literal["deployment", "status", ""]
    wrote: bool = False
    note: str = ""


def record(github: GitHub, verdict: Verdict) -> Recorded:
    """See to it that GitHub has the verdict. Raises PassingError when it could not be written in time."""
    try:
        return Recorded("deployment", repeated(github.budget, lambda attempt: as_deployment(github, verdict, attempt)))
    except RefusedError as error:
        refusal = str(error)
    try:
        wrote = repeated(github.budget, lambda attempt: as_commit_status(github, verdict, attempt))
    except RefusedError:
        return Recorded("", note=f"not recorded at GitHub: {refusal}")
    return Recorded("status", wrote, f"recorded as a commit status: {refusal}")


def as_deployment(github: GitHub, verdict: Verdict, attempt: int) -> bool:
    """Whether a Deployment or a status of it had to be written."""
    task = f"deploy:{verdict.application}"
    query = urlencode({"sha": verdict.commit, "environment": verdict.stage, "task": task})
    numbers = [at(one, "id") for one in accepted(github.read(f"deployments?{query}", attempt))]
    if numbers:
        told = accepted(github.read(f"deployments/{numbers[0]}/statuses?per_page=100", attempt))
        newest = sorted(told, key=lambda one: at(one, "id") or 0, reverse=True)
        # A later success in the environment has made this one inactive: it is a success all the same.
        states = [state for one in newest if (state := at(one, "state")) != "inactive"]
        if verdict.stands(states):
            return False
    else:
        body: dict[str, object] = {
            "ref": verdict.commit,
            "task": task,
            "environment": verdict.stage,
            "payload": verdict.payload,
        }
        # By default GitHub would merge the default branch into what was verified, and ask for checks of the commit.
        body |= {"auto_merge": False, "required_contexts": []}
        body |= {"description": line(f"{verdict.application} {verdict.version}")}
        numbers = [at(accepted(github.write("deployments", body, attempt, has_number)), "id")]
    status = {"state": verdict.state, "description": verdict.description, "auto_inactive": verdict.auto_inactive}
    accepted(github.write(f"deployments/{numbers[0]}/statuses", status, attempt, has_number))
    return True


def as_commit_status(github: GitHub, verdict: Verdict, attempt: int) -> bool:
    """Whether a commit status had to be written: GitHub takes a thousand for a commit and context, and no more."""
    context = f"delivery/{verdict.stage}/{verdict.application}"
    told = accepted(github.read(f"commits/{verdict.commit}/statuses?per_page=100", attempt))
    if verdict.stands([at(one, "state") for one in told if at(one, "context") == context]):
        return False
    status = {"state": verdict.state, "context": context, "description": verdict.description}
    accepted(github.write(f"statuses/{verdict.commit}", status, attempt, has_number))
    return True


def has_number(answer: Answer) -> bool:
    """Whether an answer is that of the API to something new."""
    return isinstance(at(answer.document, "id"), int)


def accepted(answer: Answer) -> Any:
    """The document of a success; RefusedError for anything else."""
    if answer.status < 300:
        return answer.document
    permission = "give the promotion token Deployments: write"
    raise RefusedError(explained(answer, permission if answer.status in (401, 403, 404) else "GitHub takes no record"))
