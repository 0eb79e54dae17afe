"""What stages have recorded of their deployments, as GitHub keeps it: read by one query, for all stages at once.

A record is a Deployment of the verified commit whose environment is the stage, or a commit status where the stage's
token may not write Deployments. Both are written by the stage's promotion task (`gitops/tasks`). Whoever may write
Deployments can make one, with anything in it, so that everything is checked here, and the text of what counts is on
one line. What follows from a record is decided elsewhere.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from delivery.github.client import GitHub
from delivery.github.shapes import commit_name, items, text
from delivery.model.identifiers import is_commit, is_dns_label, is_traceparent, is_version
from delivery.model.settings import VERIFICATIONS
from delivery.text import one_line, without_secrets

TASK = "deploy:"
"""What the task of a record's Deployment begins with; the application's name follows."""
CONTEXT = "delivery/"
"""What the context of a record's commit status begins with; stage and application follow."""
PAGES = 10
_DAY = timedelta(days=1)
State = Literal["success", "failure"]
_STATES: Mapping[str, State] = {"SUCCESS": "success", "FAILURE": "failure", "ERROR": "failure"}

_DEPLOYMENTS = """{
      pageInfo { hasNextPage endCursor }
      nodes {
        databaseId commitOid environment task payload description createdAt
        creator { login }
        statuses(first: 10) { nodes { state description createdAt creator { login } } }
      }
    }"""
_STATUS = "status { contexts { context state description createdAt creator { login } } }"
_NEWEST = "orderBy: {field: CREATED_AT, direction: DESC}"
_REFS = f"""{{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{
        name
        target {{ ... on Commit {{ oid message committedDate }} }}
        associatedPullRequests(first: 10, {_NEWEST}) {{ nodes {{ number headRefOid }} }}
      }}
    }}"""


@dataclass(frozen=True)
class Record:
    """That `stage` has verified `commit` of `application` (`success`), or found that it fails (`failure`).

    `version` and `traceparent` are empty where they are not known, `verified_by` is `keptn`, `argocd` or empty.
    `reason` is why a verification failed, on one line. `creator` is who has written it, as GitHub names them.
    `created_at` is when it came to be what it is, `url` where people find it.
    """

    application: str
    stage: str
    commit: str
    state: State
    version: str
    traceparent: str
    verified_by: str
    reason: str
    creator: str
    created_at: datetime
    url: str


@dataclass(frozen=True)
class ProposalBranch:
    """A branch of a promotion: its `head`, that commit's message and date, and the heads of its pull requests."""

    name: str
    head: str
    message: str
    committed_at: datetime
    proposed: frozenset[str]


@dataclass(frozen=True)
class Records:
    """The records of some stages, newest first, one for each application, stage and commit."""

    found: tuple[Record, ...] = ()
    branches: tuple[ProposalBranch, ...] = field(default=(), repr=False)

    def of(self, application: str, stage: str) -> tuple[Record, ...]:
        """What `stage` has recorded of `application`, newest first."""
        return tuple(one for one in self.found if (one.application, one.stage) == (application, stage))

    def verified(self, application: str, stage: str, commit: str) -> Record | None:
        """The record that `stage` has verified `commit` of `application`; None where none is, or it has failed."""
        known = (one for one in self.of(application, stage) if one.commit == commit and one.state == "success")
        return next(known, None)


