"""Checks of the GitOps repository itself: there, its default branch and what protects it, what Actions may do."""

from collections.abc import Iterator
from urllib.parse import quote

from delivery.cluster.preflight import update_command
from delivery.config.errors import Json, set_fix
from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.github import Answer, GitHubView
from delivery.doctor.inspection import BlockedError, Inspection
from delivery.github.client import GitHubError
from delivery.stack.environment import EnvironmentRefusedError, read_environment
from delivery.stack.manifests import WORKFLOW_FILE
from delivery.stack.workflow import has_environment

HARMLESS_RULES = frozenset(
    (
        "creation",
        "deletion",
        "non_fast_forward",
        "required_linear_history",
        "branch_name_pattern",
        "copilot_code_review",
    )
)
"""Rules of a ruleset that let an ordinary commit pass. GitHub adds to its rules: any other may stand in its way."""

BY_PULL_REQUEST = ("required_pull_request_reviews", "required_status_checks")
HINDERING_SETTINGS = (*BY_PULL_REQUEST, "required_signatures", "restrictions", "lock_branch")
"""What of a classic protection may stand in the way of a commit."""


def reachable(name: str, inspection: Inspection) -> Check:
    """The repository is there under its configured name, and takes changes. All other checks of it need that."""
    github = inspection.github()
    found, wanted, where = github.get(), github.full_name, github.repository.api_url
    actual = found.field("full_name")
    if found.status == 404:
        fix = f"create it (gh repo create {wanted} --private --add-readme), or let {github.key} see it"
        check = wrong(name, f"{wanted} is not at {where}, or the token may not see it", fix)
    elif not found.ok:
        check = unknown(name, f"{wanted} at {where}: {found.why}")
    elif not isinstance(actual, str):
        fix = set_fix(inspection.stack, "githubApiUrl", "https://api.github.com")
        check = wrong(name, f"{where} does not answer like GitHub", fix)
    elif actual.lower() != wanted.lower():
        owner, _, short = actual.partition("/")
        moved = (("repositoryOwner", owner), ("repositoryName", short))
        fix = "; ".join(set_fix(inspection.stack, key, value) for key, value in moved)
        check = wrong(name, f"{wanted} has moved to {actual}", fix)
    elif found.field("archived") is True:
        check = wrong(name, f"{wanted} is archived: nothing can be promoted", f"gh repo unarchive {wanted}")
    else:
        return ok(name, f"{github.repository.url}{' (public)' if found.field('private') is False else ''}")
    raise BlockedError(check)


def default_branch(name: str, inspection: Inspection) -> Check:
    """The configured default branch exists and is the repository's: workflows are dispatched on no other."""
    github = inspection.github()
    wanted, actual, found = github.repository.default_branch, github.get().field("default_branch"), github.branch()
    fix = set_fix(inspection.stack, "defaultBranch", str(actual))
    if found.status == 404 and actual != wanted:
        # Setting the new name replaces every file, and Pulumi would delete the old ones on a branch that is gone.
        detail = f"there is no branch {wanted}, the repository's default branch is {actual}; if it was renamed, "
        return wrong(name, f"{detail}run `pulumi refresh` on each stack before you set it", fix)
    if found.status == 404:
        first = f"push a first commit to {wanted}: gh repo clone {github.full_name}"
        return wrong(name, f"{wanted} has no commit yet", first)
    if actual != wanted:
        detail = f"{wanted} is not the repository's default branch {actual}: no workflow can be dispatched there"
        return wrong(name, detail, fix)
    return ok(name, wanted) if found.ok else unknown(name, found.why)


