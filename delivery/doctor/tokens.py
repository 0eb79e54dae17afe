"""Checks of the two tokens: valid, with what they need, and with nothing else.

What can be seen of a token without writing: a classic token's scopes are in a header of every answer. A fine-grained
token's permissions are in none: it may read what it can read, and whether it may write shows only when it writes. In a
public repository everybody can read most things, so less can be seen.
"""

from collections.abc import Iterator, Mapping

from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.github import GitHubView
from delivery.doctor.inspection import APP, Inspection
from delivery.model.stack import StackConfiguration
from delivery.stack.environment import declares_environment
from delivery.stack.workflow import has_environment

READS = {
    "contents": "/commits?per_page=1",
    "pull_requests": "/pulls?per_page=1",
    "actions": "/actions/workflows?per_page=1",
    "administration": "/actions/permissions/workflow",
    "secrets": "/actions/secrets?per_page=1",
    "variables": "/actions/variables?per_page=1",
    "webhooks": "/hooks?per_page=1",
    "deployments": "/deployments?per_page=1",
}
"""For each permission a read that asks for it and for no other."""
OPEN_TO_ALL = frozenset({"contents", "pull_requests", "actions", "deployments"})
"""What everybody may read of a public repository, with or without the permission."""

STATUSES = "/commits/HEAD/statuses?per_page=1"
"""The read that asks for commit statuses, which the promotion task writes where it may write no Deployments."""

GITHUB_TOKEN = frozenset({"contents", "pull_requests", "workflows", "administration", "deployments"})
"""All that any stack's `githubToken` may be for, one token serving all stacks; Deployments are read by this doctor."""
PROMOTION_TOKEN = {"actions": "write", "deployments": "write"}
CLASSIC_SCOPES = frozenset({"repo", "public_repo", "workflow"})


def needed_permissions(configuration: StackConfiguration, key: str) -> Mapping[str, str]:
    """What this stack needs of the token of that configuration key, each with its level; nothing when it has no use.

    Pull requests are read by this doctor, in every stack, and opened by an update in some.
    """
    if key == "promotionToken":
        if configuration.external_promotion_secret or not configuration.records:
            return {}
        return PROMOTION_TOKEN if configuration.promotes_to else {"deployments": "write"}
    opens = configuration.stage.after and configuration.pipeline.promotions.engine == "pulumi"
    needed = {"contents": "write", "pull_requests": "write" if opens else "read"}
    if configuration.owns_repository:
        needed |= {"workflows": "write", "administration": "write"}
    if declares_environment(configuration):
        needed |= {"actions": "read"}
    return needed


def token(key: str, inspection: Inspection) -> Iterator[Check]:
    """Every check of the token of that configuration key."""
    inspection.require_repository()
    needed = needed_permissions(inspection.configuration, key)
    if key == "githubToken" and inspection.configuration.github_app:
        yield from _app(inspection, needed)
        return
    if not inspection.has_token(key):
        if needed:
            yield unknown(key, "not checked: there is no such token")
        return
    github = inspection.github(key)
    found = github.get()
    if found.status == 401:
        yield wrong(key, "wrong, expired or revoked (401)", _renew(inspection, key))
    elif found.denied:
        yield wrong(key, f"does not see {github.full_name} ({found.why})", grant(github, needed or PROMOTION_TOKEN))
    elif not found.ok:
        yield unknown(key, found.why)
    else:
        expires = found.headers.get("github-authentication-token-expiration", "")
        yield ok(key, f"valid{f' until {expires}' if expires else ''}")
        rest = dict(needed)
        if "deployments" in rest and _scopes(github) is None and github.get(READS["deployments"]).denied:
            del rest["deployments"]
            yield records_otherwise(inspection, github, needed)
        if rest or not needed:
            yield has_what_it_needs(inspection, github, rest)
        yield has_nothing_else(inspection, github, needed or PROMOTION_TOKEN)


def has_what_it_needs(inspection: Inspection, github: GitHubView, needed: Mapping[str, str]) -> Check:
    """The token may read, and as far as can be seen write, what this stack uses it for."""
    name = f"{github.key}: permissions"
    found, scopes = github.get(), _scopes(github)
    if not needed:
        return ok(name, "this stack does not use it")
    # These may be the account's permissions; what the account does not have, its token has not either.
    if "contents" in needed and found.field("permissions", "push") is False:
        return wrong(name, f"may not write {github.full_name}", grant(github, needed))
    if "administration" in needed and found.field("permissions", "admin") is False:
        return wrong(name, f"may not administer {github.full_name}", grant(github, needed))
    if scopes is not None:
        repo = "public_repo" if _public(github) and "public_repo" in scopes and "repo" not in scopes else "repo"
        missing = sorted({repo, *(["workflow"] if "workflows" in needed else [])} - scopes)
        if missing:
            return wrong(
                name, f"a classic token without the scope {', '.join(missing)}", _renew(inspection, github.key)
            )
        return ok(name, f"a classic token with {', '.join(sorted(scopes))}")
    answers = {permission: github.get(READS[permission]) for permission in sorted(needed) if permission in READS}
    denied = [permission for permission, answer in answers.items() if answer.denied]
    if denied:
        detail = f"may not read {', '.join(denied)}; this stack needs {_levels(needed)}"
        return wrong(name, detail, grant(github, needed))
    unanswered = [answer.why for answer in answers.values() if answer.status not in (200, 409)]
    if unanswered:
        return unknown(name, unanswered[0])
    writes = _levels({permission: level for permission, level in needed.items() if level == "write"})
    return unknown(name, f"reads {', '.join(answers)}; whether it may write shows at the first update: {writes}")