def read_records(
    github: GitHub,
    stages: Sequence[str],
    *,
    branches: Iterable[str] = (),
    commit: str = "",
    promotions: bool = False,
    now: datetime | None = None,
) -> Records:
    """The records of `stages`: the hundred newest Deployments of each, all of `commit`, and commit statuses.

    The statuses are those of the fifty newest commits of each of the `branches`. With `promotions`, the branches of
    promotions come too, and as many pages as hold what is younger than a day, at most `PAGES`: one query for each.
    Raises `GitHubError` where Deployments cannot be read; without the right to read statuses there are none.
    """
    stages, heads = tuple(dict.fromkeys(stages)), tuple(dict.fromkeys(branches))
    cursors: dict[str, str | None] = {f"stage{number}": None for number in range(len(stages))}
    if promotions:
        cursors["promotions"] = None
    found: list[Record] = []
    proposals: list[ProposalBranch] = []
    since = (now or datetime.now(UTC)) - _DAY
    for page in range(PAGES if promotions else 1):
        query, variables = _query(stages, heads if page == 0 else (), commit if page == 0 else "", cursors)
        answer = github.graphql(query, variables, optional=("status",), read=lambda data: _page(data, stages, since))
        found += answer.records
        proposals += answer.branches
        cursors = answer.cursors
        if not cursors:
            break
    newest: dict[tuple[str, str, str], Record] = {}
    for one in sorted(found, key=lambda one: one.created_at, reverse=True):
        newest.setdefault((one.application, one.stage, one.commit), one)
    return Records(tuple(newest.values()), tuple(proposals))


def _query(
    stages: Sequence[str], branches: Sequence[str], commit: str, cursors: Mapping[str, str | None]
) -> tuple[str, dict[str, object]]:
    """The query for the pages at `cursors`, and its variables: each alias has the name of the variable it takes."""
    declared, fields = ["$owner: String!", "$name: String!"], ["url"]
    variables: dict[str, object] = {}
    for alias, cursor in cursors.items():
        declared.append(f"${alias}After: String")
        variables[f"{alias}After"] = cursor
        if alias == "promotions":
            arguments = f'refPrefix: "refs/heads/promote/", first: 100, after: ${alias}After'
            fields.append(f"{alias}: refs({arguments}) {_REFS}")
            continue
        declared.append(f"${alias}: [String!]")
        variables[alias] = [stages[int(alias.removeprefix("stage"))]]
        fields.append(
            f"{alias}: deployments(environments: ${alias}, first: 100, after: ${alias}After, {_NEWEST}) {_DEPLOYMENTS}"
        )
    for number, branch in enumerate(branches):
        declared.append(f"$branch{number}: String!")
        variables[f"branch{number}"] = f"refs/heads/{branch}"
        history = f"history(first: 50) {{ nodes {{ oid {_STATUS} }} }}"
        fields.append(
            f"branch{number}: ref(qualifiedName: $branch{number}) {{ target {{ ... on Commit {{ {history} }} }} }}"
        )
    if commit:
        declared.append("$commit: GitObjectID!, $stages: [String!]")
        variables |= {"commit": commit, "stages": list(stages)}
        deployments = f"deployments(environments: $stages, first: 100, {_NEWEST}) {_DEPLOYMENTS}"
        fields.append(f"commit: object(oid: $commit) {{ ... on Commit {{ oid {_STATUS} {deployments} }} }}")
    body = "\n    ".join(fields)
    head = f"query DeliveryRecords({', '.join(declared)})"
    return f"{head} {{\n  repository(owner: $owner, name: $name) {{\n    {body}\n  }}\n}}", variables


@dataclass(frozen=True)
class _Page:
    records: tuple[Record, ...]
    branches: tuple[ProposalBranch, ...]
    cursors: dict[str, str | None]


def _page(data: Any, stages: Sequence[str], since: datetime) -> _Page:
    """What one answer holds, and from where to read on."""
    repository = data["data"]["repository"]
    web = text(repository["url"])
    records: list[Record] = []
    branches: tuple[ProposalBranch, ...] = ()
    cursors: dict[str, str | None] = {}
    for alias, answer in repository.items():
        if answer is None or alias == "url":
            continue
        if alias.startswith("branch"):
            for commit in items(answer["target"]["history"]["nodes"]):
                records += _of_statuses(commit, stages, web)
        elif alias == "commit":
            records += _of_statuses(answer, stages, web)
            records += _of_deployments(answer["deployments"] or {"nodes": []}, stages, web)
        elif alias == "promotions":
            branches = tuple(map(_branch, items(answer["nodes"])))
            cursors |= _next(alias, answer)
        else:
            records += _of_deployments(answer, stages, web)
            made = [_time(one["createdAt"]) for one in items(answer["nodes"])]
            cursors |= _next(alias, answer) if made and made[-1] > since else {}
    return _Page(tuple(records), branches, cursors)