def protection(name: str, inspection: Inspection) -> Check:
    """What protects the default branch. Promotions are pull requests; `pulumi up` commits to it directly.

    GitHub shows administrators alone who may bypass a rule, and never shows it of a token: where a rule may stand in
    the way, and it is not certain that it does, the check is unknown.
    """
    github = inspection.github()
    branch = github.repository.default_branch
    found, rules = github.branch(), github.get(f"/rules/branches/{quote(branch)}")
    if not found.ok:
        return unknown(name, found.why)
    if not rules.ok and not _on_a_free_plan(rules):
        return unknown(name, f"cannot read the rules for {branch}: {rules.why}")
    types = _rule_types(rules)
    settings = _classic_protection(github)
    asked = [key for key in HINDERING_SETTINGS if _is_on(settings.field(key))]
    if settings.field("enforce_admins", "enabled") is True:
        if "lock_branch" in asked:
            detail = f"{branch} is locked: nothing can be promoted, and `pulumi up` cannot commit its files"
            return wrong(name, detail, f"unlock it at {github.repository.url}/settings/branches")
        if any(key in asked for key in BY_PULL_REQUEST):
            fix = "let the account of githubToken bypass the pull requests in the branch's protection, "
            fix += "administrators too"
            return wrong(name, "changes come by pull request alone, so `pulumi up` cannot commit its files", fix)
    hindering = [*sorted(types - HARMLESS_RULES), *asked]
    if hindering or not settings.ok:
        by = f" ({', '.join(hindering)})" if hindering else ""
        detail = f"protected{by}: cannot see whether githubToken may commit directly, as `pulumi up` does"
        return unknown(name, detail, "let its account bypass the rule, as administrators do")
    if types or found.field("protected") is True:
        return ok(name, "protected; direct commits, which `pulumi up` makes, are allowed")
    return ok(name, "none: everybody with write access can change every stage without a pull request")


def actions_settings(name: str, inspection: Inspection) -> Check:
    """Actions are on, and may open pull requests exactly where the workflow's own token does.

    GitHub's one switch lets them approve pull requests too, so that a required review can come from a workflow that the
    change's own author has written.
    """
    github, configuration = inspection.github(), inspection.configuration
    first = configuration.pipeline.first_stage.name
    found, general = github.get("/actions/permissions/workflow"), github.get("/actions/permissions")
    if found.denied and not configuration.owns_repository:
        why = f"this stack's {github.key} may not read it, that of {first} may, whose stack sets it ({found.why})"
        return unknown(name, why, f"make doctor STACK={first}")
    if not found.ok:
        return unknown(name, found.why)
    if general.field("enabled") is False:
        allow = f"allow them at {github.repository.url}/settings/actions"
        return wrong(name, "Actions are disabled in this repository", allow)
    switched_on = found.field("can_approve_pull_request_reviews") is True
    identity, branch = configuration.pipeline.promotions.identity, github.repository.default_branch
    if identity != "workflow":
        detail = f"delivery:promotionIdentity is {identity}"
        if switched_on:
            return wrong(name, f"yes, and so they may approve them, though {detail}", update_command(first))
        return ok(name, f"no, and none has to: {detail}")
    if not switched_on:
        return wrong(name, "no: the workflow would fail at its last step", update_command(first))
    if _requires_reviews(github):
        detail = f"yes, and so they may approve them: whoever can write a workflow can have the review that {branch} "
        detail += "requires given to its own change"
        return unknown(name, detail, set_fix(inspection.stack, "promotionIdentity", "app"))
    return ok(name, "yes, and approve them too: delivery:promotionIdentity token or app switches both off")


def environment(name: str, inspection: Inspection) -> Iterator[Check]:
    """The environment that keeps the workflow's secrets, where there are some, is open to the default branch alone."""
    configuration, promotions = inspection.configuration, inspection.configuration.pipeline.promotions
    if not has_environment(promotions.engine, promotions.identity):
        return
    github, first = inspection.github(), configuration.pipeline.first_stage.name
    branch = github.repository.default_branch
    try:
        found = read_environment(github.client, github.repository)
    except EnvironmentRefusedError as error:
        yield wrong(name, error.found, error.fix)
    except GitHubError as error:
        # Only the first stage's identity has to be able to read it.
        elsewhere = error.status == 403 and not configuration.owns_repository
        yield unknown(name, str(error), f"make doctor STACK={first}" if elsewhere else "")
    else:
        if found.policy:
            yield ok(name, f"{found.name}, for {branch} alone")
        else:
            detail = f"{found.name} is not there, or its secrets are not for {branch} alone"
            yield wrong(name, detail, update_command(first))