def records_otherwise(inspection: Inspection, github: GitHubView, needed: Mapping[str, str]) -> Check:
    """What is lost where the token may not write Deployments: something, or all that a record is for."""
    name = f"{github.key}: records"
    lost = "GitHub's Environments page and what reads Deployments show nothing of this stage"
    if github.get(STATUSES).ok:
        found = f"commit statuses in place of Deployments: {lost}, and of the newest 50 commits alone it is known"
        return ok(name, f"{found} what was verified; to have them, {grant(github, needed)}")
    if not github.get(STATUSES).denied:
        return unknown(name, f"may not read deployments; of commit statuses: {github.get(STATUSES).why}")
    found = f"may record nothing: {lost}"
    if inspection.configuration.promotes_to:
        found += ", and a version whose dispatch is lost is promoted by nobody"
    stages = {stage.name: stage for stage in inspection.configuration.pipeline.stages}
    demanding = [name for name in inspection.configuration.promotes_to if stages[name].require_record]
    if demanding:
        found += f"; promotions into {', '.join(demanding)}, which demands a record, are refused"
    return wrong(name, found, grant(github, needed))


def has_nothing_else(inspection: Inspection, github: GitHubView, needed: Mapping[str, str]) -> Check:
    """The token has no permission that this project does not use; a new one would have what is `needed` here."""
    name = f"{github.key}: nothing else"
    allowed = frozenset(PROMOTION_TOKEN) if github.key == "promotionToken" else _allowed(inspection)
    place = f"{github.full_name} alone at {_tokens_page(github)}"
    instead = f"make a fine-grained one with {_levels(needed)} on {place}, then {_set(inspection, github.key)}"
    scopes = _scopes(github)
    if scopes is not None:
        shown = ", ".join(sorted(scopes)) or "no scope"
        if "contents" not in allowed:
            return wrong(name, f"a classic token ({shown}), which cannot be as narrow as needed", instead)
        more = sorted(scopes - CLASSIC_SCOPES)
        if more:
            return wrong(name, f"a classic token with {', '.join(more)}", instead)
        return ok(name, f"a classic token with {shown}, for all its account's repositories")
    public = _public(github)
    others = [permission for permission in READS if permission not in allowed]
    asked = [permission for permission in others if not (public and permission in OPEN_TO_ALL)]
    answers = {permission: github.get(READS[permission]) for permission in asked}
    more = [permission for permission, answer in answers.items() if answer.status in (200, 409)]
    if more:
        return wrong(name, f"may read {', '.join(more)}, which it does not need", instead)
    unseen = [permission for permission in others if permission not in answers or not answers[permission].denied]
    if unseen:
        why = "the repository is public" if public else answers[unseen[0]].why
        return unknown(name, f"cannot see whether it has {', '.join(unseen)}: {why}")
    return ok(name, f"none of {', '.join(answers)}")


def _app(inspection: Inspection, needed: Mapping[str, str]) -> Iterator[Check]:
    """The App's key makes a token, with what this stack needs and nothing else: GitHub tells what a token of it may."""
    made, repository = inspection.installation, inspection.configuration.pipeline.repository
    yield ok(APP, f"makes a token for {repository.owner}/{repository.name}")
    page = f"{repository.server_url}/settings/apps, and accept that for the installation"
    missing = {name: level for name, level in needed.items() if _rank(made.permissions.get(name)) < _rank(level)}
    if missing:
        yield wrong(f"{APP}: permissions", f"lacks {_levels(missing)}", f"grant it at {page}")
    else:
        yield ok(f"{APP}: permissions", _levels(needed))
    allowed = _allowed(inspection) | {"metadata"}
    more = {name: level for name, level in made.permissions.items() if name not in allowed}
    if more:
        yield wrong(f"{APP}: nothing else", f"has {_levels(more)} too, which it does not need", f"remove it at {page}")
    else:
        yield ok(f"{APP}: nothing else", f"none but {', '.join(sorted(allowed))}")


def _rank(level: str | None) -> int:
    levels = (None, "read", "write", "admin")
    return levels.index(level) if level in levels else 0


def _allowed(inspection: Inspection) -> frozenset[str]:
    """All that the identity which writes the repository may be for, in any stack."""
    promotions = inspection.configuration.pipeline.promotions
    environment = has_environment(promotions.engine, promotions.identity)
    return GITHUB_TOKEN | (frozenset({"actions"}) if environment else frozenset())


def grant(github: GitHubView, needed: Mapping[str, str]) -> str:
    """How to give the token these permissions."""
    return f"give {github.key} {_levels(needed)} on {github.full_name} at {_tokens_page(github)}"


def _scopes(github: GitHubView) -> frozenset[str] | None:
    """The scopes of a classic token, None for any other kind."""
    header = github.get().headers.get("x-oauth-scopes")
    return None if header is None else frozenset(scope.strip() for scope in header.split(",") if scope.strip())


def _public(github: GitHubView) -> bool:
    return github.get().field("private") is False


def _levels(needed: Mapping[str, str]) -> str:
    return ", ".join(f"{permission}: {needed[permission]}" for permission in sorted(needed))


def _tokens_page(github: GitHubView) -> str:
    return f"{github.repository.server_url}/settings/personal-access-tokens"


def _set(inspection: Inspection, key: str) -> str:
    return f"pulumi config set -s {inspection.stack} --secret delivery:{key}"


def _renew(inspection: Inspection, key: str) -> str:
    return f"make a new one, then {_set(inspection, key)}"
