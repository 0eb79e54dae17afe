"""What protects the default branch, by rulesets and in the classic way, and whether `pulumi up` may still commit to it.

Who may bypass a rule is told to nobody but administrators, and not even to them for a token: where a rule may stand
in the way, and it is not sure that it does, the check stays unknown.
"""

from urllib.parse import quote

from delivery.config.errors import Json
from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.forge import Answer, Forge

HARMLESS_RULES = frozenset(
    {
        "creation",
        "deletion",
        "non_fast_forward",
        "required_linear_history",
        "branch_name_pattern",
        "copilot_code_review",
    }
)
"""Rules of a ruleset that let an ordinary commit pass. GitHub adds to its rules: any other may stand in its way."""

BY_PULL_REQUEST = ("required_pull_request_reviews", "required_status_checks")
HINDERING_SETTINGS = (*BY_PULL_REQUEST, "required_signatures", "restrictions", "lock_branch")
"""What of a classic protection may stand in the way of a commit."""


def protection(forge: Forge) -> Check:
    """What protects the default branch. Promotions are pull requests; `pulumi up` commits to it directly."""
    name, branch = "branch protection", forge.repository.default_branch
    found, rules = forge.get(f"/branches/{quote(branch)}"), forge.get(f"/rules/branches/{quote(branch)}")
    if not found.ok:
        return unknown(name, found.why)
    if not rules.ok and not _on_a_free_plan(rules):
        return unknown(name, f"whether there are rules for {branch} is not told: {rules.why}")
    by_rule = rules.body if rules.ok and isinstance(rules.body, list) else []
    types = {str(rule.get("type")) for rule in by_rule if isinstance(rule, dict)}
    settings = _classic(forge, branch)
    asked = [key for key in HINDERING_SETTINGS if _is_on(settings.field(key))]
    if settings.field("enforce_admins", "enabled") is True:
        if "lock_branch" in asked:
            detail = f"{branch} is locked: nothing can be promoted, and `pulumi up` cannot commit its files"
            return wrong(name, detail, f"unlock it at {forge.repository.url}/settings/branches")
        if any(key in asked for key in BY_PULL_REQUEST):
            mend = "let the account of githubToken bypass the pull requests in the branch's protection, "
            mend += "administrators too"
            return wrong(name, "changes come by pull request alone, so `pulumi up` cannot commit its files", mend)
    hindering = [*sorted(types - HARMLESS_RULES), *asked]
    if hindering or not settings.ok:
        by = f" ({', '.join(hindering)})" if hindering else ""
        detail = f"protected{by}: whether githubToken may commit directly, which `pulumi up` does, is not told"
        return unknown(name, detail, "let its account bypass the rule, as administrators do")
    if types or found.field("protected") is True:
        return ok(name, "protected; direct commits, which `pulumi up` makes, are allowed")
    return ok(name, "none: whoever may write the repository can change every stage without a pull request")


def _on_a_free_plan(rules: Answer) -> bool:
    """Whether there can be no rules: GitHub has none for the private repositories of a free plan."""
    return rules.status == 403 and rules.said.startswith("Upgrade to GitHub")


def _classic(forge: Forge, branch: str) -> Answer:
    """The settings of the classic protection, which only administrators read; none when rulesets alone protect it."""
    nothing = Answer(200, {}, {})
    if forge.get(f"/branches/{quote(branch)}").field("protected") is not True:
        return nothing
    found = forge.get(f"/branches/{quote(branch)}/protection")
    # A token that may not read this may get a 404 as well, but never with these words.
    return nothing if found.status == 404 and found.said == "Branch not protected" else found


def _is_on(setting: Json) -> bool:
    """A setting that is there is on, unless it says itself that it is not."""
    return isinstance(setting, dict) and setting.get("enabled", True) is True