def signatures(name: str, inspection: Inspection) -> Iterator[Check]:
    """Where signed commits are demanded of promotions, the configuration has GitHub sign them."""
    github, pipeline = inspection.github(), inspection.configuration.pipeline
    if pipeline.promotions.sign_commits:
        yield ok(name, "GitHub signs the commits of promotions")
        return
    default = github.repository.default_branch
    demanding = [
        branch
        for branch in (default, *(edge.branch for edge in pipeline.edges()[:1]))
        if "required_signatures" in _rule_types(github.get(f"/rules/branches/{quote(branch)}"))
    ]
    if default not in demanding and _is_on(_classic_protection(github).field("required_signatures")):
        demanding.insert(0, default)
    if demanding:
        detail = f"demanded on {' and '.join(demanding)}, and the commits of promotions have none"
        fix = set_fix(inspection.stack, "promotionCommits", "signed")
        yield wrong(name, detail, f"{fix}, then {update_command(pipeline.first_stage.name)}")


def workflow(name: str, inspection: Inspection) -> Check:
    """The workflow can be dispatched: GitHub knows it, and nobody has disabled it."""
    if not inspection.configuration.promotes_to:
        return ok(name, f"not checked: nothing is promoted from {inspection.stack}")
    # Only the token of the promotion task may see the workflow's state.
    github = inspection.github("promotionToken" if inspection.has_token("promotionToken") else "githubToken")
    found = github.get(f"/actions/workflows/{WORKFLOW_FILE}")
    state = found.field("state")
    if not found.ok:
        return unknown(name, f"{github.key} may not read whether it is enabled ({found.why})")
    if state != "active":
        enable = f"gh workflow enable {WORKFLOW_FILE} --repo {github.repository.gh_name}"
        return wrong(name, f"{WORKFLOW_FILE} is {state}", enable)
    return ok(name, f"{WORKFLOW_FILE} is active")


def _rule_types(rules: Answer) -> set[str]:
    """The types of the rules in an answer; none where it has none to give."""
    by_rule = rules.body if rules.ok and isinstance(rules.body, list) else []
    return {str(rule.get("type")) for rule in by_rule if isinstance(rule, dict)}


def _on_a_free_plan(rules: Answer) -> bool:
    """Whether there can be no rules: GitHub has none for the private repositories of a free plan."""
    return rules.status == 403 and rules.message.startswith("Upgrade to GitHub")


def _classic_protection(github: GitHubView) -> Answer:
    """The settings of the classic protection, which only administrators read; none when rulesets alone protect it."""
    nothing = Answer(200, {}, {})
    if github.branch().field("protected") is not True:
        return nothing
    found = github.get(f"/branches/{quote(github.repository.default_branch)}/protection")
    # A token that may not read this may get a 404 as well, but never with these words.
    return nothing if found.status == 404 and found.message == "Branch not protected" else found


def _requires_reviews(github: GitHubView) -> bool:
    """Whether the default branch is known to require an approval of a pull request."""
    rules = github.get(f"/rules/branches/{quote(github.repository.default_branch)}").body
    counts = [_classic_protection(github).field("required_pull_request_reviews", "required_approving_review_count")]
    for rule in rules if isinstance(rules, list) else ():
        parameters = rule.get("parameters") if isinstance(rule, dict) else None
        counts += [parameters.get("required_approving_review_count")] if isinstance(parameters, dict) else []
    return any(isinstance(count, int) and count > 0 for count in counts)


def _is_on(setting: Json) -> bool:
    """Whether a setting is on: it is when it is there and has no `enabled` that says otherwise."""
    return isinstance(setting, dict) and setting.get("enabled", True) is True
