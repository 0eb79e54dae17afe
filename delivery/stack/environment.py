"""The environment of the GitOps repository that keeps the workflow's secrets: as it stands, and as it is declared.

It is open to the default branch alone: otherwise whoever can push a branch could read the secrets by a workflow on it.
GitHub's PUT replaces all rules of an environment, so what people have set is read first, and declared with it.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from delivery.model.pipeline import Repository
from delivery.model.stack import StackConfiguration
from delivery.stack.workflow import ENVIRONMENT, has_environment
from delivery.text import one_line

if TYPE_CHECKING:
    # Every stack imports this module, and few ask GitHub.
    from delivery.github.client import GitHub


class EnvironmentRefusedError(Exception):
    """The environment is open to others than the default branch; `str()` is one line with the `fix`."""

    def __init__(self, found: str, fix: str) -> None:
        super().__init__(f"{found}: {fix}")
        self.found, self.fix = found, fix


@dataclass(frozen=True)
class EnvironmentPlan:
    """The environment `name`, for the branch `branch` alone; all else is as people have set it.

    `wait_timer` is in minutes, `users` and `teams` are the ids of those who have to approve a run. `policy` is the id
    of what opens it to the branch already, 0 for nothing.
    """

    name: str
    branch: str
    wait_timer: int = 0
    prevent_self_review: bool = False
    can_admins_bypass: bool = True
    users: tuple[int, ...] = ()
    teams: tuple[int, ...] = ()
    policy: int = 0


def declares_environment(configuration: StackConfiguration) -> bool:
    """Whether this stack declares the environment."""
    promotions = configuration.pipeline.promotions
    return configuration.owns_repository and has_environment(promotions.engine, promotions.identity)


def new_environment(repository: Repository) -> EnvironmentPlan:
    """The environment where there is none, or none is looked for."""
    return EnvironmentPlan(ENVIRONMENT, repository.default_branch)


def read_environment(github: "GitHub", repository: Repository) -> EnvironmentPlan:
    """The environment with the rules that it has; `new_environment` where there is none.

    Reading it takes the permission Actions: read. Raises `GitHubError` or `EnvironmentRefusedError`.
    """
    from delivery.github.client import GitHubError

    path = f"/environments/{ENVIRONMENT}"
    try:
        found, named = github.request("GET", path, read=lambda found: _environment(found, repository))
    except GitHubError as error:
        if error.status == 404:
            return new_environment(repository)
        raise
    if not named:
        return found
    query = {"per_page": "100"}
    policies = f"{path}/deployment-branch-policies"
    policy = github.request("GET", policies, query=query, read=lambda listed: _policy(listed, repository))
    return replace(found, policy=policy)


def _environment(found: Any, repository: Repository) -> tuple[EnvironmentPlan, bool]:
    """The environment with its rules, and whether it is open to the branches that are named one by one."""
    rules = {rule["type"]: rule for rule in found["protection_rules"]}
    reviews = rules.get("required_reviewers", {})
    reviewers = [(entry["type"], int(entry["reviewer"]["id"])) for entry in reviews.get("reviewers", ())]
    plan = EnvironmentPlan(
        ENVIRONMENT,
        repository.default_branch,
        wait_timer=int(rules.get("wait_timer", {}).get("wait_timer", 0)),
        prevent_self_review=reviews.get("prevent_self_review") is True,
        can_admins_bypass=found.get("can_admins_bypass") is not False,
        users=tuple(number for kind, number in reviewers if kind == "User"),
        teams=tuple(number for kind, number in reviewers if kind == "Team"),
    )
    return plan, (found.get("deployment_branch_policy") or {}).get("custom_branch_policies") is True


def _policy(listed: Any, repository: Repository) -> int:
    """The id of what opens it to the default branch, 0 for nothing. Raises `EnvironmentRefusedError`."""
    own, others = 0, []
    for policy in listed["branch_policies"]:
        if (policy.get("type", "branch"), policy["name"]) == ("branch", repository.default_branch):
            own = int(policy["id"])
        else:
            others.append(one_line(str(policy["name"]), 100))
    if others:
        raise EnvironmentRefusedError(
            f"the environment {ENVIRONMENT} is open to {', '.join(others)} too, and so are its secrets",
            f"leave nothing but {repository.default_branch} there at {repository.url}/settings/environments",
        )
    return own