def _next(alias: str, connection: Any) -> dict[str, str | None]:
    page = connection["pageInfo"]
    return {alias: text(page["endCursor"])} if page["hasNextPage"] is True else {}


def _of_deployments(connection: Any, stages: Sequence[str], web: str) -> list[Record]:
    found = []
    for one in items(connection["nodes"]):
        stage, application = str(one["environment"]), str(one["task"]).removeprefix(TASK)
        known = stage in stages and str(one["task"]).startswith(TASK) and is_dns_label(application)
        # A later success in the environment makes an earlier one inactive: it has been one all the same.
        told = [status for status in items(one["statuses"]["nodes"]) if status["state"] in _STATES]
        if not known or not told or not is_commit(str(one["commitOid"])):
            continue
        newest = max(told, key=lambda status: _time(status["createdAt"]))
        payload = _payload(one["payload"])
        said = {key: str(payload.get(key, "")) for key in ("version", "traceparent", "verifiedBy")}
        # The payload stays what the first try gave it: a success after a failure has a trace of its own.
        said |= _words(newest) if newest["state"] == "SUCCESS" else {}
        found.append(
            _record(
                application,
                stage,
                one["commitOid"],
                newest,
                said,
                f"{web}/deployments/{quote(stage)}",
            )
        )
    return found


def _payload(raw: object) -> Mapping[str, object]:
    """What a Deployment was given; GitHub has it as JSON, and as JSON in a string where it was given as that."""
    found: object = raw
    try:
        for _ in range(2):
            found = json.loads(found) if isinstance(found, str) else found
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _words(status: Mapping[str, Any]) -> dict[str, str]:
    """What the description of a success has: words of the form `key=value`."""
    return dict(word.split("=", 1) for word in str(status["description"] or "").split() if "=" in word)


def _of_statuses(commit: Any, stages: Sequence[str], web: str) -> list[Record]:
    found = []
    sha = commit_name(commit["oid"])
    for status in items((commit["status"] or {"contexts": []})["contexts"]):
        stage, _, application = str(status["context"]).removeprefix(CONTEXT).partition("/")
        known = stage in stages and str(status["context"]).startswith(CONTEXT) and is_dns_label(application)
        if known and status["state"] in _STATES:
            found.append(_record(application, stage, sha, status, _words(status), f"{web}/commit/{sha}"))
    return found


def _record(
    application: str, stage: str, commit: str, status: Mapping[str, Any], said: Mapping[str, str], url: str
) -> Record:
    state = _STATES[status["state"]]
    version, trace, by = (said.get(key, "") for key in ("version", "traceparent", "verifiedBy"))
    return Record(
        application=application,
        stage=stage,
        commit=commit,
        state=state,
        version=version if is_version(version) else "",
        traceparent=trace if is_traceparent(trace) else "",
        verified_by=by if by in VERIFICATIONS else "",
        reason=without_secrets(one_line(str(status["description"] or ""), 300)) if state == "failure" else "",
        creator=one_line(str((status["creator"] or {}).get("login", "")), 100),
        created_at=_time(status["createdAt"]),
        url=url,
    )


def _branch(ref: Any) -> ProposalBranch:
    target = ref["target"]
    return ProposalBranch(
        name=f"promote/{text(ref['name'])}",
        head=commit_name(target["oid"]),
        message=text(target["message"]),
        committed_at=_time(target["committedDate"]),
        proposed=frozenset(str(pull["headRefOid"]) for pull in items(ref["associatedPullRequests"]["nodes"])),
    )


def _time(value: Any) -> datetime:
    found = datetime.fromisoformat(text(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
