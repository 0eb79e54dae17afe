"""Checks of the two tokens: valid, with what they need, and with nothing else.

What GitHub tells of a token without being written to is this. A classic token's scopes are in a header. A
fine-grained token's permissions are told nowhere: that it may read something shows when it reads it, that it may
write only when it writes. In a public repository everybody reads most things, so there even less can be told.
"""

from collections.abc import Iterator, Mapping

from delivery.doctor.check import Check, ok, unknown, wrong
from delivery.doctor.forge import Forge
from delivery.model.stack import StackConfiguration

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

GITHUB_TOKEN = frozenset({"contents", "pull_requests", "workflows", "administration"})
"""All that any stack's `githubToken` may be for, one token serving all stacks."""
PROMOTION_TOKEN = {"actions": "write"}
CLASSIC_SCOPES = frozenset({"repo", "public_repo", "workflow"})


def needed_permissions(configuration: StackConfiguration, key: str) -> Mapping[str, str]:
    """What this stack needs of the token of that configuration key, each with its level; nothing when it has no use.

    As in README.md's tables. Pull requests are read by this doctor, in every stack, and opened by an update in some.
    """
    if key == "promotionToken":
        return PROMOTION_TOKEN if configuration.promotes_to else {}
    opens = configuration.stage.after and configuration.pipeline.promotions.engine == "pulumi"
    needed = {"contents": "write", "pull_requests": "write" if opens else "read"}
    if configuration.owns_repository:
        needed |= {"workflows": "write", "administration": "write"}
    return needed


def token(forge: Forge, configuration: StackConfiguration) -> Iterator[Check]:
    """Every check of one token."""
    needed = needed_permissions(configuration, forge.name)
    allowed = frozenset(PROMOTION_TOKEN) if forge.name == "promotionToken" else GITHUB_TOKEN
    asked_for = needed or PROMOTION_TOKEN
    found = forge.get()
    if found.status == 401:
        yield wrong(forge.name, "wrong, expired or revoked (401)", _set(forge.name))
    elif found.denied:
        yield wrong(forge.name, f"does not see {_shown(forge)} ({found.why})", _grant(forge, asked_for))
    elif not found.ok:
        yield unknown(forge.name, found.why)
    else:
        yield valid(forge)
        yield has_what_it_needs(forge, needed)
        yield has_nothing_else(forge, allowed, asked_for)


def valid(forge: Forge) -> Check:
    """The token is taken; GitHub says when it ends."""
    until = forge.get().headers.get("github-authentication-token-expiration", "")
    return ok(forge.name, f"valid{f' until {until}' if until else ''}")


def has_what_it_needs(forge: Forge, needed: Mapping[str, str]) -> Check:
    """The token may read, and as far as it is told write, what this stack uses it for."""
    name = f"{forge.name}: permissions"
    found, scopes = forge.get(), _scopes(forge)
    if not needed:
        return ok(name, "this stack does not use it")
    # Whether these are the token's rights or its account's: what is off here, the token has not.
    if "contents" in needed and found.field("permissions", "push") is False:
        return wrong(name, f"may not write {_shown(forge)}", _grant(forge, needed))
    if "administration" in needed and found.field("permissions", "admin") is False:
        return wrong(name, f"may not administer {_shown(forge)}", _grant(forge, needed))
    if scopes is not None:
        lacking = sorted(_classic(forge, needed) - scopes)
        if lacking:
            return wrong(name, f"a classic token without the scope {', '.join(lacking)}", _set(forge.name))
        return ok(name, f"a classic token with {', '.join(sorted(scopes))}")
    answers = {each: forge.get(READS[each]) for each in sorted(needed) if each in READS}
    denied = [each for each, answer in answers.items() if answer.denied]
    if denied:
        return wrong(
            name, f"may not even read {', '.join(denied)}; this stack needs {_levels(needed)}", _grant(forge, needed)
        )
    unanswered = [answer.why for answer in answers.values() if answer.status not in (200, 409)]
    if unanswered:
        return unknown(name, unanswered[0])
    read = ", ".join(answers)
    writes = _levels({each: level for each, level in needed.items() if level == "write"})
    return unknown(name, f"reads {read}; that it may write shows at the first update: {writes}")


def has_nothing_else(forge: Forge, allowed: frozenset[str], needed: Mapping[str, str]) -> Check:
    """The token can do nothing that this project does not do with it; a new one would have what is `needed` here."""
    name = f"{forge.name}: nothing else"
    scopes = _scopes(forge)
    if scopes is not None:
        if "contents" not in allowed:
            reason = f"a classic token ({', '.join(sorted(scopes)) or 'no scope'}), which cannot be as narrow as needed"
            return wrong(name, reason, _replace(forge, needed))
        more = sorted(scopes - CLASSIC_SCOPES)
        if more:
            return wrong(name, f"a classic token with {', '.join(more)}", _replace(forge, needed))
        return ok(name, f"a classic token with {', '.join(sorted(scopes))}, for all its account's repositories")
    told = [each for each in READS if each not in allowed and not (_public(forge) and each in OPEN_TO_ALL)]
    answers = {each: forge.get(READS[each]) for each in told}
    more = [each for each, answer in answers.items() if answer.status in (200, 409)]
    if more:
        return wrong(name, f"may read {', '.join(more)}, which it is not used for", _replace(forge, needed))
    untold = [each for each in READS if each not in allowed and not (each in answers and answers[each].denied)]
    if untold:
        why = "the repository is public" if _public(forge) else next(iter(answers[untold[0]].why.splitlines()), "")
        return unknown(name, f"whether it has {', '.join(untold)} is not told: {why}")
    return ok(name, f"none of {', '.join(answers)}")


def _scopes(forge: Forge) -> frozenset[str] | None:
    """The scopes of a classic token, None for any other kind."""
    header = forge.get().headers.get("x-oauth-scopes")
    return None if header is None else frozenset(each.strip() for each in header.split(",") if each.strip())


def _classic(forge: Forge, needed: Mapping[str, str]) -> set[str]:
    scopes = {"repo"}
    if _public(forge) and "repo" not in (_scopes(forge) or ()) and "public_repo" in (_scopes(forge) or ()):
        scopes = {"public_repo"}
    return scopes | ({"workflow"} if "workflows" in needed else set())


def _public(forge: Forge) -> bool:
    return forge.get().field("private") is False


def _shown(forge: Forge) -> str:
    return f"{forge.repository.owner}/{forge.repository.name}"


def _levels(needed: Mapping[str, str]) -> str:
    return ", ".join(f"{each}: {needed[each]}" for each in sorted(needed))


def _settings(forge: Forge) -> str:
    return f"{forge.repository.server_url}/settings/personal-access-tokens"


def _set(key: str) -> str:
    return f"make a new one, then pulumi config set --secret delivery:{key}"


def _grant(forge: Forge, needed: Mapping[str, str]) -> str:
    return f"give it {_levels(needed)} on {_shown(forge)} at {_settings(forge)}"


def _replace(forge: Forge, needed: Mapping[str, str]) -> str:
    return (
        f"make a fine-grained one with {_levels(needed)} on {_shown(forge)} alone at {_settings(forge)}, "
        f"then pulumi config set --secret delivery:{forge.name}"
    )
