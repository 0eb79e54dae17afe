"""What a stack lacks before it may change anything: a preview goes on without, an update does not.

And what stops both: a secret in plain text, a text that is no token. The program and the doctor read secrets in
different ways and report the same.
"""

import re
from collections.abc import Collection, Mapping

from delivery.config.errors import Kind, Problem, set_fix, spell
from delivery.config.keys import TABLE
from delivery.model.pipeline import EXAMPLE_OWNER
from delivery.model.secret import SecretText
from delivery.model.stack import StackConfiguration

TOKENS = ("githubToken", "promotionToken")
"""The secrets that are sent to the forge."""
PRIVATE_KEY_VARIABLE = "DELIVERY_GITHUB_APP_PRIVATE_KEY"
"""Where the App's private key may come from too, as PEM or as a path."""
_FILES = {"kubeconfig": "a kubeconfig", "argocdKubeconfig": "a kubeconfig", "githubAppPrivateKey": "a private key"}
"""The secrets that may be given by the path of a file, which is no secret."""
_LONGEST_PATH = 250


def missing_for_update(
    configuration: StackConfiguration, present: Collection[str], *, has_cluster: bool = False
) -> list[Problem]:
    """One problem for each thing that an update needs and has not got; `present` are the secrets that are set.

    Who `has_cluster` has a provider for it already.
    """
    problems, stack = [], configuration.stage.name
    if configuration.pipeline.repository.is_example:
        found = f"the example {EXAMPLE_OWNER!r}"
        problems.append(
            _problem(stack, "repositoryOwner", Kind.NOT_READY, found, "the owner of your GitOps repository")
        )
    if configuration.github_app:
        if "githubAppPrivateKey" not in present:
            allowed = f"the App's private key, or {PRIVATE_KEY_VARIABLE}"
            problems.append(_problem(stack, "githubAppPrivateKey", Kind.NOT_READY, "nothing", allowed))
    elif "githubToken" not in present:
        allowed = "a token that may write the GitOps repository, or GITHUB_TOKEN"
        problems.append(_problem(stack, "githubToken", Kind.NOT_READY, "nothing", allowed))
    if configuration.promotes_to and not configuration.external_promotion_secret and "promotionToken" not in present:
        allowed = "a token that may dispatch workflows (Actions: write) and record verifications (Deployments: write)"
        problems.append(_problem(stack, "promotionToken", Kind.NOT_READY, "nothing", allowed))
    if configuration.cluster.mode == "deploy" and not configuration.cluster.context and not has_cluster:
        allowed = "the context of this stage's cluster; the current context is never used"
        problems.append(_problem(stack, "kubeContext", Kind.NOT_READY, "nothing", allowed))
    return problems


def in_plain_text(stack: str, plain: Mapping[str, SecretText]) -> list[Problem]:
    """The problem of each secret that is not encrypted in the file of `stack`; none is shown again.

    The path of a file is no secret.
    """
    problems = []
    for key in sorted(plain):
        allowed, file = "an encrypted value", ""
        if key in _FILES:
            if is_path(plain[key].reveal()):
                continue
            allowed, file = f"an encrypted value, or the path of {_FILES[key]}", " < FILE"
        fix = f"revoke it, then {set_fix(stack, key, '')}{file}"
        problems.append(_problem(stack, key, Kind.PLAIN_TEXT, "a secret in plain text", allowed, fix))
    return problems


def wrong_tokens(stack: str, secrets: Mapping[str, SecretText]) -> dict[str, Problem]:
    """The problem of each token that cannot be one, by its key; nobody should send it anywhere."""
    return {
        key: _problem(stack, key, Kind.NOT_ALLOWED, "a text that is no token", "one line without spaces")
        for key in TOKENS
        if key in secrets and not re.fullmatch(r"[!-~]+", secrets[key].reveal())
    }


def contradictory(configuration: StackConfiguration, configured: Collection[str]) -> list[Problem]:
    """What a preview refuses too: two identities for the repository, a key without its App.

    `configured` are the secrets of the configuration. A token in the environment is for stacks that have nothing else.
    """
    stack, app = configuration.stage.name, configuration.github_app
    if app and "githubToken" in configured:
        fix = f"pulumi config rm -s {stack} delivery:githubToken"
        allowed = "one of the two, and a GitHub App is configured"
        return [_problem(stack, "githubToken", Kind.NOT_ALLOWED, "a token and a GitHub App", allowed, fix)]
    if not app and "githubAppPrivateKey" in configured:
        return [_problem(stack, "githubAppId", Kind.MISSING, "nothing", "the App of githubAppPrivateKey")]
    return []


def unusable_private_key(stack: str, found: str) -> Problem:
    """The problem of a private key that nothing can be signed with; `found` says what it is."""
    key = "githubAppPrivateKey"
    allowed = "the RSA private key that GitHub made for the App, as PEM, or the path of its file"
    return _problem(stack, key, Kind.NOT_ALLOWED, found, allowed, f"{set_fix(stack, key, '')} < FILE")


def _problem(stack: str, key: str, kind: Kind, found: str, allowed: str, fix: str = "") -> Problem:
    return Problem(spell((key,)), found, allowed, fix or set_fix(stack, key, TABLE[key].form), kind)


def is_path(text: str) -> bool:
    """Whether a secret is given by its file's path. In doubt it is not: a login is one line too, and so is base64."""
    plausible = len(text) <= _LONGEST_PATH and text.isprintable() and not re.search("apiVersion|PRIVATE KEY", text)
    return plausible and re.search(r"[/\\.]", text) is not None and not re.match(r"\s*[{\[]|ey[JA]", text)
